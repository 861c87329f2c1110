from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.data.starter import load_starter
from studio.evaluation.quick import MOST_FEATURES, _raw, quick_measure


@pytest.fixture(scope="module")
def avatars() -> np.ndarray:
    return load_starter("avatars").images


def test_the_worse_pictures_are_the_further_they_are(avatars: np.ndarray) -> None:
    measure = quick_measure(avatars, 128)
    random = np.random.default_rng(3)
    some = avatars[random.permutation(len(avatars))[:128]]
    noise = random.normal(0.0, 1.0, some.shape)
    distances = [
        measure.distance(np.clip(some + levels * noise, 0, 255).astype(np.uint8)) for levels in (0, 8, 16, 32, 64, 128)
    ]
    assert distances == sorted(distances)
    floor = measure.floor(avatars, 128)
    assert 0.5 < distances[0] / floor < 2.0
    assert distances[-1] > 10 * floor


def test_lost_variety_is_seen(avatars: np.ndarray) -> None:
    measure = quick_measure(avatars, 128)
    assert measure.distance(np.repeat(avatars[:16], 8, 0)) > 2 * measure.floor(avatars, 128)


def test_features_are_uncorrelated_and_of_spread_one_on_the_data(avatars: np.ndarray) -> None:
    features = quick_measure(avatars, 128).features(avatars)
    assert features.shape == (len(avatars), MOST_FEATURES)
    np.testing.assert_allclose(features.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(np.cov(features, rowvar=False), np.eye(MOST_FEATURES), atol=0.02)


def test_directions_are_those_of_a_full_decomposition(avatars: np.ndarray) -> None:
    measure = quick_measure(avatars, 128)
    random = np.random.default_rng(0)
    some = avatars[np.sort(random.permutation(len(avatars))[:2000])]
    # The oracle: numpy's singular values of the same numbers, taken back from the scaled directions.
    spreads = 1.0 / np.linalg.norm(measure.directions, axis=0)

    raw = _raw(measure.filters, some)
    expected = np.linalg.svd(raw - raw.mean(0), compute_uv=False)[:MOST_FEATURES] / np.sqrt(len(some) - 1)
    np.testing.assert_allclose(spreads, expected, rtol=1e-3)


def test_the_same_data_give_the_same_measure_and_no_global_number_is_drawn(avatars: np.ndarray) -> None:
    state = torch.random.get_rng_state()
    one, other = (quick_measure(avatars, 64) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    np.testing.assert_array_equal(one.directions, other.directions)
    assert one.floor(avatars, 64) == other.floor(avatars, 64)


@pytest.mark.parametrize("shape", [(1, 2, 1), (3, 3, 4), (8, 8, 1), (5, 70, 3), (130, 130, 3)])
def test_any_shape_has_features(shape: tuple[int, int, int]) -> None:
    data = np.random.default_rng(0).integers(0, 256, (60, *shape), dtype=np.uint8)
    measure = quick_measure(data, 60)
    assert 1 <= measure.count <= 20
    assert measure.fewest_pictures <= 60
    assert np.isfinite(measure.distance(data))


def test_pictures_that_are_all_alike_or_too_few_have_none() -> None:
    alike = np.full((40, 8, 8, 3), 7, np.uint8)
    assert quick_measure(alike, 40) is None
    assert quick_measure(alike[:2], 128) is None
