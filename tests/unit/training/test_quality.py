from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.data.starter import load_starter
from studio.diffusion.schedule import make_schedule
from studio.networks.devices import choose_device
from studio.networks.presets import choose_network
from studio.training import quality
from studio.training.events import QualityMeasured
from studio.training.quality import RECOGNISABLE, QualityWatch, recognisable, recognisable_after
from studio.training.run import TrainingRun
from studio.training.settings import Budget, TrainingSettings
from studio.training.trainer import training_step


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load_starter("digits")


@pytest.fixture
def make_digit_run(tmp_path: Path) -> Callable[..., TrainingRun]:
    def make(data: ImageSet, **settings) -> TrainingRun:
        settings = {"budget": Budget(images=6400), "quality_pictures": 40, **settings}
        network = choose_network(8, 8, 1, "sketch", len(data.class_names) or None)
        schedule, cpu = make_schedule("cosine", 50), choose_device("cpu")
        return TrainingRun.create(data, schedule, TrainingSettings(**settings), network, cpu, tmp_path / "run")

    return make


def measured_by(watch: QualityWatch, most_calls: int = 60) -> QualityMeasured:
    for _ in range(most_calls):
        found = watch.measure()
        if found is not None:
            return found
    raise AssertionError("the watch never came to an end")


def test_it_says_how_far_and_whose_copies(digits: ImageSet, make_digit_run: Callable[..., TrainingRun]) -> None:
    run = make_digit_run(digits)
    training_step(run)
    measured = measured_by(QualityWatch(run, digits))
    assert (measured.step, measured.images_seen, measured.pictures) == (1, 64, 40)
    assert measured.distance > RECOGNISABLE * measured.floor > 0
    assert not recognisable(measured)
    assert measured.copied == 0.0
    assert measured.examples.shape == measured.nearest.shape == (quality.EXAMPLES, 8, 8, 1)
    # Independently: the nearest of the pictures that are trained on, by plain numpy.
    trained = np.setdiff1d(np.arange(digits.count), quality.held_out_indices(digits.count, run.settings))
    assert len(trained) < digits.count
    for example, nearest in zip(measured.examples, measured.nearest, strict=True):
        differences = np.square(digits.images[trained].astype(float) - example).sum((1, 2, 3))
        assert np.square(nearest.astype(float) - example).sum() == differences.min()


def test_a_model_that_makes_its_training_pictures_is_found_out(
    digits: ImageSet, make_digit_run: Callable[..., TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_digit_run(digits)
    training_step(run)
    trained = np.setdiff1d(np.arange(digits.count), quality.held_out_indices(digits.count, run.settings))
    monkeypatch.setattr(quality, "_made", lambda run, count: digits.images[trained[:count]])
    measured = measured_by(QualityWatch(run, digits))
    assert measured.copied == 1.0
    assert measured.nearest_distances == (0.0,) * quality.EXAMPLES
    assert measured.copy_threshold > 0.0
    assert recognisable(measured)


def test_nothing_of_the_run_changes(digits: ImageSet, make_digit_run: Callable[..., TrainingRun]) -> None:
    run = make_digit_run(digits)
    training_step(run)
    before = [parameter.detach().clone() for parameter in run.parameters]
    state = torch.random.get_rng_state()
    measured_by(QualityWatch(run, digits))
    assert torch.equal(state, torch.random.get_rng_state())
    assert run.network.training
    for parameter, old in zip(run.parameters, before, strict=True):
        assert torch.equal(parameter, old)
    assert (run.step, run.images_seen) == (1, 64)


def test_it_is_never_due_before_the_first_step_and_its_set_up_is_no_part_of_the_budget(
    digits: ImageSet, make_digit_run: Callable[..., TrainingRun]
) -> None:
    run = make_digit_run(digits)
    watch = QualityWatch(run, digits)
    assert not watch.due(0.5, 100.0)
    training_step(run)
    assert watch.due(0.5, 100.0)
    run.clock.start()
    pieces, before = 0, run.clock.seconds
    while watch.measure() is None:
        pieces += 1
        assert run.clock.running
    run.clock.stop()
    assert pieces >= 3
    assert run.clock.seconds > before
    assert not watch.due(run.fraction, 100.0)
    run.settings = dataclasses.replace(run.settings, quality_pictures=0)
    assert not QualityWatch(run, digits).due(0.5, 100.0)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_few_pictures_are_no_reason_to_fail(
    count: int, digits: ImageSet, make_digit_run: Callable[..., TrainingRun]
) -> None:
    few = ImageSet("few", digits.images[:count])
    run = make_digit_run(few)
    training_step(run)
    measured = measured_by(QualityWatch(run, few))
    assert (measured.distance is None) == (count < 20)
    assert (measured.floor is None) == (count < 20)
    assert (measured.copied is None) == (count < 20)
    assert len(measured.nearest) == len(measured.nearest_distances) == quality.EXAMPLES


def test_large_sets_are_searched_as_a_whole_without_those_that_are_held_out(
    digits: ImageSet, make_digit_run: Callable[..., TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_digit_run(digits)
    training_step(run)
    held_out = quality.held_out_indices(digits.count, run.settings)
    monkeypatch.setattr(quality, "_VALUES_OF_A_METER", 0)
    monkeypatch.setattr(quality, "_made", lambda run, count: digits.images[held_out[:count]])
    measured = measured_by(QualityWatch(run, digits))
    trained = np.setdiff1d(np.arange(digits.count), held_out)
    assert (measured.copied, measured.copy_threshold) == (None, None)
    for example, distance in zip(measured.examples, measured.nearest_distances, strict=True):
        expected = np.sqrt(np.square(digits.images[trained].astype(float) - example).mean((1, 2, 3)).min())
        assert distance == pytest.approx(expected)


def test_classes_come_in_the_proportions_of_the_data() -> None:
    labels = quality._labels(np.array([300, 0, 100]), 40)
    assert np.bincount(labels, minlength=3).tolist() == [30, 0, 10]


def fact(seconds: float, distance: float | None, floor: float | None = 2.0) -> QualityMeasured:
    pictures = np.zeros((1, 1, 1, 1), np.uint8)
    return QualityMeasured(1, 64, seconds, distance, floor, None, 128, pictures, pictures)


def test_the_moment_of_recognition_lies_between_two_measurements() -> None:
    limit = RECOGNISABLE * 2.0
    assert recognisable_after([]) is None
    assert recognisable_after([fact(5, 50.0), fact(9, None, None)]) is None
    assert recognisable_after([fact(5, limit)]) == 5
    # Half-way down in the logarithm: the geometric mean of the times.
    assert recognisable_after([fact(10, limit * 2), fact(40, limit / 2)]) == pytest.approx(20.0)
    assert recognisable_after([fact(10, limit * 8), fact(20, limit), fact(30, limit * 2)]) == pytest.approx(20.0)
