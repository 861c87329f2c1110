"""NumPy files: one array (.npy) or several with names (.npz). Pickles are refused; no array is held in memory whole."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_BYTES_AT_ONCE, MAX_UNPACKED_BYTES
from studio.data.sources.arrays import Opened, ReadProgress, as_text, classes_from_values
from studio.data.sources.entry import Entry
from studio.data.sources.numpy_members import (
    LONGEST_HEADER,
    ArchivedArrays,
    Arrays,
    Member,
    SingleArray,
    foreign_bytes,
    load_small,
    members_of,
    opened_archive,
)
from studio.data.sources.records import Records, RecordSource
from studio.data.sources.source import UnreadableError
from studio.data.sources.spool import Spool, check_unpacked

IMAGE_KEYS = ("images", "x_train", "train_images", "x", "data", "arr_0")
LABEL_KEYS = ("labels", "y_train", "train_labels", "y", "label", "arr_1")
NAME_KEYS = ("class_names", "classes", "label_names", "names")
# How an array of pictures is called, and how its labels are called then.
_LABELS_BESIDE = (("images", "labels"), ("image", "label"), ("x_", "y_"), ("_x", "_y"), ("X", "y"), ("x", "y"))
_LABELS_NAME = re.compile(r"(.*label|y[_.])", re.IGNORECASE)
_SMALLEST_FLAT_SIDE = 8
_CHUNK = 4 * 2**20
_ROUNDING = 1e-4


def is_npz(name: str) -> bool:
    """Whether a file's name says that it is a NumPy archive."""
    return name.casefold().endswith(".npz")


def is_npy(name: str) -> bool:
    """Whether a file's name says that it is a single NumPy array."""
    return name.casefold().endswith(".npy")


def is_labels_name(name: str) -> bool:
    """Whether an array is called like the labels of another, and is not to be taken for pictures first."""
    return _LABELS_NAME.match(name) is not None


def open_npz(entry: Entry) -> Generator[ReadProgress, None, Opened]:
    """The pictures, labels and class names in a NumPy archive.

    Pictures: (N, H, W) or (N, H, W, C) or (N, C, H, W) with C in {1, 3, 4}; bytes 0..255, or floating point in 0..1,
    -1..1 or 0..255. Labels: whole numbers or texts, one per picture. The size of every array is checked before a byte
    of it is unpacked. All pictures are gone through once, to know their range and that nothing is damaged.

    Raises UnreadableError when there are no pictures in it, or it is damaged, too large, or holds Python objects.
    """
    notes: list[str] = []
    with entry.open() as file, opened_archive(file) as archive:
        members = members_of(archive, notes)
        key = _image_key(members)
        arrays = ArchivedArrays(archive, file, members)
        records, unpacked = yield from _survey(arrays, key, notes)
        try:
            labels, class_names = _classes(arrays, key, records.count, notes)
            return Opened(RecordSource(entry, records, labels, class_names, unpacked), tuple(notes))
        except BaseException:
            if unpacked is not None:
                unpacked.close()
            raise


def open_npy(entry: Entry) -> Generator[ReadProgress, None, Opened]:
    """The pictures in a single array, as in `open_npz`, with the labels of an array beside it ("x_…", "y_…").

    Raises UnreadableError.
    """
    notes: list[str] = []
    with entry.open() as file, foreign_bytes():
        records, unpacked = yield from _survey(SingleArray(entry, file), "", notes)
    beside = _labels_beside(entry)
    if beside is None:
        return Opened(RecordSource(entry, records, file=unpacked), tuple(notes))
    labels, class_names = None, ()
    try:
        with beside.open() as file, foreign_bytes():
            alone = SingleArray(beside, file)
            labels, class_names = classes_from_values(_one_per_picture(alone, "", records.count))
        notes.append(f"Classes come from {beside.name}.")
    except (UnreadableError, ValueError) as error:
        notes.append(f"The labels in {beside.name} were not used: {error}.")
    return Opened(RecordSource(entry, records, labels, class_names, unpacked, (beside,)), tuple(notes))


