"""Training as one of several processes that see a part of every batch each and agree on one gradient.

A step means the same however many take part: everything random is drawn for the whole batch by each of them, so that
the parts of one batch are exactly what one process alone would have seen.

They stay together only as long as all of them call the same methods in the same order: whatever one process alone can
know (the time, a key pressed, memory that ran out) goes through `agree` or `any` before it decides what comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn


class Ranks(Protocol):
    """The processes of one training, seen from one of them.

    index: which one this is, from 0; number 0 alone writes files and tells people. count: how many there are.

    Every method but `part` raises TrainingError when another process is gone.
    """

    @property
    def index(self) -> int: ...

    @property
    def count(self) -> int: ...

    def part(self, batch_size: int) -> slice:
        """Which pictures of a batch are this process's. Together the parts are the whole batch, none twice, and none
        is empty. Raises SettingsError when there are more processes than pictures."""
        ...

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes. All must call it, with the same parameters.

        The loss of a part is to be its sum over the part divided by the size of the whole batch.
        """
        ...

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, the same for all. All must call it, with the same shape and dtype.

        For what is told, such as losses: ask a few times a second, not every step.
        """
        ...

    def agree(self, values: Sequence[float]) -> tuple[float, ...]:
        """What process 0 gave as `values`, the same for all. All must call it, with as many values.

        Goes from processor to processor, so that no accelerator is waited for: cheap enough for every step.
        """
        ...

    def any(self, flag: bool) -> bool:
        """Whether any process gave True. All must call it; as cheap as `agree`."""
        ...


class Alone:
    """One process that sees every picture: the usual case."""

    index = 0
    count = 1

    def part(self, batch_size: int) -> slice:
        return slice(0, batch_size)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        pass

    def sum(self, values: Tensor) -> Tensor:
        return values

    def agree(self, values: Sequence[float]) -> tuple[float, ...]:
        return tuple(values)

    def any(self, flag: bool) -> bool:
        return flag
