"""Pictures of two pixels: a point in the plane is one picture, so the whole image space fits on the screen.

The first pixel (left) is the horizontal axis, the second (right) the vertical one; -1 is black, 1 white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import ImageSet
from studio.data.limits import MAX_PICTURES
from studio.errors import SettingsError

DEFAULT_COUNT = 2000


@dataclass(frozen=True)
class MixtureKind:
    """A distribution of two-pixel pictures.

    Attributes:
        name: the key in `MIXTURES`.
        label: for the screen.
        description: one sentence.
        class_names: one per cluster, in the order of the labels; empty where the points fall into no clusters.
    """

    name: str
    label: str
    description: str
    class_names: tuple[str, ...]
    place: Callable[[Draw, int], tuple[NDArray[np.float64], NDArray[np.int64]]]


class Draw:
    """Random numbers that stay the same for ever: raw Philox bits, with no distribution code of NumPy in between."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.Philox(key=seed)

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Evenly over [0, 1), from the upper 53 bits."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)) * 2.0**-53).reshape(shape)

    def normal(self, *shape: int) -> NDArray[np.float64]:
        """Standard normal, by Box and Muller."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(*shape)))
        return radius * np.cos(2 * np.pi * self.uniform(*shape))


def generate(kind: str, count: int = DEFAULT_COUNT, seed: int = 0) -> ImageSet:
    """`count` two-pixel pictures, uint8 (count, 1, 2, 1), with their cluster as class where there are clusters.

    A function of its arguments alone. Raises SettingsError for an unknown kind or an impossible count or seed.
    """
    if kind not in MIXTURES:
        raise SettingsError(f"There is no two-pixel mixture called {kind!r}.", f"Choose one of {', '.join(MIXTURES)}.")
    if not 1 <= count <= MAX_PICTURES:
        raise SettingsError(f"{count} pictures cannot be made.", f"Choose from 1 to {MAX_PICTURES:,}.")
    if not 0 <= seed < 2**64:
        raise SettingsError(f"{seed} is not a seed.", "Choose a whole number that is not negative.")
    mixture = MIXTURES[kind]
    points, labels = mixture.place(Draw(seed), count)
    levels = np.clip(np.rint((points + 1) * 127.5), 0, 255).astype(np.uint8)
    return ImageSet(
        name=mixture.label,
        images=levels.reshape(count, 1, 2, 1),
        labels=labels if mixture.class_names else None,
        class_names=mixture.class_names,
        sources=tuple(f"{kind}#{index}" for index in range(count)),
    )


def _blobs(centres: NDArray[np.float64], spread: float) -> Callable[[Draw, int], tuple[NDArray, NDArray]]:
    def place(draw: Draw, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        labels = np.arange(count) % len(centres)
        return centres[labels] + spread * draw.normal(count, 2), labels

    return place


def _ring(draw: Draw, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    angle = 2 * np.pi * draw.uniform(count)
    radius = 0.7 + 0.04 * draw.normal(count)
    return _polar(radius, angle), np.zeros(count, np.int64)


def _moons(draw: Draw, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = np.arange(count) % 2
    angle = np.pi * draw.uniform(count)
    upper = np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], axis=1)
    points = np.where(labels[:, np.newaxis] == 0, upper, -upper)
    return 0.55 * points + 0.035 * draw.normal(count, 2), labels


def _checkerboard(draw: Draw, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = np.arange(count) % 8
    row, column = labels // 2, 2 * (labels % 2) + labels // 2 % 2
    corner = np.stack([column, row], axis=1)
    return 0.85 * ((corner + draw.uniform(count, 2)) / 2 - 1), labels


def _spiral(draw: Draw, count: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = np.arange(count) % 2
    # The square root spreads the points evenly along the arm, which grows longer towards the outside.
    along = np.sqrt(draw.uniform(count))
    points = _polar(0.08 + 0.8 * along, 3 * np.pi * along + np.pi * labels)
    return points + 0.025 * draw.normal(count, 2), labels


def _polar(radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


_FOUR_CORNERS = 0.55 * np.array([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])

MIXTURES: dict[str, MixtureKind] = {
    kind.name: kind
    for kind in (
        MixtureKind(
            "two-blobs",
            "Two blobs",
            "Two round clusters: dark beside light, and light beside dark.",
            ("dark, light", "light, dark"),
            _blobs(_FOUR_CORNERS[[0, 3]], 0.12),
        ),
        MixtureKind(
            "four-blobs",
            "Four blobs",
            "Four round clusters, one near each corner.",
            ("dark, light", "both light", "both dark", "light, dark"),
            _blobs(_FOUR_CORNERS, 0.1),
        ),
        MixtureKind("ring", "Ring", "A circle: no clusters, and nothing in the middle.", (), _ring),
        MixtureKind("moons", "Two moons", "Two crescents, each reaching into the other.", ("upper", "lower"), _moons),
        MixtureKind(
            "checkerboard",
            "Checkerboard",
            "Eight filled squares with sharp edges, which smooth functions find hard.",
            tuple(f"square {number}" for number in range(1, 9)),
            _checkerboard,
        ),
        MixtureKind("spiral", "Spiral", "Two arms wound around each other.", ("first arm", "second arm"), _spiral),
    )
}
"""The mixtures by name."""
