"""CIFAR-10 and CIFAR-100 in their binary version (https://www.cs.toronto.edu/~kriz/cifar.html).

Records of one label byte (CIFAR-10) or two (CIFAR-100: coarse, fine) and 3 · 32 · 32 bytes, the whole red channel
first. Names of the classes lie beside them, one a line.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from studio.data.sources.arrays import Opened, ReadProgress, classes_from_values
from studio.data.sources.entry import Entry, printable, reading
from studio.data.sources.records import Records, RecordSource
from studio.data.sources.source import UnreadableError

_SHAPE = (3, 32, 32)
_PIXEL_BYTES = 3 * 32 * 32
_BATCH_NAME = re.compile(r"(data_batch_\d+|test_batch|train|test)\.bin", re.IGNORECASE)
_PICKLE_NAME = re.compile(r"data_batch_\d+|test_batch|batches\.meta|train|test|meta", re.IGNORECASE)
_COMPANIONS = frozenset({"batches.meta.txt", "readme.html", "fine_label_names.txt", "coarse_label_names.txt"})
_RECORDS_AT_ONCE = 1000
_LONGEST_NAMES = 64 * 2**10
PICKLE_REASON = (
    "a Python pickle, which could run a program when opened; "
    "take CIFAR's binary version instead (cifar-10-binary.tar.gz)"
)


def looks_like_cifar(name: str) -> bool:
    """Whether a file's name is that of a binary batch."""
    return _BATCH_NAME.fullmatch(name) is not None


def is_cifar_pickle(entry: Entry) -> bool:
    """Whether a file is a batch of the version for Python."""
    try:
        return _PICKLE_NAME.fullmatch(entry.name) is not None and entry.head(2)[:1] == b"\x80"
    except UnreadableError:
        return False


def is_beside_batches(name: str) -> bool:
    """Whether a file comes with CIFAR and is nothing to be imported."""
    return name.casefold() in _COMPANIONS


def is_for_testing(entry: Entry) -> bool:
    """Whether a batch is the one that is kept for tests."""
    return entry.name.casefold().startswith("test")


def open_cifar(entry: Entry) -> Generator[ReadProgress, None, Opened]:
    """The pictures in one binary batch, with the names of their classes when these lie beside it.

    Raises UnreadableError when its length or its labels are not those of such a batch.
    """
    byte_count = entry.byte_count()
    label_bytes = 1 if "batch" in entry.name.casefold() else 2
    stride = label_bytes + _PIXEL_BYTES
    if byte_count == 0 or byte_count % stride:
        raise UnreadableError(f"not a CIFAR batch, whose length would be a multiple of {stride:,} bytes")
    count = byte_count // stride
    labels = np.empty(count, np.uint8)
    with entry.open() as file, reading():
        for start in range(0, count, _RECORDS_AT_ONCE):
            stop = min(start + _RECORDS_AT_ONCE, count)
            content = file.read((stop - start) * stride)
            if len(content) != (stop - start) * stride:
                raise UnreadableError("cut off: the end is missing")
            labels[start:stop] = np.frombuffer(content, np.uint8).reshape(-1, stride)[:, label_bytes - 1]
            yield ReadProgress(stop * stride, byte_count)
    classes = 10 if label_bytes == 1 else 100
    if labels.max() >= classes:
        raise UnreadableError(f"not a CIFAR batch: a label in it is {labels.max()}, beyond {classes - 1}")
    beside = entry.sibling("batches.meta.txt" if label_bytes == 1 else "fine_label_names.txt")
    names = _names_in(beside, classes)
    values: NDArray[np.int64] | None = labels.astype(np.int64)
    class_names: Sequence[str] = names or [str(number) for number in range(classes)]
    note = "Classes come from the names beside the batches." if names else "No names of the classes were found."
    if count == 1:
        values, class_names = classes_from_values(labels, names)
    records = Records(label_bytes, stride, count, _SHAPE, channels_first=True)
    return Opened(RecordSource(entry, records, values, class_names, beside=(beside,) if beside else ()), (note,))


def _names_in(entry: Entry | None, count: int) -> list[str]:
    """The names of all classes, or none when there are not as many as there should be."""
    try:
        lines = entry.head(_LONGEST_NAMES).decode("utf-8", "replace").split("\n") if entry is not None else []
    except UnreadableError:
        return []
    names = [printable(line.strip()) for line in lines if line.strip()]
    return names if len(names) == count == len(set(names)) else []
