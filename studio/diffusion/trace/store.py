"""Many tensors of one shape: the first of them in memory, what goes beyond a budget in one temporary file.

The file is read and written at explicit positions and never mapped: the pages of a mapped file would count as memory
of this process. It has no name, or goes with the last handle, so that nothing is left behind even after a crash.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import tempfile
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch

from studio.errors import StorageError

_BYTES_PER_VALUE = 4
# With these a reader never waits for a writer; Windows lacks them.
_POSITIONAL = hasattr(os, "preadv") and hasattr(os, "pwrite")


class TensorStore:
    """float32 tensors of `shape`, each under a key of its own. One thread may write while others read.

    budget_bytes: of memory. folder: where the temporary file goes once it is needed; see `scratch_folder`.
    """

    def __init__(self, shape: tuple[int, ...], budget_bytes: int, folder: Path | None = None) -> None:
        self.shape = shape
        self.tensor_bytes = math.prod(shape) * _BYTES_PER_VALUE
        self.budget_bytes = budget_bytes
        self._folder = folder
        self._keys = itertools.count()
        self._in_memory: dict[int, torch.Tensor] = {}
        self._in_file: dict[int, int] = {}
        self._free_places: list[int] = []
        self._places = 0
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    @property
    def memory_bytes(self) -> int:
        """What is held in memory now."""
        return len(self._in_memory) * self.tensor_bytes

    @property
    def disk_bytes(self) -> int:
        """What is held in the temporary file now."""
        return len(self._in_file) * self.tensor_bytes

    def is_in_memory(self, key: int) -> bool:
        """Whether reading this tensor needs no file."""
        return key in self._in_memory

    def put(self, tensor: torch.Tensor) -> int:
        """Keep a copy of `tensor`; returns its key. Raises StorageError when it has to go to a disk that is full."""
        key = next(self._keys)
        if self.memory_bytes + self.tensor_bytes <= self.budget_bytes:
            self._in_memory[key] = tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
            return key
        place = self._free_places.pop() if self._free_places else self._places
        try:
            self._write(tensor.detach().to("cpu", torch.float32).contiguous(), place)
        except BaseException:
            if place < self._places:
                self._free_places.append(place)
            raise
        self._places = max(self._places, place + 1)
        self._in_file[key] = place
        return key

    def get(self, key: int, row: int | None = None) -> torch.Tensor:
        """The tensor under `key`, or only its `row` as a tensor of one row, float32 on the CPU; it may be the store's
        own: not to be written to.

        Raises KeyError when there is none, StorageError when the temporary file cannot be read.
        """
        held = self._in_memory.get(key)
        if held is not None:
            return held if row is None else held[row : row + 1]
        return self._read(self._in_file[key], row)

    def drop(self, keys: Iterable[int]) -> None:
        """Forget these tensors; the next ones take their places."""
        for key in keys:
            self._in_memory.pop(key, None)
            place = self._in_file.pop(key, None)
            if place is not None:
                self._free_places.append(place)

    def close(self) -> None:
        """Forget everything, and the temporary file with it."""
        self._in_memory.clear()
        self._in_file.clear()
        self._free_places, self._places = [], 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, tensor: torch.Tensor, place: int) -> None:
        rest = _bytes_of(tensor)
        position = place * self.tensor_bytes
        try:
            file = self._opened()
            while rest:
                written = self._write_at(file, rest, position)
                rest, position = rest[written:], position + written
        except OSError as error:
            raise StorageError(
                f"There is no room for another step of this run in {self._where()}: {error.strerror or error}.",
                "Free some space there, or make fewer pictures or steps at a time.",
            ) from error

    def _read(self, place: int, row: int | None) -> torch.Tensor:
        rows = self.shape[0] if row is None else 1
        # Not torch's own memory: thousands of large aligned blocks that come and go leave the heap full of holes a few
        # bytes too small, some hundred megabytes of them.
        tensor = torch.from_numpy(np.empty((rows, *self.shape[1:]), dtype=np.float32))
        rest = _bytes_of(tensor)
        position = place * self.tensor_bytes + (row or 0) * len(rest)
        try:
            file = self._opened()
            while rest:
                got = self._read_at(file, rest, position)
                if not got:
                    raise OSError("it ends too early")
                rest, position = rest[got:], position + got
        except OSError as error:
            raise StorageError(
                f"The temporary file of this run in {self._where()} could not be read: {error.strerror or error}.",
                "Make the pictures again.",
            ) from error
        return tensor

    def _opened(self) -> BinaryIO:
        if self._file is None:
            file = tempfile.TemporaryFile(prefix="diffusion-studio-", dir=self._where(), buffering=0)  # noqa: SIM115
            weakref.finalize(self, file.close)
            self._file = cast(BinaryIO, file)
        return self._file

    def _where(self) -> Path:
        return self._folder if self._folder is not None else scratch_folder()

    def _write_at(self, file: BinaryIO, view: memoryview, position: int) -> int:
        if _POSITIONAL:
            return os.pwrite(file.fileno(), view, position)
        with self._lock:
            file.seek(position)
            return file.write(view)

    def _read_at(self, file: BinaryIO, view: memoryview, position: int) -> int:
        if _POSITIONAL:
            return os.preadv(file.fileno(), [view], position)
        with self._lock:
            file.seek(position)
            return file.readinto(view)  # type: ignore[attr-defined, no-any-return]


def scratch_folder() -> Path:
    """Where large temporary files go: the system's folder for them, but on a disk rather than in memory.

    Many systems hold /tmp in memory, where such a file would save nothing, and give it up only when TMPDIR says so.
    """
    large = Path("/var/tmp")
    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    with contextlib.suppress(OSError):
        if not chosen and large.is_dir() and os.access(large, os.W_OK):
            return large
    return Path(tempfile.gettempdir())


def _bytes_of(tensor: torch.Tensor) -> memoryview:
    return memoryview(tensor.view(-1).numpy()).cast("B")
