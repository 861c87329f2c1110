"""Copy or new? A score between held-out pictures, which are new, and the exact denoiser's, which are copies.

How near is too near depends on the picture: two plain ones differ less than two rich ones. So a distance is seen
against the neighbourhood of the picture, as in Carlini et al., "Extracting training data from diffusion models", arXiv
2301.13188, section 5:

    closeness(x) = d_1 / mean(d_2 … d_51),       d_k the distance of x to its k-th nearest picture of the data

0 is a copy to the last level, 1 is as far from the nearest as from the next. The exact denoiser of the data gives 0.
What new pictures give is measured: on held-out ones, or else on the pictures of the data themselves, each without
itself. A sample is called copied when it is closer than all but a fortieth of those, and closer than 0.5 in any case.

Duplicates within the data count once; a held-out picture that is equal to one of the data is no new one, and is left
out of the calibration.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.errors import DataError
from studio.evaluation.nearest import Neighbours, nearest_pictures
from studio.evaluation.progress import EvaluationProgress

NEIGHBOURHOOD = 50
FALSE_POSITIVES = 0.025
MOST_CLOSENESS = 0.5
FEWEST_PICTURES = 16
"""The fewest different pictures that have a neighbourhood worth the name."""

_CALIBRATION_PICTURES = 1000


@dataclass(frozen=True)
class Calibration:
    """What counts as a copy, as found on pictures that are new.

    threshold: a picture with a closeness below it is called copied. false_positive_rate: the share of new pictures that
    would be called copied, each judged by a threshold found without it. pictures: how many new pictures there were.
    held_out: whether they were held-out ones, not pictures of the data without themselves. duplicates: how many of the
    held-out pictures were left out for being equal to one of the data.
    """

    threshold: float
    false_positive_rate: float
    pictures: int
    held_out: bool
    duplicates: int = 0


@dataclass(frozen=True, eq=False)
class CopyScore:
    """How many of N samples are copies, and of what.

    copied: the share in 0..1, and interval: its 95 % interval. closeness: float64 (N,). originals: int64 (N,), the
    nearest picture of the data. distances: float64 (N,), root mean square differences to it in levels.
    order: int64 (N,), the samples from the most to the least copied.
    """

    copied: float
    interval: tuple[float, float]
    calibration: Calibration
    closeness: NDArray[np.float64]
    originals: NDArray[np.int64]
    distances: NDArray[np.float64]
    order: NDArray[np.int64]

    def to_json(self, most: int = 64) -> dict[str, Any]:
        """Plain JSON values, with the `most` copied samples."""
        return {
            "copied": self.copied,
            "interval": list(self.interval),
            "threshold": self.calibration.threshold,
            "false_positive_rate": self.calibration.false_positive_rate,
            "calibration_pictures": self.calibration.pictures,
            "calibrated_on": "held-out" if self.calibration.held_out else "data",
            "duplicates_left_out": self.calibration.duplicates,
            "closest": [
                {
                    "sample": int(sample),
                    "original": int(self.originals[sample]),
                    "closeness": float(self.closeness[sample]),
                    "distance": float(self.distances[sample]),
                }
                for sample in self.order[:most]
            ],
        }


class CopyMeter:
    """The different pictures of `data` uint8 (M, H, W, C), for samples to be compared with.

    Raises DataError when fewer than 16 of them are different.
    """

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._places = _first_of_each(data)
        if len(self._places) < FEWEST_PICTURES:
            raise DataError(
                f"{len(self._places)} different pictures are too few to tell copies from new ones.",
                f"Use a data set of at least {FEWEST_PICTURES} different pictures.",
            )
        self._pictures = data if len(self._places) == len(data) else data[self._places]

    def calibrate(
        self, held_out: NDArray[np.uint8] | None = None, seed: int = 0, most: int = _CALIBRATION_PICTURES
    ) -> Generator[EvaluationProgress, None, Calibration]:
        """What counts as a copy, from held-out pictures (N, H, W, C), or without any from the data themselves; the
        generator's result. `most` pictures are enough, drawn by `seed` where there are more.

        Raises DataError when no held-out picture differs from those of the data.
        """
        new = self._pictures if held_out is None else held_out
        if len(new) > most:
            chosen = np.random.default_rng(seed).permutation(len(new))[:most]
            new = new[np.sort(chosen)]
        neighbours = yield from self._neighbours(new, skip_equal=held_out is None)
        different = neighbours.distances[:, 0] > 0.0
        duplicates = len(new) - int(different.sum())
        if duplicates == len(new):
            raise DataError("Every held-out picture is also in the data.", "Hold out others.")
        values = np.sort(closeness(neighbours)[different])
        flagged = sum(value < threshold_of(np.delete(values, place)) for place, value in enumerate(values))
        return Calibration(threshold_of(values), flagged / len(values), len(values), held_out is not None, duplicates)

    def score(
        self, samples: NDArray[np.uint8], calibration: Calibration
    ) -> Generator[EvaluationProgress, None, CopyScore]:
        """How many of `samples` (N, H, W, C) are copies; the generator's result."""
        neighbours = yield from self._neighbours(samples)
        close = closeness(neighbours)
        copied = int((close < calibration.threshold).sum())
        return CopyScore(
            copied=copied / len(samples),
            interval=wilson_interval(copied, len(samples)),
            calibration=calibration,
            closeness=close,
            originals=self._places[neighbours.indices[:, 0]],
            distances=neighbours.distances[:, 0],
            order=np.lexsort((neighbours.distances[:, 0], close)),
        )

    def _neighbours(
        self, pictures: NDArray[np.uint8], *, skip_equal: bool = False
    ) -> Generator[EvaluationProgress, None, Neighbours]:
        # A picture of the data has one neighbour fewer, itself left out; the last column is then infinite.
        count = min(NEIGHBOURHOOD + 1, len(self._pictures))
        return (yield from nearest_pictures(pictures, self._pictures, count, skip_equal=skip_equal))


def closeness(neighbours: Neighbours) -> NDArray[np.float64]:
    """d_1 / mean(d_2 …) of the module's equation, float64 (N,): over as many neighbours as there are."""
    nearest, others = neighbours.distances[:, 0], neighbours.distances[:, 1:]
    there = np.isfinite(others)
    mean = np.where(there, others, 0.0).sum(1) / there.sum(1)
    return nearest / mean


def threshold_of(new: NDArray[np.float64]) -> float:
    """The threshold from the closeness of n new pictures: the j-th smallest with j/(n + 1) ≤ 1/40, the smallest where
    there are too few for that, and 0.5 at most.

    j/(n + 1) is the expected share of further new pictures below the j-th smallest, whatever their distribution.
    """
    position = max(1, math.floor(FALSE_POSITIVES * (len(new) + 1)))
    return min(MOST_CLOSENESS, float(np.partition(new, position - 1)[position - 1]))


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `count` were seen (Wilson, 1927)."""
    z = 1.96
    share = hits / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - half), min(1.0, centre + half)


def _first_of_each(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The positions of the pictures that are unlike every earlier one."""
    first: dict[bytes, int] = {}
    for position, picture in enumerate(data):
        first.setdefault(hashlib.blake2b(np.ascontiguousarray(picture), digest_size=16).digest(), position)
    return np.fromiter(first.values(), dtype=np.int64, count=len(first))
