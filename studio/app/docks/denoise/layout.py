"""How the microscope shares its room between the large picture and the tiles beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from studio.app.imaging import fitted_size

COLUMN_GAP = 24
_PANE_LEAST, _PANE_USUAL, _PANE_SHARE = 336, 408, 0.45
"""The pane of tiles has its usual width or this share of the room, and never less than its words need."""
_NARROWEST_COLUMN = 280
_SMALLEST_SHARE = 0.78
"""The large picture gives up at most this much of its side for larger tiles."""
_WEIGHT_OF_TILES = 1.5
"""There are six tiles, but the picture is what one came for."""
_MOST_CANDIDATES = 12


@dataclass(frozen=True)
class Shares:
    """Sizes in logical pixels: the picture (a whole multiple of device pixels), its column, the pane of tiles."""

    picture: tuple[float, float]
    column: int
    pane: int


def share_room(
    room: tuple[int, int],
    picture_size: tuple[int, int],
    ratio: float,
    tile_for: Callable[[int], tuple[float, float]],
) -> Shares:
    """The best of the whole multiples that fit.

    room: (width, height) for picture and pane side by side, in logical pixels. picture_size: (width, height) in its own
    pixels. ratio: device pixels a logical one. tile_for: width of the pane -> size of a tile's picture in it.
    """
    width, height = room
    best, best_worth = None, -1.0
    widest = width - COLUMN_GAP - max(_PANE_LEAST, min(_PANE_USUAL, round(_PANE_SHARE * width)))
    limit = (max(widest, 1) * ratio, max(height, 1) * ratio)
    largest = 0.0
    for _ in range(_MOST_CANDIDATES):
        fitted = fitted_size(*picture_size, *limit)
        shown = (fitted[0] / ratio, fitted[1] / ratio)
        largest = largest or shown[0]
        if best is not None and shown[0] < _SMALLEST_SHARE * largest:
            break
        column = max(math.ceil(shown[0]), min(_NARROWEST_COLUMN, widest))
        pane = width - column - COLUMN_GAP
        worth = max(shown) + _WEIGHT_OF_TILES * max(tile_for(pane))
        if worth > best_worth:
            best, best_worth = Shares(shown, column, pane), worth
        limit = (fitted[0] - 1, fitted[1] - 1)
        if min(limit) < 1:
            break
    assert best is not None
    return best
