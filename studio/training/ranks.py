"""Training as one of several processes that see a part of every batch each and agree on one gradient.

A step means the same however many take part: everything random is drawn for the whole batch by each of them, so that
the parts of one batch are exactly what one process alone would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import nn


class Ranks(Protocol):
    """The processes of one training, seen from one of them.

    index: which one this is, from 0; number 0 alone writes files and tells people. count: how many there are.
    """

    @property
    def index(self) -> int: ...

    @property
    def count(self) -> int: ...

    def part(self, batch_size: int) -> slice:
        """Which pictures of a batch are this process's. Together the parts are the whole batch, none twice."""
        ...

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes. All must call it, with the same parameters."""
        ...

    def agree(self, values: Sequence[float]) -> tuple[float, ...]:
        """What process 0 gave as `values`, the same for all. All must call it, with as many values."""
        ...


class Alone:
    """One process that sees every picture: the usual case."""

    index = 0
    count = 1

    def part(self, batch_size: int) -> slice:
        return slice(0, batch_size)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        pass

    def agree(self, values: Sequence[float]) -> tuple[float, ...]:
        return tuple(values)
