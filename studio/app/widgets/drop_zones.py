"""Two places to let go of files while others are open: add to them, or replace them."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from studio.app.icons import paint_icon
from studio.app.theme import FontSize, Size, Space, theme, ui_font

ADD, REPLACE = "add", "replace"
_ICONS = {ADD: "plus", REPLACE: "refresh"}


class DropZones(QWidget):
    """Lies over a whole window while files are over it; `point` says where they are, `choice` what that means."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.choice = REPLACE
        self._sentences = {ADD: "Add", REPLACE: "Replace"}
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def lift(self, name: str) -> None:
        """Show them over all of the parent; `name` is what is open."""
        self._sentences = {ADD: f"Add to {name}", REPLACE: f"Replace {name}"}
        self.setAccessibleName(" or ".join(self._sentences.values()))
        self.setGeometry(self.parentWidget().rect())
        self.raise_()
        self.show()

    def point(self, position: QPointF) -> None:
        """Files are over this place of the parent."""
        choice = ADD if position.x() < self.width() / 2 else REPLACE
        if choice != self.choice:
            self.choice = choice
            self.update()

    def zone(self, choice: str) -> QRectF:
        """Where a choice lies."""
        half = (self.width() - 3 * Space.L) / 2
        left = Space.L if choice == ADD else 2 * Space.L + half
        return QRectF(left, Space.L, half, self.height() - 2 * Space.L)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = QColor(tokens.window)
        shade.setAlphaF(0.82)
        painter.fillRect(self.rect(), shade)
        for choice, sentence in self._sentences.items():
            lit = choice == self.choice
            area = self.zone(choice)
            pen = QPen(tokens.color("accent" if lit else "border_strong"), 2 if lit else 1)
            pen.setDashPattern([2.5, 2] if lit else [4, 3])
            painter.setPen(pen)
            painter.setBrush(tokens.color("selected") if lit else Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area, Size.RADIUS, Size.RADIUS)
            middle = area.center()
            icon = QRectF(middle.x() - 20, middle.y() - 56, 40, 40)
            paint_icon(painter, icon, _ICONS[choice], tokens.accent if lit else tokens.muted)
            painter.setPen(tokens.color("selected_text" if lit else "text"))
            painter.setFont(ui_font(FontSize.HEADLINE, 600))
            words = painter.fontMetrics().elidedText(sentence, Qt.TextElideMode.ElideMiddle, round(area.width()) - 24)
            painter.drawText(area.adjusted(0, 24, 0, 24), Qt.AlignmentFlag.AlignCenter, words)
