"""Which picture goes to noise: one of a set, one from a file, or one from the clipboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from studio.app.imaging import image_array
from studio.data.fitting import convert_channels, fit, minimal_channels
from studio.errors import DataError
from studio.generation.source import load_source

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet

Shape = tuple[int, int, int]
Origin = Path | NDArray[np.uint8]

# A step that shares no factor with most counts walks through all classes of a sorted set.
_STRIDE = 7919


@dataclass(frozen=True, eq=False)
class ForwardPicture:
    """pixels: uint8 (H, W, C). title: what it is called on the screen. number: its place in the open set, None for a
    picture of one's own; of that `origin` is the file, or the pixels as they were pasted."""

    pixels: NDArray[np.uint8] = field(repr=False)
    title: str
    number: int | None = None
    origin: Origin | None = None

    @property
    def shape(self) -> Shape:
        """(C, H, W)."""
        height, width, channels = self.pixels.shape
        return channels, height, width

    @property
    def own(self) -> bool:
        """A person brought it; it stays when another set is opened."""
        return self.origin is not None


def picture_of_set(image_set: ImageSet, number: int) -> ForwardPicture:
    """The picture with this number; numbers go round."""
    number %= image_set.count
    title = f"{image_set.name}, picture {number + 1:,} of {image_set.count:,}"
    return ForwardPicture(image_set.images[number], title, number)


def another_number(number: int, count: int) -> int:
    """Where to look next in a set of `count`."""
    return (number + _STRIDE) % count


def fitted_picture(origin: Origin, shape: Shape) -> ForwardPicture:
    """A picture of one's own, brought to (C, H, W). Raises DataError for a file that is no readable picture."""
    if isinstance(origin, Path):
        if origin.is_dir():
            raise DataError(
                f"{origin.name} is a folder, and one picture goes to noise here.",
                "Drop a single picture, or open the folder in Train.",
            )
        return ForwardPicture(load_source(origin, None, shape).picture, origin.name, origin=origin)
    channels, height, width = shape
    pixels = convert_channels(fit(origin, width, height), channels)
    return ForwardPicture(pixels, "Pasted picture", origin=origin)


def fit_job(origin: Origin, shape: Shape) -> Iterator[object]:
    """`fitted_picture` in the background; returns the ForwardPicture."""
    yield None
    return fitted_picture(origin, shape)


def pixels_of(image: QImage) -> NDArray[np.uint8]:
    """A picture from the clipboard as uint8 (H, W, 1 | 3 | 4), with as few channels as it needs."""
    return minimal_channels(image_array(image, alpha=True))
