"""Tensors with a JSON header in one safetensors file, written atomically and read with suspicion.

The layout is the public safetensors one: an 8-byte little-endian header length, a JSON header padded with spaces to a
multiple of 8, then the raw little-endian tensors without gaps. What the program has to say about the tensors travels
as JSON text under one key of `__metadata__`, so that one file is enough and any safetensors reader opens it.

Reading is done here rather than by the safetensors package for three reasons: every fault gets its own sentence,
limits are checked before memory is taken, and no file stays mapped (a mapped file cannot be replaced on Windows).
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from studio import files
from studio.errors import ModelFileError

METADATA_KEY = "diffusion_studio"

MAXIMUM_HEADER_BYTES = 16 * 2**20
MAXIMUM_FILE_BYTES = 16 * 2**30
MAXIMUM_TENSORS = 50_000

_DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

_ANOTHER_FILE = "Choose another file."


@dataclass(frozen=True)
class TensorFile:
    """What a file held: CPU tensors by name, and the program's own JSON header (empty when it has none)."""

    tensors: dict[str, Tensor]
    header: dict[str, Any]


@dataclass(frozen=True)
class TensorSpan:
    """A tensor in a file: its bytes lie from `begin` to `end`."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int

    def moved(self, distance: int) -> TensorSpan:
        """The same, so many bytes further on."""
        return replace(self, begin=self.begin + distance, end=self.end + distance)


@dataclass(frozen=True)
class TensorLayout:
    """Where a file's tensors lie, by name and from the beginning of the file, and the program's own JSON header."""

    spans: dict[str, TensorSpan]
    header: dict[str, Any]


def write_tensors(
    path: Path | str,
    tensors: Mapping[str, Tensor],
    header: Mapping[str, Any],
    *,
    before_replacing: Callable[[], None] | None = None,
) -> None:
    """Write `tensors` and the JSON-ready `header` to `path`, atomically and without a second copy in memory.

    `before_replacing` is called when the new file is complete on its temporary name and the old one still in place.
    Raises StorageError when the disk is full or the folder cannot be written.
    """
    beginning, names = layout_bytes({name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}, header)
    with files.atomic_write(path) as file:
        file.write(beginning)
        for name in names:
            file.write(content_bytes(tensors[name]))
        if before_replacing is not None:
            before_replacing()


def layout_bytes(
    shapes: Mapping[str, tuple[torch.dtype, Sequence[int]]], header: Mapping[str, Any]
) -> tuple[bytes, list[str]]:
    """How a file of tensors of these types and shapes begins, and the order in which their bytes follow."""
    # The widest numbers come first, as the safetensors package does: every tensor then begins aligned.
    names = sorted(shapes, key=lambda name: (-shapes[name][0].itemsize, name))
    entries: dict[str, Any] = {"__metadata__": {"format": "pt", METADATA_KEY: json.dumps(header, allow_nan=False)}}
    offset = 0
    for name in names:
        dtype, shape = shapes[name]
        end = offset + math.prod(shape) * dtype.itemsize
        entries[name] = {"dtype": _DTYPE_NAMES[dtype], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, names


def read_tensors(path: Path | str) -> TensorFile:
    """Everything in the safetensors file `path`, copied into memory.

    Raises ModelFileError when the file is missing, is not a safetensors file, is cut short, is larger than the limits
    of this module, or contradicts itself.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size, path)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path} does not exist.", _ANOTHER_FILE) from error
    except IsADirectoryError as error:
        raise ModelFileError(f"{path} is a folder, not a model file.", "Choose a .safetensors file.") from error
    except OSError as error:
        raise ModelFileError(f"{path} could not be read: {error.strerror or error}.", _ANOTHER_FILE) from error


def content_bytes(tensor: Tensor) -> memoryview:
    """The raw little-endian bytes of a CPU tensor, for hashing."""
    return _bytes_view(tensor.detach().to("cpu").contiguous())


def _bytes_view(tensor: Tensor) -> memoryview:
    return memoryview(tensor.reshape(-1).view(torch.uint8).numpy())


