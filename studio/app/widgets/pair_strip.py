"""Pairs of pictures side by side, a made one and the nearest real one, with how far they lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QHelpEvent, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.app.imaging import paint_picture, screen_images
from studio.app.theme import FontSize, theme, ui_font

LARGEST_SIDE = 64
_GAP = 2
_BETWEEN = 12
_WORDS = 16


class PairStrip(QWidget):
    """As many pairs as there is room for, on one line or more, at a whole multiple of their size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Samples beside their nearest training pictures")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(36 + _WORDS)
        self._pairs: list[tuple[QImage, QImage]] = []
        self._distances: tuple[float, ...] = ()
        self._threshold: float | None = None
        theme().changed.connect(self._retheme)

    @property
    def shown(self) -> int:
        """How many pairs there is room for now."""
        return len(self._places())

    def set_pairs(
        self,
        made: NDArray[np.uint8],
        nearest: NDArray[np.uint8],
        distances: Sequence[float] = (),
        threshold: float | None = None,
    ) -> None:
        """Pictures uint8 (N, H, W, C) each. A pair whose distance lies below the threshold is marked as a copy."""
        self._pairs = list(zip(screen_images(made), screen_images(nearest), strict=True)) if len(made) else []
        self._distances, self._threshold = tuple(distances), threshold
        words = [self.words(position) for position in range(len(self._pairs))]
        self.setAccessibleDescription("; ".join(words))
        self.update()

    def is_copy(self, position: int) -> bool:
        """Whether a pair is nearer than copies are apart."""
        known = self._threshold is not None and position < len(self._distances)
        return known and self._distances[position] < self._threshold

    def words(self, position: int) -> str:
        """How far apart a pair lies."""
        if position >= len(self._distances) or not math.isfinite(self._distances[position]):
            return ""
        return f"{self._distances[position]:.2g}"

    def sizeHint(self) -> QSize:
        return QSize(320, 56 + _WORDS)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            pairs = enumerate(self._places())
            place = next((i for i, (left, right) in pairs if left.united(right).contains(event.pos())), None)
            if place is None:
                QToolTip.hideText()
            else:
                kind = "A copy" if self.is_copy(place) else "No copy"
                limit = "" if self._threshold is None else f"; copies lie below {self._threshold:.2g}"
                words = f"{kind}\nLeft: made now. Right: the nearest training picture, {self.words(place)} away{limit}."
                QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(ui_font(FontSize.RANGE))
        for position, (left, right) in enumerate(self._places()):
            made, nearest = self._pairs[position]
            paint_picture(painter, left, made)
            paint_picture(painter, right, nearest)
            under = QRectF(left.left() - 4, left.bottom() + 1, 2 * left.width() + _GAP + 8, _WORDS)
            copied = self.is_copy(position)
            painter.setPen(theme().color("warn" if copied else "muted"))
            words = f"copy {self.words(position)}" if copied else self.words(position)
            painter.drawText(under, Qt.AlignmentFlag.AlignCenter, words)
            if copied:
                painter.setPen(QPen(theme().color("warn"), 2))
                painter.drawRect(left.united(right).adjusted(-1, -1, 1, 1))

    def _places(self) -> list[tuple[QRectF, QRectF]]:
        """Where each pair goes, as large as all fit, but at least as large as they can be looked at."""
        if not self._pairs:
            return []
        width, height = self._pairs[0][0].width(), self._pairs[0][0].height()
        ratio = self.devicePixelRatioF()
        best: tuple[int, float, int, int] | None = None
        for columns in range(1, len(self._pairs) + 1):
            pair_room = (self.width() - _BETWEEN * (columns - 1)) / columns
            rows = max(1, min(-(-len(self._pairs) // columns), int((self.height() + 4) // (28 + _WORDS + 4))))
            side = min((pair_room - _GAP) / 2 / width, ((self.height() + 4) / rows - _WORDS - 4) / height)
            side = min(side, LARGEST_SIDE / max(width, height))
            if side <= 0:
                continue
            multiple = _whole(side * ratio) / ratio
            score = (min(columns * rows, len(self._pairs)), multiple)
            # Pictures below some 24 pixels cannot be compared by eye: rather fewer of them.
            large = multiple * max(width, height) >= 24
            if best is None or (large, *score) > (best[1] * max(width, height) >= 24, best[0], best[1]):
                best = (score[0], multiple, columns, rows)
        if best is None:
            return []
        count, multiple, columns, _ = best
        cell_width, cell_height = width * multiple, height * multiple
        step = 2 * cell_width + _GAP + _BETWEEN
        places = []
        for position in range(count):
            row, column = divmod(position, columns)
            x, y = round(column * step), round(row * (cell_height + _WORDS + 4))
            places.append(
                (
                    QRectF(x, y, cell_width, cell_height),
                    QRectF(x + cell_width + _GAP, y, cell_width, cell_height),
                )
            )
        return places

    @Slot()
    def _retheme(self) -> None:
        self.update()


def _whole(scale: float) -> float:
    """The largest whole multiple, or where the pictures themselves are too large the largest whole fraction."""
    return float(math.floor(scale)) if scale >= 1 else 1.0 / math.ceil(1.0 / scale)


class SmallCurve(QWidget):
    """A measure over a run, a line high: its name, its curve with a dashed floor, and its value now."""

    def __init__(self, name: str, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._role = name, role
        self._points: list[tuple[float, float]] = []
        self._end = 1.0
        self._floor: float | None = None
        self._value = "—"
        self.setAccessibleName(name)
        self.setFixedHeight(44)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._retheme)

    @property
    def value(self) -> str:
        return self._value

    def set_points(
        self, points: Sequence[tuple[float, float]], end: float, value: str, floor: float | None = None
    ) -> None:
        """(place, value) each, oldest first, along an axis that reaches to `end`; `value` says what is now."""
        self._points, self._end, self._floor, self._value = list(points), max(end, 1e-9), floor, value
        self.setAccessibleDescription(value)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(140, 44)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(theme().color("muted"))
        head = QRectF(0, 0, self.width(), 15)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._name)
        painter.setPen(theme().color("text"))
        painter.setFont(ui_font(FontSize.RANGE, 600))
        painter.drawText(head, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._value)
        field = QRectF(0, 17, self.width(), self.height() - 18)
        painter.fillRect(field, theme().color("field"))
        if not self._points:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inner = field.adjusted(3, 4, -4, -3)
        high = max(max(value for _, value in self._points), self._floor or 0.0, 1e-9)
        if self._floor is not None:
            pen = QPen(theme().color("muted"), 1, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            y = inner.bottom() - inner.height() * self._floor / high
            painter.drawLine(inner.left(), y, inner.right(), y)
        painter.setPen(QPen(theme().color(self._role), 1.6))
        line = [
            QPointF(inner.left() + inner.width() * x / self._end, inner.bottom() - inner.height() * value / high)
            for x, value in self._points
        ]
        painter.drawPolyline(line)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(self._role))
        painter.drawEllipse(line[-1], 2.6, 2.6)

    @Slot()
    def _retheme(self) -> None:
        self.update()
