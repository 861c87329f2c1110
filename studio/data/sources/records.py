"""Pictures that lie one behind the other in a file, each as many bytes long as the next: IDX, NumPy arrays, CIFAR."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from studio.data.fitting import minimal_channels
from studio.data.sources.entry import Entry, reading
from studio.data.sources.source import Decoded, UnreadableError


@dataclass(frozen=True)
class Records:
    """Where the pictures of a file lie, and what their numbers mean.

    Attributes:
        offset: of the first picture's first byte.
        stride: bytes from one picture's beginning to the next one's.
        count: how many pictures.
        shape: of one picture as stored, either (H, W), (H, W, C) or (C, H, W).
        dtype: of its numbers.
        channels_first: whether `shape` is (C, H, W).
        scale, shift: byte = scale · number + shift, rounded and held within 0..255.
    """

    offset: int
    stride: int
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype = np.dtype(np.uint8)  # noqa: RUF009 - a value, and nobody can change it
    channels_first: bool = False
    scale: float = 1.0
    shift: float = 0.0

    @property
    def byte_count(self) -> int:
        """Bytes of one picture's numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of each picture."""
        height, width = self.shape[1:] if self.channels_first else self.shape[:2]
        return width, height

    def block(self, content: bytes, count: int) -> NDArray[np.uint8]:
        """uint8 (count, H, W, C) of `count` pictures, whose bytes lie one stride after the other."""
        spread = np.ndarray(
            (count, *self.shape), self.dtype, content, 0, (self.stride, *np.empty(self.shape, self.dtype).strides)
        )
        if self.channels_first:
            spread = spread.transpose(0, 2, 3, 1)
        elif spread.ndim == 3:
            spread = spread[..., np.newaxis]
        if self.dtype == np.uint8 and self.scale == 1.0 and self.shift == 0.0:
            return spread
        values = np.empty(spread.shape, np.uint8)
        for index, picture in enumerate(spread):
            scaled = picture.astype(np.float64) * self.scale + self.shift
            values[index] = np.rint(np.clip(scaled, 0, 255))
        return values


class RecordSource:
    """The pictures of one such file, read one at a time.

    Args:
        entry: the file.
        records: where its pictures are.
        labels: int (N,), each an index into `class_names`, or None.
        class_names: one per class.
        file: what to read from when that is not the file itself but its unpacked content; closed with the source.
        beside: further files that labels and names come from.
    """

    def __init__(
        self,
        entry: Entry,
        records: Records,
        labels: NDArray[np.integer] | None = None,
        class_names: Sequence[str] = (),
        file: BinaryIO | None = None,
        beside: Sequence[Entry] = (),
    ) -> None:
        self._file = file
        self._entry = entry
        self.beside = tuple(beside)
        self.records = records
        self.labels = None if labels is None else labels.astype(np.int32)
        self.class_names = tuple(class_names)

    @property
    def count(self) -> int:
        return self.records.count

    def name(self, index: int) -> str:
        return f"{self._entry.shown}#{index}"

    def folders(self, index: int) -> tuple[str, ...]:
        return self._entry.folders

    def label(self, index: int) -> str | None:
        return None if self.labels is None else self.class_names[self.labels[index]]

    def size(self, index: int) -> tuple[int, int]:
        return self.records.size

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return Decoded(minimal_channels(self.read_block(index, index + 1)[0]), self.records.size)

    def stamp(self) -> str:
        """What changes when one of the files changes that pictures, labels and names come from."""
        return hashlib.sha256("\n".join(e.stamp() for e in (self._entry, *self.beside)).encode()).hexdigest()

    def read_block(self, start: int, stop: int) -> NDArray[np.uint8]:
        """The pictures from `start` to before `stop` at once, uint8 (stop − start, H, W, C) as stored.

        Raises UnreadableError.
        """
        if not 0 <= start < stop <= self.count:
            raise IndexError(start)
        file, records = self._held(), self.records
        with reading():
            file.seek(records.offset + start * records.stride)
            content = file.read((stop - start - 1) * records.stride + records.byte_count)
        if len(content) != (stop - start - 1) * records.stride + records.byte_count:
            raise UnreadableError("cut off: the end is missing")
        return records.block(content, stop - start)

    def _held(self) -> BinaryIO:
        if self._file is None:
            self._file = self._entry.open()
        return self._file

    def hold(self) -> None:
        """Open the file now, because what it lies in is about to be closed. Raises UnreadableError."""
        self._held()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()
