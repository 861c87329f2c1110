"""The events of the training that goes on, sorted by kind, for every panel that wants to hear of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.state import StudioState

if TYPE_CHECKING:
    from studio.app.runner import JobHandle
    from studio.app.runs.followed import FollowedRun


class EventFeed(QObject):
    """Listens to whichever job trains now (`StudioState.training`), and when none does to the run of another process
    that is followed (`StudioState.followed`). Signals come in the GUI thread, in order.

    Events are told apart by the names of their classes, so that listening alone does not import torch.
    """

    started = Signal(object)
    """A TrainingStarted."""
    progressed = Signal(object)
    """A Progress."""
    samples_drawn = Signal(object)
    """A SamplesDrawn."""
    validated = Signal(object)
    """A Validated."""
    quality_measured = Signal(object)
    """A QualityMeasured."""
    marked = Signal(object)
    """A Marked."""
    checkpoint_saved = Signal(object)
    """A CheckpointSaved."""

    def __init__(self, state: StudioState, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._source: JobHandle | FollowedRun | None = None
        self._signals = {
            "TrainingStarted": self.started,
            "Progress": self.progressed,
            "SamplesDrawn": self.samples_drawn,
            "Validated": self.validated,
            "QualityMeasured": self.quality_measured,
            "Marked": self.marked,
            "CheckpointSaved": self.checkpoint_saved,
        }
        state.training_changed.connect(self._listen)
        state.followed_changed.connect(self._listen)
        self._listen()

    @Slot()
    def _listen(self) -> None:
        source = self._state.training or self._state.followed
        if source is self._source:
            return
        if self._source is not None:
            self._source.events.disconnect(self._on_events)
        self._source = source
        if source is not None:
            source.events.connect(self._on_events)

    @Slot(list)
    def _on_events(self, events: list[object]) -> None:
        for event in events:
            signal = self._signals.get(type(event).__name__)
            if signal is not None:
                signal.emit(event)
