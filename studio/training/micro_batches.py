"""What is too large for the memory, done in parts: the gradient of a batch, and pictures through a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor

from studio.errors import OutOfMemory
from studio.library.memory import is_out_of_memory

Item = TypeVar("Item")


def parts_of(whole: slice, count: int) -> list[slice]:
    """`whole` cut into `count` slices that differ in length by one at most; fewer where it is shorter than that."""
    length = whole.stop - whole.start
    count = max(1, min(count, length))
    edges = [whole.start + number * length // count for number in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def in_parts(compute: Callable[[Sequence[Item]], Tensor], items: Sequence[Item]) -> Tensor:
    """compute(items), or, where there is not the memory for it, the tensors of its halves put together, and so on.

    compute: must give for each item alone what it gives for it among others, along the first axis.
    Raises OutOfMemory when it cannot even be done for one.
    """
    try:
        return compute(items)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(items) == 1:
            raise OutOfMemory(
                "There is not enough memory to put a single picture through the network.",
                "Close other programs, or train a smaller network; the last checkpoint is still good.",
            ) from error
    # Only here, with the error gone, is what it held on to free again.
    release_memory()
    middle = len(items) // 2
    return torch.cat([in_parts(compute, items[:middle]), in_parts(compute, items[middle:])])


def release_memory() -> None:
    """Give back to the device what a computation that failed has left."""
    # No garbage collection: this runs in a background thread, where Qt's objects must not be destroyed.
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
