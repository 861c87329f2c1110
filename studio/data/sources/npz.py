"""NumPy archives (.npz): pictures as arrays, with labels and class names when there are some. Pickles are refused."""

from __future__ import annotations

import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_ARCHIVE_MEMBERS, MAX_SET_BYTES
from studio.data.sources.arrays import ArraySource, ReadProgress, as_text, classes_from_values
from studio.data.sources.source import UnreadableError

IMAGE_KEYS = ("images", "x_train", "train_images", "x", "data", "arr_0")
LABEL_KEYS = ("labels", "y_train", "train_labels", "y", "label", "arr_1")
NAME_KEYS = ("class_names", "classes", "label_names", "names")
_LONGEST_HEADER = 10_000
_ROUNDING = 1e-4
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, struct.error)


def is_npz(path: Path) -> bool:
    """Whether a file's name says that it is a NumPy archive."""
    return path.suffix.casefold() == ".npz"


def read_npz(path: Path) -> Generator[ReadProgress, None, ArraySource]:
    """The pictures, labels and class names in a NumPy archive.

    Pictures: (N, H, W) or (N, H, W, C) or (N, C, H, W) with C in {1, 3, 4}; bytes 0..255, or floating point in 0..1,
    -1..1 or 0..255. Labels: whole numbers or texts, one per picture. The size of every array is checked before a byte
    of it is unpacked.

    Raises UnreadableError when there are no pictures in it, or it is damaged, too large, or holds Python objects.
    """
    notes: list[str] = []
    with _foreign_bytes():
        archive = zipfile.ZipFile(path)
    with archive:
        members = _members(archive, notes)
        key = _image_key(members)
        yield ReadProgress(0, members[key].byte_count)
        values = _load(archive, members[key])
        yield ReadProgress(members[key].byte_count, members[key].byte_count)
        images = _as_pictures(values, notes)
        labels, class_names = _classes(archive, members, key, len(images), notes)
    return ArraySource(path, images, labels, class_names, tuple(notes))


@contextmanager
def _foreign_bytes() -> Iterator[None]:
    """Whatever foreign bytes do to the readers of zip and NumPy files becomes an UnreadableError."""
    try:
        yield
    except _DAMAGE as error:
        raise UnreadableError(f"damaged, or not a NumPy archive ({error or type(error).__name__})") from error
    except MemoryError as error:
        raise UnreadableError("far too large once unpacked") from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class _Member:
    """One array of an archive, known by its header alone."""

    filename: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def byte_count(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _members(archive: zipfile.ZipFile, notes: list[str]) -> dict[str, _Member]:
    """The arrays by name. One that is damaged costs only itself, unless no other is left."""
    entries = archive.infolist()
    if len(entries) > MAX_ARCHIVE_MEMBERS:
        raise UnreadableError(f"holds more than {MAX_ARCHIVE_MEMBERS:,} files")
    members = {}
    damaged = {}
    for entry in entries:
        if not entry.filename.endswith(".npy"):
            continue
        try:
            members[entry.filename.removesuffix(".npy")] = _member(archive, entry)
        except UnreadableError as error:
            damaged[entry.filename] = str(error)
    if not members:
        raise UnreadableError(next(iter(damaged.values()), "holds no arrays"))
    notes += [f"{filename} inside was not used: {reason}." for filename, reason in damaged.items()]
    return members


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> _Member:
    with _foreign_bytes(), archive.open(entry) as file:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise UnreadableError("written in a form that is not known here")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file, max_header_size=_LONGEST_HEADER)
        payload = entry.file_size - file.tell()
    member = _Member(entry.filename, dtype, shape)
    if any(length < 0 for length in shape) or (not dtype.hasobject and member.byte_count != payload):
        raise UnreadableError("damaged: an array is not as long as its header says")
    return member


def _image_key(members: dict[str, _Member]) -> str:
    by_name = {name.casefold(): name for name in reversed(members)}
    named = [by_name[key] for key in IMAGE_KEYS if key in by_name]
    shaped = [name for name, member in members.items() if len(member.shape) in (3, 4)]
    if not named and not shaped:
        found = ", ".join(f"{name} {member.shape}" for name, member in list(members.items())[:5])
        raise UnreadableError(f"no pictures in it: expected an array images (N, H, W, C), found {found}")
    return next((name for name in named if name in shaped), (shaped or named)[0])


