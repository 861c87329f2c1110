"""Bringing pictures of many sizes and kinds to one size and one number of channels."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_KEPT_SIDE, MAX_SIDE
from studio.errors import SettingsError

DEFAULT_SIDE = 32
SMALL_DEFAULT_SIDE = 16
_SMALL_MEDIAN = 24
_SMALLEST_PIXEL_ART_SIDE = 8
# Grey of a colour, ITU-R BT.601, as Pillow and every picture viewer have it.
_LUMA = np.array([0.299, 0.587, 0.114])
_PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def check_wishes(size: int | None, channels: int | None) -> None:
    """Raises SettingsError when a wished-for side or number of channels is not possible."""
    if size is not None and not 1 <= size <= MAX_SIDE:
        raise SettingsError(f"Pictures cannot be {size} pixels wide.", f"Choose a size from 1 to {MAX_SIDE}.")
    if channels is not None and channels not in CHANNEL_COUNTS:
        raise SettingsError(
            f"Pictures cannot have {channels} channels.", "Choose 1 (grey), 3 (colour) or 4 (with transparency)."
        )


def choose_size(sizes: Collection[tuple[int, int]], pixel_scale: int = 1) -> tuple[int, int]:
    """(width, height) for a set whose pictures have these sizes (width, height).

    One size shared by all is kept while it is small, or once pixel art is undone (`pixel_scale`: every drawn pixel
    is a block of so many). Everything else becomes a square that a small network learns well.
    """
    distinct = set(sizes)
    if len(distinct) == 1:
        width, height = distinct.pop()
        native = (width // pixel_scale, height // pixel_scale)
        if max(native) <= MAX_KEPT_SIDE:
            return native
    side = SMALL_DEFAULT_SIDE if median(min(size) for size in sizes) < _SMALL_MEDIAN else DEFAULT_SIDE
    return (side, side)


def pixel_scale(pictures: Iterable[NDArray[np.uint8]]) -> int:
    """How many screen pixels wide one drawn pixel of enlarged pixel art is; 1 when that is not certain.

    `pictures` are a sample of a set, uint8 (H, W, C), all of one size. Certain means: every change of colour, in every
    picture, lies on one grid, and the grid divides both sides.
    """
    scale = 0
    for pixels in pictures:
        height, width, _ = pixels.shape
        columns = np.flatnonzero((pixels[:, 1:] != pixels[:, :-1]).any(axis=(0, 2))) + 1
        rows = np.flatnonzero((pixels[1:] != pixels[:-1]).any(axis=(1, 2))) + 1
        if not len(columns) and not len(rows):
            continue
        scale = math.gcd(scale, width, height, *columns.tolist(), *rows.tolist())
        if scale == 1:
            return 1
        if min(width, height) // scale < _SMALLEST_PIXEL_ART_SIDE:
            return 1
    return scale or 1


def minimal_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same picture with as few channels as it needs: (H, W, 1|3|4) to (H, W, 1|3|4), hidden colours removed."""
    if pixels.shape[2] == 4:
        if pixels[:, :, 3].min() < 255:
            return without_hidden_colours(pixels)
        pixels = pixels[:, :, :3]
    if pixels.shape[2] == 3 and (pixels[:, :, :1] == pixels[:, :, 1:]).all():
        pixels = pixels[:, :, :1]
    return np.ascontiguousarray(pixels)


def without_hidden_colours(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (..., 4) with black wherever it is fully transparent: nobody sees it, a network would learn noise there."""
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)


def fit(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """`pixels` uint8 (H, W, C) cropped around its centre to the wished proportions and brought to (height, width, C).

    Shrinking is antialiased (Lanczos, colour premultiplied by opacity); whole multiples of pixel art, up or down,
    stay exact.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    exact = _whole_multiple(pixels, width, height)
    if exact is not None:
        return exact
    channels = pixels.shape[2]
    picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, _PILLOW_MODES[channels])
    fitted = np.asarray(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS))
    return fitted.reshape(height, width, channels)


def convert_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """uint8 (..., 1|3|4) to uint8 (..., `channels`); transparency that has no place is laid over white."""
    present = pixels.shape[-1]
    if present == channels:
        return pixels
    if present == 4:
        opacity = pixels[..., 3:].astype(np.float64) / 255
        colour = np.rint(pixels[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
        return convert_channels(colour, channels)
    if channels == 1:
        return np.rint(pixels @ _LUMA).astype(np.uint8)[..., np.newaxis]
    colour = np.repeat(pixels, 3, axis=-1) if present == 1 else pixels
    if channels == 3:
        return colour
    return np.concatenate([colour, np.full_like(colour[..., :1], 255)], axis=-1)


def _whole_multiple(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8] | None:
    old_height, old_width, channels = pixels.shape
    if width % old_width == 0 and width // old_width * old_height == height:
        scale = width // old_width
        return pixels.repeat(scale, axis=0).repeat(scale, axis=1)
    if old_width % width == 0 and old_width // width * height == old_height:
        scale = old_width // width
        blocks = pixels.reshape(height, scale, width, scale, channels)
        drawn = blocks[:, :1, :, :1]
        if (blocks == drawn).all():
            return np.ascontiguousarray(drawn.reshape(height, width, channels))
    return None
