"""What there is to know about a data set before training on it, as data: a window lists it, a terminal prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHOWN_INDICES = 100
"""So many pictures of a finding are listed in JSON; `count` tells how many there are."""


class Severity(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"


class FindingKind(StrEnum):
    """What a finding is about."""

    TAKEN = "taken"
    LEFT_OUT = "left-out"
    SIZES = "sizes"
    TOO_FEW = "too-few"
    CLASSES = "classes"
    EMPTY_CLASSES = "empty-classes"
    COPIES = "copies"
    NEAR_COPIES = "near-copies"
    BLANK = "blank"
    CROPPED = "cropped"
    ENLARGED = "enlarged"
    TRANSPARENCY = "transparency"
    GREY = "grey"


def _none() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


def _no_pairs() -> NDArray[np.int64]:
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing to know.

    Attributes:
        kind: what it is about; at most one finding of each.
        severity: how it is to be taken.
        sentence: what was found, short enough for one line in a panel.
        value: a number or two that belong at the end of that line; may be empty.
        indices: int64, the pictures of the set that it concerns, ascending; empty when it concerns all or none.
        pairs: int64 (M, 2), (picture, the earlier one that it resembles) where it is about copies.
        remedy: what to do about it, or what to expect; empty when there is nothing to do.
    """

    kind: FindingKind
    severity: Severity
    sentence: str
    value: str = ""
    indices: NDArray[np.int64] = field(default_factory=_none)
    pairs: NDArray[np.int64] = field(default_factory=_no_pairs)
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; long lists of pictures are cut, `count` tells how many there are."""
        values: dict[str, Any] = {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "sentence": self.sentence,
            "value": self.value,
            "remedy": self.remedy,
        }
        if len(self.indices):
            values["count"] = len(self.indices)
            values["indices"] = self.indices[:SHOWN_INDICES].tolist()
        if len(self.pairs):
            values["pairs"] = self.pairs[:SHOWN_INDICES].tolist()
        return values


@dataclass(frozen=True, eq=False)
class HealthReport:
    """All findings about a set, in the order to read them.

    Attributes:
        findings: at most one of each kind.
        complete: near copies were looked for too.
    """

    findings: tuple[Finding, ...]
    complete: bool = True

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def find(self, kind: FindingKind) -> Finding | None:
        """The finding of this kind, if there is one."""
        return next((finding for finding in self.findings if finding.kind is kind), None)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What somebody should look at before training."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)
