"""The features on which the distances of JOURNAL.md are measured: those of a small classifier trained on the spot.

`studio/evaluation` has better ones; these stay as they are for as long as what is made today is compared with what is
written there. The distance itself is the studio's.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from studio.evaluation import frechet

FEATURES = 64


class SmallClassifier(nn.Module):
    """Two convolutions and two linear layers for grey 28×28 pictures; `features` are the last hidden layer's."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 64, 3, padding=1)
        self.hidden = nn.Linear(64 * 7 * 7, FEATURES)
        self.output = nn.Linear(FEATURES, classes)

    def features(self, pictures: Tensor) -> Tensor:
        """(N, 1, 28, 28) in [-1, 1] to (N, 64)."""
        half = functional.max_pool2d(functional.relu(self.first(pictures)), 2)
        quarter = functional.max_pool2d(functional.relu(self.second(half)), 2)
        return functional.relu(self.hidden(quarter.flatten(1)))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.output(self.features(pictures))


def train_classifier(pictures: Tensor, labels: Tensor, *, epochs: int = 3, seed: int = 0) -> SmallClassifier:
    """Train a SmallClassifier on pictures (N, 1, 28, 28) in [-1, 1] with labels (N,)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = SmallClassifier(int(labels.max()) + 1)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(classifier.parameters(), 1e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(pictures), generator=generator).split(128):
            loss = functional.cross_entropy(classifier(pictures[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return classifier.eval()


@torch.no_grad()
def features(classifier: SmallClassifier, pictures: Tensor) -> np.ndarray:
    """The classifier's features of all pictures, float64 (N, 64)."""
    return torch.cat([classifier.features(batch) for batch in pictures.split(1000)]).double().numpy()


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The squared Fréchet distance of the Gaussians fitted to two sets of features, each (N, D) with N > D."""
    return frechet.frechet_distance(frechet.moments(a), frechet.moments(b))
