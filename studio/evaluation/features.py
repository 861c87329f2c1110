"""Features of pictures: what a small network, trained on the data themselves, sees in them.

The features are the last hidden layer before its ReLU, shifted and scaled to mean 0 and variance 1 on the data, so that
distances between them are counted in spreads of the data. `feature_training` makes them. Pictures of up to 8 values are
their own features.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from studio.data.pixels import to_model_range
from studio.evaluation.progress import EvaluationProgress

FEATURE_COUNT = 64
MOST_PIXEL_FEATURES = 8

_WIDTH = 32
_LARGEST_SIDE = 32
_SMALLEST_MAP = 7
_VALUES_AT_A_TIME = 2**17


class FeatureNetwork(nn.Module):
    """Convolutions with pooling in between until the picture is at most 7 wide, then two linear layers.

    (N, C, H, W) in −1..1 -> (N, answers). Sides above 32 are brought down by a strided first convolution.
    """

    def __init__(self, channels: int, height: int, width: int, answers: int) -> None:
        super().__init__()
        stride = -(-max(height, width) // _LARGEST_SIDE)
        convolutions = [nn.Conv2d(channels, _WIDTH, max(3, 2 * stride - 1), stride=stride, padding=max(1, stride - 1))]
        height, width = -(-height // stride), -(-width // stride)
        maps = _WIDTH
        while max(height, width) > _SMALLEST_MAP:
            convolutions.append(nn.Conv2d(maps, 2 * _WIDTH, 3, padding=1))
            height, width, maps = -(-height // 2), -(-width // 2), 2 * _WIDTH
        self.convolutions = nn.ModuleList(convolutions)
        self.hidden = nn.Linear(maps * height * width, FEATURE_COUNT)
        self.answer = nn.Linear(FEATURE_COUNT, answers)

    def features(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 64), before any ReLU."""
        for position, convolution in enumerate(self.convolutions):
            if position > 0:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = F.relu(convolution(x))
        return self.hidden(x.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(F.relu(self.features(x)))


def new_network(shape: tuple[int, int, int], answers: int, seed: int = 0) -> FeatureNetwork:
    """A network for pictures of `shape` (H, W, C). Its weights depend on the seed alone: Kaiming normal, biases 0.

    torch's global random state is neither used nor changed.
    """
    height, width, channels = shape
    # On the "meta" device nothing is drawn.
    with torch.device("meta"):
        network = FeatureNetwork(channels, height, width, answers)
    network = network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for layer in (*network.convolutions, network.hidden, network.answer):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
    return network


@dataclass(frozen=True, eq=False)
class FeatureExtractor:
    """Features of pictures of one shape.

    shape: (H, W, C). network: None where the pixels are the features. mean, scale: float64 (D,), those of the raw
    features on the data. class_count: of the classes that the network tells apart, 0 for none. accuracy: the share of
    right answers, of classes or else of turns, on pictures of the data that it was not trained on; None for pixels.
    """

    shape: tuple[int, int, int]
    network: FeatureNetwork | None
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    class_count: int = 0
    accuracy: float | None = None

    @property
    def count(self) -> int:
        """D, how many features a picture has."""
        return len(self.mean)

    def features(
        self, pictures: NDArray[np.uint8], stage: str = "Looking at pictures"
    ) -> Generator[EvaluationProgress, None, NDArray[np.float64]]:
        """The features of uint8 (N, H, W, C): float64 (N, D), the generator's result. Raises ValueError by shape."""
        raw = yield from _batched(self._raw, self._checked(pictures), stage)
        return (raw - self.mean) / self.scale

    def classify(
        self, pictures: NDArray[np.uint8], stage: str = "Telling the classes apart"
    ) -> Generator[EvaluationProgress, None, NDArray[np.int64]]:
        """The class of each of uint8 (N, H, W, C): int64 (N,), the generator's result.

        Raises ValueError when the network knows no classes, or by shape.
        """
        if self.network is None or not self.class_count:
            raise ValueError("these features know no classes")
        network, classes = self.network, self.class_count
        answers = yield from _batched(
            lambda batch: network(to_model_range(batch))[:, :classes], self._checked(pictures), stage
        )
        return answers.argmax(1)

    def _raw(self, batch: NDArray[np.uint8]) -> Tensor:
        return raw_features(self.network, batch)

    def _checked(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if pictures.dtype != np.uint8 or pictures.shape[1:] != self.shape:
            raise ValueError(f"pictures must be uint8 (N, {', '.join(map(str, self.shape))}), not {pictures.shape}")
        return pictures


def raw_features(network: FeatureNetwork | None, pictures: NDArray[np.uint8]) -> Tensor:
    """Features of uint8 (N, H, W, C) before they are shifted and scaled, (N, D); without a network, the values."""
    if network is None:
        return torch.from_numpy(pictures.reshape(len(pictures), -1).astype(np.float64))
    return network.features(to_model_range(pictures))


def standardised(
    pictures: NDArray[np.uint8], network: FeatureNetwork | None, class_count: int = 0, accuracy: float | None = None
) -> Generator[EvaluationProgress, None, FeatureExtractor]:
    """An extractor whose features have mean 0 and variance 1 on `pictures` (N, H, W, C); the generator's result."""
    raw = yield from _batched(lambda batch: raw_features(network, batch), pictures, "Looking at the data")
    mean, scale = raw.mean(0), raw.std(0)
    # A feature that never changes says nothing about the data; divided by its spread it would blow up for others.
    scale[scale <= 1e-6 * max(1.0, float(scale.max()))] = 1.0
    return FeatureExtractor(pictures.shape[1:], network, mean, scale, class_count, accuracy)


def _batched(
    work: Callable[[NDArray[np.uint8]], Tensor], pictures: NDArray[np.uint8], stage: str
) -> Generator[EvaluationProgress, None, NDArray[np.float64]]:
    """`work` on some pictures at a time, its answers (N, …) in float64 as the generator's result."""
    size = max(1, _VALUES_AT_A_TIME // int(np.prod(pictures.shape[1:])))
    answers = []
    for start in range(0, len(pictures), size):
        # Not around the loop: the caller computes while this generator stands.
        with torch.no_grad():
            answers.append(work(pictures[start : start + size]).double().numpy())
        yield EvaluationProgress(stage, min(1.0, (start + size) / len(pictures)))
    return np.concatenate(answers)
