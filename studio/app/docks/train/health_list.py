"""The findings about a data set, each a way to the pictures it is about, and the files that were not taken."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.train.dataset_health import Health, HealthLine
from studio.app.theme import FontSize, Size, Space, theme
from studio.app.widgets.controls import Label, SecondaryButton
from studio.app.widgets.finding import Finding
from studio.data.report import SkippedFile

MOST_FILES = 200


class FindingLine(Finding):
    """A finding; where it is about certain pictures, it is a button that shows them."""

    chosen = Signal(object)
    """The HealthLine."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._line: HealthLine | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    @property
    def line(self) -> HealthLine | None:
        """What is shown."""
        return self._line

    def show_line(self, line: HealthLine) -> None:
        """Say this."""
        self._line = line
        # What to do about it takes two lines more; only what needs to be looked at before training gets them.
        warns = line.state is Health.WARNING
        self.show_finding(line.state.value, line.state.role, line.text, line.remedy if warns else "", line.value)
        leads = line.leads_somewhere
        self.setCursor(Qt.CursorShape.PointingHandCursor if leads else Qt.CursorShape.ArrowCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if leads else Qt.FocusPolicy.NoFocus)
        self.setToolTip("\n".join(part for part in (line.remedy, "Click to see them." if leads else "") if part))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._line is not None and self._line.leads_somewhere and self.underMouse():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().color("hover"))
            painter.drawRoundedRect(QRectF(self.rect()), Size.RADIUS, Size.RADIUS)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.HoverEnter, QEvent.Type.HoverLeave):
            self.update()
        return super().event(event)

    def _choose(self) -> None:
        if self._line is not None and self._line.leads_somewhere:
            self.chosen.emit(self._line)


class HealthList(QWidget):
    """A line a finding; the last one opens the list of files left out."""

    finding_chosen = Signal(object)
    """The HealthLine of a finding that is about certain pictures."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._findings: list[FindingLine] = []
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
    def findings(self) -> tuple[FindingLine, ...]:
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
            finding = FindingLine(self)
            finding.chosen.connect(self.finding_chosen)
            self._lines.addWidget(finding)
            self._findings.append(finding)
        for finding, line in zip(self._findings, lines, strict=True):
            finding.show_line(line)
        text = _named(skipped)
        if text != self._files.text():
            self._why.setChecked(False)
            self._files.setText(text)
        self._skipped_row.setVisible(bool(skipped))
        noun = "file" if len(skipped) == 1 else "files"
        self._skipped.show_finding("info", "muted", f"{len(skipped):,} {noun} not taken")

    @Slot(bool)
    def _name_button(self, shown: bool) -> None:
        self._why.set_text("Hide" if shown else "See why")


def _named(skipped: Sequence[SkippedFile]) -> str:
    shown = [f"{item.path}: {item.reason}" for item in skipped[:MOST_FILES]]
    if len(skipped) > MOST_FILES:
        shown.append(f"and {len(skipped) - MOST_FILES:,} more; all are in the log")
    return "\n".join(shown)
