"""A small picture with the edge of its symbol's colour, and bars of shares, each with its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.plane_ground import paint_framed
from studio.app.widgets.shown_picture import Reading, ShownPicture

_EDGE = 3
_ROW, _BAR, _THUMBNAIL = 20, 6, 26
_PERCENT = 40


class EdgedPicture(QWidget):
    """Floats (H, W, C) as large as whole multiples allow, in the upper left corner."""

    def __init__(self, role: str, reading: Reading, size: QSize, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role, self._reading, self._hint = role, reading, size
        self._shown: ShownPicture | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(size.height() + _EDGE)
        theme().changed.connect(self._retheme)

    @property
    def shown(self) -> ShownPicture | None:
        return self._shown

    def set_picture(self, values: NDArray[np.floating] | None, limit: float = 1.0) -> None:
        """What to show; None for the empty ground. limit: of signed values, ± at the ends of the colours."""
        self._shown = None if values is None else ShownPicture(values, self._reading, limit)
        self.update()

    def set_picture_height(self, height: int) -> None:
        """How much room it takes."""
        self.setFixedHeight(height + _EDGE)

    def sizeHint(self) -> QSize:
        return QSize(self._hint.width(), self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self._hint.width(), 60), self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        space = QRectF(0, _EDGE, self.width(), self.height() - _EDGE)
        if self._shown is None:
            painter.fillRect(space, theme().color("canvas"))
            return
        image = self._shown.image()
        corner = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        area = fitted_rect(image.size(), space, self.devicePixelRatioF(), corner)
        painter.fillRect(QRectF(area.left(), 0, area.width(), _EDGE), theme().color(self._role))
        paint_picture(painter, area, image)
        painter.end()

    @Slot()
    def _retheme(self) -> None:
        self.update()


@dataclass(frozen=True, eq=False)
class Share:
    """picture: floats (H, W, C), −1 black to 1 white. share: 0..1."""

    name: str
    picture: NDArray[np.floating] = field(repr=False)
    share: float = 0.0


class ShareBars(QWidget):
    """One row a share: picture, bar, per cent."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[Share, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._retheme)

    @property
    def shares(self) -> tuple[Share, ...]:
        return self._shares

    def set_shares(self, shares: Sequence[Share]) -> None:
        """Show these, in this order."""
        self._shares = tuple(shares)
        self.setFixedHeight(_ROW * len(self._shares))
        self.setAccessibleName(", ".join(f"{share.name} {100 * share.share:.0f} %" for share in self._shares))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _ROW * len(self._shares))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(ui_font(FontSize.LABEL))
        left, width = _THUMBNAIL + Space.S, self.width() - _THUMBNAIL - _PERCENT - Space.S
        for row, share in enumerate(self._shares):
            top = row * _ROW
            height, across = share.picture.shape[:2]
            scale = min(_THUMBNAIL / across, (_ROW - 6) / height)
            size = (across * max(1, int(scale)), height * max(1, int(scale))) if scale >= 1 else (_ROW - 6, _ROW - 6)
            paint_framed(painter, QRectF(0, top + (_ROW - size[1]) // 2, *size), share.picture)
            bar = QRectF(left, top + (_ROW - _BAR) // 2, width, _BAR)
            painter.fillRect(bar, theme().color("hover"))
            bar.setWidth(width * share.share)
            painter.fillRect(bar, theme().color("d3"))
            painter.setPen(theme().color("text"))
            place = QRectF(self.width() - _PERCENT, top, _PERCENT, _ROW)
            painter.drawText(place, int(_RIGHT), f"{100 * share.share:.0f} %")
        painter.end()

    @Slot()
    def _retheme(self) -> None:
        self.update()


_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
