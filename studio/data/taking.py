"""Taking the pictures of a catalog one after the other, each brought to the size and the colours of the set."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from studio.data.accounting import remark_note
from studio.data.fitting import convert_channels, minimal_channels
from studio.data.framing import coloured, framed
from studio.data.origins import Origins, runs
from studio.data.preparation import CENTRE, Fit, Preparation
from studio.data.progress import ImportProgress
from studio.data.sources.account import Account
from studio.data.sources.source import Catalog, PictureSource, UnreadableError


def smallest_side(fit: Fit, wanted: tuple[int, int]) -> int | None:
    """How small a picture may be decoded; where pixels are kept as they are, not at all."""
    return 2 * max(wanted) if fit in (Fit.FILL, Fit.FIT) else None


def prepared(
    pixels: NDArray[np.uint8], wanted: tuple[int, int], preparation: Preparation, focus: tuple[float, float]
) -> list[NDArray[np.uint8]]:
    """uint8 (h, w, C) each, with the wished channels, or as few as each needs."""
    places = framed(pixels, wanted, preparation.fit, preparation.ground, focus)
    return [coloured(place, preparation.channels, preparation.ground) for place in places]


class Taken:
    """What is known of the pictures taken so far, some twenty bytes each."""

    def __init__(self) -> None:
        self._indices = array("q")
        self._sides = array("i")
        self._transparent = array("b")
        self._parts = array("q")

    def add(self, index: int, size: tuple[int, int], transparent: bool, parts: int) -> None:
        self._indices.append(index)
        self._sides.extend(size)
        self._transparent.append(transparent)
        self._parts.append(parts)

    @property
    def indices(self) -> NDArray[np.int64]:
        """The catalog's pictures that were taken."""
        return np.array(self._indices, np.int64)

    @property
    def parts(self) -> NDArray[np.int64]:
        """How many pictures of the set each of them became."""
        return np.array(self._parts, np.int64)

    def origins(self) -> Origins:
        parts = self.parts
        tiles = None
        if (parts > 1).any():
            ends = np.cumsum(parts)
            tiles = (np.arange(ends[-1]) - np.repeat(ends - parts, parts)).astype(np.int32)
        return Origins(
            np.repeat(self.indices, parts),
            np.repeat(np.array(self._sides, np.int32).reshape(-1, 2), parts, axis=0),
            np.repeat(np.array(self._transparent, np.bool_), parts),
            tiles,
        )


class Taking:
    """One way through a catalog, and the account that is kept of it.

    Attributes:
        taken: what was taken so far.
        account: what was left out, and what there is to know.
    """

    def __init__(self, catalog: Catalog, preparation: Preparation, wanted: tuple[int, int]) -> None:
        self.taken = Taken()
        self.account = Account()
        self._catalog = catalog
        self._preparation = preparation
        self._wanted = wanted
        self._remarks: dict[str, tuple[str, int]] = {}

    def blocks(self, kept: NDArray[np.int64]) -> Iterator[ImportProgress | NDArray[np.uint8]]:
        """The prepared pictures, uint8 (n, h, w, C) each with as few channels as it needs; what is taken is noted."""
        done = 0
        for source, numbers, offset in runs(self._catalog, kept):
            block = self._read_block(source, numbers)
            if block is not None:
                yield self._whole_block(source, numbers, offset, block)
                shown = source.name(int(numbers[-1]))
                yield ImportProgress(done + len(numbers), len(kept), shown, "Preparing pictures")
            else:
                pictures: list[NDArray[np.uint8]] = []
                for position, number in enumerate(numbers.tolist()):
                    yield ImportProgress(done + position, len(kept), source.name(number), "Reading pictures")
                    pictures += self._one(source, number, offset)
                if pictures:
                    yield _stacked(pictures)
            done += len(numbers)
        for remark, (first, more) in self._remarks.items():
            self.account.note(remark_note(remark, first, more))

    def _one(self, source: PictureSource, number: int, offset: int) -> list[NDArray[np.uint8]]:
        name = source.name(number)
        try:
            decoded = source.read(number, smallest_side(self._preparation.fit, self._wanted))
        except UnreadableError as error:
            self.account.skip(name, str(error))
            return []
        for remark in decoded.remarks:
            first, more = self._remarks.get(remark, (name, -1))
            self._remarks[remark] = (first, more + 1)
        places = prepared(decoded.pixels, self._wanted, self._preparation, self._preparation.focus_of(name))
        self.taken.add(offset + number, decoded.original_size, decoded.pixels.shape[2] == 4, len(places))
        return places

    def _read_block(self, source: PictureSource, numbers: NDArray[np.int64]) -> NDArray[np.uint8] | None:
        """The pictures `numbers` of a source at once, where it can do that and it is worth it."""
        read_block = getattr(source, "read_block", None)
        first, last = int(numbers[0]), int(numbers[-1])
        if read_block is None or last - first >= 4 * len(numbers):
            return None
        try:
            return read_block(first, last + 1)[numbers - first]
        except UnreadableError:
            # One by one, so that what can be read is taken.
            return None

    def _whole_block(
        self, source: PictureSource, numbers: NDArray[np.int64], offset: int, block: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        preparation = self._preparation
        count, height, width, channels = block.shape
        see_through = (block[..., 3] < 255).any(axis=(1, 2)) if channels == 4 else np.zeros(count, np.bool_)
        parts = [1] * count
        if (width, height) == self._wanted:
            whole = coloured(block, preparation.channels, preparation.ground)
        else:
            pictures: list[NDArray[np.uint8]] = []
            for position, number in enumerate(numbers.tolist()):
                focus = preparation.focus_of(source.name(number)) if preparation.focus else CENTRE
                # As `read` would give it: what is opaque has the ground beside it, not transparency.
                pixels = minimal_channels(block[position])
                places = prepared(pixels, self._wanted, preparation, focus)
                parts[position] = len(places)
                pictures += places
            whole = _stacked(pictures)
        for number, transparent, count_of_parts in zip(numbers.tolist(), see_through.tolist(), parts, strict=True):
            self.taken.add(offset + number, (width, height), transparent, count_of_parts)
        return whole


def _stacked(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """uint8 (n, h, w, C) of pictures of one size, with as many channels as the richest has."""
    channels = max(picture.shape[2] for picture in pictures)
    return np.stack([convert_channels(picture, channels) for picture in pictures])
