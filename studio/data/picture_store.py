"""Prepared pictures on the disk: sets too large for memory, found again when the same data are brought again.

Every set is a folder named by its key: pictures.bin (uint8, N × H × W × C), arrays.npz (what is known of each
picture), entry.json (shape, fingerprint, words). It is written under another name and renamed when it is whole and
on the disk, so whatever has the right name is complete, also after a crash and beside another program.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil
from numpy.typing import NDArray

from studio.data.fitting import convert_channels
from studio.data.image_set import begin_fingerprint, pictures_per_chunk
from studio.errors import StorageError
from studio.files import storage_error
from studio.paths import cache_folder

MAX_STORE_BYTES = 24 * 2**30
"""Sets that were not looked at for the longest time are removed until the store takes no more than this."""

_FORMAT = 1
_PICTURES, _ARRAYS, _ENTRY = "pictures.bin", "arrays.npz", "entry.json"
_HALF = ".half"
_FORGOTTEN_AFTER = 24 * 3600.0
_SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class StoredPictures:
    """A set as it lies in the store.

    Attributes:
        images: uint8 (N, H, W, C), read-only, mapped from the file.
        fingerprint: that of an ImageSet of these pictures with the labels and class names they were stored with.
        arrays: what is known of each picture, by name, N rows each.
        details: what else was noted, plain JSON values.
    """

    images: NDArray[np.uint8]
    fingerprint: str
    arrays: Mapping[str, NDArray[np.generic]]
    details: Mapping[str, Any]


def store_folder() -> Path:
    """Where prepared sets lie unless told otherwise: in the user's cache."""
    return cache_folder("pictures")


def find(folder: Path, key: str) -> StoredPictures | None:
    """The set that was stored under `key`, or None. What is damaged counts as not there."""
    place = folder / key
    try:
        entry = json.loads((place / _ENTRY).read_text("utf-8"))
        shape = tuple(int(side) for side in entry["shape"])
        pictures = place / _PICTURES
        if entry["format"] != _FORMAT or len(shape) != 4 or pictures.stat().st_size != np.prod(shape, dtype=np.int64):
            return None
        with np.load(place / _ARRAYS, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        images = np.memmap(pictures, np.uint8, "r", shape=shape)
        stored = StoredPictures(images, str(entry["fingerprint"]), arrays, dict(entry["details"]))
    # Whatever a foreign hand or a dying disk left there: the set is simply made again.
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    with contextlib.suppress(OSError):
        os.utime(place / _ENTRY)
    return stored


def prune(folder: Path, most_bytes: int = MAX_STORE_BYTES, *, keep: str = "") -> None:
    """Remove what broken programs left behind, then the sets longest unused until all take `most_bytes` or less.

    `keep` is a key that stays. Sets that are open elsewhere stay readable there (POSIX) or are not removed (Windows).
    """
    used: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError):
        for place in list(folder.iterdir()):
            with contextlib.suppress(OSError):
                if place.is_dir() and _HALF in place.name:
                    if _is_abandoned(place):
                        shutil.rmtree(place, ignore_errors=True)
                elif (place / _ENTRY).is_file():
                    size = sum(file.stat().st_size for file in place.iterdir())
                    used.append(((place / _ENTRY).stat().st_mtime, size, place))
    total = sum(size for _, size, _ in used)
    for _, size, place in sorted(used, key=lambda item: item[0]):
        if total <= most_bytes:
            return
        if place.name != keep and _remove(place):
            total -= size