def _read(file: BinaryIO, size: int, path: Path) -> TensorFile:
    layout = read_layout(file, size, path, MAXIMUM_FILE_BYTES)
    return TensorFile({name: read_tensor(file, span, path) for name, span in layout.spans.items()}, layout.header)


def read_layout(file: BinaryIO, size: int, path: Path, maximum_bytes: int) -> TensorLayout:
    """What the header of the open `file` of `size` bytes says, once everything in it holds together.

    Raises ModelFileError; see `read_tensors`.
    """
    if size > maximum_bytes:
        raise ModelFileError(f"{path.name} is larger than {maximum_bytes // 2**30} GiB.", _ANOTHER_FILE)
    entries, metadata, start = _read_header(file, size, path)
    spans = sorted((_span(name, entry, path) for name, entry in entries.items()), key=lambda span: span.begin)
    end = 0
    for span in spans:
        if span.begin != end:
            raise _damaged(path, f"the tensor {span.name} is not where the one before it ends")
        end = span.end
    if end > size - start:
        raise ModelFileError(
            f"{path.name} is cut short: {end - (size - start):,} of its bytes are missing.",
            "Copy or download it again.",
        )
    if end < size - start:
        raise _damaged(path, "it is longer than its header says")
    return TensorLayout({span.name: span.moved(start) for span in spans}, _own_header(metadata, path))


def _read_header(file: BinaryIO, size: int, path: Path) -> tuple[dict[str, Any], dict[str, Any], int]:
    foreign = ModelFileError(f"{path.name} is not a safetensors file.", "Choose a .safetensors file.")
    if size < 10:
        raise foreign
    (length,) = struct.unpack("<Q", file.read(8))
    beginning = file.read(1)
    if beginning != b"{":
        raise foreign
    if length > MAXIMUM_HEADER_BYTES:
        raise ModelFileError(
            f"The header of {path.name} claims {length:,} bytes; more than {MAXIMUM_HEADER_BYTES:,} are not read.",
            _ANOTHER_FILE,
        )
    if 8 + length > size:
        raise ModelFileError(f"{path.name} is cut short within its header.", "Copy or download it again.")
    try:
        entries = json.loads(beginning + file.read(length - 1))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "its header is not JSON") from error
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _damaged(path, "its metadata is not a table")
    if len(entries) > MAXIMUM_TENSORS:
        raise ModelFileError(f"{path.name} holds more than {MAXIMUM_TENSORS:,} tensors.", _ANOTHER_FILE)
    return entries, metadata, 8 + length


def _span(name: str, entry: Any, path: Path) -> TensorSpan:
    try:
        dtype = _DTYPES[entry["dtype"]]
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"the entry of the tensor {name} cannot be understood") from error
    numbers = (*shape, begin, end)
    # bool is a kind of int in Python, and no dimension.
    if any(type(number) is not int or number < 0 for number in numbers) or len(shape) > 8:
        raise _damaged(path, f"the shape of the tensor {name} is not one")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise _damaged(path, f"the tensor {name} has not as many bytes as its shape needs")
    return TensorSpan(name, dtype, shape, begin, end)


def read_tensor(file: BinaryIO, span: TensorSpan, path: Path) -> Tensor:
    """The tensor whose bytes lie in `file` where `span` says. Raises ModelFileError when the file became shorter."""
    file.seek(span.begin)
    buffer = torch.empty(span.end - span.begin, dtype=torch.uint8)
    if file.readinto(memoryview(buffer.numpy())) != span.end - span.begin:  # type: ignore[attr-defined]
        raise ModelFileError(f"{path.name} changed while it was read.", "Try again.")
    return buffer.view(span.dtype).reshape(span.shape)


def _own_header(metadata: dict[str, Any], path: Path) -> dict[str, Any]:
    text = metadata.get(METADATA_KEY)
    if text is None:
        return {}
    try:
        header = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, "its description is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its description is not a table")
    return header


def _damaged(path: Path, why: str) -> ModelFileError:
    return ModelFileError(f"{path.name} is damaged: {why}.", "Copy or download it again, or choose another file.")
