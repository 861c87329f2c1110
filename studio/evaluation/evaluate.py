"""How good are these pictures, and how new? Everything that can be said with nothing but the data at hand."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import ImageSet
from studio.errors import DataError, SettingsError
from studio.evaluation.agreement import ClassAgreement, class_agreement
from studio.evaluation.copying import CopyMeter, CopyScore
from studio.evaluation.feature_cache import cached_features
from studio.evaluation.feature_training import FEWEST_PICTURES, held_back_and_shown
from studio.evaluation.features import FeatureExtractor
from studio.evaluation.frechet import FrechetDistance, fewest_pictures, measure_distance, moments
from studio.evaluation.progress import EvaluationProgress
from studio.evaluation.report import EvaluationReport

FEWEST_SAMPLES = 16

_REFERENCE_PICTURES = 20_000


def evaluate(
    pictures: NDArray[np.uint8],
    data: ImageSet,
    *,
    labels: NDArray[np.int64] | None = None,
    held_out: ImageSet | None = None,
    folder: Path | str | None = None,
    seed: int = 0,
) -> Generator[EvaluationProgress, None, EvaluationReport]:
    """Measure a model's `pictures` uint8 (N, H, W, C) against its training data; the generator's result.

    labels: the class that each picture was made for, int64 (N,), or None. held_out: pictures like the data that the
    model was not trained on; without them some of the data stand in, whose floor a model that copies reaches as well.
    folder: where the features are kept (see `cached_features`). seed: of every draw; the same arguments give the same
    report. Closing the generator stops the work.

    Raises SettingsError for fewer than 16 pictures, DataError when the data are fewer than 16 or of another size or
    classes. What can merely not be said with so few is left out of the report, with a sentence in its notes.
    """
    _check(pictures, labels, data, held_out)
    extractor = yield from cached_features(data, folder, seed)
    notes: list[str] = []
    distance, floor = yield from _distances(extractor, pictures, data, held_out, seed, notes)
    copies = yield from _copies(extractor, pictures, data, held_out, seed, notes)
    classes = yield from _classes(extractor, pictures, labels, data, held_out)
    return EvaluationReport(
        pictures=len(pictures),
        data_name=data.name,
        data_pictures=data.count,
        held_out_pictures=None if held_out is None else held_out.count,
        feature_count=extractor.count,
        feature_accuracy=extractor.accuracy,
        feature_classes=extractor.class_count,
        distance=distance,
        floor=floor,
        copies=copies,
        classes=classes,
        notes=tuple(notes),
    )


def _distances(
    extractor: FeatureExtractor,
    pictures: NDArray[np.uint8],
    data: ImageSet,
    held_out: ImageSet | None,
    seed: int,
    notes: list[str],
) -> Generator[EvaluationProgress, None, tuple[FrechetDistance | None, FrechetDistance | None]]:
    held_back, shown = held_back_and_shown(data.count, seed)
    needed = fewest_pictures(extractor.count)
    real = data.images[held_back]
    if held_out is not None:
        if held_out.count >= needed:
            real = held_out.images
        else:
            notes.append(f"{held_out.count} held-out pictures are too few for a floor; some of the data stand in.")
    size = min(len(pictures), len(real))
    if size < needed or len(shown) <= extractor.count:
        few = "pictures of the model" if len(pictures) < needed else "pictures in the data"
        notes.append(f"There are too few {few} for a Fréchet distance on {extractor.count} features.")
        return None, None
    if size < len(pictures):
        notes.append(f"The distance is that of {size:,} of the pictures, as many as there are real ones to compare.")
    random = np.random.default_rng(seed)
    reference = yield from extractor.features(data.images[shown[:_REFERENCE_PICTURES]], "Looking at the data")
    expected = moments(reference)
    measured = []
    for images, stage in ((pictures, "Looking at the model's pictures"), (real, "Looking at real pictures")):
        some = images[random.permutation(len(images))[:size]]
        features = yield from extractor.features(some, stage)
        measured.append(measure_distance(features, expected))
    return measured[0], measured[1]


def _copies(
    extractor: FeatureExtractor,
    pictures: NDArray[np.uint8],
    data: ImageSet,
    held_out: ImageSet | None,
    seed: int,
    notes: list[str],
) -> Generator[EvaluationProgress, None, CopyScore | None]:
    if extractor.network is None:
        notes.append("New pictures of so few values are often equal to old ones: copies cannot be told from them.")
        return None
    try:
        meter = CopyMeter(data.images)
        calibration = yield from meter.calibrate(None if held_out is None else held_out.images, seed)
    except DataError as error:
        notes.append(error.what)
        return None
    return (yield from meter.score(pictures, calibration))


def _classes(
    extractor: FeatureExtractor,
    pictures: NDArray[np.uint8],
    labels: NDArray[np.int64] | None,
    data: ImageSet,
    held_out: ImageSet | None,
) -> Generator[EvaluationProgress, None, ClassAgreement | None]:
    if not extractor.class_count or data.labels is None:
        return None
    ceiling = extractor.accuracy
    if held_out is not None and held_out.labels is not None and held_out.class_names == data.class_names:
        answers = yield from extractor.classify(held_out.images)
        ceiling = float((answers == held_out.labels).mean())
    return (yield from class_agreement(extractor, pictures, labels, data.labels, data.class_names, ceiling))


def _check(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64] | None, data: ImageSet, held_out: ImageSet | None
) -> None:
    if pictures.dtype != np.uint8 or pictures.ndim != 4:
        raise ValueError(f"pictures must be uint8 (N, H, W, C), not {pictures.dtype} {pictures.shape}")
    if len(pictures) < FEWEST_SAMPLES:
        raise SettingsError(
            f"{len(pictures)} pictures are too few to judge a model by.",
            f"Make at least {FEWEST_SAMPLES}; 1,000 are good.",
        )
    if data.count < FEWEST_PICTURES:
        raise DataError(
            f"The data are {data.count} pictures, too few to compare with.",
            f"Use a data set of at least {FEWEST_PICTURES} pictures.",
        )
    shapes = {"The pictures": pictures.shape[1:], "The held-out pictures": held_out and held_out.images.shape[1:]}
    for what, shape in shapes.items():
        if shape and shape != data.images.shape[1:]:
            raise DataError(
                f"{what} are {_size(shape)}, those of the data {_size(data.images.shape[1:])}.",
                "Compare a model with the data that it was trained on.",
            )
    if labels is not None:
        if labels.shape != (len(pictures),):
            raise ValueError(f"labels of shape {labels.shape} for {len(pictures)} pictures")
        if data.labels is None or labels.min() < 0 or labels.max() >= len(data.class_names):
            raise DataError(
                "The pictures were made for classes that the data do not have.",
                "Compare a model with the data that it was trained on.",
            )


def _size(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width} × {height} with {channels} channel{'s' if channels != 1 else ''}"
