"""Brings the rows of the run to the sample wall, their moments to the track, and says where it can be gone back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.docks.train.wall_panel import WallPanel
from studio.app.training.controller import Phase, TrainingController
from studio.app.training.event_feed import EventFeed
from studio.app.training.kept import kept_of
from studio.app.training.record import record_of
from studio.app.widgets.moments import Moment, clock
from studio.app.widgets.progress_track import ProgressTrack

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.app.training.training_jobs import RunReady
    from studio.training.kept_checkpoints import KeptCheckpoint

_WAY_BACK = "It makes a new run that stands where this one stood then; this one stays as it is."


class WallFeed(QObject):
    """Between events and wall."""

    way_back_chosen = Signal(object)
    """The KeptCheckpoint that stands for the lit row."""

    def __init__(
        self,
        state: StudioState,
        runner: Runner,
        controller: TrainingController,
        panel: WallPanel,
        track: ProgressTrack,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._controller = controller
        self._panel = panel
        self._wall = panel.wall
        self._track = track
        self._record = record_of(state, runner)
        self._kept = kept_of(state, runner)
        self._fractions: dict[int, float] = {}
        panel.moment_chosen.connect(self._on_moment)
        self._wall.back_requested.connect(self._ask_back)
        controller.run_ready.connect(self._on_run_ready)
        controller.last_row.connect(self.on_samples)
        controller.dropped.connect(self.clear)
        controller.phase_changed.connect(self._show_way_back)
        self._kept.changed.connect(self._show_way_back)
        self._record.recalled.connect(self._on_recalled)
        feed = EventFeed(state, self)
        feed.started.connect(self._on_started)
        feed.samples_drawn.connect(self.on_samples)
        feed.marked.connect(self._on_marked)

    @Slot()
    def clear(self) -> None:
        """Take down everything."""
        self._wall.clear()
        self._fractions.clear()
        self._show_marks()

    @Slot(object)
    def _on_run_ready(self, event: RunReady) -> None:
        run = event.run
        if event.rows:
            raw = dict(getattr(event, "raw_rows", ()))
            pace = run.seconds / run.step if run.step else 0.0
            moments = [
                Moment(step, step * run.settings.batch_size, step * pace, rows, raw.get(step))
                for step, rows in event.rows
            ]
            self._fractions = {m.step: run.fraction * m.step / max(1, run.step) for m in moments}
            self._wall.set_moments(moments, self._columns(range(len(moments[-1].pictures)), run.class_names))
        self._panel.show_data(event.image_set.images)
        self._wall.set_newest_words("now, EMA" if run.settings.ema_halflife_images else "now")

    @Slot(object)
    def _on_started(self, event: object) -> None:
        if event.step == 0:
            self.clear()

    @Slot(object)
    def on_samples(self, event: object) -> None:
        """Hang a row, a SamplesDrawn."""
        settings = self._controller.settings
        if settings is not None and self._state.followed is None:
            self._fractions[event.step] = settings.budget.fraction(event.images_seen, event.seconds)
        else:
            self._fractions[event.step] = self._record.fraction
        moment = Moment(event.step, event.images_seen, event.seconds, event.pictures, event.raw_pictures)
        self._wall.add(moment, self._columns(event.picture_numbers, self._class_names(event)))

    def _class_names(self, event: object) -> Sequence[str]:
        source = self._state.followed or self._state.run
        return getattr(source, "class_names", ()) if event.labels is not None else ()

    def _columns(self, numbers: Sequence[int], class_names: Sequence[str]) -> list[str]:
        """What stands above the columns of the wall: the classes in turn where there are some, else the noise."""
        self._panel.show_order(classes=bool(class_names))
        if class_names:
            return [class_names[number % len(class_names)] for number in numbers]
        return [f"seed {number + 1}" for number in numbers]

    @Slot(object)
    def _on_marked(self, event: object) -> None:
        # In its turn among the rows: those before it may be void, those after it are not.
        if str(event.kind) == "rolled back":
            self._wall.cut(event.step)
        self._show_marks()

    @Slot()
    def _on_recalled(self) -> None:
        """The log knows the minute of each row, which their files do not."""
        loss = self._record.loss
        moments = [
            replace(moment, seconds=known) if (known := loss.seconds_at(moment.images_seen)) is not None else moment
            for moment in self._wall.moments
        ]
        if moments:
            self._wall.replace_moments(moments)

    @Slot(object)
    def _on_moment(self, _moment: object) -> None:
        self._show_marks()
        self._show_way_back()

    @Slot()
    def _show_marks(self) -> None:
        current = self._wall.current
        chosen = None if current is None or self._wall.following else self._fractions.get(current.step)
        self._track.set_marks([self._fractions.get(m.step, 0.0) for m in self._wall.rows], chosen)

    # The way back

    def _checkpoint(self) -> KeptCheckpoint | None:
        current = self._wall.current
        return None if current is None else self._kept.near(current.step, current.seconds)

    @Slot()
    def _show_way_back(self) -> None:
        current = self._wall.current
        running = self._controller.phase not in (Phase.STOPPING, Phase.KEEPING, Phase.STARTING)
        if current is None or self._wall.following or self._state.followed is not None:
            self._wall.set_way_back("", False, "")
            return
        kept = self._checkpoint()
        if kept is None:
            self._wall.set_way_back(f"Back to {clock(current.seconds)}", False, "No checkpoint was kept near this row.")
            return
        place = f"The nearest checkpoint is that of step {kept.step:,}, at {clock(kept.seconds)}.\n{_WAY_BACK}"
        when = clock(kept.seconds) if kept.step else "the start"
        self._wall.set_way_back(f"Back to {when}", running, place)

    @Slot(object)
    def _ask_back(self, _moment: object) -> None:
        kept = self._checkpoint()
        if kept is not None:
            self.way_back_chosen.emit(kept)
