"""One run, looked at from time to time: the longer it has trained, the smaller the distance."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.evaluation.feature_cache import cached_features
from studio.evaluation.feature_training import held_back_and_shown
from studio.evaluation.frechet import measure_distance, moments
from studio.evaluation.progress import finished
from studio.networks.devices import choose_device
from studio.networks.presets import choose_network
from studio.training.run import TrainingRun
from studio.training.settings import Budget, TrainingSettings
from studio.training.trainer import train
from tests.unit.evaluation.sampling import sampled

MOMENTS = (2_000, 4_000, 8_000, 16_000)


@pytest.mark.slow
def test_checkpoints_rank_in_the_order_of_their_training(digits: tuple[ImageSet, ImageSet], tmp_path: Path) -> None:
    data, _ = digits
    extractor = finished(cached_features(data, tmp_path))
    shown = data.images[held_back_and_shown(data.count)[1]]
    reference = moments(finished(extractor.features(shown)))
    schedule = make_schedule("cosine", 200)
    run = TrainingRun.create(
        ImageSet("digits", data.images),
        schedule,
        TrainingSettings(budget=Budget(images=MOMENTS[-1]), batch_size=64, ema_halflife_images=1000),
        choose_network(8, 8, 1, "sketch"),
        choose_device("cpu"),
        tmp_path / "run",
    )
    wanted, bundles = list(MOMENTS), []
    for _ in train(run):
        while wanted and run.images_seen >= wanted[0]:
            bundles.append(run.bundle())
            wanted.pop(0)
    distances = [
        measure_distance(
            finished(extractor.features(sampled(bundle.denoiser(choose_device("cpu")), schedule, 200, 8))), reference
        )
        for bundle in bundles
    ]
    assert len(distances) == len(MOMENTS)
    for earlier, later in itertools.pairwise(distances):
        assert later.value < earlier.value
        assert later.differs_from(earlier)
