"""What is known of the run that is shown: its losses, marks, measures and checkpoints. Panels read it.

There is one for each StudioState. It hears of every event first, so that a panel which is opened late has missed
nothing, and it recalls from the run's log what happened before a run was taken up again.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.training.event_feed import EventFeed
from studio.app.training.level_history import LevelHistory
from studio.app.training.loss_history import Axis, LossHistory

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.training.events import CheckpointSaved, Marked, Progress, QualityMeasured, TrainingStarted, Validated

MOST_VALIDATIONS = 1024
MOST_QUALITIES = 256

_WARNINGS = ("rolled back", "micro-batches", "not a number")


@dataclass(frozen=True)
class RunMark:
    """A moment of the run worth a line across its curves: a few words, a sentence, and the colour role of both."""

    seconds: float
    images_seen: int
    words: str
    detail: str = ""
    role: str = "muted"


class RunRecord(QObject):
    """Filled by the events of the run that trains here, or that is followed; stands when the run has ended.

    GUI thread only. Signals come at most as often as events do; panels that draw much wait for a moment of their own.
    """

    changed = Signal()
    """Something was added or taken away."""
    axis_changed = Signal(object)
    """"minutes" or "images": the clock of all curves."""
    scale_changed = Signal(bool)
    """Whether losses go by powers of ten."""
    rolled_back = Signal(object)
    """The Marked: the run went back, and everything later than that was forgotten here."""
    recalled = Signal()
    """What a run had told before it was taken up again is here now."""
    quality_measured = Signal(object)
    """A QualityMeasured that comes with pictures, or None when another run began."""

    def __init__(self, state: StudioState, runner: Runner) -> None:
        super().__init__(state)
        self._state = state
        self._runner = runner
        self._axis: Axis = "minutes"
        self._logarithmic = True
        self._reading: JobHandle | None = None
        self._waiting: list[object] = []
        self._start = (0.0, 0)
        self.loss = LossHistory()
        self.levels = LevelHistory()
        self.validation_levels = LevelHistory(fewest_pictures=0)
        self._forget()
        feed = EventFeed(state, self)
        feed.started.connect(self._on_started)
        feed.progressed.connect(self._on_event)
        feed.validated.connect(self._on_event)
        feed.quality_measured.connect(self._on_event)
        feed.marked.connect(self._on_event)
        feed.checkpoint_saved.connect(self._on_checkpoint)

    @property
    def axis(self) -> Axis:
        """What curves go along: minutes of training, or pictures seen."""
        return self._axis

    def set_axis(self, axis: Axis) -> None:
        if axis != self._axis:
            self._axis = axis
            self.axis_changed.emit(axis)

    @property
    def logarithmic(self) -> bool:
        """Whether losses go by powers of ten, in curves and in colours."""
        return self._logarithmic

    def set_logarithmic(self, logarithmic: bool) -> None:
        if logarithmic != self._logarithmic:
            self._logarithmic = logarithmic
            self.scale_changed.emit(logarithmic)

    @property
    def validations(self) -> tuple[Validated, ...]:
        """The losses on the fixed validation draw, oldest first."""
        return tuple(self._validations)

    @property
    def marks(self) -> tuple[RunMark, ...]:
        """The moments worth a line, oldest first."""
        return tuple(self._marks)

    @property
    def qualities(self) -> tuple[QualityMeasured, ...]:
        """How good and how new the pictures were, oldest first. Those that were read from a log have no pictures."""
        return tuple(self._qualities)

    @property
    def latest_with_pictures(self) -> QualityMeasured | None:
        """The newest measure that shows pictures beside their nearest."""
        return next((each for each in reversed(self._qualities) if len(each.examples)), None)

    @property
    def checkpoints(self) -> tuple[CheckpointSaved, ...]:
        """The checkpoints that were kept since this run began to be shown, oldest first."""
        return tuple(self._checkpoints)

    @property
    def progress(self) -> Progress | None:
        """The newest Progress."""
        return self._progress

    @property
    def fraction(self) -> float:
        """The share of the budget that is used up."""
        return self._fraction

    @property
    def device(self) -> str:
        """Where the run trains, in words; '' before one began."""
        return self._device

    @property
    def recognisable(self) -> float | None:
        """The seconds of training after which one could first tell what pictures show, as far as it was measured."""
        # Only who measured it has loaded the mathematics that says where the line is; it may be loading just now.
        after = getattr(sys.modules.get("studio.training.quality"), "recognisable_after", None)
        return after(self._qualities) if self._qualities and after is not None else None

    def reached(self, axis: Axis | None = None) -> float:
        """How far the run has come along an axis: in minutes, or in pictures."""
        return self.loss.seconds / 60.0 if (axis or self._axis) == "minutes" else float(self.loss.images_seen)

    def expected_end(self, axis: Axis | None = None) -> float:
        """How far the run will come along an axis, as far as that is known."""
        reached = self.reached(axis)
        return reached / self._fraction if self._fraction > 0.02 else reached

    def loss_at(self, images_seen: int) -> float:
        """The smoothed loss at a moment; NaN where there is none."""
        return self.loss.smoothed_at(images_seen)

    def validation_at(self, images_seen: int) -> Validated | None:
        """The last validation up to a moment."""
        return next((each for each in reversed(self._validations) if each.images_seen <= images_seen), None)

    # Events

    @Slot(object)
    def _on_started(self, event: TrainingStarted) -> None:
        self._device = event.device
        goes_on = event.step > 0
        known = goes_on and self.loss.images_seen == event.images_seen
        if not known:
            self._forget()
            self.quality_measured.emit(None)
        self._fraction = event.fraction
        if goes_on and not known:
            self._start = (event.seconds, event.images_seen)
            self.loss.start_at(*self._start)
            self.levels.start_at(*self._start)
            self._recall(event)
        if goes_on:
            self._on_event(_resumed(event))
        self.changed.emit()

    @Slot(object)
    def _on_event(self, event: object) -> None:
        if self._reading is not None:
            # They follow what is being read.
            self._waiting.append(event)
            return
        self._take(event)
        self.changed.emit()

    @Slot(object)
    def _on_checkpoint(self, event: CheckpointSaved) -> None:
        if event.kept:
            self._checkpoints.append(event)
            self.changed.emit()

    def _take(self, event: object) -> None:
        match type(event).__name__:
            case "Progress":
                self._take_progress(event)
            case "Validated":
                self._validations = _bounded([*self._validations, event], MOST_VALIDATIONS)
                self.validation_levels.append(
                    event.level_losses, (1,) * len(event.level_losses), event.seconds, event.images_seen
                )
            case "QualityMeasured":
                self._qualities = _bounded([*self._qualities, event], MOST_QUALITIES)
                if len(event.examples):
                    self.quality_measured.emit(event)
            case "Marked":
                self._take_mark(event)
            case "RunMark":
                self._mark(event)

    def _take_progress(self, event: Progress) -> None:
        before = self.loss.not_finite_count
        self.loss.append(event.losses, event.seconds, event.images_seen)
        if self.loss.not_finite_count and not before:
            self._mark(RunMark(event.seconds, event.images_seen, "not a number", role="error"))
        self.levels.append(event.level_losses, event.level_counts, event.seconds, event.images_seen)
        self._progress = event
        self._fraction = event.fraction

    def _take_mark(self, event: Marked) -> None:
        kind = str(event.kind)
        if kind == "rolled back":
            self.cut(event.images_seen)
        role = "warn" if kind in _WARNINGS else "muted"
        self._mark(RunMark(event.seconds, event.images_seen, event.text, event.detail, role))
        if kind == "rolled back":
            self.rolled_back.emit(event)

    def _mark(self, mark: RunMark) -> None:
        here = [other.words for other in self._marks if other.images_seen == mark.images_seen]
        # A run that branched off was resumed for it; that need not be said twice.
        if mark.words not in here and not (mark.words == "resumed" and here):
            self._marks.append(mark)

    def cut(self, images_seen: int) -> None:
        """Forget everything that was told about later moments."""
        self.loss.cut(images_seen)
        self.loss.not_finite_count = 0
        for levels in (self.levels, self.validation_levels):
            levels.cut(images_seen)
        for name in ("_validations", "_qualities", "_marks", "_checkpoints"):
            setattr(self, name, [each for each in getattr(self, name) if each.images_seen <= images_seen])

    def _forget(self) -> None:
        self.loss.clear()
        self.levels.clear()
        self.validation_levels.clear()
        self._validations: list[Validated] = []
        self._qualities: list[QualityMeasured] = []
        self._marks: list[RunMark] = []
        self._checkpoints: list[CheckpointSaved] = []
        self._progress: Progress | None = None
        self._fraction = 0.0
        self._device = ""
        self._waiting.clear()
        self._stop_reading()

    # The time before

    def _recall(self, event: TrainingStarted) -> None:
        run = self._state.run
        folder = getattr(run, "folder", None)
        if folder is None or not self._runner.accepting:
            return
        from studio.app.training.past import read_past

        self._reading = self._runner.interject(
            read_past(Path(folder) / "metrics.jsonl", event.images_seen), "Reading the curves"
        )
        self._reading.succeeded.connect(self._on_recalled)
        self._reading.failed.connect(self._on_not_recalled)
        self._reading.cancelled.connect(self._on_not_recalled)

    @Slot(object)
    def _on_recalled(self, events: tuple[object, ...]) -> None:
        fraction, device, waiting, start = self._fraction, self._device, self._waiting[:], self._start
        self._forget()
        for event in events:
            self._take(event)
        if self.loss.images_seen < start[1]:
            self.loss.start_at(*start)
            self.levels.start_at(*start)
        self._fraction, self._device = fraction, device
        for event in waiting:
            self._take(event)
        self.changed.emit()
        self.recalled.emit()

    @Slot()
    def _on_not_recalled(self) -> None:
        self._stop_reading()
        for event in self._waiting:
            self._take(event)
        self._waiting.clear()
        self.changed.emit()

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.succeeded.disconnect(self._on_recalled)
            self._reading.failed.disconnect(self._on_not_recalled)
            self._reading.cancelled.disconnect(self._on_not_recalled)
            self._reading = None


def record_of(state: StudioState, runner: Runner) -> RunRecord:
    """The one record of a state, made at the first call."""
    found = state.findChild(RunRecord)
    return found if found is not None else RunRecord(state, runner)


def _resumed(event: TrainingStarted) -> RunMark:
    return RunMark(event.seconds, event.images_seen, "resumed", "The training was taken up again.")


def _bounded(events: list, most: int) -> list:
    """At most so many: every second of the older half gives way, so that the whole run stays in view."""
    if len(events) <= most:
        return events
    half = len(events) // 2
    return events[:half:2] + events[half:]
