"""Drawing by hand: whatever sequence of moves, the curve stays one from which a valid schedule follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion.schedule import (
    DRAWN_QUANTITIES,
    HANDLE_GAP,
    SCHEDULES,
    DrawnCurve,
    cosine,
    curve_through,
    drawn,
    handle_room,
    linear,
    make_schedule,
    value_at_steps,
    value_from_steps,
    with_handle_added,
    with_handle_moved,
    without_handle,
)
from studio.errors import ScheduleError

anything = st.floats(allow_nan=True, allow_infinity=True)
places = st.one_of(anything, st.floats(-0.2, 1.2))
heights = st.one_of(anything, st.floats(-0.1, 1.1), st.floats(-25.0, 25.0), st.floats(0.0, 0.2))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.integers(0, 70), places, heights),
        st.tuples(st.just("add"), st.just(0), places, st.just(0.0)),
        st.tuples(st.just("remove"), st.integers(0, 70), st.just(0.0), st.just(0.0)),
    ),
    max_size=24,
)


def changed(curve: DrawnCurve, move: tuple[str, int, float, float]) -> DrawnCurve:
    name, index, u, value = move
    index %= len(curve.handles)
    if name == "move":
        return with_handle_moved(curve, index, u, value)
    return with_handle_added(curve, u)[0] if name == "add" else without_handle(curve, index)


@given(st.sampled_from(sorted(DRAWN_QUANTITIES)), st.sampled_from(sorted(SCHEDULES)), moves, st.integers(1, 1500))
def test_any_sequence_of_moves_gives_a_valid_schedule(quantity: str, kind: str, sequence, step_count: int) -> None:
    curve = curve_through(make_schedule(kind, 1000), quantity, 8)
    for move in sequence:
        curve = changed(curve, move)
        # A DrawnCurve checks itself when it is made; making it anew asks it again.
        assert DrawnCurve(curve.quantity, curve.handles, curve.reference_steps) == curve
    schedule = drawn(curve, step_count)
    assert ((schedule.beta > 0.0) & (schedule.beta < 1.0)).all()
    assert (np.diff(schedule.alpha_bar) < 0.0).all()
    assert 0.0 < schedule.alpha_bar[-1] < schedule.alpha_bar[0] < 1.0 or step_count == 1


@given(st.sampled_from(["alpha_bar", "log_snr"]), st.integers(0, 7), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_handle_goes_exactly_where_there_is_room(quantity: str, index: int, across: float, up: float) -> None:
    curve = curve_through(linear(1000), quantity, 8)
    index %= len(curve.handles)
    room = handle_room(curve, index)
    wanted = room.u_low + across * (room.u_high - room.u_low), room.low + up * (room.high - room.low)
    wanted = room.fit(*wanted)
    moved = with_handle_moved(curve, index, *wanted)
    assert moved.handles[index] == wanted
    assert moved.handles[:index] + moved.handles[index + 1 :] == curve.handles[:index] + curve.handles[index + 1 :]


def test_a_handle_stops_at_its_neighbours() -> None:
    curve = DrawnCurve("alpha_bar", ((0.0, 1.0), (0.3, 0.8), (0.6, 0.3), (1.0, 0.0001)))
    u, value = with_handle_moved(curve, 1, 0.9, -4.0).handles[1]
    assert u == pytest.approx(0.6 - HANDLE_GAP)
    assert 0.3 < value < 0.3 + 1e-8
    u, value = with_handle_moved(curve, 1, -1.0, 4.0).handles[1]
    assert u == pytest.approx(HANDLE_GAP)
    assert 1.0 - 1e-8 < value < 1.0


def test_the_ends_move_in_value_only_and_the_picture_itself_not_at_all() -> None:
    curve = DrawnCurve("alpha_bar", ((0.0, 1.0), (0.5, 0.5), (1.0, 0.01)))
    assert with_handle_moved(curve, 2, 0.7, 0.2).handles[2] == (1.0, 0.2)
    assert with_handle_moved(curve, 0, 0.2, 0.9).handles[0] == (0.0, 1.0)
    beginning_lower = DrawnCurve("alpha_bar", ((0.0, 0.9), (0.5, 0.5), (1.0, 0.01)))
    assert with_handle_moved(beginning_lower, 0, 0.0, 0.95).handles[0] == (0.0, 1.0)
    rising = curve_through(linear(1000), "beta")
    assert with_handle_moved(rising, 0, 0.4, 0.001).handles[0] == (0.0, 0.001)


def test_beta_stops_where_nothing_of_the_picture_would_be_left() -> None:
    curve = curve_through(linear(1000), "beta")
    moved = with_handle_moved(curve, 1, 1.0, 0.9)
    total = -np.log(drawn(moved, 1000).alpha_bar[-1])
    assert moved.handles[1][1] > curve.handles[1][1]
    assert 99.9 < total <= 100.0
    first = with_handle_moved(moved, 0, 0.0, 0.9)
    assert -np.log(drawn(first, 1000).alpha_bar[-1]) <= 100.0


def test_a_handle_that_is_added_lies_on_the_curve() -> None:
    curve = curve_through(cosine(1000), "alpha_bar", 4)
    added, index = with_handle_added(curve, 0.437)
    assert added.handles[index] == (0.437, float(curve.at(np.array([0.437]))[0]))
    assert without_handle(added, index) == curve


def test_no_handle_is_put_where_one_is_or_where_there_are_enough() -> None:
    curve = DrawnCurve("log_snr", ((0.0, 10.0), (0.5, 0.0), (0.5 + HANDLE_GAP, -0.1), (1.0, -10.0)))
    assert with_handle_added(curve, 0.5 + HANDLE_GAP / 2) == (curve, 1)
    assert with_handle_added(curve, 0.0) == (curve, 0)
    assert with_handle_added(curve, 7.0) == (curve, 3)
    full = DrawnCurve("log_snr", tuple((k / 63, 10.0 - k / 4) for k in range(64)))
    assert with_handle_added(full, 0.501) == (full, 32)


def test_the_ends_cannot_be_taken_away() -> None:
    curve = curve_through(cosine(1000), "log_snr")
    assert without_handle(curve, 0) is curve
    assert without_handle(curve, len(curve.handles) - 1) is curve
    assert len(without_handle(curve, 1).handles) == len(curve.handles) - 1


@pytest.mark.parametrize("change", [lambda c, i: with_handle_moved(c, i, 0.5, 0.5), without_handle, handle_room])
@pytest.mark.parametrize("index", [-1, 6])
def test_a_handle_that_is_not_there_is_refused(change, index: int) -> None:
    with pytest.raises(ScheduleError, match="no handle"):
        change(curve_through(cosine(1000), "alpha_bar", 6), index)


@given(st.floats(1e-8, 0.2), st.integers(2, 5000))
def test_a_handle_on_beta_says_what_its_step_has(value: float, step_count: int) -> None:
    curve = DrawnCurve("beta", ((0.0, 1e-8), (1.0, value)), 300)
    shown = value_at_steps(curve, value, step_count)
    assert shown == pytest.approx(drawn(curve, step_count).beta[-1], rel=1e-9) or shown > 0.999
    if shown < 0.999:
        assert value_from_steps(curve, shown, step_count) == pytest.approx(value, rel=1e-6)


def test_other_quantities_say_the_same_over_any_number_of_steps() -> None:
    curve = curve_through(cosine(1000), "log_snr")
    assert value_at_steps(curve, -3.25, 10) == value_from_steps(curve, -3.25, 10) == -3.25
