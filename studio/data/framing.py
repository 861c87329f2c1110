"""What of a picture comes into a place of another size, and the picture in that place: the four ways of `Fit`.

Everything is counted in pixels from the upper left corner. A picture that has exactly the wished size comes out of
all four ways as it went in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studio.data.fitting import Box, convert_channels, fill_box, minimal_channels, scaled
from studio.data.preparation import CENTRE, Fit, Ground

_LEVELS = {Ground.WHITE: 255, Ground.BLACK: 0, Ground.GREY: 128, Ground.EDGE: 255}


def tile_counts(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """(columns, rows) of tiles of the `wanted` (width, height) that a picture of this `size` is cut into.

    At least one each way: a side that is too short is padded.
    """
    return max(1, size[0] // wanted[0]), max(1, size[1] // wanted[1])


def kept_boxes(
    size: tuple[int, int], wanted: tuple[int, int], fit: Fit, focus: tuple[float, float] = CENTRE
) -> tuple[Box, ...]:
    """The rectangles of a picture of this `size` (width, height) that come into places of the `wanted` one.

    One, except for tiles: those row after row. Each lies inside of the picture. The focus, (x, y) in [0, 1], is as
    near to the middle of what is kept as the picture's edges allow.
    """
    width, height = size
    match fit:
        case Fit.FILL:
            return (fill_box(size, wanted, focus),)
        case Fit.FIT:
            return ((0.0, 0.0, float(width), float(height)),)
        case Fit.PAD:
            return (_region(size, wanted, focus),)
        case Fit.TILE:
            columns, rows = tile_counts(size, wanted)
            left, top, right, bottom = _region(size, (columns * wanted[0], rows * wanted[1]), focus)
            wide, high = min(wanted[0], right - left), min(wanted[1], bottom - top)
            return tuple(
                (left + column * wide, top + row * high, left + (column + 1) * wide, top + (row + 1) * high)
                for row in range(rows)
                for column in range(columns)
            )


def framed(
    pixels: NDArray[np.uint8],
    wanted: tuple[int, int],
    fit: Fit,
    ground: Ground = Ground.WHITE,
    focus: tuple[float, float] = CENTRE,
) -> list[NDArray[np.uint8]]:
    """The picture, uint8 (H, W, C), in a place of the `wanted` (width, height), or in several (tiles): (h, w, C) each.

    Beside a picture that has transparency lies more of it, otherwise the ground.
    """
    height, width, _ = pixels.shape
    if (width, height) == wanted:
        return [pixels]
    boxes = kept_boxes((width, height), wanted, fit, focus)
    match fit:
        case Fit.FILL:
            return [scaled(pixels, *wanted, boxes[0])]
        case Fit.FIT:
            share = min(wanted[0] / width, wanted[1] / height)
            inner = max(1, round(width * share)), max(1, round(height * share))
            return [_placed(scaled(pixels, *inner), wanted, ground)]
        case Fit.PAD | Fit.TILE:
            whole = (tuple(int(edge) for edge in box) for box in boxes)
            return [_placed(pixels[top:bottom, left:right], wanted, ground) for left, top, right, bottom in whole]


def coloured(pixels: NDArray[np.uint8], channels: int | None, ground: Ground) -> NDArray[np.uint8]:
    """uint8 (..., C) with so many channels, or as few as it needs; transparency that is not kept is laid on the ground.

    Colours that nobody sees are taken out.
    """
    fewest = minimal_channels(pixels)
    return fewest if channels is None else convert_channels(fewest, channels, _LEVELS[ground])


def _region(size: tuple[int, int], wanted: tuple[int, int], focus: tuple[float, float]) -> Box:
    """As much of the picture as fits into `wanted` without scaling: whole pixels, around the focus."""
    edges = []
    for side, most, centre in zip(size, wanted, focus, strict=True):
        kept = min(side, most)
        start = min(max(0, int(side * centre - kept / 2)), side - kept)
        edges.append((start, start + kept))
    (left, right), (top, bottom) = edges
    return (float(left), float(top), float(right), float(bottom))


def _placed(pixels: NDArray[np.uint8], wanted: tuple[int, int], ground: Ground) -> NDArray[np.uint8]:
    """The picture in the middle of a place that is at least as large."""
    height, width, channels = pixels.shape
    if (width, height) == wanted:
        return np.ascontiguousarray(pixels)
    left, top = (wanted[0] - width) // 2, (wanted[1] - height) // 2
    margins = ((top, wanted[1] - height - top), (left, wanted[0] - width - left), (0, 0))
    if ground is Ground.EDGE:
        return np.pad(pixels, margins, mode="edge")
    return np.pad(pixels, margins, constant_values=0 if channels == 4 else _LEVELS[ground])
