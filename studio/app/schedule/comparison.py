"""Which other schedules lie under the curves to compare with, each with as many steps as the one that is on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.state import StudioState
from studio.diffusion.schedule import SCHEDULES, NoiseSchedule, make_schedule, with_steps

KEPT, RUN, MODEL = "kept", "run", "model"
_USUAL = ("linear", "cosine")


@dataclass(frozen=True, eq=False)
class Compared:
    """A schedule to compare with, and what it is called beside its curve."""

    name: str
    label: str
    schedule: NoiseSchedule


class ScheduleComparison(QObject):
    """Until somebody chooses, the book's linear schedule lies under the curves, or the cosine under that."""

    changed = Signal()

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._names: tuple[str, ...] | None = None
        self._kept: NoiseSchedule | None = None
        state.run_changed.connect(self._look)
        state.model_changed.connect(self._look)

    def choices(self) -> tuple[tuple[str, str], ...]:
        """(name, title) of what can be compared with now."""
        choices = [(kind.name, kind.label) for kind in SCHEDULES.values()]
        if self._kept is not None:
            choices.append((KEPT, "The one you kept"))
        if self._state.run is not None:
            choices.append((RUN, "The run's own"))
        if self._state.model is not None:
            choices.append((MODEL, "The model's own"))
        return tuple(choices)

    @property
    def names(self) -> tuple[str, ...]:
        """What is compared with, by name."""
        if self._names is not None:
            return self._names
        on = self._state.schedule
        return (_USUAL[1] if on is not None and on.kind == _USUAL[0] else _USUAL[0],)

    def set_shown(self, name: str, shown: bool) -> None:
        """Compare with one more schedule, or one less."""
        names = [each for each in self.names if each != name]
        self._names = tuple([*names, name] if shown else names)
        self.changed.emit()

    def keep(self) -> None:
        """Keep the schedule as it is now, to compare what it becomes with what it was."""
        if self._state.schedule is not None:
            self._kept = self._state.schedule
            self.set_shown(KEPT, True)

    def compared(self) -> tuple[Compared, ...]:
        """The schedules, T as in the one that is on; the same objects as long as nothing changes."""
        on = self._state.schedule
        if on is None:
            return ()
        found = []
        for name in self.names:
            schedule = self._of(name, on.step_count)
            if schedule is not None:
                found.append(Compared(name, _label(name), schedule))
        return tuple(found)

    def _of(self, name: str, step_count: int) -> NoiseSchedule | None:
        if name in SCHEDULES:
            return _of_kind(name, step_count)
        run, model = self._state.run, self._state.model
        schedule = {
            KEPT: self._kept,
            RUN: run.schedule if run is not None else None,
            MODEL: model.schedule if model is not None else None,
        }.get(name)
        return None if schedule is None else _over(schedule, step_count)

    @Slot()
    def _look(self) -> None:
        if {RUN, MODEL} & set(self.names):
            self.changed.emit()


def _label(name: str) -> str:
    return SCHEDULES[name].label.lower() if name in SCHEDULES else {KEPT: "kept", RUN: "run", MODEL: "model"}[name]


@lru_cache(maxsize=32)
def _of_kind(kind: str, step_count: int) -> NoiseSchedule:
    return make_schedule(kind, step_count)


@lru_cache(maxsize=8)
def _over(schedule: NoiseSchedule, step_count: int) -> NoiseSchedule:
    return with_steps(schedule, step_count)


def schedule_comparison_of(state: StudioState) -> ScheduleComparison:
    """The one comparison of a window's schedule, made at the first call."""
    found = state.findChild(ScheduleComparison)
    return found if found is not None else ScheduleComparison(state)
