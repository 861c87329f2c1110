"""The schedule under the hand: which curve carries handles, where they are, and every change as one that can be undone.

One for each StudioState. The panel shows it; the schedule itself lives in the state, where everybody reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.schedule.quantities import QUANTITIES, ShownQuantity
from studio.app.state import StudioState
from studio.app.undo import Change, undo_stack_of
from studio.app.widgets.curve_editor import Handle
from studio.diffusion.schedule import (
    SCHEDULES,
    DrawnCurve,
    NoiseSchedule,
    curve_through,
    drawn,
    handle_room,
    is_as_described,
    make_schedule,
    read_schedule,
    rescale_zero_terminal_snr,
    with_handle_added,
    with_handle_moved,
    with_steps,
    without_handle,
    write_schedule,
)
from studio.errors import ScheduleError, StudioError

DRAWN, CUSTOM = "drawn", "custom"
FIRST_HANDLES = 8
"""With so many handles a curve through a schedule made by name mostly misses it by less than 2 % of the picture."""


@dataclass(frozen=True, eq=False)
class _Drawing:
    """All that a change takes back: the schedule, and the handles as they stood on it."""

    schedule: NoiseSchedule
    quantity: str
    curve: DrawnCurve | None
    selected: int | None


class ScheduleEditing(QObject):
    """What may be done to the schedule in the state. An invalid one cannot be made; what is refused is `failed`."""

    handles_changed = Signal()
    """Other handles, another selection, or another curve that carries them."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._quantity = "alpha_bar"
        self._curve: DrawnCurve | None = None
        self._selected: int | None = None
        self._before: _Drawing | None = None
        self._own = False
        self._kind_of: tuple[NoiseSchedule, str] | None = None
        self._merge = object()
        state.schedule_changed.connect(self._take)
        self._take()

    # What there is

    @property
    def schedule(self) -> NoiseSchedule | None:
        return self._state.schedule

    @property
    def quantity(self) -> ShownQuantity:
        """What carries the handles."""
        return QUANTITIES[self._quantity]

    @property
    def curve(self) -> DrawnCurve | None:
        """The curve the handles lie on; None where none can be drawn, as through a single step."""
        schedule = self.schedule
        if self._curve is None and schedule is not None and schedule.step_count > 1:
            try:
                self._curve = curve_through(schedule, self._quantity, FIRST_HANDLES)
            except ScheduleError:
                return None
        return self._curve

    @property
    def selected(self) -> int | None:
        """The handle that is selected, from 0."""
        return self._selected

    @property
    def kind(self) -> str:
        """The name of the kind the schedule is of: one of SCHEDULES, `DRAWN`, or `CUSTOM` for mere numbers."""
        schedule = self.schedule
        if schedule is None:
            return CUSTOM
        if self._kind_of is None or self._kind_of[0] is not schedule:
            kind = CUSTOM
            if schedule.curve is not None or schedule.kind in SCHEDULES:
                # A file may call itself what it is not.
                name = DRAWN if schedule.curve is not None else schedule.kind
                kind = name if is_as_described(schedule) and _within_its_options(schedule) else CUSTOM
            self._kind_of = (schedule, kind)
        return self._kind_of[1]

    def handles(self) -> tuple[Handle, ...]:
        """The handles on the axis of `quantity`."""
        curve, schedule = self.curve, self.schedule
        if curve is None or schedule is None:
            return ()
        return tuple(self.quantity.handle(curve, i, schedule.step_count) for i in range(len(curve.handles)))

    def fixed_handles(self) -> tuple[int, ...]:
        """The handles that cannot be moved: at t = 0, α is the picture itself."""
        return (0,) if self._quantity == "alpha_bar" else ()

    # Choosing

    def choose(self, quantity: str) -> None:
        """Let the curve of this quantity carry the handles; the schedule stays."""
        if quantity != self._quantity:
            self._quantity, self._selected = quantity, None
            drawn_on = self.schedule.curve if self.schedule is not None else None
            self._curve = drawn_on if drawn_on is not None and drawn_on.quantity == quantity else None
            self.handles_changed.emit()

    def select(self, index: int | None) -> None:
        """Select a handle, or none."""
        if index is not None and (self.curve is None or not 0 <= index < len(self.curve.handles)):
            index = None
        if index != self._selected:
            self._selected = index
            self.handles_changed.emit()

    # Handles

    def begin_drag(self) -> None:
        """What follows until `end_drag` is one change."""
        self._before = self._now()

    def move(self, index: int, t: float, value: float) -> None:
        """Handle `index` as near to step t and `value` (of the axis) as can be, on a whole step."""
        moved = self._moved(index, t, value)
        if moved is None:
            return
        if self._before is not None:
            self._show(moved, index)
        else:
            self._push("move handle", moved, index)

    def nudge(self, index: int, t: float, value: float, goes_on: bool) -> None:
        """As `move`; changes that go on from the last one are one with it."""
        moved = self._moved(index, t, value)
        if moved is not None:
            if not goes_on:
                self._merge = object()
            self._push("move handle", moved, index, self._merge)

    def end_drag(self) -> None:
        """The drag is done: from here it can be taken back as a whole."""
        before, self._before = self._before, None
        if before is not None and before.schedule is not self.schedule:
            undo_stack_of(self._state).push(Change("move handle", self._restore, before, self._now()))

    def give_up_drag(self) -> None:
        """Put back what the drag has changed."""
        before, self._before = self._before, None
        if before is not None:
            self._restore(before)

    def add(self, t: float, value: float | None = None) -> None:
        """One more handle at step t, on the curve or as near to `value` as can be; it is selected."""
        curve, schedule = self.curve, self.schedule
        if curve is None or schedule is None:
            return
        u, _ = self.quantity.drawn_place(curve, round(t), 1.0, schedule.step_count)
        added, index = with_handle_added(curve, u)
        if added is curve:
            self.select(index)
            return
        if value is not None:
            place = self.quantity.drawn_place(curve, round(t), value, schedule.step_count)
            added = with_handle_moved(added, index, *place)
        self._push("add handle", added, index)

    def remove(self, index: int) -> None:
        """Take a handle away; the outer ones stay."""
        curve = self.curve
        if curve is None:
            return
        left = without_handle(curve, index)
        if left is not curve:
            self._push("remove handle", left, min(index, len(left.handles) - 1) if self._selected is not None else None)

    # Numbers and files

    def set_kind(self, kind: str) -> None:
        """Another kind with its usual options; `DRAWN` lays handles on the schedule as it is."""
        schedule = self.schedule
        if schedule is None or kind == self.kind or kind == CUSTOM:
            return
        if kind == DRAWN:
            if self.curve is not None:
                self._push("draw", self.curve, self._selected)
            return
        self._change("kind of schedule", lambda: make_schedule(kind, schedule.step_count))

    def set_option(self, name: str, value: float, title: str, merge: object = None) -> None:
        """One number of the kind that is on; changes with the same `merge` are one."""
        schedule = self.schedule
        if schedule is not None and schedule.kind in SCHEDULES:
            finish = rescale_zero_terminal_snr if schedule.zero_terminal_snr else _as_it_is
            options = {**schedule.options, name: value}
            self._change(title, lambda: finish(make_schedule(schedule.kind, schedule.step_count, **options)), merge)

    def set_steps(self, step_count: int) -> None:
        """Another T; a drawn curve keeps its handles."""
        schedule = self.schedule
        if schedule is not None:
            self._change("number of steps", lambda: with_steps(schedule, step_count))

    def open_file(self, path: Path) -> None:
        """The schedule of a .json or .csv file."""
        self._change("open schedule", lambda: read_schedule(path))

    def save_file(self, path: Path) -> None:
        """Write the schedule to a .json or .csv file. Raises ScheduleError or StorageError."""
        if self.schedule is not None:
            write_schedule(path, self.schedule)

    # Within

    def _moved(self, index: int, t: float, value: float) -> DrawnCurve | None:
        curve, schedule = self.curve, self.schedule
        if curve is None or schedule is None or not 0 <= index < len(curve.handles):
            return None
        u, value = self.quantity.drawn_place(curve, t, value, schedule.step_count)
        room = handle_room(curve, index)
        # On whole steps, as far as the neighbours leave one: what is read off at a handle is then what that step has.
        offset = 0.0 if self._quantity == "alpha_bar" else 1.0
        count = schedule.step_count - offset
        first, last = math.ceil(room.u_low * count - 1e-9), math.floor(room.u_high * count + 1e-9)
        u = min(max(round(u * count), first), last) / count if first <= last else curve.handles[index][0]
        moved = with_handle_moved(curve, index, u, value)
        return None if moved == curve else moved

    def _change(self, title: str, make: Callable[[], NoiseSchedule], merge: object = None) -> None:
        before = self._now()
        try:
            schedule = make()
        except StudioError as error:
            self.failed.emit(error)
            return
        if schedule == before.schedule and schedule.curve == before.schedule.curve:
            return
        quantity = schedule.curve.quantity if schedule.curve is not None else before.quantity
        after = _Drawing(schedule, quantity, schedule.curve, None)
        undo_stack_of(self._state).push(Change(title, self._restore, before, after, merge))

    def _push(self, title: str, curve: DrawnCurve, selected: int | None, merge: object = None) -> None:
        before = self._now()
        after = _Drawing(drawn(curve, before.schedule.step_count), self._quantity, curve, selected)
        undo_stack_of(self._state).push(Change(title, self._restore, before, after, merge))

    def _now(self) -> _Drawing:
        return _Drawing(self.schedule, self._quantity, self.curve, self._selected)

    def _show(self, curve: DrawnCurve, selected: int | None) -> None:
        self._restore(_Drawing(drawn(curve, self.schedule.step_count), self._quantity, curve, selected))

    def _restore(self, drawing: _Drawing) -> None:
        self._quantity, self._curve, self._selected = drawing.quantity, drawing.curve, drawing.selected
        if drawing.schedule is not self.schedule:
            self._own = True
            try:
                self._state.set_schedule(drawing.schedule)
            finally:
                self._own = False
        self.handles_changed.emit()

    @Slot()
    def _take(self) -> None:
        """The schedule is another one. If it came from elsewhere, handles are laid on it anew."""
        if self._own:
            return
        drawn_on = self.schedule.curve if self.schedule is not None else None
        self._curve, self._selected, self._before = drawn_on, None, None
        if drawn_on is not None:
            self._quantity = drawn_on.quantity
        self.handles_changed.emit()


def _within_its_options(schedule: NoiseSchedule) -> bool:
    """Whether controls can show the options of a schedule made by name."""
    kind = SCHEDULES.get(schedule.kind)
    return kind is None or all(
        option.minimum <= schedule.options.get(option.name, option.default) <= option.maximum for option in kind.options
    )


def _as_it_is(schedule: NoiseSchedule) -> NoiseSchedule:
    return schedule


def schedule_editing_of(state: StudioState) -> ScheduleEditing:
    """The one editing of a window's schedule, made at the first call."""
    found = state.findChild(ScheduleEditing)
    return found if found is not None else ScheduleEditing(state)
