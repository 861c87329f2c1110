from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from studio.data.image_set import ImageSet
from studio.data.mixtures import generate
from studio.errors import DataError, SettingsError
from studio.evaluation import EvaluationProgress, EvaluationReport, evaluate, finished


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the features of the digits are kept, so that they are learned once."""
    return tmp_path_factory.mktemp("features")


def _report(pictures: np.ndarray, data: ImageSet, folder: Path, **options) -> EvaluationReport:
    return finished(evaluate(pictures, data, folder=folder, **options))


def _blurred(images: np.ndarray) -> np.ndarray:
    """A quarter of each neighbour above and below, half of the picture itself."""
    padded = np.pad(images.astype(float), ((0, 0), (1, 1), (0, 0), (0, 0)), mode="edge")
    return np.rint(padded[:, :-2] / 4 + padded[:, 1:-1] / 2 + padded[:, 2:] / 4).astype(np.uint8)


def _noised(images: np.ndarray, levels: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, levels, images.shape)
    return np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)


def test_spoilt_sets_lie_above_the_floor_and_worse_ones_above_them(
    digits: tuple[ImageSet, ImageSet], folder: Path
) -> None:
    data, others = digits
    distances = {}
    for name, pictures in {
        "noise": _noised(others.images, 40),
        "more noise": _noised(others.images, 80),
        "blur": _blurred(others.images),
        "without 0": others.images[others.labels > 0],
        "without 0 to 4": others.images[others.labels > 4],
    }.items():
        report = _report(pictures, data, folder, held_out=others)
        assert report.like_real is False, name
        assert report.distance.differs_from(report.floor), name
        distances[name] = report.distance.value
        assert report.floor.value < 1.5
    assert distances["noise"] < distances["more noise"]
    assert distances["without 0"] < distances["without 0 to 4"]


def test_real_pictures_are_as_good_as_real_and_new(digits: tuple[ImageSet, ImageSet], folder: Path) -> None:
    data, others = digits
    judged, held_out = others.select(np.arange(300)), others.select(np.arange(300, 597))
    report = _report(judged.images, data, folder, labels=judged.labels, held_out=held_out)
    assert report.like_real
    assert report.distance.pictures == report.floor.pictures == 297
    assert report.copies.copied <= 0.05
    assert report.copies.calibration.held_out
    assert report.classes.agreement > 0.9
    assert abs(report.classes.agreement - report.classes.ceiling) < 0.06
    assert report.classes.lost == ()
    text = report.to_text()
    assert "The pictures cannot be told from real ones" in text
    assert f"{report.classes.agreement:.1%} look like the class that they were made for" in text
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert written["distance"]["value"] == report.distance.value
    assert written["copies"]["copied"] == report.copies.copied
    assert written["classes"]["agreement"] == report.classes.agreement


def test_copies_and_lost_and_confused_classes_are_named(digits: tuple[ImageSet, ImageSet], folder: Path) -> None:
    data, _ = digits
    some = data.select(data.labels != 3)
    wrong = (some.labels + 1) % 10
    report = _report(some.images[:200], data, folder, labels=wrong[:200])
    assert report.copies.copied == 1.0
    assert report.classes.lost == ("3",)
    assert report.classes.agreement < 0.05
    text = report.to_text()
    assert "Copied: 100.0%" in text
    assert "Hardly ever seen: 3." in text
    # Nobody was asked for a 4, whose label is that of a 3 plus one.
    assert report.to_json()["classes"]["by_class"][4] is None


def test_the_same_arguments_give_the_same_report_and_others_another(
    digits: tuple[ImageSet, ImageSet], folder: Path
) -> None:
    data, others = digits
    first, again = (_report(others.images, data, folder) for _ in range(2))
    assert first.to_json() == again.to_json()
    assert _report(others.images[::2], data, folder).to_json()["distance"] != first.to_json()["distance"]


def test_pictures_of_two_pixels_are_compared_as_they_are() -> None:
    data, others = generate("moons", 1000, seed=1), generate("moons", 400, seed=2)
    report = finished(evaluate(others.images, data))
    assert report.like_real
    assert report.copies is None
    assert "copies cannot be told" in report.to_text()
    assert finished(evaluate(generate("spiral", 400).images, data)).like_real is False


def test_what_too_few_pictures_cannot_say_is_said(digits: tuple[ImageSet, ImageSet], folder: Path) -> None:
    data, others = digits
    few = _report(others.images[:40], data, folder)
    assert few.distance is None
    assert few.copies.copied <= 0.1
    assert "too few pictures of the model for a Fréchet distance on 64 features" in few.to_text()
    twenty = data.select(np.arange(20))
    report = _report(others.images, twenty, folder)
    assert report.distance is None
    assert report.copies.copied < 0.1
    assert "too few pictures in the data" in report.to_text()
    short = _report(others.images[100:], data, folder, held_out=others.select(np.arange(50)))
    assert "50 held-out pictures are too few for a floor" in short.to_text()
    assert short.distance is not None


def test_the_work_tells_how_far_it_is_and_can_be_left(digits: tuple[ImageSet, ImageSet], folder: Path) -> None:
    data, others = digits
    work = evaluate(others.images, data, folder=folder)
    seen = [next(work) for _ in range(3)]
    assert all(isinstance(progress, EvaluationProgress) and 0 <= progress.fraction <= 1 for progress in seen)
    work.close()


def test_what_does_not_belong_together_is_refused(digits: tuple[ImageSet, ImageSet]) -> None:
    data, others = digits

    def refuse(error: type[Exception], sentence: str, pictures=others.images, data=data, **options) -> None:
        with pytest.raises(error, match=sentence):
            next(evaluate(pictures, data, **options))

    refuse(SettingsError, "15 pictures are too few to judge", others.images[:15])
    refuse(DataError, "The data are 15 pictures, too few", data=data.select(np.arange(15)))
    refuse(DataError, "The pictures are 8 × 7 with 1 channel, those of the data 8 × 8", others.images[:, :7])
    refuse(DataError, "The held-out pictures are 2 × 1", held_out=generate("moons", 100))
    refuse(DataError, "classes that the data do not have", labels=np.full(others.count, 10))
    unlabelled = ImageSet("digits", data.images)
    refuse(DataError, "classes that the data do not have", data=unlabelled, labels=others.labels)
    refuse(ValueError, "labels of shape", labels=others.labels[1:])
    refuse(ValueError, "must be uint8", others.images.astype(np.float32))
