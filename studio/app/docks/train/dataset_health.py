"""What a person should know about a data set before training on it, as a few short lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from studio.app.widgets.class_bars import ClassShare
from studio.data.findings import FindingKind, HealthReport, Severity
from studio.data.image_set import ImageSet

CHANNEL_WORDS = {1: "grey", 3: "colour", 4: "colour with transparency"}


class Health(StrEnum):
    """How a line is to be taken; the value names its icon."""

    GOOD = "check"
    WARNING = "warning"
    NOTE = "info"

    @property
    def role(self) -> str:
        """The colour role of the icon."""
        return {"check": "ok", "warning": "warn", "info": "muted"}[self.value]


_STATES = {Severity.GOOD: Health.GOOD, Severity.NOTE: Health.NOTE, Severity.WARNING: Health.WARNING}


def _none() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


def _no_pairs() -> NDArray[np.int64]:
    return np.empty((0, 2), np.int64)


@dataclass(frozen=True)
class HealthLine:
    """A finding and, where there is one, a short value at the right.

    remedy: what to do about it, or ''. indices: int64, positions in the set of the pictures it is about. pairs: int64
    (M, 2), where two each belong together: a picture and the earlier one it resembles. are_copies: they are equal,
    pixel for pixel.
    """

    state: Health
    text: str
    value: str = ""
    remedy: str = ""
    indices: NDArray[np.int64] = field(default_factory=_none, compare=False)
    pairs: NDArray[np.int64] = field(default_factory=_no_pairs, compare=False)
    are_copies: bool = False

    @property
    def leads_somewhere(self) -> bool:
        """Whether it is about certain pictures, which can be shown."""
        return bool(len(self.indices) or len(self.pairs))


def size_words(image_set: ImageSet) -> str:
    """Size and colours of the pictures: 28 × 28 grey."""
    return f"{image_set.width} × {image_set.height} {CHANNEL_WORDS[image_set.channels]}"


def class_counts(image_set: ImageSet) -> tuple[tuple[str, int], ...]:
    """(class name, pictures) in the order of the classes; empty without classes."""
    if image_set.labels is None:
        return ()
    counts = np.bincount(image_set.labels, minlength=len(image_set.class_names))
    return tuple(zip(image_set.class_names, counts.tolist(), strict=True))


def shares_of(image_set: ImageSet, most: int) -> list[ClassShare]:
    """The classes with their sizes and one picture each, at most so many of them."""
    found = list(zip(class_counts(image_set), first_of_each_class(image_set), strict=True))[:most]
    return [
        ClassShare(name, count, None if first is None else image_set.images[first]) for (name, count), first in found
    ]


def first_of_each_class(image_set: ImageSet) -> tuple[int | None, ...]:
    """For each class the position of its first picture, None for an empty class."""
    if image_set.labels is None:
        return ()
    found: list[int | None] = [None] * len(image_set.class_names)
    labels, positions = np.unique(image_set.labels, return_index=True)
    for label, position in zip(labels.tolist(), positions.tolist(), strict=True):
        found[label] = position
    return tuple(found)


def health_lines(health: HealthReport, notes: Sequence[str] = ()) -> tuple[HealthLine, ...]:
    """The findings as lines, and what was noted when the files were looked at. Files that were not taken are listed
    by themselves (`HealthList`)."""
    lines = [
        HealthLine(
            _STATES[finding.severity],
            finding.sentence,
            finding.value,
            finding.remedy,
            finding.indices,
            finding.pairs,
            are_copies=finding.kind is FindingKind.COPIES,
        )
        for finding in health
        if finding.kind is not FindingKind.LEFT_OUT
    ]
    return (*lines, *(HealthLine(Health.NOTE, note) for note in notes))


def verdict(lines: tuple[HealthLine, ...]) -> HealthLine:
    """One line over all: training can begin, with or without something to look at first."""
    warnings = sum(line.state is Health.WARNING for line in lines)
    if warnings:
        return HealthLine(Health.WARNING, "1 thing to know" if warnings == 1 else f"{warnings} things to know")
    return HealthLine(Health.GOOD, "Ready to train")
