"""Telling a device that is out of memory from a defect of the program."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from studio.errors import OutOfMemory

# Only CUDA has a class of its own for this; the CPU and MPS say it in words of a RuntimeError.
_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "alloc_failed")


@contextlib.contextmanager
def out_of_memory_explained(what: str, remedy: str) -> Iterator[None]:
    """Turn a failed allocation within the block into OutOfMemory(what, remedy); let everything else pass."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(what, remedy) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory could not be had."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)
