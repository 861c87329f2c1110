"""The findings about a data set, and the files that were not taken, each by name and with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.train.dataset_health import HealthLine
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label, SecondaryButton
from studio.app.widgets.finding import Finding
from studio.data.report import SkippedFile

MOST_FILES = 200


class HealthList(QWidget):
    """A line a finding; the last one opens the list of files left out."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._findings: list[Finding] = []
        self._lines = QVBoxLayout()
        self._lines.setSpacing(Space.XS)
        self._skipped_row = QWidget(self)
        self._skipped = Finding(self._skipped_row)
        self._why = SecondaryButton("See why", parent=self._skipped_row, dense=True)
        self._why.setCheckable(True)
        row = QHBoxLayout(self._skipped_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._skipped, 1)
        row.addWidget(self._why)
        self._files = Label("", self, role="muted", size=FontSize.RANGE, wrap=True)
        self._files.setContentsMargins(Space.XXL - Space.S, 0, 0, 0)
        self._files.hide()
        self._why.toggled.connect(self._files.setVisible)
        self._why.toggled.connect(self._name_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, Space.XS, 0, 0)
        layout.setSpacing(Space.XS)
        layout.addLayout(self._lines)
        layout.addWidget(self._skipped_row)
        layout.addWidget(self._files)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings shown."""
        return tuple(self._findings)

    @property
    def why_button(self) -> SecondaryButton:
        return self._why

    @property
    def files_text(self) -> str:
        """The files left out, a line each."""
        return self._files.text()

    def show_lines(self, lines: Sequence[HealthLine], skipped: Sequence[SkippedFile]) -> None:
        """Show these findings and files."""
        while len(self._findings) > len(lines):
            finding = self._findings.pop()
            self._lines.removeWidget(finding)
            finding.hide()
            finding.deleteLater()
        while len(self._findings) < len(lines):
            finding = Finding(self)
            self._lines.addWidget(finding)
            self._findings.append(finding)
        for finding, line in zip(self._findings, lines, strict=True):
            finding.show_finding(line.state.value, line.state.role, line.text, value=line.value)
        self._why.setChecked(False)
        self._skipped_row.setVisible(bool(skipped))
        noun = "file" if len(skipped) == 1 else "files"
        self._skipped.show_finding("info", "muted", f"{len(skipped):,} {noun} not taken")
        shown = [f"{item.path}: {item.reason}" for item in skipped[:MOST_FILES]]
        if len(skipped) > MOST_FILES:
            shown.append(f"and {len(skipped) - MOST_FILES:,} more; all are in the log")
        self._files.setText("\n".join(shown))

    @Slot(bool)
    def _name_button(self, shown: bool) -> None:
        self._why.set_text("Hide" if shown else "See why")
