from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from studio.data.image_set import ImageSet
from studio.diffusion.denoisers import DataSetDenoiser
from studio.diffusion.schedule import make_schedule
from studio.errors import DataError
from studio.evaluation.copying import CopyMeter, CopyScore, closeness, threshold_of, wilson_interval
from studio.evaluation.nearest import Neighbours
from studio.evaluation.progress import finished
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig
from studio.training.run import TrainingRun
from studio.training.settings import Budget, TrainingSettings
from studio.training.trainer import train
from tests.unit.evaluation.sampling import sampled


def _score(samples: np.ndarray, data: ImageSet, held_out: ImageSet | None = None) -> CopyScore:
    meter = CopyMeter(data.images)
    calibration = finished(meter.calibrate(None if held_out is None else held_out.images))
    return finished(meter.score(samples, calibration))


@pytest.mark.parametrize("given", [True, False])
def test_the_exact_denoiser_copies_and_held_out_pictures_are_new(
    digits: tuple[ImageSet, ImageSet], given: bool
) -> None:
    data, others = digits
    held_out, judged = others.select(np.arange(300)), others.select(np.arange(300, 597))
    schedule = make_schedule("cosine", 200)
    samples = sampled(DataSetDenoiser(schedule, data.images), schedule, 100, 8)
    copies = _score(samples, data, held_out if given else None)
    assert copies.copied >= 0.99
    assert copies.distances.max() < 1.0
    truth = np.square(samples.reshape(100, 1, -1).astype(int) - data.images.reshape(1, 1200, -1)).sum(2)
    np.testing.assert_array_equal(truth[np.arange(100), copies.originals], truth.min(1))
    new = _score(judged.images, data, held_out if given else None)
    assert new.copied <= 0.05
    assert 0.0 < new.calibration.false_positive_rate <= 0.05
    assert new.calibration.held_out is given


def test_copies_with_a_little_noise_are_copies_still_and_come_first(digits: tuple[ImageSet, ImageSet]) -> None:
    data, others = digits
    random = np.random.default_rng(0)
    noise = random.normal(0, 6, data.images[:60].shape)
    near = np.clip(np.rint(data.images[:60] + noise), 0, 255).astype(np.uint8)
    score = _score(np.concatenate([others.images[:40], near]), data)
    assert set(score.order[:60].tolist()) == set(range(40, 100))
    assert score.originals[40:].tolist() == list(range(60))
    assert score.copied == pytest.approx(0.6, abs=0.03)
    closest = score.to_json(most=3)["closest"]
    assert [entry["original"] for entry in closest] == [entry["sample"] - 40 for entry in closest]


@pytest.mark.slow
def test_a_model_overfitted_on_twenty_pictures_is_found_out(digits: tuple[ImageSet, ImageSet], tmp_path: Path) -> None:
    data = digits[0].select(np.arange(20))
    schedule = make_schedule("cosine", 200)
    run = TrainingRun.create(
        ImageSet("twenty", data.images),
        schedule,
        TrainingSettings(budget=Budget(images=100_000), batch_size=64, ema_halflife_images=2000),
        PointConfig(channels=1, height=8, width=8, hidden=256),
        choose_device("cpu"),
        tmp_path / "run",
    )
    for _ in train(run):
        pass
    samples = sampled(run.bundle().denoiser(choose_device("cpu")), schedule, 100, 8)
    assert _score(samples, data).copied > 0.5
    assert _score(samples, digits[0], digits[1]).copied > 0.5


def test_duplicates_in_the_data_hide_no_copy(digits: tuple[ImageSet, ImageSet]) -> None:
    # Sixty times the same picture: without counting it once, it would be its own whole neighbourhood.
    data = digits[0].images[:100]
    repeated = np.concatenate([np.repeat(data[:1], 60, axis=0), data[1:]])
    near = data[:1].copy()
    near[0, 4, 4, 0] ^= 16
    score = _score(near, ImageSet("repeated", repeated))
    assert score.copied == 1.0
    assert score.originals.tolist() == [0]
    assert _score(repeated[70:71], ImageSet("repeated", repeated)).originals.tolist() == [70]


def test_held_out_pictures_that_are_in_the_data_are_no_new_ones(digits: tuple[ImageSet, ImageSet]) -> None:
    data, others = digits
    mixed = np.concatenate([others.images[:200], data.images[:100]])
    calibration = finished(CopyMeter(data.images).calibrate(mixed))
    clean = finished(CopyMeter(data.images).calibrate(others.images[:200]))
    assert calibration.duplicates == 100
    assert calibration == dataclasses.replace(clean, duplicates=100)
    with pytest.raises(DataError, match="Every held-out picture is also in the data"):
        finished(CopyMeter(data.images).calibrate(data.images[:50]))


def test_closeness_is_the_first_distance_over_the_mean_of_the_others() -> None:
    neighbours = Neighbours(np.zeros((2, 4), np.int64), np.array([[1.0, 2.0, 4.0, 6.0], [0.0, 5.0, np.inf, np.inf]]))
    assert closeness(neighbours).tolist() == [0.25, 0.0]


def test_the_threshold_lets_a_fortieth_pass_and_is_half_at_most() -> None:
    few = np.array([0.3, 0.2, 0.4])
    assert threshold_of(few) == 0.2
    many = np.random.default_rng(0).permutation(np.arange(1, 400) / 1000)
    assert threshold_of(many) == 0.010
    assert np.mean(many < threshold_of(many)) <= 0.025
    assert threshold_of(np.full(100, 0.9)) == 0.5


def test_wilson_intervals_are_the_published_ones() -> None:
    # Newcombe (1998), table I: 81 of 263, and 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_too_few_different_pictures_are_refused(digits: tuple[ImageSet, ImageSet]) -> None:
    with pytest.raises(DataError, match="15 different pictures are too few"):
        CopyMeter(np.repeat(digits[0].images[:15], 4, axis=0))
    CopyMeter(digits[0].images[:16])
