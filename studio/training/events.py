"""What a training run tells: small frozen facts, complete in themselves, safe to hand to another thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from studio.library.bundle import ModelBundle


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
    """

    step: int
    images_seen: int
    losses: tuple[float, ...]
    seconds: float
    seconds_left: float | None
    pictures_per_second: float | None
    fraction: float
    learning_rate: float


@dataclass(frozen=True)
class SamplesDrawn:
    """A new row of the sample wall: `pictures`, uint8 (N, H, W, C), from the averaged weights.

    Picture number `picture_numbers[i]` of `seed` begins from the same noise in every row, so that a column shows one
    picture growing. labels: the class that each was asked for, or None for a network that knows none.
    """

    step: int
    images_seen: int
    seconds: float
    pictures: np.ndarray
    seed: int
    picture_numbers: tuple[int, ...]
    labels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class CheckpointSaved:
    """All state is on disk as of this step."""

    path: Path
    step: int
    images_seen: int
    seconds: float


@dataclass(frozen=True)
class TrainingFinished:
    """The budget is used up; `bundle` is the finished model."""

    reason: str
    bundle: ModelBundle


TrainingEvent: TypeAlias = TrainingStarted | Progress | SamplesDrawn | CheckpointSaved | TrainingFinished
