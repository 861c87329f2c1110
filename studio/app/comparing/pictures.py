"""The cells of a comparison as images and numbers for the screen. GUI thread only; nothing here calls a model."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from studio.app.imaging import picture_image, screen_image, signed_image

if TYPE_CHECKING:
    from collections.abc import Hashable

    import torch
    from PySide6.QtGui import QImage

    from studio.generation.comparison_export import Album, View
    from studio.generation.comparison_run import SharedTime

_CACHE_BYTES = 48 * 2**20
_MOST_POINTS = 240
"""Of a curve: more cannot be told apart, and every one costs two reads."""


class CellPictures:
    """What the cells of one album look like, read from their traces on demand and kept as far as a budget goes."""

    def __init__(self, album: Album) -> None:
        self._album = album
        count, _, height, width = album.runs[0].batch_shape
        self._limit = max(2 * len(album.runs), _CACHE_BYTES // (4 * count * height * width))
        self._images: OrderedDict[Hashable, tuple[QImage, ...]] = OrderedDict()
        self._distances: dict[Hashable, np.ndarray] = {}

    def images(self, cell: int, moment: int, time: SharedTime, view: View) -> tuple[QImage, ...]:
        """The pictures of a cell at a moment, one pixel a value; none before its first step."""
        album = self._album
        if not album.is_there(cell):
            return ()
        position = min(time.position(cell, moment), len(album.traces[cell]))
        differs = view.difference and cell != view.reference and album.is_there(view.reference)
        key: tuple[object, ...] = (cell, position, view.shown)
        at = 0
        if differs:
            at = min(time.position(view.reference, moment), len(album.traces[view.reference]))
            key = (*key, view.reference, at)
        if key in self._images:
            self._images.move_to_end(key)
            return self._images[key]
        values = album.values(cell, position, view.shown)
        reference = album.values(view.reference, at, view.shown) if differs else None
        assert values is not None
        images = _drawn(values, reference, view.shown)
        self._images[key] = images
        while len(self._images) > self._limit:
            self._images.popitem(last=False)
        return images

    def distances(self, cell: int, time: SharedTime, view: View) -> np.ndarray:
        """The RMS difference of z from the reference's at every moment; empty unless both are complete."""
        album = self._album
        both = [album.traces.get(index) for index in (cell, view.reference)]
        if any(trace is None or not trace.complete for trace in both):
            return np.zeros(0, dtype=np.float32)
        key = (cell, view.reference, time.alignment)
        if key not in self._distances:
            moments = np.unique(np.linspace(0, time.count - 1, min(time.count, _MOST_POINTS)).round().astype(int))
            curve = []
            for moment in moments.tolist():
                pair = time.position(cell, moment), time.position(view.reference, moment)
                one, two = (trace.state(at) for trace, at in zip(both, pair, strict=True) if trace is not None)
                curve.append(float((one - two).square().mean().sqrt()))
            between = np.interp(np.arange(time.count), moments, curve)
            self._distances[key] = between.astype(np.float32)
        return self._distances[key]

    def forget_images(self) -> None:
        """The theme changed: signed maps have other colours now."""
        self._images.clear()


def _drawn(values: torch.Tensor, reference: torch.Tensor | None, shown: str) -> tuple[QImage, ...]:
    from studio.data.pixels import to_pictures
    from studio.generation.comparison_export import DIFFERENCE_LIMIT, NOISE_LIMIT

    if reference is not None:
        signed, limit = (values - reference).permute(0, 2, 3, 1).numpy(), DIFFERENCE_LIMIT
    elif shown == "eps":
        signed, limit = values.permute(0, 2, 3, 1).numpy(), NOISE_LIMIT
    else:
        return tuple(screen_image(picture_image(picture)) for picture in to_pictures(values))
    return tuple(screen_image(signed_image(picture, limit)) for picture in signed)