def _image_key(members: Mapping[str, Member]) -> str:
    by_name = {name.casefold(): name for name in reversed(members)}
    named = [by_name[key] for key in IMAGE_KEYS if key in by_name]
    shaped = [name for name, member in members.items() if len(member.shape) in (3, 4)]
    if not named and not shaped:
        found = ", ".join(f"{name} {member.shape}" for name, member in list(members.items())[:5])
        raise UnreadableError(f"no pictures in it: expected an array images (N, H, W, C), found {found}")
    return next((name for name in named if name in shaped), (shaped or named)[0])


def _survey(
    arrays: Arrays, key: str, notes: list[str]
) -> Generator[ReadProgress, None, tuple[Records, BinaryIO | None]]:
    """Where the pictures are and what their numbers mean, and their unpacked content when they are packed."""
    member = arrays.members[key]
    shape, channels_first = _shape(member, notes)
    if member.fortran:
        yield ReadProgress(0, member.byte_count)
        return _rearranged(arrays, key, shape, channels_first, notes)
    offset = arrays.offset(key)
    low, high = math.inf, -math.inf
    done = 0
    with ExitStack() as stack:
        spool = None
        if offset is None:
            spool = Spool(member.packed)
            cleanup = stack.enter_context(ExitStack())
            cleanup.callback(spool.close)
        file = stack.enter_context(arrays.opened(key))
        file.read(member.header)
        size = _CHUNK // member.dtype.itemsize * member.dtype.itemsize
        while chunk := file.read(min(size, member.byte_count - done)):
            done += len(chunk)
            low, high = _widened(np.frombuffer(chunk, member.dtype), low, high)
            if spool is not None:
                spool.write(chunk)
            yield ReadProgress(done, member.byte_count)
        # Makes the archive compare the checksum, which it does at the very end.
        file.read(1)
        if done != member.byte_count:
            raise UnreadableError("cut off: the end is missing")
        scale, shift = _scale(member.dtype, low, high, notes)
        unpacked = None
        if spool is not None:
            unpacked = spool.finish()
            cleanup.pop_all()
    start = 0 if offset is None else offset + member.header
    stride = math.prod(shape[1:]) * member.dtype.itemsize
    return Records(start, stride, shape[0], shape[1:], member.dtype, channels_first, scale, shift), unpacked


def _rearranged(
    arrays: Arrays, key: str, shape: tuple[int, ...], channels_first: bool, notes: list[str]
) -> tuple[Records, BinaryIO]:
    """As `_survey`, of an array whose pictures do not lie one behind the other: they are put in order once."""
    member = arrays.members[key]
    if member.byte_count > MAX_BYTES_AT_ONCE:
        raise UnreadableError(f"its pictures would take {member.byte_count / 2**30:,.1f} GB, more than can be taken")
    with arrays.opened(key) as file:
        values = npy.read_array(file, allow_pickle=False, max_header_size=LONGEST_HEADER)
    low, high = _widened(values, math.inf, -math.inf)
    scale, shift = _scale(member.dtype, low, high, notes)
    spool = Spool(member.packed)
    try:
        for picture in values.reshape(shape):
            spool.write(np.ascontiguousarray(picture).tobytes())
        stride = math.prod(shape[1:]) * member.dtype.itemsize
        return Records(0, stride, shape[0], shape[1:], member.dtype, channels_first, scale, shift), spool.finish()
    except BaseException:
        spool.close()
        raise


def _shape(member: Member, notes: list[str]) -> tuple[tuple[int, ...], bool]:
    """The shape (N, H, W), (N, H, W, C) or (N, C, H, W), and whether it is the last."""
    if member.dtype.hasobject:
        raise UnreadableError("holds Python objects, which could run a program when opened; save plain arrays")
    shape = member.shape
    found = " × ".join(map(str, shape))
    if member.byte_count == 0:
        raise UnreadableError(f"no pictures in it: the array is empty ({found})")
    if len(shape) == 2:
        shape = _unrolled(shape, notes)
    if len(shape) not in (3, 4):
        raise UnreadableError(f"its array of {found} is not pictures; expected (N, H, W, C)")
    if member.dtype.kind not in "buif":
        raise UnreadableError(f"its pictures are of the kind {member.dtype}, not numbers")
    if member.byte_count > MAX_UNPACKED_BYTES:
        raise UnreadableError(f"its pictures would take {member.byte_count / 2**30:,.1f} GB, more than can be taken")
    check_unpacked(member.byte_count, member.packed)
    if len(shape) == 3 or (len(member.shape) == 4 and shape[3] in CHANNEL_COUNTS):
        return shape, False
    if shape[1] not in CHANNEL_COUNTS:
        raise UnreadableError(f"its pictures have {shape[3]} channels ({found}); 1, 3 or 4 can be read")
    if len(member.shape) == 4:
        notes.append("Channels came first in the file; they were moved to the end.")
    return shape, True


