"""What a person should know about a data set before training on it, as a few short lines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from studio.app.widgets.class_bars import ClassShare
from studio.data.image_set import ImageSet
from studio.data.report import ImportReport

if TYPE_CHECKING:
    from studio.data.health import HealthReport

CHANNEL_WORDS = {1: "grey", 3: "colour", 4: "colour with transparency"}
EVEN_RATIO = 1.5
"""Classes count as evenly filled while the largest has at most this many times the pictures of the smallest."""


class Health(StrEnum):
    """How a line is to be taken; the value names its icon."""

    GOOD = "check"
    WARNING = "warning"
    NOTE = "info"

    @property
    def role(self) -> str:
        """The colour role of the icon."""
        return {"check": "ok", "warning": "warn", "info": "muted"}[self.value]


@dataclass(frozen=True)
class HealthLine:
    """A finding and, where there is one, a short value at the right.

    indices: positions in the set of the pictures it is about. pairs: instead, where two each belong together.
    are_copies: the second of each pair is equal to the first, pixel for pixel.
    """

    state: Health
    text: str
    value: str = ""
    remedy: str = ""
    indices: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    are_copies: bool = False

    @property
    def leads_somewhere(self) -> bool:
        """Whether it is about certain pictures, which can be shown."""
        return bool(self.indices or self.pairs)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Positions in the set of the pictures it is about; those that belong together in one group."""
        return self.pairs or tuple((index,) for index in self.indices)


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


def health_lines(image_set: ImageSet, report: ImportReport | None) -> tuple[HealthLine, ...]:
    """The findings: how many were taken, how the classes are filled, then what the import had to say."""
    lines = [_taken(image_set, report), *_classes(image_set)]
    if report is not None:
        lines += [HealthLine(Health.WARNING, warning) for warning in report.warnings]
        lines += [HealthLine(Health.NOTE, note) for note in report.notes]
    return tuple(lines)


def lines_of(image_set: ImageSet, report: ImportReport | None, health: HealthReport | None) -> tuple[HealthLine, ...]:
    """The findings of an examination; what is known without one, while it goes on."""
    if health is None:
        return health_lines(image_set, report)
    from studio.data.health import FindingKind, Severity

    states = {Severity.GOOD: Health.GOOD, Severity.NOTE: Health.NOTE, Severity.WARNING: Health.WARNING}
    return tuple(
        HealthLine(
            states[finding.severity],
            finding.sentence,
            finding.value,
            finding.remedy,
            tuple(finding.indices.tolist()) if not len(finding.pairs) else (),
            tuple((int(first), int(second)) for first, second in finding.pairs),
            finding.kind is FindingKind.COPIES,
        )
        for finding in health.findings
    )


def verdict(lines: tuple[HealthLine, ...]) -> HealthLine:
    """One line over all: training can begin, with or without something to look at first."""
    warnings = sum(line.state is Health.WARNING for line in lines)
    if warnings:
        return HealthLine(Health.WARNING, "1 thing to know" if warnings == 1 else f"{warnings} things to know")
    return HealthLine(Health.GOOD, "Ready to train")


def _taken(image_set: ImageSet, report: ImportReport | None) -> HealthLine:
    skipped = len(report.skipped) if report else 0
    noun = "picture" if image_set.count == 1 else "pictures"
    return HealthLine(
        Health.GOOD, f"{image_set.count:,} {noun} taken", f"of {image_set.count + skipped:,}" if skipped else "all"
    )


def _classes(image_set: ImageSet) -> tuple[HealthLine, ...]:
    counts = [count for _, count in class_counts(image_set)]
    if len(counts) < 2:
        return ()
    low, high = min(counts), max(counts)
    value = f"{low:,} each" if low == high else f"{low:,} to {high:,}"
    if high <= EVEN_RATIO * low:
        return (HealthLine(Health.GOOD, f"{len(counts)} classes, evenly filled", value),)
    return (HealthLine(Health.NOTE, f"{len(counts)} classes, unevenly filled", value),)
