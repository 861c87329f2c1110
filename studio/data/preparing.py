"""From a catalog to the set that is trained on: one picture to look at beforehand, or all of them.

`prepare` is a generator, so that the caller owns the loop: it shows the progress, and cancels by closing it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from array import array
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from studio.data import picture_store
from studio.data.accounting import import_report, remark_note, thinning_note
from studio.data.classes import classes_of
from studio.data.duplicates import count_copies, digests
from studio.data.fitting import Box, convert_channels, minimal_channels
from studio.data.framing import coloured, framed, kept_boxes
from studio.data.image_set import MAX_BYTES_IN_MEMORY, MAX_NAMES_IN_MEMORY, ImageSet
from studio.data.limits import MAX_PICTURES, MAX_SET_BYTES
from studio.data.looking import looked_at
from studio.data.origins import Origins, PictureNames, runs
from studio.data.picture_store import StoredPictures, StoreWriter
from studio.data.preparation import CENTRE, Fit, Preparation
from studio.data.progress import ImportProgress
from studio.data.report import ImportReport
from studio.data.scanning import nothing_usable
from studio.data.sources.account import Account
from studio.data.sources.source import Catalog, Decoded, PictureSource, UnreadableError

_PIPELINE = 1
"""Raised whenever the same pictures and the same preparation come out differently than before."""


@dataclass(frozen=True)
class ImportResult:
    """What came out of an import.

    Attributes:
        image_set: the pictures.
        report: what was taken, what was not and why.
        catalog: what they were prepared from; may be closed by now, names are always there.
        preparation: how.
        origins: which of the catalog's pictures is which of the set's.
    """

    image_set: ImageSet
    report: ImportReport
    catalog: Catalog
    preparation: Preparation
    origins: Origins


@dataclass(frozen=True, eq=False)
class PreparedPicture:
    """One picture before and after.

    Attributes:
        before: the picture as it is, in full size.
        boxes: what is kept of it, (left, top, right, bottom) in pixels of `before.original_size`; one for each of
            `after`.
        after: uint8 (h, w, C) each, as they will be in the set. When the preparation leaves the number of channels
            open, C is as many as a sample of the set and this picture need; the set may have more, which looks alike.
    """

    before: Decoded
    boxes: tuple[Box, ...]
    after: tuple[NDArray[np.uint8], ...]


def resolved(catalog: Catalog, preparation: Preparation) -> tuple[int, int, int]:
    """(width, height, channels) that the pictures will have: what None becomes.

    The size is exact. Channels that are left open are judged by a sample of 16 pictures, which is read once; the set
    gets more when a picture outside of the sample needs more. Raises DataError when every picture is left out.
    """
    looked = looked_at(catalog)
    included = looked.included(preparation)
    width, height = preparation.size or looked.size_for(included)
    channels = preparation.channels or looked.channels_for(included, max(width, height))
    return width, height, channels


def preview(catalog: Catalog, index: int, preparation: Preparation) -> PreparedPicture:
    """The catalog's picture `index` before and after, by the same steps as `prepare`; it may be one that is left out.

    Raises UnreadableError for a picture that cannot be read, DataError when every picture is left out.
    """
    source, number = catalog.locate(index)
    width, height, channels = resolved(catalog, preparation)
    wanted = (width, height)
    before = source.read(number)
    smallest = _smallest_side(preparation.fit, wanted)
    reduced = before
    if smallest is not None and min(before.original_size) >= 2 * smallest:
        reduced = source.read(number, smallest)
    focus = preparation.focus_of(source.name(number))
    after = _prepared(reduced.pixels, wanted, preparation, focus)
    if preparation.channels is None:
        channels = max(channels, *(picture.shape[2] for picture in after))
    return PreparedPicture(
        before=before,
        boxes=kept_boxes(before.original_size, wanted, preparation.fit, focus),
        after=tuple(convert_channels(picture, channels) for picture in after),
    )


def prepare(
    catalog: Catalog, preparation: Preparation | None = None, *, store: Path | None = None
) -> Iterator[ImportProgress | ImportResult]:
    """Bring the catalog's pictures to one size; yields ImportProgress many times, and ImportResult once, last.

    Sets of more than `image_set.MAX_BYTES_IN_MEMORY` are written to the folder `store` (the user's cache) as they
    come and mapped into memory; when the same data are prepared in the same way again, they are found there. Closing
    the generator cancels and leaves nothing behind. The catalog stays open.

    Raises DataError when no picture is left, StorageError when the disk has no room.
    """
    return _Preparing(catalog, preparation or Preparation(), store).run()


def _smallest_side(fit: Fit, wanted: tuple[int, int]) -> int | None:
    """How small a picture may be decoded; where pixels are kept as they are, not at all."""
    return 2 * max(wanted) if fit in (Fit.FILL, Fit.FIT) else None


def _prepared(
    pixels: NDArray[np.uint8], wanted: tuple[int, int], preparation: Preparation, focus: tuple[float, float]
) -> list[NDArray[np.uint8]]:
    """uint8 (h, w, C) each, with the wished channels, or as few as each needs."""
    places = framed(pixels, wanted, preparation.fit, preparation.ground, focus)
    return [coloured(place, preparation.channels, preparation.ground) for place in places]


class _Taken:
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


class _InMemory:
    """The pictures of a set that is small enough, block after block."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.uint8]] = []
        self.channels = 1

    def append(self, pictures: NDArray[np.uint8]) -> None:
        self.channels = max(self.channels, pictures.shape[3])
        self._blocks.append(pictures)

    def images(self) -> NDArray[np.uint8]:
        count = sum(len(block) for block in self._blocks)
        images = np.empty((count, *self._blocks[0].shape[1:3], self.channels), np.uint8)
        position = 0
        for block in self._blocks:
            images[position : position + len(block)] = convert_channels(block, self.channels)
            position += len(block)
        return images


class _Preparing:
    """One preparation of a whole catalog."""

    def __init__(self, catalog: Catalog, preparation: Preparation, store: Path | None) -> None:
        self._catalog = catalog
        self._preparation = preparation
        self._store = store
        self._account = Account()
        self._remarks: dict[str, tuple[str, int]] = {}
        self._wanted = (1, 1)
        self._taken = _Taken()

    def run(self) -> Iterator[ImportProgress | ImportResult]:
        catalog, preparation = self._catalog, self._preparation
        yield ImportProgress(0, catalog.count, "", "Preparing pictures")
        looked = looked_at(catalog)
        included = looked.included(preparation)
        width, height, channels = resolved(catalog, preparation)
        self._wanted = (width, height)
        parts = self._parts(looked.sizes[included])
        kept = self._thinned(included, parts)
        expected = int(parts.sum()) if len(kept) == len(included) else int(self._parts(looked.sizes[kept]).sum())
        if expected * width * height * (preparation.channels or channels) <= MAX_BYTES_IN_MEMORY:
            yield from self._in_memory(kept)
        else:
            yield from self._in_store(kept, expected, channels)

    def _parts(self, sizes: NDArray[np.int32]) -> NDArray[np.int64]:
        """How many pictures of the set each of these becomes."""
        if self._preparation.fit is not Fit.TILE:
            return np.ones(len(sizes), np.int64)
        width, height = self._wanted
        return np.maximum(1, sizes[:, 0].astype(np.int64) // width) * np.maximum(1, sizes[:, 1] // height)

    def _thinned(self, included: NDArray[np.int64], parts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which pictures to take when there may be too many: all, or evenly spread, so that no class is lost."""
        bytes_each = self._wanted[0] * self._wanted[1] * (self._preparation.channels or 4)
        most = min(MAX_PICTURES, MAX_SET_BYTES // bytes_each)
        total = int(parts.sum())
        if total <= most:
            return included
        count = max(1, int(len(included) * most / total))
        self._account.note(thinning_note(count, len(included)))
        return included[np.linspace(0, len(included) - 1, count).astype(np.int64)]

    # Small sets

    def _in_memory(self, kept: NDArray[np.int64]) -> Iterator[ImportProgress | ImportResult]:
        sink = _InMemory()
        for item in self._blocks(kept):
            if isinstance(item, ImportProgress):
                yield item
            else:
                sink.append(item)
        if not len(self._taken.indices):
            self._nothing_usable()
        images = sink.images()
        copies = count_copies(digests(images))
        origins = self._taken.origins()
        labels, class_names = self._classes()
        image_set = ImageSet(self._catalog.title, images, labels, class_names, self._names(origins))
        yield self._result(image_set, origins, copies, self._account)

    # Large sets

    def _in_store(
        self, kept: NDArray[np.int64], expected: int, channels: int
    ) -> Iterator[ImportProgress | ImportResult]:
        folder = self._store or picture_store.store_folder()
        key = self._key(kept)
        stored = picture_store.find(folder, key)
        if stored is None:
            stored = yield from self._written(kept, expected, channels, folder, key)
        details, arrays = stored.details, stored.arrays
        account = Account()
        for path, reason in details["skipped"]:
            account.skip(path, reason)
        account.notes += details["notes"]
        origins = Origins(arrays["indices"], arrays["sizes"], arrays["transparent"], arrays.get("tiles"))
        image_set = ImageSet(
            self._catalog.title,
            stored.images,
            arrays.get("labels"),
            tuple(details["class_names"]),
            self._names(origins),
            stored.fingerprint,
        )
        yield self._result(image_set, origins, details["copies"], account)

    def _written(
        self, kept: NDArray[np.int64], expected: int, channels: int, folder: Path, key: str
    ) -> Generator[ImportProgress, None, StoredPictures]:
        guess = classes_of(self._catalog, kept, self._preparation)
        width, height = self._wanted
        writer = StoreWriter(
            folder,
            key,
            expected=expected,
            height=height,
            width=width,
            channels=channels,
            class_names=guess.class_names if guess.labels is not None else (),
        )
        try:
            hashes: list[NDArray[np.uint64]] = []
            for item in self._blocks(kept):
                if isinstance(item, ImportProgress):
                    yield item
                    continue
                block = convert_channels(item, max(writer.channels, item.shape[3]))
                writer.append(block)
                hashes.append(digests(block))
            if not len(self._taken.indices):
                self._nothing_usable()
            origins = self._taken.origins()
            labels, class_names = self._classes()
            arrays: dict[str, NDArray[Any]] = {
                "indices": origins.indices,
                "sizes": origins.sizes,
                "transparent": origins.transparent,
            }
            if origins.tiles is not None:
                arrays["tiles"] = origins.tiles
            if labels is not None:
                arrays["labels"] = labels
            details = {
                "class_names": list(class_names),
                "skipped": [[item.path, item.reason] for item in self._account.skipped],
                "notes": self._account.notes,
                "copies": count_copies(np.concatenate(hashes)),
            }
            return writer.finish(labels, class_names, arrays, details)
        finally:
            writer.abandon()

    def _key(self, kept: NDArray[np.int64]) -> str:
        """What the prepared pictures are found by: it changes with the data, the preparation and the program."""
        stamps = [getattr(source, "stamp", None) for source in self._catalog.sources]
        if any(stamp is None for stamp in stamps):
            return f"once-{secrets.token_hex(16)}"
        said = {
            "pipeline": _PIPELINE,
            "sources": [[stamp(), source.count] for stamp, source in zip(stamps, self._catalog.sources, strict=True)],
            "class_names": list(self._catalog.class_names),
            "preparation": self._preparation.to_json(),
            "taken": len(kept),
        }
        return hashlib.sha256(json.dumps(said).encode("utf-8")).hexdigest()[:40]

    # Both

    def _blocks(self, kept: NDArray[np.int64]) -> Iterator[ImportProgress | NDArray[np.uint8]]:
        """The prepared pictures, uint8 (n, h, w, C) each with as few channels as it needs; what is taken is noted."""
        done = 0
        for source, numbers, offset in runs(self._catalog, kept):
            block = self._read_block(source, numbers)
            if block is not None:
                prepared = self._whole_block(source, numbers, offset, block)
                yield prepared
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
            self._account.note(remark_note(remark, first, more))

    def _one(self, source: PictureSource, number: int, offset: int) -> list[NDArray[np.uint8]]:
        name = source.name(number)
        try:
            decoded = source.read(number, _smallest_side(self._preparation.fit, self._wanted))
        except UnreadableError as error:
            self._account.skip(name, str(error))
            return []
        for remark in decoded.remarks:
            first, more = self._remarks.get(remark, (name, -1))
            self._remarks[remark] = (first, more + 1)
        places = _prepared(decoded.pixels, self._wanted, self._preparation, self._preparation.focus_of(name))
        self._taken.add(offset + number, decoded.original_size, decoded.pixels.shape[2] == 4, len(places))
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
            prepared = coloured(block, preparation.channels, preparation.ground)
        else:
            pictures: list[NDArray[np.uint8]] = []
            for position, number in enumerate(numbers.tolist()):
                focus = preparation.focus_of(source.name(number)) if preparation.focus else CENTRE
                # As `read` would give it: what is opaque has the ground beside it, not transparency.
                pixels = minimal_channels(block[position])
                places = _prepared(pixels, self._wanted, preparation, focus)
                parts[position] = len(places)
                pictures += places
            prepared = _stacked(pictures)
        for number, transparent, count_of_parts in zip(numbers.tolist(), see_through.tolist(), parts, strict=True):
            self._taken.add(offset + number, (width, height), transparent, count_of_parts)
        return prepared

    def _classes(self) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        classes = classes_of(self._catalog, self._taken.indices, self._preparation)
        for note in classes.notes:
            self._account.note(note)
        if classes.labels is None:
            return None, ()
        return np.repeat(classes.labels, self._taken.parts), classes.class_names

    def _names(self, origins: Origins) -> Sequence[str]:
        names = PictureNames(self._catalog, self._wanted, origins)
        return names if len(names) > MAX_NAMES_IN_MEMORY else names[:]

    def _result(self, image_set: ImageSet, origins: Origins, copies: int, account: Account) -> ImportResult:
        report = import_report(
            self._catalog,
            self._preparation,
            image_set,
            origins,
            copies=copies,
            skipped=account.skipped,
            notes=tuple(account.notes),
        )
        return ImportResult(image_set, report, self._catalog, self._preparation, origins)

    def _nothing_usable(self) -> NoReturn:
        nothing_usable(self._catalog.dropped, (*self._catalog.skipped, *self._account.skipped))


def _stacked(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """uint8 (n, h, w, C) of pictures of one size, with as many channels as the richest has."""
    channels = max(picture.shape[2] for picture in pictures)
    return np.stack([convert_channels(picture, channels) for picture in pictures])
