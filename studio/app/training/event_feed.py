"""The events of the training that goes on, sorted by kind, for every panel that wants to hear of them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.runner import JobHandle
from studio.app.state import StudioState


class EventFeed(QObject):
    """Listens to whichever job trains now (`StudioState.training`). Signals come in the GUI thread, in order.

    Events are told apart by the names of their classes, so that listening alone does not import torch.
    """

    started = Signal(object)
    """A TrainingStarted."""
    progressed = Signal(object)
    """A Progress."""
    samples_drawn = Signal(object)
    """A SamplesDrawn."""
    checkpoint_saved = Signal(object)
    """A CheckpointSaved."""

    def __init__(self, state: StudioState, parent: QObject) -> None:
        super().__init__(parent)
        self._handle: JobHandle | None = None
        self._signals = {
            "TrainingStarted": self.started,
            "Progress": self.progressed,
            "SamplesDrawn": self.samples_drawn,
            "CheckpointSaved": self.checkpoint_saved,
        }
        state.training_changed.connect(self._listen)
        self._listen(state.training)

    @Slot(object)
    def _listen(self, handle: JobHandle | None) -> None:
        if self._handle is not None:
            self._handle.events.disconnect(self._on_events)
        self._handle = handle
        if handle is not None:
            handle.events.connect(self._on_events)

    @Slot(list)
    def _on_events(self, events: list[object]) -> None:
        for event in events:
            signal = self._signals.get(type(event).__name__)
            if signal is not None:
                signal.emit(event)
