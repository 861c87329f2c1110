"""Ready distributions of points as small pictures of themselves, one of which is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QSizePolicy, QWidget

from studio.app.icons import paint_icon
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.labels import tooltip_text

COLUMNS = 3
_MOST_POINTS = 120
_LABEL = 18


@dataclass(frozen=True, eq=False)
class Kind:
    """value: what `chosen` tells. points: (M, 2) in [−1, 1]; without any the tile shows a brush."""

    value: str
    label: str
    points: NDArray[np.float64] = field(repr=False)
    tooltip: str = ""


class KindTile(QAbstractButton):
    """A few of the points, and the name below."""

    def __init__(self, kind: Kind, parent: QWidget) -> None:
        super().__init__(parent)
        self._kind = kind
        self._points = kind.points
        self.setCheckable(True)
        self.setText(kind.label)
        self.setAccessibleName(kind.label)
        self.setToolTip(tooltip_text(kind.label, reason=kind.tooltip))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme().changed.connect(self._retheme)

    @property
    def kind(self) -> Kind:
        return self._kind

    @property
    def points(self) -> NDArray[np.float64]:
        return self._points

    def set_points(self, points: NDArray[np.float64]) -> None:
        """What it stands for changed."""
        self._points = points
        self.update()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return width + _LABEL

    def sizeHint(self) -> QSize:
        return QSize(52, 52 + _LABEL)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 40 + _LABEL)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        side = min(self.width(), self.height() - _LABEL)
        square = QRectF((self.width() - side) / 2, 0, side, side)
        painter.fillRect(square, theme().color("hover" if self.underMouse() and not self.isChecked() else "canvas"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(self._points):
            stride = -(-len(self._points) // _MOST_POINTS)
            inner = square.adjusted(4, 4, -4, -4)
            shares = (self._points[::stride] + 1.0) / 2.0
            places = [
                QPointF(inner.left() + x * inner.width(), inner.bottom() - y * inner.height())
                for x, y in shares.tolist()
            ]
            pen = QPen(theme().color("d3"), 2.0)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawPoints(QPolygonF(places))
        else:
            icon = QRectF(0, 0, 18, 18)
            icon.moveCenter(square.center())
            paint_icon(painter, icon, "brush", theme().tokens.muted)
        if self.isChecked():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            pen = QPen(theme().color("accent"), 2)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(square.adjusted(1, 1, -1, -1))
        painter.setFont(ui_font(FontSize.RANGE, 600 if self.isChecked() else 400))
        painter.setPen(theme().color("text" if self.isChecked() else "muted"))
        below = QRectF(0, square.bottom() + 1, self.width(), _LABEL - 1)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self.text())

    @Slot()
    def _retheme(self) -> None:
        self.update()


class KindTiles(QWidget):
    """Tiles in rows of three. `chosen(str)` comes with every press, also on the one that is on."""

    chosen = Signal(str)

    def __init__(self, kinds: Sequence[Kind], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self.tiles: dict[str, KindTile] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(Space.XS)
        for number, kind in enumerate(kinds):
            tile = KindTile(kind, self)
            self.tiles[kind.value] = tile
            self._group.addButton(tile, number)
            grid.addWidget(tile, number // COLUMNS, number % COLUMNS)
        self._values = tuple(self.tiles)
        self._group.idClicked.connect(self._choose)

    def set_value(self, value: str) -> None:
        """Mark a kind as the one that is on; emits nothing. One that is not among them marks none."""
        tile = self.tiles.get(value)
        if tile is not None:
            tile.setChecked(True)
            return
        self._group.setExclusive(False)
        for each in self.tiles.values():
            each.setChecked(False)
        self._group.setExclusive(True)

    @Slot(int)
    def _choose(self, number: int) -> None:
        self.chosen.emit(self._values[number])
