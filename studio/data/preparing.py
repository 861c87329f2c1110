"""From a catalog to the set that is trained on: one picture to look at beforehand, or all of them.

`prepare` is a generator, so that the caller owns the loop: it shows the progress, and cancels by closing it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studio.data import picture_store
from studio.data.accounting import import_report, thinning_note
from studio.data.classes import classes_of
from studio.data.duplicates import count_copies, digests
from studio.data.fitting import Box, convert_channels
from studio.data.framing import kept_boxes
from studio.data.image_set import MAX_BYTES_IN_MEMORY, MAX_NAMES_IN_MEMORY, ImageSet
from studio.data.limits import MAX_PICTURES, MAX_SET_BYTES
from studio.data.looking import looked_at
from studio.data.origins import Origins, PictureNames
from studio.data.picture_store import StoredPictures, StoreWriter
from studio.data.preparation import Fit, Preparation
from studio.data.progress import ImportProgress
from studio.data.report import ImportReport
from studio.data.scanning import nothing_usable
from studio.data.sources.account import Account
from studio.data.sources.source import Catalog, Decoded
from studio.data.taking import Taking, prepared, smallest_side

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
    smallest = smallest_side(preparation.fit, wanted)
    reduced = before
    if smallest is not None and min(before.original_size) >= 2 * smallest:
        reduced = source.read(number, smallest)
    focus = preparation.focus_of(source.name(number))
    after = prepared(reduced.pixels, wanted, preparation, focus)
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
        self._wanted = (1, 1)

    def run(self) -> Iterator[ImportProgress | ImportResult]:
        catalog, preparation = self._catalog, self._preparation
        yield ImportProgress(0, catalog.count, "", "Preparing pictures")
        looked = looked_at(catalog)
        included = looked.included(preparation)
        width, height, channels = resolved(catalog, preparation)
        self._wanted = (width, height)
        parts = self._parts(looked.sizes[included])
        kept = self._thinned(included, parts)
        taking = Taking(catalog, preparation, self._wanted)
        if len(kept) < len(included):
            taking.account.note(thinning_note(len(kept), len(included)))
        expected = int(parts.sum()) if len(kept) == len(included) else int(self._parts(looked.sizes[kept]).sum())
        if expected * width * height * (preparation.channels or channels) <= MAX_BYTES_IN_MEMORY:
            yield from self._in_memory(taking, kept)
        else:
            yield from self._in_store(taking, kept, expected, channels)

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
        return included[np.linspace(0, len(included) - 1, count).astype(np.int64)]

    # Small sets

    def _in_memory(self, taking: Taking, kept: NDArray[np.int64]) -> Iterator[ImportProgress | ImportResult]:
        sink = _InMemory()
        for item in taking.blocks(kept):
            if isinstance(item, ImportProgress):
                yield item
            else:
                sink.append(item)
        self._check_usable(taking)
        images = sink.images()
        copies = count_copies(digests(images))
        origins = taking.taken.origins()
        labels, class_names = self._classes(taking)
        image_set = ImageSet(self._catalog.title, images, labels, class_names, self._names(origins))
        yield self._result(image_set, origins, copies, taking.account)

    # Large sets

    def _in_store(
        self, taking: Taking, kept: NDArray[np.int64], expected: int, channels: int
    ) -> Iterator[ImportProgress | ImportResult]:
        folder = self._store or picture_store.store_folder()
        key = self._key(kept)
        stored = picture_store.find(folder, key)
        if stored is None:
            stored = yield from self._written(taking, kept, expected, channels, folder, key)
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
        self, taking: Taking, kept: NDArray[np.int64], expected: int, channels: int, folder: Path, key: str
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
            for item in taking.blocks(kept):
                if isinstance(item, ImportProgress):
                    yield item
                    continue
                block = convert_channels(item, max(writer.channels, item.shape[3]))
                writer.append(block)
                hashes.append(digests(block))
            self._check_usable(taking)
            if writer.channels != channels:
                # What came before the widest picture was hashed with fewer channels.
                hashes = [digests(block) for block in writer.blocks()]
            origins = taking.taken.origins()
            labels, class_names = self._classes(taking)
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
                "skipped": [[item.path, item.reason] for item in taking.account.skipped],
                "notes": taking.account.notes,
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

    def _classes(self, taking: Taking) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
        classes = classes_of(self._catalog, taking.taken.indices, self._preparation)
        for note in classes.notes:
            taking.account.note(note)
        if classes.labels is None:
            return None, ()
        return np.repeat(classes.labels, taking.taken.parts), classes.class_names

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

    def _check_usable(self, taking: Taking) -> None:
        if not len(taking.taken.indices):
            nothing_usable(self._catalog.dropped, (*self._catalog.skipped, *taking.account.skipped))
