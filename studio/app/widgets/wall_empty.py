"""What stands where the sample wall will be."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from studio.app.icons import paint_icon
from studio.app.theme import FontSize, theme, ui_font


class WallEmpty(QWidget):
    """An icon, one bold sentence saying what to do, one muted line."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._sentence = self._line = ""
        theme().changed.connect(self._retheme)

    def show_words(self, sentence: str, line: str) -> None:
        """Say this."""
        if (sentence, line) != (self._sentence, self._line):
            self._sentence, self._line = sentence, line
            self.setAccessibleName(f"{sentence}. {line}.")
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        paint_icon(painter, QRectF(0, middle - 56, self.width(), 28), "image", theme().tokens.border_strong)
        painter.setPen(theme().color("text"))
        painter.setFont(ui_font(FontSize.SECTION, 600))
        painter.drawText(QRectF(0, middle - 16, self.width(), 24), Qt.AlignmentFlag.AlignCenter, self._sentence)
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.LABEL))
        painter.drawText(QRectF(0, middle + 8, self.width(), 20), Qt.AlignmentFlag.AlignCenter, self._line)

    @Slot()
    def _retheme(self) -> None:
        self.update()
