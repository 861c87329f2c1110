"""Fréchet distance between sets of pictures on the features of a small classifier trained on the spot.

d² = |μ_a − μ_b|² + Tr(C_a + C_b − 2 (C_a C_b)^½)   (Heusel et al., 2017, there on Inception features)

The classifier is small and trained from a fixed seed, so distances compare within one table, not with published ones.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

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
    mean_difference = a.mean(0) - b.mean(0)
    covariance_a, covariance_b = np.cov(a.T), np.cov(b.T)
    # The product of two covariances has real eigenvalues >= 0; the trace of its root is the sum of their roots.
    eigenvalues = np.linalg.eigvals(covariance_a @ covariance_b).real
    root_trace = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    return float(mean_difference @ mean_difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * root_trace)
