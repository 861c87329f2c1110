"""What a training run tells: small frozen facts, complete in themselves, safe to hand to another thread.

Every event but TrainingStarted and TrainingFinished also stands in the run's metrics.jsonl (see `metrics_log`), so that
a run that somebody else writes can be shown as if it ran here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from studio.library.bundle import ModelBundle

LEVEL_BANDS = 20
"""Noise levels 1..T are told apart in this many bands of equal width; band 0 has the least noise."""


@dataclass(frozen=True)
class TrainingStarted:
    """The first event. `step`, `images_seen`, `seconds` and `fraction` are above 0 when the run goes on from before."""

    device: str
    precision: str
    parameter_count: int
    image_count: int
    step: int
    images_seen: int
    seconds: float
    fraction: float


@dataclass(frozen=True)
class Progress:
    """All that happened since the last Progress, at most some ten times a second.

    step, images_seen: steps taken and pictures shown since the beginning of the run.
    losses: one number for every step since the last Progress, oldest first. They are mean squared errors of the
        predicted *noise* whatever the network predicts, so that curves of different parameterizations compare.
    seconds: training time so far. seconds_left: an estimate, None until there is something to base it on.
    fraction: the share of the budget used up, in [0, 1].
    level_losses: the same error by noise level: LEVEL_BANDS numbers, each the mean over all pictures since the last
        Progress whose t fell into that band, or None where none did. Empty when it was not measured.
    level_counts: how many pictures each of these numbers is the mean of.
    """

    step: int
    images_seen: int
    losses: tuple[float, ...]
    seconds: float
    seconds_left: float | None
    pictures_per_second: float | None
    fraction: float
    learning_rate: float
    level_losses: tuple[float | None, ...] = ()
    level_counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Validated:
    """The loss on the run's fixed validation draw: the same pictures, t and noise each time, so that it only changes
    when the network does.

    loss: mean squared error of the predicted noise with the averaged weights; raw_loss: with the raw ones.
    level_losses: the averaged weights' by noise level, LEVEL_BANDS numbers.
    held_out: the pictures are not trained on; otherwise there were too few to spare any.
    """

    step: int
    images_seen: int
    seconds: float
    loss: float
    raw_loss: float
    level_losses: tuple[float | None, ...]
    held_out: bool


@dataclass(frozen=True)
class SamplesDrawn:
    """A new row of the sample wall: `pictures`, uint8 (N, H, W, C), from the averaged weights.

    Picture number `picture_numbers[i]` of `seed` begins from the same noise in every row, so that a column shows one
    picture growing. labels: the class that each was asked for, or None for a network that knows none.
    raw_pictures: the same from the weights as they are, uint8 (N, H, W, C); None where they were not drawn.
    """

    step: int
    images_seen: int
    seconds: float
    pictures: np.ndarray
    seed: int
    picture_numbers: tuple[int, ...]
    labels: tuple[int, ...] | None = None
    raw_pictures: np.ndarray | None = None


@dataclass(frozen=True)
class QualityMeasured:
    """How good, and how new, the pictures of the averaged weights are at this moment.

    distance: a Fréchet distance to the training pictures on features that are the same throughout the run; compares
    only within it. None where there are too few pictures. floor: that of as many real pictures.
    copied: the share of the pictures that are copies of training pictures, in [0, 1]; None where it cannot be told.
    pictures: how many were looked at.
    examples: some of them, uint8 (N, H, W, C). nearest: the training picture nearest to each, uint8 (N, H, W, C).
    nearest_distances, copy_threshold: how far each is from it, and below which distance it counts as copied.
    """

    step: int
    images_seen: int
    seconds: float
    distance: float | None
    floor: float | None
    copied: float | None
    pictures: int
    examples: np.ndarray
    nearest: np.ndarray
    nearest_distances: tuple[float, ...] = ()
    copy_threshold: float | None = None


class MarkKind(StrEnum):
    """What a mark on the curves is about."""

    RESUMED = "resumed"
    LEARNING_RATE = "learning rate"
    BUDGET = "budget"
    ROLLED_BACK = "rolled back"
    MICRO_BATCHES = "micro-batches"
    THREADS = "threads"
    BRANCHED = "branched"


@dataclass(frozen=True)
class Marked:
    """Something about the run changed at this moment, by the person's hand or by its own.

    text: a few words for the curve, such as "rate halved". detail: a sentence for the screen, what happened and why.
    For ROLLED_BACK, step, images_seen and seconds are those of the state that the run went back to, and everything that
    was told about later moments is void.
    """

    kind: MarkKind
    step: int
    images_seen: int
    seconds: float
    text: str
    detail: str = ""


@dataclass(frozen=True)
class CheckpointSaved:
    """All state is on disk as of this step. kept: this one stays, so that the run can be gone back to it."""

    path: Path
    step: int
    images_seen: int
    seconds: float
    kept: bool = False


@dataclass(frozen=True)
class TrainingFinished:
    """The budget is used up; `bundle` is the finished model."""

    reason: str
    bundle: ModelBundle


TrainingEvent: TypeAlias = (
    TrainingStarted
    | Progress
    | Validated
    | SamplesDrawn
    | QualityMeasured
    | Marked
    | CheckpointSaved
    | TrainingFinished
)