def _load(archive: zipfile.ZipFile, member: _Member) -> NDArray[np.generic]:
    if member.dtype.hasobject:
        raise UnreadableError("holds Python objects, which could run a program when opened; save plain arrays")
    if member.byte_count > MAX_SET_BYTES:
        raise UnreadableError(f"its pictures would take {member.byte_count / 2**30:,.1f} GB, more than can be taken")
    with _foreign_bytes(), archive.open(member.filename) as file:
        return npy.read_array(file, allow_pickle=False, max_header_size=_LONGEST_HEADER)


def _as_pictures(values: NDArray[np.generic], notes: list[str]) -> NDArray[np.uint8]:
    found = " × ".join(map(str, values.shape))
    if values.size == 0:
        raise UnreadableError(f"no pictures in it: the array is empty ({found})")
    if values.ndim == 3:
        values = values[..., np.newaxis]
    if values.ndim != 4:
        raise UnreadableError(f"its array of {found} is not pictures; expected (N, H, W, C)")
    if values.shape[3] not in CHANNEL_COUNTS:
        if values.shape[1] not in CHANNEL_COUNTS:
            raise UnreadableError(f"its pictures have {values.shape[3]} channels ({found}); 1, 3 or 4 can be read")
        values = values.transpose(0, 2, 3, 1)
        notes.append("Channels came first in the file; they were moved to the end.")
    return np.ascontiguousarray(_as_bytes(values, notes))


def _as_bytes(values: NDArray[np.generic], notes: list[str]) -> NDArray[np.uint8]:
    if values.dtype == np.bool_:
        notes.append("True and false became white and black.")
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "uif":
        raise UnreadableError(f"its pictures are of the kind {values.dtype}, not numbers")
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UnreadableError("its pictures hold values that are not numbers")
    if values.dtype.kind == "f" and low >= -_ROUNDING and high <= 1 + _ROUNDING:
        scale, offset, said = 255.0, 0.0, "0 to 1"
    elif values.dtype.kind == "f" and low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
        scale, offset, said = 127.5, 127.5, "-1 to 1"
    elif values.dtype.kind != "f" and low == 0 and high == 1:
        scale, offset, said = 255.0, 0.0, "0 to 1"
    elif low >= 0 and high <= 255:
        scale, offset, said = 1.0, 0.0, ""
    elif values.dtype == np.uint16:
        scale, offset, said = 1 / 257, 0.0, "0 to 65,535"
    else:
        raise UnreadableError(f"its values run from {low:g} to {high:g}; expected 0 to 255, 0 to 1 or -1 to 1")
    if said:
        notes.append(f"Values from {said} became 0 to 255.")
    if values.dtype == np.uint8 and not said:
        return values
    pictures = np.empty(values.shape, np.uint8)
    for index, picture in enumerate(values):
        pictures[index] = np.rint(np.clip(picture.astype(np.float64) * scale + offset, 0, 255))
    return pictures


def _classes(
    archive: zipfile.ZipFile, members: dict[str, _Member], image_key: str, count: int, notes: list[str]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    key = _first_key(members, LABEL_KEYS, image_key)
    if key is None:
        return None, ()
    try:
        values = _load(archive, members[key])
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1 or len(values) != count:
            shape = " × ".join(map(str, values.shape))
            raise ValueError(f"{shape} labels for {count:,} pictures")
        return classes_from_values(values, _names(archive, members))
    except (UnreadableError, ValueError) as error:
        notes.append(f"The labels in {key} were not used: {error}.")
        return None, ()


def _names(archive: zipfile.ZipFile, members: dict[str, _Member]) -> Sequence[str]:
    key = _first_key(members, NAME_KEYS, "")
    if key is None or members[key].dtype.kind not in "US" or len(members[key].shape) != 1:
        return ()
    return [as_text(value) for value in _load(archive, members[key])]


def _first_key(members: dict[str, _Member], keys: Sequence[str], other_than: str) -> str | None:
    by_name = {name.casefold(): name for name in reversed(members)}
    return next((by_name[key] for key in keys if key in by_name and by_name[key] != other_than), None)
