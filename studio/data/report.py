"""What an import took, what it left out, and why: for the log dock, the terminal and scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.data.findings import Finding, Severity

SHOWN_SKIPPED = 20
SHOWN_COUNTS = 12
_LABEL_WIDTH = 10
_MARKS = {Severity.GOOD: " ", Severity.NOTE: "·", Severity.WARNING: "!"}
_CHANNEL_WORDS = {1: "grey", 3: "colour", 4: "colour with transparency"}


@dataclass(frozen=True)
class SkippedFile:
    """A file that was left out, and the reason in words for the person who brought it."""

    path: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """The account of one import.

    Attributes:
        source: what was dropped, as a path or a short description.
        taken: how many pictures are in the set.
        shape: (height, width, channels) of the set.
        skipped: what was left out, file by file.
        notes: what was done to the pictures that a person may want to know.
        size_counts: {(width, height): pictures} as they were before fitting, most frequent first.
        class_counts: {class name: pictures}; empty without classes.
        warnings: what will probably disappoint when training on this set, and what to do about it.
        copies: how many pictures are exactly like an earlier one.
        findings: what `health.examine` found, once it did.
    """

    source: str
    taken: int
    shape: tuple[int, int, int]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()
    size_counts: Mapping[tuple[int, int], int] = field(default_factory=dict)
    class_counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    copies: int = 0
    findings: tuple[Finding, ...] = ()

    @property
    def distinct(self) -> int:
        """How many different pictures there are."""
        return self.taken - self.copies

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; sizes become "WxH"."""
        height, width, channels = self.shape
        return {
            "source": self.source,
            "taken": self.taken,
            "height": height,
            "width": width,
            "channels": channels,
            "sizes": {f"{w}x{h}": count for (w, h), count in self.size_counts.items()},
            "classes": dict(self.class_counts),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "copies": self.copies,
            "health": [finding.to_json() for finding in self.findings],
            "skipped": [{"path": item.path, "reason": item.reason} for item in self.skipped],
        }

    def to_text(self) -> str:
        """A few aligned lines; long lists are shortened and say by how much."""
        height, width, channels = self.shape
        lines = [
            self.source,
            _row("Pictures", f"{self.taken:,} of {width} × {height}, {_CHANNEL_WORDS[channels]}"),
        ]
        if self.class_counts:
            counts = [f"{name} {count:,}" for name, count in self.class_counts.items()]
            lines.append(_row("Classes", _shortened(counts)))
        sizes = [f"{w} × {h} ({count:,})" for (w, h), count in self.size_counts.items()]
        if set(self.size_counts) - {(width, height)}:
            lines.append(_row("Sizes", _shortened(sizes)))
        lines += _rows("Notes", self.notes)
        if self.findings:
            # The findings say in order what the warnings say in part.
            lines += _rows("Health", tuple(_health_line(finding) for finding in self.findings))
        else:
            lines += _rows("Warnings", self.warnings)
        if self.skipped:
            lines.append(_row("Left out", f"{len(self.skipped):,} {'file' if len(self.skipped) == 1 else 'files'}"))
            shown = self.skipped[:SHOWN_SKIPPED]
            lines += [_row("", f"{item.path}: {item.reason}") for item in shown]
            lines += _remainder(self.skipped[SHOWN_SKIPPED:])
        return "\n".join(lines)


def _health_line(finding: Finding) -> str:
    sentence = finding.sentence.rstrip(".")
    remedy = f". {finding.remedy}" if finding.remedy and finding.severity is not Severity.GOOD else ""
    return f"{_MARKS[finding.severity]} {sentence}{remedy}"


def _row(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"


def _rows(label: str, texts: tuple[str, ...]) -> list[str]:
    return [_row(label if index == 0 else "", text) for index, text in enumerate(texts)]


def _shortened(texts: list[str]) -> str:
    hidden = len(texts) - SHOWN_COUNTS
    return " · ".join(texts[:SHOWN_COUNTS]) + (f" · and {hidden:,} more" if hidden > 0 else "")


def _remainder(hidden: tuple[SkippedFile, ...]) -> list[str]:
    if not hidden:
        return []
    reasons = Counter(item.reason for item in hidden).most_common(3)
    return [_row("", f"and {len(hidden):,} more, mostly: " + "; ".join(reason for reason, _ in reasons))]
