from __future__ import annotations

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.data.mixtures import generate
from studio.errors import DataError
from studio.evaluation import feature_training
from studio.evaluation.feature_training import held_back_and_shown, train_features
from studio.evaluation.features import FEATURE_COUNT, new_network
from studio.evaluation.progress import EvaluationProgress, finished


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_training, "_STEPS", 3)


def _pictures(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(3, 3, 1), (8, 8, 1), (5, 7, 3), (1, 16, 1), (40, 12, 4), (33, 33, 3)])
def test_pictures_of_any_size_have_features_of_mean_0_and_variance_1(
    few_steps: None, shape: tuple[int, int, int]
) -> None:
    images = _pictures(40, *shape)
    extractor = finished(train_features(ImageSet("noise", images)))
    features = finished(extractor.features(images))
    assert features.shape == (40, FEATURE_COUNT)
    assert features.dtype == np.float64
    np.testing.assert_allclose(features.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(features.std(0), 1.0, atol=1e-4)


@pytest.mark.parametrize("side", [32, 33, 64, 128])
def test_large_pictures_are_brought_down_at_once(side: int) -> None:
    network = new_network((side, side, 3), 4)
    assert network.hidden.in_features <= 64 * 7 * 7
    assert network.features(torch.zeros(2, 3, side, side)).shape == (2, FEATURE_COUNT)


def test_pictures_of_a_few_values_are_their_own_features() -> None:
    data = generate("moons", 500)
    extractor = finished(train_features(data))
    assert extractor.network is None
    features = finished(extractor.features(data.images))
    values = data.images.reshape(500, 2).astype(float)
    np.testing.assert_allclose(features, (values - values.mean(0)) / values.std(0))


def test_a_value_that_never_changes_does_not_blow_up() -> None:
    images = _pictures(50, 1, 2, 1)
    images[:, :, 1] = 7
    extractor = finished(train_features(ImageSet("flat", images)))
    images[:, :, 1] = 8
    np.testing.assert_array_equal(finished(extractor.features(images))[:, 1], 1.0)


def test_the_same_seed_learns_the_same_and_leaves_torchs_own_randomness_alone(few_steps: None) -> None:
    data = ImageSet("noise", _pictures(40, 8, 8, 1))
    state = torch.random.get_rng_state()
    first, second, other = (finished(train_features(data, seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    features = [finished(extractor.features(data.images)) for extractor in (first, second, other)]
    np.testing.assert_array_equal(features[0], features[1])
    assert np.abs(features[0] - features[2]).max() > 0.1


def test_progress_grows_to_the_end_and_work_may_stop_between(few_steps: None) -> None:
    work = train_features(ImageSet("noise", _pictures(40, 8, 8, 1)))
    told = list(work)
    assert all(isinstance(progress, EvaluationProgress) for progress in told)
    learning = [progress.fraction for progress in told if progress.stage == feature_training.STAGE]
    assert learning == pytest.approx([1 / 3, 2 / 3, 1.0])
    stopped = train_features(ImageSet("noise", _pictures(40, 8, 8, 1)))
    next(stopped)
    assert torch.is_grad_enabled()
    stopped.close()


def test_what_is_held_back_is_never_shown() -> None:
    held_back, shown = held_back_and_shown(1000, seed=5)
    assert len(held_back) == 200
    assert sorted([*held_back, *shown]) == list(range(1000))
    assert len(held_back_and_shown(60_000)[0]) == 5000


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="15 pictures are too few"):
        finished(train_features(ImageSet("few", _pictures(15, 8, 8, 1))))


def test_pictures_of_another_shape_and_classes_of_no_classes_are_refused(few_steps: None) -> None:
    extractor = finished(train_features(ImageSet("noise", _pictures(20, 8, 8, 1))))
    with pytest.raises(ValueError, match="must be uint8"):
        finished(extractor.features(_pictures(2, 8, 9, 1)))
    with pytest.raises(ValueError, match="no classes"):
        finished(extractor.classify(_pictures(2, 8, 8, 1)))
