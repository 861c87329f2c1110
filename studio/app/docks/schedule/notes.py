"""What is good or poor about the schedule that is on, in words with a remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.state import StudioState
from studio.app.theme import Space
from studio.app.widgets.finding import Finding

if TYPE_CHECKING:
    from studio.diffusion.schedule import NoiseSchedule
    from studio.errors import StudioError


class ScheduleNotes(QWidget):
    """A line a warning; "ends in pure noise" when there is none; a word while a run keeps a schedule of its own."""

    def __init__(self, state: StudioState, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._findings: list[Finding] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(Space.XS)
        self._layout.addStretch(1)
        state.training_changed.connect(self._refresh)
        state.run_changed.connect(self._refresh)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The lines shown."""
        return tuple(self._findings)

    def show_schedule(self, schedule: NoiseSchedule) -> None:
        """Say what this schedule's own checks found."""
        lines = [("warning", "warn", warning.message, warning.remedy) for warning in schedule.warnings()]
        if not lines:
            lines = [("check", "ok", "Ends in pure noise", "")]
        run = self._state.run
        if self._state.training is not None and run is not None and run.schedule != schedule:
            lines.append(("info", "muted", "The run in training keeps its own schedule.", "This one is for the next."))
        self._show(lines)

    def show_error(self, error: StudioError) -> None:
        """Say why the controls' numbers are not possible together."""
        self._show([("error", "error", error.what, error.remedy)])

    def _show(self, lines: list[tuple[str, str, str, str]]) -> None:
        while len(self._findings) > len(lines):
            finding = self._findings.pop()
            self._layout.removeWidget(finding)
            finding.hide()
            finding.deleteLater()
        while len(self._findings) < len(lines):
            finding = Finding(self)
            self._layout.insertWidget(len(self._findings), finding)
            self._findings.append(finding)
        for finding, line in zip(self._findings, lines, strict=True):
            finding.show_finding(*line)

    @Slot()
    def _refresh(self) -> None:
        if self._state.schedule is not None:
            self.show_schedule(self._state.schedule)
