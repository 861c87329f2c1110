"""Training the network whose features are compared, within a minute and on the data alone.

The network learns how a picture was turned (Gidaris, Singh and Komodakis, "Unsupervised representation learning by
predicting image rotations", arXiv 1803.07728): four turns of square pictures; of others, the four ways in which a
rectangle covers itself. Where there are labels it learns to tell the classes apart as well, from upright pictures, half
of each batch.

Measured on Fashion-MNIST, as distance over floor of 2,000 pictures blurred (σ 0.5), noised (by 16 levels), and without
one class of ten: 50, 12, 7 with labels, 49, 7, 3 without. In first trials with one task alone, of features before the
ReLU: classes 45, 53, 15, turns 70, 81, 5, instance discrimination 37, 47, 2 at four times the cost, untrained weights
12, 2.5, 2; after the ReLU no more than 8, 8, 4. Classes alone see more of lost classes, and on pictures of 16 × 16
nothing of such noise; classes asked of turned pictures are told apart worse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range
from studio.errors import DataError
from studio.evaluation.features import MOST_PIXEL_FEATURES, FeatureExtractor, FeatureNetwork, new_network, standardised
from studio.evaluation.progress import EvaluationProgress

FEWEST_PICTURES = 16
"""The fewest pictures that a network is trained on."""

STAGE = "Learning what matters in the pictures"

TURNS = 4
_BATCH = 128
_STEPS = 250
_LEARNING_RATE = 4e-3
_HELD_BACK_SHARE = 0.2
_MOST_HELD_BACK = 5000
_CALIBRATION_PICTURES = 5000


def train_features(data: ImageSet, seed: int = 0) -> Generator[EvaluationProgress, None, FeatureExtractor]:
    """A feature extractor for `data`; the generator's result. The same data and seed give the same one.

    32,000 pictures pass by in training, whatever the size of the data.
    Raises DataError when there are fewer than 16 pictures, unless they are their own features.
    """
    spread = np.linspace(0, data.count - 1, min(data.count, _CALIBRATION_PICTURES)).astype(int)
    some = data.images[spread]
    if math.prod(data.images.shape[1:]) <= MOST_PIXEL_FEATURES:
        return (yield from standardised(some, None))
    if data.count < FEWEST_PICTURES:
        raise DataError(
            f"{data.count} pictures are too few to learn what matters in them.",
            f"Use a data set of at least {FEWEST_PICTURES} pictures.",
        )
    held_back, shown = held_back_and_shown(data.count, seed)
    classes = class_count(data)
    network = new_network(data.images.shape[1:], classes + TURNS, seed)
    generator = torch.Generator().manual_seed(seed)
    for step in _training(network, data, classes, shown, generator):
        yield EvaluationProgress(STAGE, step / _STEPS)
    network.eval().requires_grad_(False)
    accuracy = _accuracy(network, data, classes, held_back, generator)
    return (yield from standardised(some, network, classes, accuracy))


def held_back_and_shown(count: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of `count` pictures the network is not trained on, and which it is: positions, each in a random order.

    A fifth is held back, 5,000 at most.
    """
    order = np.random.default_rng(seed).permutation(count)
    size = min(_MOST_HELD_BACK, math.ceil(_HELD_BACK_SHARE * count))
    return order[:size], order[size:]


def class_count(data: ImageSet) -> int:
    """How many classes the network for these data learns to tell apart; 0 where there are not two."""
    return 0 if data.labels is None or len(np.unique(data.labels)) < 2 else len(data.class_names)


_SQUARE_TURNS: tuple[Callable[[Tensor], Tensor], ...] = tuple(
    lambda x, quarters=quarters: x.rot90(quarters, (2, 3)) for quarters in range(TURNS)
)
_RECTANGLE_TURNS: tuple[Callable[[Tensor], Tensor], ...] = tuple(
    lambda x, sides=sides: x.flip(sides) for sides in ((), (2,), (3,), (2, 3))
)


def _turned(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """x (N, C, H, W), each picture turned at random, and how: int64 (N,), a number of a turn."""
    turns = _SQUARE_TURNS if x.shape[2] == x.shape[3] else _RECTANGLE_TURNS
    answers = torch.randint(TURNS, (len(x),), generator=generator)
    x = x.clone()
    for number, turn in enumerate(turns):
        x[answers == number] = turn(x[answers == number])
    return x, answers


def _training(
    network: FeatureNetwork, data: ImageSet, classes: int, shown: NDArray[np.int64], generator: torch.Generator
) -> Iterator[int]:
    optimizer = torch.optim.Adam(network.parameters())
    for step in range(_STEPS):
        chosen = shown[torch.randint(len(shown), (_BATCH,), generator=generator).numpy()]
        x = to_model_range(data.images[chosen])
        upright = _BATCH // 2 if classes else 0
        x[upright:], turns = _turned(x[upright:], generator)
        with torch.enable_grad():
            answers = network(x)
            loss = F.cross_entropy(answers[upright:, classes:], turns)
            if classes:
                truth = torch.from_numpy(data.labels[chosen[:upright]])
                loss = loss + F.cross_entropy(answers[:upright, :classes], truth)
            optimizer.zero_grad()
            loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * min(1.0, 4 * (step + 1) / _STEPS, 4 / 3 * (1 - step / _STEPS))
        optimizer.step()
        yield step + 1


@torch.no_grad()
def _accuracy(
    network: FeatureNetwork, data: ImageSet, classes: int, indices: NDArray[np.int64], generator: torch.Generator
) -> float:
    """The share of right classes, or where there are none of right turns."""
    right = 0
    for batch in np.array_split(indices, math.ceil(len(indices) / _BATCH)):
        x = to_model_range(data.images[batch])
        if classes:
            answers, truth = network(x)[:, :classes], torch.from_numpy(data.labels[batch])
        else:
            x, truth = _turned(x, generator)
            answers = network(x)
        right += int((answers.argmax(1) == truth).sum())
    return right / len(indices)
