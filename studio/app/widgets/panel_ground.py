"""A widget with the ground of a panel, for the stage, where no dock paints it."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from studio.app.theme import theme


class PanelGround(QWidget):
    """Paints the panel's colour below its children."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))
