"""The walks: which steps a run takes, for every schedule, number of steps, spacing and start."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import SPACINGS, NoiseSchedule, cosine, linear, sampling_pairs
from studio.diffusion.samplers import checked_pairs
from studio.errors import ScheduleError

EVEN_IN_NOISE = ("log_snr", "karras")
ANY_BETA = st.floats(1e-12, 1.0, exclude_max=True) | st.sampled_from([5e-324, 1e-19, 1.0 - 2.0**-53])


@given(st.integers(1, 400), st.data(), st.sampled_from(SPACINGS))
def test_pairs_lead_down_to_the_picture_in_exactly_the_wished_for_steps(count: int, data, spacing: str) -> None:
    steps = data.draw(st.integers(1, count))
    pairs = sampling_pairs(linear(count), steps, spacing)
    assert len(pairs) == steps
    assert pairs[-1][1] == -1
    assert checked_pairs(linear(count), pairs) == pairs
    if spacing in ("trailing", "log_snr", "karras") or (spacing == "linspace" and steps > 1):
        assert pairs[0][0] == count - 1
    if spacing == "leading" or (spacing == "linspace" and steps > 1):
        assert pairs[-1][0] == 0
    if steps == count:
        assert pairs == sampling_pairs(linear(count))


def test_known_pairs() -> None:
    assert sampling_pairs(linear(4)) == ((3, 2), (2, 1), (1, 0), (0, -1))
    schedule = linear(1000)
    assert [t for t, _ in sampling_pairs(schedule, 10)] == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]
    assert [t for t, _ in sampling_pairs(schedule, 10, "leading")] == [
        900,
        800,
        700,
        600,
        500,
        400,
        300,
        200,
        100,
        0,
    ]
    assert [t for t, _ in sampling_pairs(schedule, 10, "linspace")] == [
        999,
        888,
        777,
        666,
        555,
        444,
        333,
        222,
        111,
        0,
    ]
    assert [t for t, _ in sampling_pairs(linear(1000), 13)][:3] == [999, 922, 845]
    assert sampling_pairs(linear(1000), 1) == ((999, -1),)


@pytest.mark.parametrize("steps", [0, -1, 11])
def test_an_impossible_number_of_sampling_steps_is_refused(steps: int) -> None:
    with pytest.raises(ScheduleError, match=f"{steps} sampling steps.*1 to 10"):
        sampling_pairs(linear(10), steps)


def test_an_unknown_spacing_is_refused() -> None:
    with pytest.raises(ScheduleError, match="'dense'"):
        sampling_pairs(linear(10), 5, "dense")


@given(st.lists(ANY_BETA, min_size=1, max_size=60), st.data(), st.sampled_from(SPACINGS))
def test_any_schedule_any_start_any_number_of_steps(beta: list[float], data, spacing: str) -> None:
    schedule = NoiseSchedule(beta)
    start = data.draw(st.integers(0, len(beta) - 1))
    steps = data.draw(st.integers(1, start + 1))
    pairs = sampling_pairs(schedule, steps, spacing, start)
    assert len(pairs) == steps
    assert checked_pairs(schedule, pairs) == pairs
    assert all(after == (before[1], after[1]) for before, after in itertools.pairwise(pairs))
    assert pairs[-1][1] == -1
    assert pairs[0][0] <= start
    if spacing != "leading" and (spacing != "linspace" or steps > 1):
        assert pairs[0][0] == start


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000), linear(20_000)])
def test_all_steps_are_all_steps(spacing: str, schedule) -> None:
    assert sampling_pairs(schedule, None, spacing) == tuple((t, t - 1) for t in range(schedule.step_count - 1, -1, -1))


def sigma(schedule: NoiseSchedule, t: int) -> float:
    """σ̄_t, independently of what the spacing uses."""
    return math.sqrt(1.0 / float(np.prod(1.0 - schedule.beta[: t + 1])) - 1.0)


@pytest.mark.parametrize("steps", [4, 10, 25])
@pytest.mark.parametrize("spacing", EVEN_IN_NOISE)
def test_levels_are_even_up_to_the_resolution_of_the_schedule(spacing: str, steps: int) -> None:
    schedule = linear(20_000)
    largest, smallest = sigma(schedule, 19_999), sigma(schedule, 0)
    for i, (t, _) in enumerate(sampling_pairs(schedule, steps, spacing)):
        # Karras et al., eq. 5, and its limit for ρ = ∞. Their N is steps + 1, and the last of the N is the picture.
        if spacing == "karras":
            wished = (largest ** (1 / 7) + i / steps * (smallest ** (1 / 7) - largest ** (1 / 7))) ** 7
        else:
            wished = largest ** (1 - i / steps) * smallest ** (i / steps)
        assert sigma(schedule, max(t - 1, 0)) < wished < sigma(schedule, min(t + 1, 19_999)) or t == 19_999


@pytest.mark.parametrize("spacing", EVEN_IN_NOISE)
def test_each_index_is_the_nearest_where_indices_are_plenty(spacing: str) -> None:
    schedule = cosine(500)
    levels = np.array([sigma(schedule, t) for t in range(500)])
    scale = np.log(levels) if spacing == "log_snr" else levels ** (1 / 7)
    highest = 5.1 if spacing == "log_snr" else math.exp(5.1 / 7)
    targets = np.linspace(highest, scale[0], 13)[1:-1]
    times = [t for t, _ in sampling_pairs(schedule, 12, spacing)]
    assert times == [499, *(int(np.abs(scale - target).argmin()) for target in targets)]


@pytest.mark.parametrize("spacing", EVEN_IN_NOISE)
def test_no_steps_are_spent_where_there_is_nothing_but_noise(spacing: str) -> None:
    schedule = cosine(1000)
    times = [t for t, _ in sampling_pairs(schedule, 20, spacing)]
    assert sigma(schedule, times[0]) > 20_000
    assert sigma(schedule, times[1]) < math.exp(5.1)


@pytest.mark.parametrize("start", [-1, 10])
def test_an_impossible_start_is_refused(start: int) -> None:
    with pytest.raises(ScheduleError, match="1 to 10"):
        sampling_pairs(linear(10), 1, start=start)


@pytest.mark.parametrize("pairs", [(), ((5, 5),), ((10, 3),), ((5, 3), (2, -1)), ((5, -2),), ((3, 4),)])
def test_pairs_which_are_no_way_down_are_refused(pairs) -> None:
    with pytest.raises(ScheduleError):
        checked_pairs(linear(10), pairs)