class StoreWriter:
    """A set on its way into the store, block after block; `finish` or `abandon` ends it.

    The fingerprint is reckoned while the pictures pass, on the guess that as many come as were `expected`, with so
    many `channels` and these `class_names`; where the guess was wrong the file is read once more at the end.

    Raises StorageError when there is no room, from every method but `abandon`.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        *,
        expected: int,
        height: int,
        width: int,
        channels: int,
        class_names: tuple[str, ...] = (),
    ) -> None:
        self._folder = folder
        self._key = key
        self._size = (height, width)
        self._channels = channels
        self._count = 0
        self._guess = ((expected, height, width, channels), class_names)
        self._fingerprint = begin_fingerprint(*self._guess)
        # The name tells who writes it, so that another program knows whether somebody still does.
        self._place = folder / f"{key}{_HALF}-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
        with self._words():
            folder.mkdir(parents=True, exist_ok=True)
            needed = expected * height * width * channels + _SPARE_BYTES
            if shutil.disk_usage(folder).free < needed:
                prune(folder, 0)
            free = shutil.disk_usage(folder).free
            if free < needed:
                raise StorageError(
                    f"The pictures need {needed / 2**30:,.1f} GB on the disk, and {folder} has {free / 2**30:,.1f} GB.",
                    "Free some space, or choose a smaller size or fewer pictures.",
                )
            self._place.mkdir()
            self._file = (self._place / _PICTURES).open("wb")

    @property
    def channels(self) -> int:
        """How many channels the pictures written so far have."""
        return self._channels

    def append(self, pictures: NDArray[np.uint8]) -> None:
        """Write more pictures, uint8 (n, H, W, c); when they need more channels, all before them get them too."""
        if pictures.shape[3] > self._channels:
            self._widen(pictures.shape[3])
        content = np.ascontiguousarray(convert_channels(pictures, self._channels))
        with self._words():
            self._file.write(content)
        self._fingerprint.update(content)
        self._count += len(pictures)

    def finish(
        self,
        labels: NDArray[np.int64] | None,
        class_names: tuple[str, ...],
        arrays: Mapping[str, NDArray[np.generic]],
        details: Mapping[str, Any],
    ) -> StoredPictures:
        """Give the set its name, and hand it over as it lies in the store.

        `labels` int64 (N,) and `class_names` go into the fingerprint; they are not kept unless they are in `arrays`
        and `details` too.
        """
        shape = (self._count, *self._size, self._channels)
        if (shape, class_names) != self._guess:
            self._fingerprint = self._read_again(shape, class_names)
        if labels is not None:
            self._fingerprint.update(np.ascontiguousarray(labels, dtype="<i8"))
        entry = {
            "format": _FORMAT,
            "shape": list(shape),
            "fingerprint": self._fingerprint.hexdigest(),
            "details": dict(details),
        }
        with self._words():
            _to_disk(self._file)
            with (self._place / _ARRAYS).open("wb") as file:
                np.savez(file, **arrays)
                _to_disk(file)
            with (self._place / _ENTRY).open("wb") as file:
                file.write(json.dumps(entry).encode("utf-8"))
                _to_disk(file)
            stored = self._rename()
        prune(self._folder, keep=self._key)
        return stored

    def abandon(self) -> None:
        """Remove what was written. Does nothing after `finish`."""
        self._file.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _rename(self) -> StoredPictures:
        target = self._folder / self._key
        for _ in range(2):
            # Another program may have been first, which is as good.
            with contextlib.suppress(OSError):
                os.rename(self._place, target)
            stored = find(self._folder, self._key)
            if stored is not None:
                self.abandon()
                return stored
            _remove(target)
        raise StorageError(f"{target} could not be written.", "Remove the folder and import again.")

    def _widen(self, channels: int) -> None:
        """Write the pictures so far again with more channels."""
        wider = self._place / "wider.bin"
        with self._words():
            with wider.open("wb") as file:
                for block in self.blocks():
                    file.write(np.ascontiguousarray(convert_channels(block, channels)))
            self._file.close()
            os.replace(wider, self._place / _PICTURES)
            self._file = (self._place / _PICTURES).open("ab")
        self._channels = channels

    def _read_again(self, shape: tuple[int, ...], class_names: tuple[str, ...]) -> hashlib._Hash:
        digest = begin_fingerprint(shape, class_names)
        with self._words():
            for block in self.blocks():
                digest.update(block)
        return digest

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """What was written so far, uint8 (n, H, W, C) block after block."""
        self._file.flush()
        shape = (self._count, *self._size, self._channels)
        step = pictures_per_chunk(shape)
        with (self._place / _PICTURES).open("rb") as file:
            for start in range(0, self._count, step):
                count = min(step, self._count - start)
                content = file.read(count * int(np.prod(shape[1:])))
                yield np.frombuffer(content, np.uint8).reshape(count, *shape[1:])

    @contextlib.contextmanager
    def _words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(error, self._folder) from error


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _remove(place: Path) -> bool:
    """Whether the set is gone. It loses its name first, so that nobody opens what is half removed."""
    gone = place.with_name(f"{place.name}{_HALF}-gone-{secrets.token_hex(4)}")
    try:
        os.rename(place, gone)
    except OSError:
        return not place.exists()
    shutil.rmtree(gone, ignore_errors=True)
    return True


def _is_abandoned(place: Path) -> bool:
    """Whether nobody writes there any more: its program on this machine is gone, or nothing came for a day."""
    parts = place.name.rpartition(_HALF)[2].split("-")
    if len(parts) == 4 and parts[1] == _machine() and parts[2].isdecimal() and not psutil.pid_exists(int(parts[2])):
        return True
    if len(parts) >= 2 and parts[1] == "gone":
        return True
    newest = max((file.stat().st_mtime for file in place.iterdir()), default=place.stat().st_mtime)
    return time.time() - newest > _FORGOTTEN_AFTER


def _machine() -> str:
    """A word for this machine: the numbers of processes mean nothing beyond it."""
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:10]
