"""Bringing pictures of many sizes and kinds to one size and one number of channels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_KEPT_SIDE, MAX_SIDE
from studio.errors import SettingsError

DEFAULT_SIDE = 32
SMALL_DEFAULT_SIDE = 16
_SMALL_MEDIAN = 24
_SMALLEST_PIXEL_ART_SIDE = 8
# Grey of a colour, ITU-R BT.601, as Pillow and every picture viewer have it.
_LUMA = np.array([0.299, 0.587, 0.114])

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) of a rectangle in a picture, in pixels."""

_PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def check_wishes(size: int | None, channels: int | None) -> None:
    """Raises SettingsError when a wished-for side or number of channels is not possible."""
    if size is not None and not 1 <= size <= MAX_SIDE:
        raise SettingsError(f"Pictures cannot be {size} pixels wide.", f"Choose a size from 1 to {MAX_SIDE}.")
    if channels is not None and channels not in CHANNEL_COUNTS:
        raise SettingsError(
            f"Pictures cannot have {channels} channels.", "Choose 1 (grey), 3 (colour) or 4 (with transparency)."
        )


def choose_size(
    sizes: Collection[tuple[int, int]] | Mapping[tuple[int, int], int], pixel_scale: int = 1
) -> tuple[int, int]:
    """(width, height) for a set whose pictures have these sizes (width, height), one each or {size: pictures}.

    One size shared by all is kept while it is small, or once pixel art is undone (`pixel_scale`: every drawn pixel
    is a block of so many). Everything else becomes a square that a small network learns well.
    """
    counts = Counter(sizes)
    if len(counts) == 1:
        width, height = next(iter(counts))
        native = (width // pixel_scale, height // pixel_scale)
        if max(native) <= MAX_KEPT_SIDE:
            return native
    smaller_sides = np.repeat([min(size) for size in counts], list(counts.values()))
    side = SMALL_DEFAULT_SIDE if np.median(smaller_sides) < _SMALL_MEDIAN else DEFAULT_SIDE
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
    """The same pictures with as few channels as they need: (..., 1|3|4) to (..., 1|3|4), hidden colours removed."""
    if pixels.shape[-1] == 4:
        if pixels[..., 3].min() < 255:
            return without_hidden_colours(pixels)
        pixels = pixels[..., :3]
    if pixels.shape[-1] == 3 and (pixels[..., :1] == pixels[..., 1:]).all():
        pixels = pixels[..., :1]
    return np.ascontiguousarray(pixels)


def without_hidden_colours(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (..., 4) with black wherever it is fully transparent: nobody sees it, a network would learn noise there."""
    return np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)


def fill_box(size: tuple[int, int], wanted: tuple[int, int], focus: tuple[float, float]) -> Box:
    """The largest rectangle of the `wanted` proportions (width, height) in a picture of this `size`.

    Its middle lies at the focus, (x, y) in [0, 1], or as near to it as the picture's edges allow.
    """
    width, height = size
    proportion, wished = width / height, wanted[0] / wanted[1]
    if proportion == wished:
        kept = (float(width), float(height))
    elif proportion > wished:
        kept = (wished * height, float(height))
    else:
        kept = (float(width), width / wished)
    left, top = (
        min(max(0.0, side * centre - part / 2), side - part)
        for side, centre, part in zip(size, focus, kept, strict=True)
    )
    return (left, top, left + kept[0], top + kept[1])


def fit(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """`pixels` uint8 (H, W, C) cropped around its centre to the wished proportions and brought to (height, width, C).

    See `scaled`.
    """
    old_height, old_width, _ = pixels.shape
    return scaled(pixels, width, height, fill_box((old_width, old_height), (width, height), (0.5, 0.5)))


def scaled(pixels: NDArray[np.uint8], width: int, height: int, box: Box | None = None) -> NDArray[np.uint8]:
    """What lies in `box` of a picture uint8 (H, W, C), or all of it, brought to (height, width, C).

    Shrinking is antialiased (Lanczos, colour premultiplied by opacity); whole multiples of pixel art, up or down,
    stay exact.
    """
    old_height, old_width, channels = pixels.shape
    if box is None:
        box = (0.0, 0.0, float(old_width), float(old_height))
    if all(edge.is_integer() for edge in box):
        left, top, right, bottom = (int(edge) for edge in box)
        inside = pixels[top:bottom, left:right]
        if inside.shape[:2] == (height, width):
            return inside
        exact = _whole_multiple(inside, width, height)
        if exact is not None:
            return exact
    picture = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, _PILLOW_MODES[channels])
    resized = np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS, box))
    return resized.reshape(height, width, channels)


def convert_channels(pixels: NDArray[np.uint8], channels: int, beneath: int = 255) -> NDArray[np.uint8]:
    """uint8 (..., 1|3|4) to uint8 (..., `channels`); transparency that has no place is laid over the grey level
    `beneath`, 0 to 255, white by default."""
    present = pixels.shape[-1]
    if present == channels:
        return pixels
    if present == 4:
        opacity = pixels[..., 3:].astype(np.float64) / 255
        colour = np.rint(pixels[..., :3] * opacity + beneath * (1 - opacity)).astype(np.uint8)
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
