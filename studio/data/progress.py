"""How far an import is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportProgress:
    """How far an import is.

    Attributes:
        done: how much is done of the current stage (files, or bytes of an array file).
        total: how much there is, or None while that is unknown.
        path: what is being looked at, relative to what was dropped.
        message: the stage, in words.
    """

    done: int
    total: int | None
    path: str
    message: str