def _unrolled(shape: tuple[int, ...], notes: list[str]) -> tuple[int, ...]:
    """The shape of pictures whose numbers are written in one row each, grey or one channel after the other."""
    for channels in (1, 3):
        side = math.isqrt(shape[1] // channels)
        if side >= _SMALLEST_FLAT_SIDE and side * side * channels == shape[1]:
            notes.append(f"Rows of {shape[1]:,} numbers became pictures of {side} × {side}.")
            return (shape[0], side, side) if channels == 1 else (shape[0], channels, side, side)
    return shape


def _widened(values: NDArray[np.generic], low: float, high: float) -> tuple[float, float]:
    low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UnreadableError("its pictures hold values that are not numbers")
    return low, high


def _scale(dtype: np.dtype, low: float, high: float, notes: list[str]) -> tuple[float, float]:
    """(scale, shift) that bring values between `low` and `high` to 0..255."""
    if dtype == np.bool_:
        notes.append("True and false became white and black.")
        return 255.0, 0.0
    if dtype.kind == "f" and low >= -_ROUNDING and high <= 1 + _ROUNDING:
        scale, shift, said = 255.0, 0.0, "0 to 1"
    elif dtype.kind == "f" and low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
        scale, shift, said = 127.5, 127.5, "-1 to 1"
    elif dtype.kind != "f" and low == 0 and high == 1:
        scale, shift, said = 255.0, 0.0, "0 to 1"
    elif low >= 0 and high <= 255:
        scale, shift, said = 1.0, 0.0, ""
    elif dtype.kind == "u" and dtype.itemsize == 2:
        scale, shift, said = 1 / 257, 0.0, "0 to 65,535"
    else:
        raise UnreadableError(f"its values run from {low:g} to {high:g}; expected 0 to 255, 0 to 1 or -1 to 1")
    if said:
        notes.append(f"Values from {said} became 0 to 255.")
    return scale, shift


def _labels_beside(entry: Entry) -> Entry | None:
    for old, new in _LABELS_BESIDE:
        if old in entry.name and (found := entry.sibling(entry.name.replace(old, new))) is not None:
            return found
    return None


def _one_per_picture(arrays: Arrays, key: str, count: int) -> NDArray[np.generic]:
    """The labels under this name, one for each of `count` pictures. Raises UnreadableError, ValueError."""
    member = arrays.members[key]
    if member.dtype.hasobject:
        raise UnreadableError("holds Python objects, which could run a program when opened; save plain arrays")
    if member.shape not in ((count,), (count, 1)):
        raise ValueError(f"{' × '.join(f'{length:,}' for length in member.shape)} labels for {count:,} pictures")
    return load_small(arrays, key).reshape(count)


def _classes(
    arrays: ArchivedArrays, image_key: str, count: int, notes: list[str]
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    key = _first_key(arrays.members, LABEL_KEYS, image_key)
    if key is None:
        return None, ()
    try:
        return classes_from_values(_one_per_picture(arrays, key, count), _names(arrays))
    except (UnreadableError, ValueError) as error:
        notes.append(f"The labels in {key} were not used: {error}.")
        return None, ()


def _names(arrays: ArchivedArrays) -> Sequence[str]:
    key = _first_key(arrays.members, NAME_KEYS, "")
    if key is None or arrays.members[key].dtype.kind not in "US" or len(arrays.members[key].shape) != 1:
        return ()
    return [as_text(value) for value in load_small(arrays, key)]


def _first_key(members: Mapping[str, Member], keys: Sequence[str], other_than: str) -> str | None:
    by_name = {name.casefold(): name for name in reversed(members)}
    return next((by_name[key] for key in keys if key in by_name and by_name[key] != other_than), None)
