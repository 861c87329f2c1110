"""The log panel: what the program said, and what became of each import."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from studio.app.process.logs import LogKeeper, diagnostics
from studio.app.state import StudioState
from studio.app.theme import FontSize, theme
from studio.app.widgets.buttons import SecondaryButton
from studio.app.widgets.dock import StudioDock

if TYPE_CHECKING:
    from studio.data.report import ImportReport

_MOST_LINES = 4000


class LogDock(StudioDock):
    """Shows the keeper's messages as they come; without a keeper, import reports alone."""

    def __init__(self, state: StudioState, keeper: LogKeeper | None, parent: QWidget) -> None:
        super().__init__("log", "Log", "what the studio did, newest last", parent)
        self._state = state
        self._keeper = keeper
        self._shown: tuple[int, str] | None = None
        self._text = QPlainTextEdit(self)
        self._text.setReadOnly(True)
        self._text.setMaximumBlockCount(_MOST_LINES)
        self._text.setAccessibleName("Log")
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(FontSize.LABEL)
        self._text.setFont(font)
        self._text.setPlaceholderText("Nothing was logged yet.")
        self.set_body(self._text)
        copy = SecondaryButton("Copy diagnostics", "copy", self, dense=True)
        copy.setToolTip("Copy versions, machine and log, to report a defect")
        copy.clicked.connect(self.copy_diagnostics)
        self.title_actions().addWidget(copy)
        if keeper is not None:
            keeper.added.connect(self._show_new)
            self._show_new()

    def add_report(self, report: ImportReport) -> None:
        """Append what an import took and left out."""
        self._append(logging.INFO, report.to_text())

    @Slot()
    def copy_diagnostics(self) -> None:
        device = self._state.device.label if self._state.device is not None else ""
        QGuiApplication.clipboard().setText(diagnostics(self._keeper, device))

    @Slot()
    def _show_new(self) -> None:
        assert self._keeper is not None
        records = self._keeper.records()
        begin = 0
        if self._shown is not None:
            # From the end: the record shown last is near it, or has fallen out of the keeper altogether.
            for index in range(len(records) - 1, -1, -1):
                if records[index] is self._shown:
                    begin = index + 1
                    break
        for record in records[begin:]:
            self._append(*record)
        if records:
            self._shown = records[-1]

    def _append(self, level: int, text: str) -> None:
        bar = self._text.verticalScrollBar()
        at_end = bar.value() == bar.maximum()
        appearance = QTextCharFormat()
        role = "error" if level >= logging.ERROR else "warn" if level >= logging.WARNING else "text"
        appearance.setForeground(QColor(theme().color(role)))
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self._text.document().isEmpty():
            cursor.insertBlock()
        cursor.insertText(text, appearance)
        if at_end:
            bar.setValue(bar.maximum())
