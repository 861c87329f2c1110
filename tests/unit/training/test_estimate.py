from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.evaluation.progress import finished
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig
from studio.networks.presets import choose_network
from studio.training import estimate as module
from studio.training.estimate import TrainingEstimate, duration_in_words, estimate, pictures_to_recognisable, reckon
from studio.training.memory_needs import MemoryNeeds, memory_verdict
from studio.training.settings import Budget, TrainingSettings

NEEDS = MemoryNeeds(1, 1, 0, 64)
CPU = choose_device("cpu")
BARE = {"sample_rows": 1, "sample_count": 1, "sample_steps": 1, "validation_pictures": 0, "quality_pictures": 0}


@pytest.fixture
def pictures() -> ImageSet:
    return ImageSet("noise", np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8))


def reckoned(step_seconds: float, image_set: ImageSet, classes: bool = True, **settings) -> TrainingEstimate:
    return reckon(TrainingSettings(**settings), image_set, classes, step_seconds, 2, NEEDS, memory_verdict(NEEDS, None))


def test_counted_in_pictures_the_end_follows_from_the_speed(pictures: ImageSet) -> None:
    found = reckoned(0.1, pictures, budget=Budget(images=64_000), **BARE)
    assert found.images == 64_000
    assert found.seconds == pytest.approx(100.0, rel=0.01)
    assert found.epochs == 1000
    assert found.pictures_per_second == pytest.approx(640, rel=0.01)


def test_counted_in_minutes_the_pictures_follow_from_the_speed(pictures: ImageSet) -> None:
    found = reckoned(0.1, pictures, budget=Budget(minutes=2), **BARE)
    assert found.seconds == 120.0
    assert found.images == pytest.approx(120 / 0.1 * 64, rel=0.01)


def test_what_is_drawn_and_measured_on_the_way_takes_its_share(pictures: ImageSet) -> None:
    bare = reckoned(0.1, pictures, budget=Budget(minutes=4), **BARE)
    usual = reckoned(0.1, pictures, budget=Budget(minutes=4))
    assert 0.88 < usual.images / bare.images < 0.96
    assert usual.recognisable_seconds > bare.recognisable_seconds


def test_a_budget_that_is_too_short_is_said_with_one_that_would_do(pictures: ImageSet) -> None:
    short = reckoned(2.0, pictures, budget=Budget(minutes=1))
    assert not short.long_enough
    assert "too short" in short.sentence()
    longer = reckoned(2.0, pictures, budget=Budget(minutes=short.minutes_needed))
    assert longer.long_enough
    assert duration_in_words(60 * short.minutes_needed) in short.sentence()
    assert "too short" not in longer.sentence()


def test_points_of_a_plane_are_not_recognised() -> None:
    points = ImageSet("points", np.zeros((4, 1, 2, 1), np.uint8))
    found = reckoned(0.01, points, classes=False, budget=Budget(minutes=1))
    assert (found.recognisable_seconds, found.minutes_needed, found.long_enough) == (None, None, True)
    assert found.sentence() == "Ends after 60 seconds."


def test_classes_and_small_pictures_are_recognised_earlier(pictures: ImageSet) -> None:
    settings = TrainingSettings()
    large = ImageSet("large", np.zeros((2, 32, 32, 3), np.uint8))
    assert pictures_to_recognisable(settings, pictures, True) < pictures_to_recognisable(settings, large, True)
    assert pictures_to_recognisable(settings, large, True) < pictures_to_recognisable(settings, large, False)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (12.4, "12 seconds"), (33.0, "35 seconds"), (240, "4 minutes"), (3600 * 1.6, "1.5 hours")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_real_steps_are_measured_and_nothing_is_left(
    pictures: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken: list[int] = []
    clock = itertools.count()
    # A clock that moves by a quarter of a millisecond whenever it is looked at: each step takes exactly one such move.
    tick: Callable[[], float] = lambda: next(clock) * 0.00025  # noqa: E731
    step = module.training_step
    monkeypatch.setattr(module, "training_step", lambda run: (taken.append(run.settings.batch_size), step(run))[1])
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    settings = TrainingSettings(budget=Budget(images=6400), **BARE)
    work = estimate(settings, choose_network(8, 8, 1, "sketch"), pictures, CPU, real_steps=5, now=tick)
    fractions = []
    while True:
        try:
            fractions.append(next(work).fraction)
        except StopIteration as end:
            found = end.value
            break
    assert found.step_seconds == pytest.approx(0.00025)
    assert found.seconds == pytest.approx(100 * 0.00025, rel=0.02)
    assert taken.count(64) >= 5
    assert len(fractions) > len(taken)
    assert max(fractions) == 1.0
    assert found.memory.fits
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


def test_an_estimate_that_is_given_up_leaves_nothing(
    pictures: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    threads = torch.get_num_threads()
    settings = dataclasses.replace(TrainingSettings(), budget=Budget(minutes=1), batch_size=4)
    work = estimate(settings, choose_network(8, 8, 1, "sketch"), pictures, CPU)
    for _ in range(4):
        next(work)
    work.close()
    assert list(tmp_path.iterdir()) == []
    assert torch.get_num_threads() == threads


def test_slow_steps_are_measured_on_few_pictures(pictures: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, now = [], [0.0]

    def slow(run) -> None:
        taken.append(run.settings.batch_size)
        now[0] += 0.5 * run.settings.batch_size

    monkeypatch.setattr(module, "training_step", slow)
    points = ImageSet("points", pictures.images[:, :1, :2])
    settings = TrainingSettings(budget=Budget(minutes=1), batch_size=64)
    found = finished(estimate(settings, PointConfig(1, 1, 2, hidden=16), points, CPU, now=lambda: now[0]))
    assert set(taken) == {8}
    assert now[0] <= 12.0
    assert found.step_seconds == pytest.approx(32.0)
