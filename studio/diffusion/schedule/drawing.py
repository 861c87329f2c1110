"""Changing a drawn curve by hand, so that what is not possible cannot be drawn.

Each function takes a valid curve and gives a valid one: what was asked for is moved to the nearest that is possible. A
handle stays between its neighbours in u, and in value where the quantity must fall or rise; the outer handles stay at
u = 0 and 1; and the first handle on α stays at 1, for α at u = 0 is the picture itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from studio.diffusion.schedule.curve import DRAWN_QUANTITIES, MOST_HANDLES, SMALLEST_FALL, DrawnCurve
from studio.errors import ScheduleError

# A thousandth of the way: handles do not lie on one another, and yet one may stand on each of a thousand steps.
HANDLE_GAP = 1e-3
# Twice what the curve asks for, so that rounding cannot eat it.
_FALL = 2.0 * SMALLEST_FALL
_HALVINGS = 24


@dataclass(frozen=True)
class HandleRoom:
    """Where a handle may be: u from `u_low` to `u_high`, its value from `low` to `high`; ends included.

    On β a value within may still be cut where the whole curve would leave less than e^−100 of the picture.
    """

    u_low: float
    u_high: float
    low: float
    high: float

    def fit(self, u: float, value: float) -> tuple[float, float]:
        """(u, value) moved to the nearest place inside."""
        return min(max(u, self.u_low), self.u_high), min(max(value, self.low), self.high)


def value_at_steps(curve: DrawnCurve, value: float, step_count: int) -> float:
    """What a handle's `value` is in a schedule of T = `step_count` steps: on β another one than it was drawn for."""
    if curve.quantity != "beta" or step_count == curve.reference_steps:
        return value
    return -math.expm1(math.log1p(-value) * (curve.reference_steps / step_count))


def value_from_steps(curve: DrawnCurve, value: float, step_count: int) -> float:
    """The handle's value of which a schedule of T = `step_count` steps shows `value`; the way back."""
    if curve.quantity != "beta" or step_count == curve.reference_steps:
        return value
    if not 0.0 <= value < 1.0:
        return value
    return -math.expm1(math.log1p(-value) * (step_count / curve.reference_steps))


def handle_room(curve: DrawnCurve, index: int) -> HandleRoom:
    """Where handle `index` (from 0) may be moved to while the others stay. Raises ScheduleError without such one."""
    handles, quantity = curve.handles, DRAWN_QUANTITIES[curve.quantity]
    _check_index(curve, index)
    u, value = handles[index]
    before = handles[index - 1] if index else None
    after = handles[index + 1] if index + 1 < len(handles) else None
    u_low, u_high = u, u
    if before is not None and after is not None:
        u_low, u_high = _ordered(before[0] + HANDLE_GAP, after[0] - HANDLE_GAP, u)
    if curve.quantity == "alpha_bar" and before is None:
        # One where the curve was drawn from there; a curve of another origin may begin lower.
        return HandleRoom(u_low, u_high, *((1.0, 1.0) if after[1] <= 1.0 - _FALL else (value, value)))
    low, high = quantity.minimum, quantity.maximum
    if quantity.falls:
        low = low if after is None else max(low, after[1] + _FALL)
        high = high if before is None else min(high, before[1] - _FALL)
    else:
        low = low if before is None else before[1]
        high = high if after is None else after[1]
    return HandleRoom(u_low, u_high, *_ordered(low, high, value))


def with_handle_moved(curve: DrawnCurve, index: int, u: float, value: float) -> DrawnCurve:
    """`curve` with handle `index` (from 0) as near to (u, value) as can be; a number that is not finite moves nothing.

    Raises ScheduleError when there is no such handle.
    """
    room = handle_room(curve, index)
    if not (math.isfinite(u) and math.isfinite(value)):
        return curve
    u, value = room.fit(u, value)
    if curve.handles[index] == (u, value):
        return curve
    moved = _with_handle(curve, index, (u, value))
    if moved is not None:
        return moved
    # Too much β in all: as high as can be at this u.
    low, high = room.low, value
    lowest = _with_handle(curve, index, (u, low))
    if lowest is None:
        return curve
    best = lowest
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        tried = _with_handle(curve, index, (u, middle))
        if tried is None:
            high = middle
        else:
            low, best = middle, tried
    return best


def with_handle_added(curve: DrawnCurve, u: float) -> tuple[DrawnCurve, int]:
    """`curve` with one more handle, on the curve at u or next to it, and which one it is (from 0).

    Where there is no room, or as many handles as can be, the curve stays and the handle nearest to u is named.
    """
    places = np.array([place for place, _ in curve.handles])
    u = min(max(u, 0.0), 1.0) if math.isfinite(u) else 0.0
    nearest = int(np.abs(places - u).argmin())
    if len(places) >= MOST_HANDLES or not 0.0 < u < 1.0:
        return curve, nearest
    index = int(np.searchsorted(places, u, side="right"))
    before, after = curve.handles[index - 1], curve.handles[index]
    if after[0] - before[0] < 2.0 * HANDLE_GAP:
        return curve, nearest
    u = min(max(u, before[0] + HANDLE_GAP), after[0] - HANDLE_GAP)
    value = float(curve.at(np.array([u]))[0])
    if DRAWN_QUANTITIES[curve.quantity].falls:
        if before[1] - after[1] < 2.0 * _FALL:
            return curve, nearest
        value = min(max(value, after[1] + _FALL), before[1] - _FALL)
    handles = (*curve.handles[:index], (u, value), *curve.handles[index:])
    added = _valid(curve, handles)
    return (curve, nearest) if added is None else (added, index)


def without_handle(curve: DrawnCurve, index: int) -> DrawnCurve:
    """`curve` without handle `index` (from 0); the outer ones stay, and one without which β would be too much.

    Raises ScheduleError when there is no such handle.
    """
    _check_index(curve, index)
    if index in (0, len(curve.handles) - 1):
        return curve
    return _valid(curve, (*curve.handles[:index], *curve.handles[index + 1 :])) or curve


def _check_index(curve: DrawnCurve, index: int) -> None:
    if not 0 <= index < len(curve.handles):
        raise ScheduleError(f"The drawn schedule has no handle {index + 1}.", f"It has {len(curve.handles)}.")


def _ordered(low: float, high: float, now: float) -> tuple[float, float]:
    """The ends of a range, or the place of now alone where neighbours leave no room."""
    return (low, high) if low <= high else (now, now)


def _with_handle(curve: DrawnCurve, index: int, handle: tuple[float, float]) -> DrawnCurve | None:
    return _valid(curve, (*curve.handles[:index], handle, *curve.handles[index + 1 :]))


def _valid(curve: DrawnCurve, handles: tuple[tuple[float, float], ...]) -> DrawnCurve | None:
    try:
        return replace(curve, handles=handles)
    except ScheduleError:
        return None
