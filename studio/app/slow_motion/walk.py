"""The walk through training: which run it goes through, the step that is shown and the line it has come to.

There is one for each StudioState. A training that is paused is walked through itself: the steps are its own. Otherwise
there is a small run that belongs to the walk. A training at full speed is left alone.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.runner import JobHandle
from studio.app.slow_motion.algorithm import Row
from studio.app.slow_motion.slow_step import OwnRun, RunMade, SlowStep, take_steps
from studio.app.slow_motion.source import Source, source_of
from studio.app.state import StudioState
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.training.run import TrainingRun

LINE_COUNT = len(Row)
LAST_LINE = LINE_COUNT - 1
SPEEDS: tuple[tuple[float, str], ...] = ((0.5, "½×"), (1.0, "1×"), (2.0, "2×"), (4.0, "4×"))
LINE_MS = 1250
"""How long a line stands at 1×: as long as GAN Lab gives each part of its iterations (its SLOW_INTERVAL_MS)."""
MOST_LOSSES = 4000


class TrainingWalk(QObject):
    """Takes steps in the background and shows the last one line by line."""

    source_changed = Signal()
    """What is walked through, or its title, is another."""
    step_changed = Signal(object)
    """SlowStep, or None: nothing is shown."""
    line_changed = Signal(int)
    """The line that is reached, 0..7; -1 before the first."""
    losses_changed = Signal()
    busy_changed = Signal(bool)
    """Steps are being taken."""
    playing_changed = Signal(bool)
    failed = Signal(object)
    """StudioError"""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._runner: Runner | None = None
        self._training: JobHandle | None = None
        self._own: TrainingRun | None = None
        self._own_title = ""
        self._step: SlowStep | None = None
        self._line = -1
        self._job: JobHandle | None = None
        self._walked: TrainingRun | None = None
        self._outdated = False
        self._land_on = 0
        self._wanted = 0
        self._losses: list[tuple[int, float]] = []
        self._losses_of: weakref.ref[TrainingRun] | None = None
        self._speed = 1.0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        state.training_changed.connect(self._follow_training)
        state.run_changed.connect(self._on_source)
        state.image_set_changed.connect(self._on_material)
        state.schedule_changed.connect(self._on_material)
        self._follow_training(state.training)

    @property
    def source(self) -> Source:
        """What there is to walk through now."""
        return source_of(self._state)

    @property
    def run(self) -> TrainingRun | None:
        """The run whose next step would be taken; None while there is none to take one of."""
        match self.source:
            case Source.AT_FULL_SPEED:
                return None
            case Source.OWN:
                return self._own
            case _:
                return self._state.run

    @property
    def title(self) -> str:
        """The name of the pictures that are learned from; '' while the walk's own run has not been made."""
        run = self._state.run
        if self.source is not Source.OWN and run is not None:
            return run.data.name
        return self._own_title

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height of the next step's pictures; None while it is not known which they will be."""
        run, image_set = self._state.run, self._state.image_set
        if self.source is not Source.OWN and run is not None:
            _, height, width = run.shape
            return width, height
        return None if image_set is None else (image_set.width, image_set.height)

    @property
    def step(self) -> SlowStep | None:
        """The step that is shown."""
        return self._step

    @property
    def line(self) -> int:
        """The line that is reached, 0..7; -1 before the first."""
        return self._line

    @property
    def busy(self) -> bool:
        """Steps are being taken."""
        return self._job is not None

    @property
    def wanted(self) -> int:
        """How many steps are being taken."""
        return self._wanted if self.busy else 0

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def losses(self) -> tuple[tuple[int, float], ...]:
        """(number of the step, mean squared error of the predicted noise) of the steps taken here, oldest first."""
        return tuple(self._losses)

    @property
    def can_start_over(self) -> bool:
        """There is a run of the walk's own, which may be thrown away."""
        return self.source is Source.OWN and self._own is not None and not self.busy

    def attach(self, runner: Runner) -> None:
        """Say where steps are taken."""
        self._runner = runner

    @Slot()
    def next_line(self) -> None:
        """Light the next line; after the last one, take the next step."""
        if self._step is not None and self._line < LAST_LINE:
            self._set_line(self._line + 1)
        else:
            self._take(1, land_on=0)

    @Slot()
    def previous_line(self) -> None:
        """Look at the line before again; the step stays taken."""
        if self._line > 0:
            self._set_line(self._line - 1)

    def show_line(self, line: int) -> None:
        """Light a line of the step that is shown."""
        if self._step is not None and 0 <= line < LINE_COUNT:
            self._set_line(line)

    @Slot()
    def next_step(self) -> None:
        """Go to the end of this step; from there, to the end of the next one."""
        if self._step is not None and self._line < LAST_LINE:
            self._set_line(LAST_LINE)
        else:
            self._take(1, land_on=LAST_LINE)

    def run_on(self, count: int) -> None:
        """Take `count` steps as fast as they go, and show the last of them whole."""
        self._take(count, land_on=LAST_LINE)

    @Slot()
    def stop(self) -> None:
        """Let no further step begin, and stop playing; steps that were taken stay taken."""
        self.pause()
        if self._job is not None:
            self._job.cancel()

    @Slot()
    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    @Slot()
    def play(self) -> None:
        """Go through lines and steps at a person's pace."""
        if self.playing or self.source is Source.AT_FULL_SPEED:
            return
        self._timer.start(round(LINE_MS / self._speed))
        self.playing_changed.emit(True)
        self.next_line()

    @Slot()
    def pause(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def set_speed(self, speed: float) -> None:
        """1 is a line every 1.25 seconds."""
        self._speed = float(speed)
        if self.playing:
            self._timer.start(round(LINE_MS / self._speed))

    @Slot()
    def pause_training(self) -> None:
        """Pause the training that runs at full speed."""
        if self._state.training is not None:
            self._state.training.pause()

    @Slot()
    def start_over(self) -> None:
        """Throw the walk's own run away; the next step is the first of a new one."""
        if self.can_start_over:
            self._drop_own()

    def _take(self, count: int, land_on: int) -> None:
        if self._runner is None or not self._runner.accepting or self._job is not None:
            return
        if self.source is Source.AT_FULL_SPEED:
            return
        source = self.run
        if source is None:
            source = OwnRun(self._state.image_set, self._state.schedule, self._state.device)
        else:
            self._keep_losses_of(source)
        self._walked, self._outdated = self.run, False
        self._land_on, self._wanted = land_on, count
        title = "A training step, line by line" if count == 1 else f"{count} training steps"
        # Between two steps of whatever runs or stands: the run has one owner at a time.
        handle = self._runner.interject(take_steps(source, count), title)
        self._job = handle
        handle.events.connect(self._on_events)
        handle.succeeded.connect(self._on_succeeded)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_finished)
        self.busy_changed.emit(True)

    @Slot(list)
    def _on_events(self, events: list[object]) -> None:
        if self._outdated:
            return
        progress = []
        for event in events:
            if isinstance(event, RunMade):
                self._own, self._own_title = event.run, event.title
                self._walked = event.run
                self._keep_losses_of(event.run)
                self.source_changed.emit()
            else:
                first = event.step - len(event.losses) + 1
                self._losses += [(first + number, loss) for number, loss in enumerate(event.losses)]
                del self._losses[:-MOST_LOSSES]
                progress.append(event)
        if not progress:
            return
        self.losses_changed.emit()
        training = self._state.training
        if training is not None and self._walked is self._state.run:
            # These are steps of the training like any others: its panels hear of them as they do of those.
            training.events.emit(progress)

    @Slot(object)
    def _on_succeeded(self, step: SlowStep) -> None:
        if self._outdated:
            return
        self._step = step
        self.step_changed.emit(step)
        self._line = -1
        self._set_line(self._land_on)

    @Slot(object, str)
    def _on_failed(self, error: StudioError, details: str) -> None:
        self.pause()
        self.failed.emit(error)

    @Slot()
    def _on_finished(self) -> None:
        self._job = self._walked = None
        if self.playing:
            # A line stands for its whole time, however long its step took to compute.
            self._timer.start()
        self.busy_changed.emit(False)

    @Slot()
    def _tick(self) -> None:
        if self.source is Source.AT_FULL_SPEED:
            self.pause()
        elif not self.busy:
            self.next_line()

    @Slot(object)
    def _follow_training(self, handle: JobHandle | None) -> None:
        if self._training is not None:
            self._training.state_changed.disconnect(self._on_source)
        self._training = handle
        if handle is not None:
            handle.state_changed.connect(self._on_source)
        self._on_source()

    @Slot()
    def _on_source(self) -> None:
        if self.playing and self.source is Source.AT_FULL_SPEED:
            self.pause()
        self.source_changed.emit()

    @Slot()
    def _on_material(self) -> None:
        # The small run learns what is open, with the schedule that is drawn.
        self._drop_own()
        self.source_changed.emit()

    def _drop_own(self) -> None:
        if self._job is not None and (self._walked is None or self._walked is self._own):
            self._outdated = True
            self.stop()
        own, self._own, self._own_title = self._own, None, ""
        if own is None or self._losses_of is None or self._losses_of() is not own:
            return
        self._losses.clear()
        self._step = None
        self._set_line(-1)
        self.step_changed.emit(None)
        self.losses_changed.emit()
        self.source_changed.emit()

    def _keep_losses_of(self, run: TrainingRun) -> None:
        if self._losses_of is None or self._losses_of() is not run:
            self._losses_of = weakref.ref(run)
            self._losses.clear()

    def _set_line(self, line: int) -> None:
        if line != self._line:
            self._line = line
            self.line_changed.emit(line)


def walk_of(state: StudioState) -> TrainingWalk:
    """The one TrainingWalk of a state, made at the first call."""
    found = state.findChild(TrainingWalk)
    return found if found is not None else TrainingWalk(state)
