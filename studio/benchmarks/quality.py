"""The same minutes for everyone, then pictures in few steps, judged as `diffusion-studio evaluate` judges."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.benchmarks.contender import Contender
from studio.data.image_set import ImageSet
from studio.errors import SettingsError
from studio.evaluation import evaluate
from studio.evaluation.progress import finished
from studio.generation.comparison_sheet import Sheet, SheetWords


@dataclass(frozen=True)
class Judged:
    """How one program fared: seconds and steps it trained, its pictures uint8 (N, H, W, C), and their distance to the
    data with the standard error; floor is that of as many real pictures."""

    name: str
    settings: str
    seconds: float
    steps: int
    images_seen: int
    pictures: NDArray[np.uint8]
    distance: float
    error: float
    floor: float


def train_for(contender: Contender, seconds: float) -> Iterator[tuple[int, float]]:
    """Take steps until `seconds` have gone by; yields (steps taken, seconds gone) after each."""
    began = time.perf_counter()
    steps = 0
    while (gone := time.perf_counter() - began) < seconds:
        contender.step()
        steps += 1
        yield steps, gone


def judge(pictures: NDArray[np.uint8], data: ImageSet, held_out: ImageSet | None) -> tuple[float, float, float]:
    """(distance, its standard error, floor) of these pictures. Raises SettingsError or DataError when too few."""
    report = finished(evaluate(pictures, data, held_out=held_out))
    if report.distance is None or report.floor is None:
        raise SettingsError(f"{len(pictures)} pictures are too few for a distance.", "Judge more; 2,000 are good.")
    return report.distance.value, report.distance.standard_error, report.floor.value


def side_by_side(judged: Sequence[Judged], path: Path, shown: int = 32) -> Path:
    """The first pictures of each as one labelled PNG."""
    height, width, _ = judged[0].pictures.shape[1:]
    best = judged[0].distance
    words = SheetWords(
        title=f"{judged[0].seconds / 60:.0f} minutes of training, 20 steps",
        subtitle="The first pictures of each, none chosen. Fréchet distance to the data: smaller is better.",
        rows=[""],
        columns=[one.name for one in judged],
        notes=[[(f"distance {one.distance:.2f}", f"{one.distance / best:.1f} × the studio's") for one in judged]],
    )
    sheet = Sheet(words, (width, height), shown)
    sheet.draw([[one.pictures[:shown] for one in judged]]).save(path)
    return path
