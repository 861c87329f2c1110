"""IDX files, plain or gzipped: the format of MNIST and its relatives.

Two zero bytes, one byte for the kind of number, one for the number of axes, the length of each axis as a big-endian
32-bit number, then the numbers (http://yann.lecun.com/exdb/mnist/, "The IDX file format").
"""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_LABEL_BYTES, MAX_UNPACKED_BYTES
from studio.data.sources.arrays import Opened, ReadProgress, classes_from_values
from studio.data.sources.entry import Entry, reading
from studio.data.sources.records import Records, RecordSource
from studio.data.sources.source import UnreadableError
from studio.data.sources.spool import Spool

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 4 * 2**20
_NAME = re.compile(r"(idx\d|ubyte)", re.IGNORECASE)

_FASHION_CLASSES = (
    *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
# The first 10,000 labels (one byte each) of the two label files of Fashion-MNIST.
_FASHION_LABELS_SHA256 = frozenset(
    {
        "1022e4632874e71bb84d924c475e6a3428a2deeb8c5a0f612a015c97e4fce7f0",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    }
)


def looks_like_idx(name: str) -> bool:
    """Whether a file's name says that it is an IDX file."""
    return _NAME.search(name) is not None


def is_idx_images(entry: Entry) -> bool:
    """Whether a file begins like an IDX file of pictures."""
    return len(_axes(entry)) in (3, 4)


def is_idx_labels(entry: Entry) -> bool:
    """Whether a file begins like an IDX file of labels."""
    return len(_axes(entry)) == 1


def order_of_preference(entries: Iterable[Entry]) -> list[Entry]:
    """Image files of one data set, the one to train on first."""
    return sorted(entries, key=lambda entry: ("train" not in entry.name.casefold(), entry.name))


def labels_beside(images: Entry) -> Entry | None:
    """The labels file that belongs to an images file: the same name with "labels" for "images", packed or not."""
    return _counterpart(images, (("images", "labels"), ("image", "label")), "1", is_idx_labels)


def images_beside(labels: Entry) -> Entry | None:
    """The images file that belongs to a labels file."""
    return _counterpart(labels, (("labels", "images"), ("label", "image")), "34", is_idx_images)


def open_idx(entry: Entry) -> Generator[ReadProgress, None, Opened]:
    """The pictures in an IDX file of 3 axes (grey) or 4 (colour), with the labels found beside it.

    A gzipped file is unpacked once, to the disk when it is large. Raises UnreadableError when the file is damaged, is
    not what its header says, or is too large.
    """
    records, file = yield from _open_pictures(entry)
    try:
        labels_entry = labels_beside(entry)
        if labels_entry is None:
            notes = ("No labels file was found beside it, so there are no classes.",)
            return Opened(RecordSource(entry, records, file=file), notes)
        try:
            values = _read_labels(labels_entry)
            if len(values) != records.count:
                raise UnreadableError(f"{len(values):,} labels for {records.count:,} pictures")
            labels, class_names = classes_from_values(values, _known_names(labels_entry, values))
        except (UnreadableError, ValueError) as error:
            notes = (f"The labels in {labels_entry.name} were not used: {error}.",)
            return Opened(RecordSource(entry, records, file=file), notes)
        notes = (f"Classes come from {labels_entry.name}.",)
        return Opened(RecordSource(entry, records, labels, class_names, file, (labels_entry,)), notes)
    except BaseException:
        if file is not None:
            file.close()
        raise


def _counterpart(
    entry: Entry, swaps: tuple[tuple[str, str], ...], axes: str, fits: Callable[[Entry], bool]
) -> Entry | None:
    stem = entry.name.removesuffix(".gz")
    for old, new in swaps:
        if old not in stem:
            continue
        renamed = stem.replace(old, new)
        for digit in axes:
            name = re.sub(r"idx\d", f"idx{digit}", renamed)
            for candidate in (name + ".gz", name):
                if candidate != entry.name and (found := entry.sibling(candidate)) is not None and fits(found):
                    return found
    return None


@contextmanager
def _content(entry: Entry) -> Iterator[tuple[BinaryIO, bool]]:
    """The file's unpacked content, and whether it had to be unpacked. Raises UnreadableError."""
    with entry.open() as file, reading():
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file, False
            return
        try:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield cast(BinaryIO, unpacked), True
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableError("damaged or cut off; copy or download it again") from error


def _axes(entry: Entry) -> tuple[int, ...]:
    """The shape the header gives, empty when this is no IDX file."""
    try:
        with _content(entry) as (file, _):
            return _header(file)[1]
    except UnreadableError:
        return ()


def _header(file: BinaryIO) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or not 1 <= magic[3] <= 4:
        raise UnreadableError("not an IDX file")
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise UnreadableError("cut off: the header is not complete")
    return np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{magic[3]}I", lengths)


def _open_pictures(entry: Entry) -> Generator[ReadProgress, None, tuple[Records, BinaryIO | None]]:
    """Where the pictures are, and the unpacked content when the file is packed."""
    with _content(entry) as (file, packed):
        dtype, shape = _header(file)
        records = _records(dtype, shape)
        promised = _promised(dtype, shape, MAX_UNPACKED_BYTES)
        if not packed:
            _compare(entry.byte_count() - records.offset, promised)
            return records, None
        spool = Spool(entry.byte_count())
        try:
            spool.write(bytes(records.offset))
            done = 0
            # Grows with what is really there, so a lying header costs nothing.
            while done <= promised and (chunk := file.read(min(_CHUNK, promised + 1 - done))):
                spool.write(chunk)
                done += len(chunk)
                yield ReadProgress(min(done, promised), promised)
            _compare(done, promised)
            return records, spool.finish()
        except BaseException:
            spool.close()
            raise


def _read_labels(entry: Entry) -> NDArray[np.generic]:
    with _content(entry) as (file, _):
        dtype, shape = _header(file)
        promised = _promised(dtype, shape, MAX_LABEL_BYTES)
        content = file.read(promised + 1)
    _compare(len(content), promised)
    return np.frombuffer(content, dtype).reshape(shape)


def _promised(dtype: np.dtype, shape: tuple[int, ...], most: int) -> int:
    promised = math.prod(shape) * dtype.itemsize
    if promised == 0:
        raise UnreadableError("holds nothing: its header says " + " × ".join(map(str, shape)))
    if promised > most:
        raise UnreadableError(f"its header promises {promised / 2**30:,.1f} GB, more than can be taken")
    return promised


def _compare(present: int, promised: int) -> None:
    if present != promised:
        difference = "less" if present < promised else "more"
        raise UnreadableError(
            f"its header promises {promised:,} bytes, but it holds {difference}; copy or download it again"
        )


def _records(dtype: np.dtype, shape: tuple[int, ...]) -> Records:
    if dtype != np.uint8:
        raise UnreadableError("its numbers are not bytes, so they are not pictures")
    offset = 4 + 4 * len(shape)
    stride = math.prod(shape[1:])
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in CHANNEL_COUNTS):
        return Records(offset, stride, shape[0], shape[1:])
    if len(shape) == 4 and shape[1] in CHANNEL_COUNTS:
        return Records(offset, stride, shape[0], shape[1:], channels_first=True)
    raise UnreadableError(f"{' × '.join(map(str, shape))} numbers are not pictures of 1, 3 or 4 channels")


def _known_names(entry: Entry, values: NDArray[np.generic]) -> tuple[str, ...]:
    """Class names of Fashion-MNIST, known by its labels or by its folder; other sets have only numbers."""
    digest = hashlib.sha256(values[:10_000].astype(np.uint8).tobytes()).hexdigest()
    folders = (part.casefold() for part in entry.place())
    if digest in _FASHION_LABELS_SHA256 or any("fashion" in part and "mnist" in part for part in folders):
        return _FASHION_CLASSES
    return ()
