from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from studio import paths
from studio.data.image_set import ImageSet
from studio.data.mixtures import generate
from studio.evaluation import feature_cache, feature_training
from studio.evaluation.feature_cache import cached_features
from studio.evaluation.progress import finished
from studio.library.tensors import read_tensors, write_tensors


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[ImageSet]:
    """The data that a network was trained on, one entry for each training; a training takes three steps."""
    monkeypatch.setattr(feature_training, "_STEPS", 3)
    seen: list[ImageSet] = []

    def counted(data: ImageSet, seed: int = 0):
        seen.append(data)
        return (yield from feature_training.train_features(data, seed))

    monkeypatch.setattr(feature_cache, "train_features", counted)
    return seen


def _data(labels: bool = True, seed: int = 0) -> ImageSet:
    images = np.random.default_rng(seed).integers(0, 256, (30, 6, 6, 3), dtype=np.uint8)
    return ImageSet("noise", images, np.arange(30) % 2 if labels else None, ("a", "b") if labels else ())


@pytest.mark.parametrize("labels", [True, False])
def test_what_was_learned_is_there_the_next_time(trainings: list[ImageSet], tmp_path: Path, labels: bool) -> None:
    data = _data(labels)
    first = finished(cached_features(data, tmp_path))
    again = finished(cached_features(_data(labels), tmp_path))
    assert len(trainings) == 1
    np.testing.assert_array_equal(finished(again.features(data.images)), finished(first.features(data.images)))
    assert (again.class_count, again.accuracy) == (first.class_count, first.accuracy)
    if labels:
        np.testing.assert_array_equal(finished(again.classify(data.images)), finished(first.classify(data.images)))


def test_other_data_and_other_seeds_learn_for_themselves(trainings: list[ImageSet], tmp_path: Path) -> None:
    for data, seed in ((_data(), 0), (_data(), 1), (_data(labels=False), 0), (_data(seed=1), 0)):
        finished(cached_features(data, tmp_path, seed))
    assert len(trainings) == 4
    assert len(list(tmp_path.iterdir())) == 4


def test_without_a_folder_the_file_is_among_the_users_own(trainings: list[ImageSet]) -> None:
    finished(cached_features(_data()))
    assert len(list(paths.user_folder("features").glob("*.safetensors"))) == 1


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _not_a_file_of_ours(path: Path) -> None:
    path.write_bytes(b"no tensors at all, and then some")


def _rewritten(change: Callable[[dict, dict], None]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        file = read_tensors(path)
        tensors, header = dict(file.tensors), dict(file.header)
        change(tensors, header)
        write_tensors(path, tensors, header)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _cut_short,
        _not_a_file_of_ours,
        _rewritten(lambda tensors, header: header.update(format=0)),
        _rewritten(lambda tensors, header: header.update(data="0" * 64)),
        _rewritten(lambda tensors, header: header.update(accuracy="good")),
        _rewritten(lambda tensors, header: tensors.pop("mean")),
        _rewritten(lambda tensors, header: tensors.update(scale=torch.zeros(64, dtype=torch.float64))),
        _rewritten(lambda tensors, header: tensors.update(mean=torch.full((64,), torch.nan, dtype=torch.float64))),
        _rewritten(lambda tensors, header: tensors.pop("network.hidden.bias")),
        _rewritten(lambda tensors, header: tensors.update({"network.hidden.bias": torch.zeros(3)})),
        _rewritten(lambda tensors, header: tensors.update(more=torch.zeros(1))),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_written_anew(
    trainings: list[ImageSet], tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    first = finished(cached_features(_data(), tmp_path))
    (path,) = tmp_path.iterdir()
    good = path.read_bytes()
    damage(path)
    again = finished(cached_features(_data(), tmp_path))
    assert len(trainings) == 2
    assert path.read_bytes() == good
    np.testing.assert_array_equal(again.mean, first.mean)


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(trainings: list[ImageSet], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for _ in range(2):
        assert finished(cached_features(_data(), tmp_path / "file" / "folder")).class_count == 2
    assert len(trainings) == 2


def test_pixels_need_no_file(tmp_path: Path) -> None:
    finished(cached_features(generate("moons", 100), tmp_path))
    assert not list(tmp_path.iterdir())
