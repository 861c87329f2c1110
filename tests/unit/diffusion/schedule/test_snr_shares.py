"""The share of steps at each signal-to-noise ratio, against numpy's histogram."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion.schedule import DECIBEL_EDGES, SCHEDULES, log_snr_slope, make_schedule, snr_decibels, snr_shares

INFINITE_ENDS = (-np.inf, *DECIBEL_EDGES[1:-1], np.inf)


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1, 1200))
def test_all_steps_are_counted_once_as_numpy_counts_them(kind: str, step_count: int) -> None:
    schedule = make_schedule(kind, step_count)
    shares = snr_shares(schedule)
    assert shares.sum() == pytest.approx(1.0)
    counted = np.histogram(10.0 * np.log10(schedule.snr), INFINITE_ENDS)[0] / step_count
    assert np.abs(shares - counted).max() <= 1.0 / step_count + 1e-12


def test_a_constant_slope_spends_as_many_steps_everywhere() -> None:
    schedule = log_snr_slope(1000, log_snr_max=9.0, log_snr_min=-9.0)
    shares = snr_shares(schedule, (-39.0, -13.0, 13.0, 39.0))
    assert shares == pytest.approx(np.full(3, 1 / 3), abs=0.005)
    assert snr_decibels(schedule)[0] == pytest.approx(9.0 * 10.0 / np.log(10.0))


@pytest.mark.parametrize("edges", [(), (1.0,), (1.0, 1.0), (2.0, 1.0), (0.0, float("nan"))])
def test_edges_that_are_none_are_refused(edges) -> None:
    with pytest.raises(ValueError, match="rising"):
        snr_shares(make_schedule("cosine", 10), edges)
