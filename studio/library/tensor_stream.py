"""Files of tensors that are larger than memory: written piece by piece, and read back a row at a time.

The format is that of `tensors`; any safetensors reader opens such a file.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from studio import files
from studio.errors import ModelFileError, StorageError
from studio.library.tensors import (
    MAXIMUM_HEADER_BYTES,
    TensorLayout,
    TensorSpan,
    content_bytes,
    layout_bytes,
    read_layout,
    read_tensor,
)

MAXIMUM_FILE_BYTES = 2**40


@dataclass(frozen=True)
class TensorStream:
    """A tensor of `dtype` and `shape` whose content comes as `parts()`: tensors that follow one another in it."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    parts: Callable[[], Iterable[Tensor]]


def write_streams(path: Path | str, streams: Mapping[str, TensorStream], header: Mapping[str, Any]) -> None:
    """Write the `streams` and the JSON-ready `header` to `path`, atomically, holding one part in memory at a time.

    Raises StorageError when the disk is full, the folder cannot be written, or the header is longer than readers
    accept; ValueError when the parts are not what a stream said.
    """
    beginning, names = layout_bytes({name: (stream.dtype, stream.shape) for name, stream in streams.items()}, header)
    if len(beginning) > MAXIMUM_HEADER_BYTES:
        raise StorageError(f"{path} would need too long a description.", "Save less at once.")
    with files.atomic_write(path) as file:
        file.write(beginning)
        for name in names:
            stream, written = streams[name], 0
            for part in stream.parts():
                if part.dtype != stream.dtype:
                    raise ValueError(f"a part of {name} is {part.dtype}, not {stream.dtype}")
                written += file.write(content_bytes(part))
            if written != math.prod(stream.shape) * stream.dtype.itemsize:
                raise ValueError(f"the parts of {name} are {written} bytes, its shape {stream.shape}")


class TensorReader:
    """An open file of tensors: what it says of itself, and its tensors whole or by rows.

    header: the program's own JSON; empty when there is none.
    """

    def __init__(self, file: BinaryIO, layout: TensorLayout, path: Path) -> None:
        self._file, self._spans, self._path = file, layout.spans, path
        self.header = layout.header

    @property
    def names(self) -> frozenset[str]:
        """The tensors' names."""
        return frozenset(self._spans)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor. Raises KeyError when there is none of this name."""
        return self._spans[name].shape

    def dtype(self, name: str) -> torch.dtype:
        """The type of a tensor. Raises KeyError when there is none of this name."""
        return self._spans[name].dtype

    def read(self, name: str) -> Tensor:
        """A tensor, whole. Raises KeyError when there is none of this name, ModelFileError when reading fails."""
        return self._read(self._spans[name])

    def row(self, name: str, index: int) -> Tensor:
        """One row, tensor[index]. Raises IndexError when there is none, else as `read`."""
        span = self._spans[name]
        if not span.shape or not 0 <= index < span.shape[0]:
            raise IndexError(f"{name} has no row {index}")
        size = (span.end - span.begin) // span.shape[0]
        begin = span.begin + index * size
        return self._read(TensorSpan(name, span.dtype, span.shape[1:], begin, begin + size))

    def _read(self, span: TensorSpan) -> Tensor:
        try:
            return read_tensor(self._file, span, self._path)
        except OSError as error:
            raise _unreadable(self._path, error) from error


@contextlib.contextmanager
def open_tensors(path: Path | str) -> Iterator[TensorReader]:
    """The file `path`, open for reading while the block lasts; its header is checked before anything is read.

    Raises ModelFileError when the file is missing, is no safetensors file, is cut short or contradicts itself.
    """
    path = Path(path)
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} does not exist.", "Choose another file.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            layout = read_layout(file, os.fstat(file.fileno()).st_size, path, MAXIMUM_FILE_BYTES)
        except OSError as error:
            raise _unreadable(path, error) from error
        yield TensorReader(file, layout, path)


def _unreadable(path: Path, error: OSError) -> ModelFileError:
    return ModelFileError(f"{path} could not be read: {error.strerror or error}.", "Choose another file.")
