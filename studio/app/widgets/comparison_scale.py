"""The scale of a signed map: its colours from −limit to +limit, with the numbers at both ends."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import picture_image, signed_colors
from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.labels import MINUS, tooltip_text

_BAR, _HEIGHT, _NUMBER = 44, 8, 18


class SignedScale(QWidget):
    """As wide as its bar and two numbers; follows the theme."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._limit = 1.0
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._name()
        theme().changed.connect(self._repaint)

    def set_limit(self, limit: float) -> None:
        """Another number at the ends."""
        if limit != self._limit:
            self._limit = limit
            self._name()
            self.update()

    def _name(self) -> None:
        words = f"Scale from {MINUS}{self._limit:g} to +{self._limit:g}"
        self.setAccessibleName(words)
        self.setToolTip(tooltip_text(words, reason="Values beyond its ends have the colour of the end"))

    def sizeHint(self) -> QSize:
        return QSize(_BAR + 2 * _NUMBER, 20)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = self.height() / 2
        bar = QRectF(_NUMBER, middle - _HEIGHT / 2, _BAR, _HEIGHT)
        image: QImage = picture_image(signed_colors(_BAR)[None])
        painter.drawImage(bar, image)
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(theme().color("muted"))
        ends = ((0.0, Qt.AlignmentFlag.AlignLeft, MINUS), (bar.right(), Qt.AlignmentFlag.AlignRight, "+"))
        for left, alignment, sign in ends:
            area = QRectF(left, 0, _NUMBER, self.height())
            painter.drawText(area, alignment | Qt.AlignmentFlag.AlignVCenter, f"{sign}{self._limit:g}")
        painter.end()

    @Slot()
    def _repaint(self) -> None:
        self.update()
