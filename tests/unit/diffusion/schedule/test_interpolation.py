"""Monotone cubic interpolation against SciPy's PCHIP, and its promise: no bump that the points do not have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from studio.diffusion.schedule.interpolation import monotone_cubic


@given(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12),
    # SciPy's reciprocals overflow for heights that differ by less than 1e-308.
    st.lists(st.integers(-5000, 5000).map(lambda height: height / 1000), min_size=13, max_size=13),
)
def test_it_is_scipys_pchip(gaps: list[float], heights: list[float]) -> None:
    x = np.concatenate(([0.0], np.cumsum(gaps)))
    y = np.array(heights[: x.size])
    at = np.linspace(0.0, x[-1], 101)
    np.testing.assert_allclose(monotone_cubic(x, y, at), PchipInterpolator(x, y)(at), atol=1e-12)


@given(st.lists(st.tuples(st.floats(1e-4, 1.0), st.floats(0.0, 1e3)), min_size=1, max_size=12))
def test_a_rising_curve_never_falls(pieces: list[tuple[float, float]]) -> None:
    gaps, rises = np.array(pieces).T
    x, y = np.concatenate(([0.0], np.cumsum(gaps))), np.concatenate(([0.0], np.cumsum(rises)))
    values = monotone_cubic(x, y, np.linspace(0.0, x[-1], 500))
    assert np.diff(values).min() >= -1e-12 * y[-1] - 1e-300
    assert values.min() >= 0.0
    assert values.max() <= y[-1]


def test_points_are_met_exactly_and_ends_are_kept_beyond_them() -> None:
    x, y = np.array([0.0, 0.1, 0.7, 1.0]), np.array([1.0, 0.9, 0.3, 1e-9])
    assert monotone_cubic(x, y, x).tolist() == y.tolist()
    assert monotone_cubic(x, y, np.array([-1.0, 2.0])).tolist() == [1.0, 1e-9]


def test_two_points_are_a_straight_line() -> None:
    at = np.linspace(0.0, 1.0, 11)
    assert monotone_cubic(np.array([0.0, 1.0]), np.array([3.0, 1.0]), at) == pytest.approx(3.0 - 2.0 * at)
