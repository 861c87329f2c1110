"""The account of a scan: what was left out and why, and what a person may want to know."""

from __future__ import annotations

from collections import Counter

from studio.data.limits import MAX_REPORT_LINES
from studio.data.report import SkippedFile


class Account:
    """What was left out, file by file as long as that can be read, and how things were read."""

    def __init__(self) -> None:
        self._skipped: list[SkippedFile] = []
        self._more: Counter[str] = Counter()
        self.notes: list[str] = []

    def skip(self, shown: str, reason: str) -> None:
        """This file is left out."""
        if len(self._skipped) < MAX_REPORT_LINES:
            self._skipped.append(SkippedFile(shown, reason))
        else:
            self._more[reason if len(self._more) < 100 else "other reasons"] += 1

    def note(self, sentence: str) -> None:
        """Something to know, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def count(self) -> int:
        """How many files were left out."""
        return len(self._skipped) + self._more.total()

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """What was left out; beyond a limit one line for each reason."""
        return (*self._skipped, *(SkippedFile(f"{count:,} more", reason) for reason, count in self._more.most_common()))
