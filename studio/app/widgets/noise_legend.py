"""The scale of a noise map: its colours from −limit over 0 to +limit."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import picture_image, signed_colors
from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.labels import tooltip_text

_BAR_WIDTH, _BAR_HEIGHT = 64, 8
_GAP = 5
_COLORS = 255


class NoiseLegend(QWidget):
    """A bar of the noise colours with its ends in numbers; 0 is in its middle."""

    def __init__(self, limit: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high = f"−{limit:g}", f"+{limit:g}"
        self._channels = 1
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Scale of the noise, {self._low} to {self._high}")
        theme().changed.connect(self._repaint)
        self.set_channels(1)

    def set_channels(self, channels: int) -> None:
        """Noise of one channel has colours of its own; of several each channel is dark below 0 and bright above."""
        self._channels = channels
        what = "blue below 0, orange above" if channels == 1 else "each colour dark below 0, grey at 0, bright above"
        self.setToolTip(tooltip_text(f"Noise from {self._low} to {self._high}", reason=f"{what}; beyond it is clamped"))
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetricsF(ui_font(FontSize.RANGE))
        words = metrics.horizontalAdvance(self._low) + metrics.horizontalAdvance(self._high)
        return QSize(round(words) + 2 * _GAP + _BAR_WIDTH + 2, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        font = ui_font(FontSize.RANGE)
        metrics = QFontMetricsF(font)
        painter.setFont(font)
        painter.setPen(theme().color("muted"))
        low, high = metrics.horizontalAdvance(self._low), metrics.horizontalAdvance(self._high)
        right = float(self.width())
        bar = QRectF(right - high - _GAP - _BAR_WIDTH, (self.height() - _BAR_HEIGHT) / 2, _BAR_WIDTH, _BAR_HEIGHT)
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(bar.left() - _GAP - low, 0, low + 1, self.height()), middle, self._low)
        painter.drawText(QRectF(right - high, 0, high + 1, self.height()), middle, self._high)
        painter.drawImage(bar, picture_image(self._colors()))
        # Its ends may be as bright, or as dark, as the panel.
        painter.setPen(theme().color("border"))
        painter.drawRect(bar.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()

    def _colors(self) -> np.ndarray:
        if self._channels == 1:
            return signed_colors(_COLORS)[None]
        return np.arange(_COLORS, dtype=np.uint8)[None]

    @Slot()
    def _repaint(self) -> None:
        self.update()
