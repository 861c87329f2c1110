from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from studio.errors import DataError
from studio.evaluation.frechet import Moments, fewest_pictures, frechet_distance, measure_distance, moments


def _random_moments(random: np.random.Generator, dimensions: int, rank: int | None = None) -> Moments:
    root = random.normal(size=(dimensions, rank or dimensions))
    return Moments(100, random.normal(size=dimensions), root @ root.T)


@given(seed=st.integers(0, 2**32 - 1), dimensions=st.integers(1, 8))
def test_the_distance_is_that_of_the_papers_formula(seed: int, dimensions: int) -> None:
    random = np.random.default_rng(seed)
    a, b = _random_moments(random, dimensions), _random_moments(random, dimensions)
    root = sqrtm(a.covariance @ b.covariance).real
    truth = np.square(a.mean - b.mean).sum() + np.trace(a.covariance + b.covariance - 2 * root)
    scale = np.trace(a.covariance + b.covariance)
    assert frechet_distance(a, b) == pytest.approx(truth, abs=1e-6 * scale)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), abs=1e-6 * scale)
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-6 * scale)


def test_a_scaled_and_shifted_gaussian_has_its_closed_form() -> None:
    # N(0, I) and N(m, s² I): ‖m‖² + D (1 − s)².
    mean = np.array([3.0, -4.0, 0.0])
    standard = Moments(10, np.zeros(3), np.eye(3))
    other = Moments(10, mean, 0.25 * np.eye(3))
    assert frechet_distance(standard, other) == pytest.approx(25.0 + 3 * 0.25, rel=1e-12)


def test_singular_covariances_do_no_harm() -> None:
    # Points on two lines that meet at a right angle: the cross term is 0.
    a = Moments(10, np.zeros(2), np.diag([4.0, 0.0]))
    b = Moments(10, np.zeros(2), np.diag([0.0, 9.0]))
    assert frechet_distance(a, b) == pytest.approx(13.0, rel=1e-12)
    point = Moments(10, np.ones(2), np.zeros((2, 2)))
    assert frechet_distance(a, point) == pytest.approx(2.0 + 4.0, rel=1e-12)
    random = np.random.default_rng(3)
    flat = _random_moments(random, 30, rank=4)
    assert frechet_distance(flat, flat) == pytest.approx(0.0, abs=1e-6 * np.trace(flat.covariance))


def test_equal_sets_are_at_distance_nothing_and_moments_are_numpys() -> None:
    features = np.random.default_rng(0).normal(size=(200, 5)) @ np.diag([1, 2, 3, 4, 5])
    found = moments(features)
    np.testing.assert_allclose(found.mean, features.mean(0))
    np.testing.assert_allclose(found.covariance, np.cov(features.T), rtol=1e-12)
    assert frechet_distance(found, moments(features[::-1].copy())) == pytest.approx(0.0, abs=1e-9)


def test_different_numbers_of_features_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        frechet_distance(Moments(9, np.zeros(2), np.eye(2)), Moments(9, np.zeros(3), np.eye(3)))


def test_too_few_pictures_are_refused_by_number() -> None:
    with pytest.raises(DataError, match="64 pictures are too few for a distance on 64 features"):
        moments(np.zeros((64, 64)))
    enough = fewest_pictures(64)
    reference = Moments(1000, np.zeros(64), np.eye(64))
    features = np.random.default_rng(0).normal(size=(enough, 64))
    assert measure_distance(features, reference).pictures == enough
    with pytest.raises(DataError, match=f"{enough - 1} pictures are too few"):
        measure_distance(features[1:], reference)


def test_the_standard_error_is_the_scatter_of_further_sets() -> None:
    random = np.random.default_rng(0)
    reference = Moments(10**6, np.zeros(8), np.eye(8))
    measured = [
        measure_distance(random.normal(0.3, 1.2, size=(300, 8)), reference) for _ in range(60)
    ]  # fmt: skip
    scatter = np.std([distance.value for distance in measured], ddof=1)
    # The scatter of 60 is itself known to 9 %, the mean of their errors to about 3 %.
    assert np.mean([distance.standard_error for distance in measured]) == pytest.approx(scatter, rel=0.35)
    # The truth is 8 · (0.3² + 0.2²); the estimate lies above it, by less than half of it with 300 pictures.
    truth = 8 * (0.09 + 0.04)
    assert truth < np.mean([distance.value for distance in measured]) < 1.5 * truth


def test_distances_of_one_source_seldom_differ_and_of_two_they_do() -> None:
    random = np.random.default_rng(1)
    reference = Moments(10**6, np.zeros(8), np.eye(8))
    same = [measure_distance(random.normal(size=(400, 8)), reference) for _ in range(20)]
    other = [measure_distance(random.normal(0.25, 1, size=(400, 8)), reference) for _ in range(20)]
    pairs = zip(same[::2], same[1::2], strict=True)
    assert sum(a.differs_from(b) for a, b in pairs) <= 2
    assert all(a.differs_from(b) for a, b in zip(same, other, strict=True))
