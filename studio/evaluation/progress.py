"""How far an evaluation has come."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class EvaluationProgress:
    """What is being done, in words, and how much of that is done: `fraction` in [0, 1]."""

    stage: str
    fraction: float


def finished(work: Generator[EvaluationProgress, None, Result]) -> Result:
    """`work` run to its end, for callers who show no progress; what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
