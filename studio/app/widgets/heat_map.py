"""A table of numbers as colours along the clock of a run: noise levels upwards, time to the right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.heat_colors import heat_colors, heat_table
from studio.app.imaging import picture_image
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.loss_plot import END_SHARE, loss_words
from studio.app.widgets.math_text import MathLine, Term
from studio.app.widgets.moments import clock
from studio.app.widgets.ticks import linear_ticks, minute_ticks, number

LEFT, TOP, RIGHT, BOTTOM = 44, 6, 12, 20
"""Left and right as a Plot has them, so that the clocks of both stand below each other."""

_LEGEND = 18
_LEGEND_BAR = 88
_NOTE_HEIGHT = 20
_LEAST_SPAN = 1.25


@dataclass(frozen=True, eq=False)
class HeatTable:
    """edges: where columns begin and end, float64 (columns + 1,), in minutes or pictures. values: float64 (bands,
    columns), band 0 at the bottom, NaN where there is nothing. end: where the axis ends at least. levels: T, of which
    each band has an equal part."""

    edges: NDArray[np.float64]
    values: NDArray[np.float64]
    axis: str
    end: float
    levels: int

    @property
    def is_empty(self) -> bool:
        return self.values.size == 0 or not np.isfinite(self.values).any()

    def band_range(self, band: int) -> tuple[int, int]:
        """The first and the last t of a band, 1..T."""
        bands = max(1, self.values.shape[0])
        return band * self.levels // bands + 1, max((band + 1) * self.levels // bands, band * self.levels // bands + 1)


class HeatMap(QWidget):
    """Draws a HeatTable as one image. What lies under the pointer is read out beside it."""

    pointed = Signal(object)
    """(band, column) under the pointer, None when it left."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._table: HeatTable | None = None
        self._logarithmic = True
        self._image: QImage | None = None
        self._limits = (0.0, 1.0)
        self._message = ""
        self._cell: tuple[int, int] | None = None
        self.setAccessibleName(name)
        self.setMinimumSize(160, 84)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme().changed.connect(self._retheme)

    @property
    def limits(self) -> tuple[float, float]:
        """The losses drawn darkest and brightest."""
        return self._limits

    @property
    def table(self) -> HeatTable | None:
        return self._table

    def set_table(self, table: HeatTable | None, message: str = "") -> None:
        """Draw this; `message` stands in the middle while there is nothing to draw."""
        self._table = None if table is None or table.is_empty else table
        self._message = message
        self._limits = _limits(self._table)
        self._image = None
        self.setAccessibleDescription(self.hardest)
        self.update()

    @Slot(bool)
    def set_logarithmic(self, logarithmic: bool) -> None:
        """Colours by ratios, or by differences."""
        if logarithmic != self._logarithmic:
            self._logarithmic = logarithmic
            self._image = None
            self.update()

    @property
    def hardest(self) -> str:
        """Where the loss is highest now, in words; '' without a table."""
        if self._table is None:
            return ""
        newest = self._table.values[:, -1]
        if not np.isfinite(newest).any():
            return ""
        place = int(np.nanargmax(newest)) / max(1, len(newest) - 1)
        if place <= 0.25:
            return "t small: hardest"
        if place >= 0.75:
            return "t large: hardest"
        low, high = self._table.band_range(int(np.nanargmax(newest)))
        return f"t {low}–{high}: hardest"

    def reading(self, band: int, column: int) -> str:
        """What a cell says: its noise levels, its moment and its loss."""
        if self._table is None:
            return ""
        low, high = self._table.band_range(band)
        place = float(self._table.edges[column + 1])
        when = clock(60 * place) if self._table.axis == "minutes" else f"{number(round(place))} pictures"
        value = float(self._table.values[band, column])
        loss = loss_words(value) if math.isfinite(value) else "nothing seen"
        return f"t {low}–{high}   {when}   {loss}" if high > low else f"t {low}   {when}   {loss}"

    def sizeHint(self) -> QSize:
        return QSize(360, 170)

    def frame(self) -> QRectF:
        """Where the image lies."""
        return QRectF(LEFT, TOP, max(1, self.width() - LEFT - RIGHT), max(1, self.height() - TOP - BOTTOM - _LEGEND))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        frame = self.frame()
        painter.fillRect(frame, theme().color("field"))
        if self._table is None:
            painter.setPen(theme().color("muted"))
            painter.setFont(ui_font(FontSize.LABEL))
            words = Qt.AlignmentFlag.AlignCenter.value | Qt.TextFlag.TextWordWrap.value
            painter.drawText(frame, words, self._message)
            return
        self._paint_image(painter, frame)
        self._paint_axes(painter, frame)
        self._paint_legend(painter, frame)
        if self._cell is not None:
            self._paint_cell(painter, frame, *self._cell)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self._cell_at(event.position()))

    def leaveEvent(self, event: object) -> None:
        self._point(None)

    def _point(self, cell: tuple[int, int] | None) -> None:
        if cell != self._cell:
            self._cell = cell
            self.pointed.emit(cell)
            self.update()

    def _cell_at(self, place: QPointF) -> tuple[int, int] | None:
        table, frame = self._table, self.frame()
        if table is None or not frame.contains(place):
            return None
        x = (place.x() - frame.left()) / frame.width() * self._axis_end(table)
        column = int(np.searchsorted(table.edges, x, side="right")) - 1
        if not 0 <= column < table.values.shape[1]:
            return None
        bands = table.values.shape[0]
        return min(bands - 1, int((frame.bottom() - place.y()) / frame.height() * bands)), column

    @staticmethod
    def _axis_end(table: HeatTable) -> float:
        return max(table.end, float(table.edges[-1]), 1e-9) * (1 + END_SHARE)

    def _paint_image(self, painter: QPainter, frame: QRectF) -> None:
        table, end = self._table, self._axis_end(self._table)
        start, stop = float(table.edges[0]), float(table.edges[-1])
        left = frame.left() + frame.width() * start / end
        target = QRectF(left, frame.top(), frame.width() * (stop - start) / end, frame.height())
        columns = max(1, round(target.width() * self.devicePixelRatioF()))
        if self._image is None or self._image.width() != columns:
            self._image = self._make_image(columns)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(target, self._image)

    def _make_image(self, columns: int) -> QImage:
        """One pixel for each column of the screen and each band, the least noise at the bottom."""
        table = self._table
        # The middle of each pixel decides of which stretch of the run it is a part.
        places = table.edges[0] + (np.arange(columns) + 0.5) / columns * (table.edges[-1] - table.edges[0])
        source = np.clip(np.searchsorted(table.edges, places, side="right") - 1, 0, table.values.shape[1] - 1)
        shares = self._shares(table.values)[::-1][:, source]
        return picture_image(heat_colors(shares, theme().color("field").getRgb()[:3]))

    def _shares(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self._limits
        if self._logarithmic:
            with np.errstate(divide="ignore", invalid="ignore"):
                return (np.log(values) - math.log(low)) / (math.log(high) - math.log(low))
        return (values - low) / (high - low)

    def _paint_axes(self, painter: QPainter, frame: QRectF) -> None:
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        left = QRectF(0, 0, LEFT - 6, 14)
        right_middle = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for words, y in ((number(self._table.levels), frame.top() + 6), ("1", frame.bottom() - 6)):
            left.moveTop(y - 7)
            painter.drawText(left, right_middle, words)
        symbol = MathLine((Term("t", size=FontSize.LABEL + 2),))
        if frame.height() > 60:
            symbol.paint(painter, LEFT - 8 - symbol.width, frame.center().y() + 5, theme().color("muted"))
        end, source = self._axis_end(self._table), minute_ticks if self._table.axis == "minutes" else linear_ticks
        most = max(2, min(6, int(frame.width() // 64)))
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        taken = -math.inf
        for tick in source(0.0, end, most):
            width = painter.fontMetrics().horizontalAdvance(tick.label)
            x = frame.left() + frame.width() * tick.value / end - width / 2
            x = min(max(x, frame.left() - 4), self.width() - width - 2)
            if x > taken:
                painter.drawText(QRectF(x, frame.bottom() + 3, width + 2, 15), Qt.AlignmentFlag.AlignCenter, tick.label)
                taken = x + width + Space.S

    def _paint_legend(self, painter: QPainter, frame: QRectF) -> None:
        top = self.height() - _LEGEND + 6
        bar = min(_LEGEND_BAR, round(0.2 * frame.width()))
        table = np.ascontiguousarray(heat_table(_LEGEND_BAR)[None])
        painter.drawImage(QRectF(frame.left(), top + 1, bar, 7), picture_image(table))
        low, high = self._limits
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        words = f"{_short(low)} … {_short(high)} loss"
        after = QRectF(frame.left() + bar + Space.S, top - 3, frame.width() - bar - Space.S, 15)
        painter.drawText(after, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
        metrics = painter.fontMetrics()
        room = after.width() - metrics.horizontalAdvance(words) - Space.M
        if self.hardest and metrics.horizontalAdvance(self.hardest) <= room:
            painter.drawText(after, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.hardest)

    def _paint_cell(self, painter: QPainter, frame: QRectF, band: int, column: int) -> None:
        table, end = self._table, self._axis_end(self._table)
        if column >= table.values.shape[1] or band >= table.values.shape[0]:
            return
        height = frame.height() / table.values.shape[0]
        left, right = (frame.left() + frame.width() * float(table.edges[column + i]) / end for i in (0, 1))
        cell = QRectF(left, frame.bottom() - (band + 1) * height, max(3.0, right - left), height)
        # A black line with a white one around it is seen on any colour.
        for color, outset in ((Qt.GlobalColor.black, 0.5), (Qt.GlobalColor.white, 1.5)):
            painter.setPen(QPen(color, 1))
            painter.drawRect(cell.adjusted(-outset, -outset, outset - 0.5, outset - 0.5))
        words = self.reading(band, column)
        painter.setFont(ui_font(FontSize.RANGE))
        width = painter.fontMetrics().horizontalAdvance(words) + 12
        x = cell.right() + 8 if cell.right() + 8 + width <= self.width() else cell.left() - 8 - width
        x = max(2.0, min(x, self.width() - width - 2))
        y = cell.top() - _NOTE_HEIGHT - 6 if cell.top() - _NOTE_HEIGHT - 6 > 0 else cell.bottom() + 6
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color("border"), 1))
        painter.setBrush(theme().color("raised"))
        note = QRectF(round(x) + 0.5, round(y) + 0.5, width, _NOTE_HEIGHT)
        painter.drawRoundedRect(note, 2, 2)
        painter.setPen(theme().color("text"))
        painter.drawText(note, Qt.AlignmentFlag.AlignCenter, words)

    @Slot()
    def _retheme(self) -> None:
        self._image = None
        self.update()


def _limits(table: HeatTable | None) -> tuple[float, float]:
    """What is drawn darkest and brightest: nearly the whole range, but a single wild cell must not darken the rest."""
    if table is None:
        return 0.0, 1.0
    finite = table.values[np.isfinite(table.values) & (table.values > 0)]
    if not len(finite):
        return 0.1, 1.0
    low, high = (float(edge) for edge in np.percentile(finite, (1, 99)))
    low = max(low, 1e-9)
    # Where all is alike there is nothing to tell apart; a wide range for it would show chance as if it were more.
    return low, max(high, low * _LEAST_SPAN)


def _short(loss: float) -> str:
    return f"{loss:.2g}" if 1e-3 <= loss < 100 else f"{loss:.0e}".replace("e-0", "e−").replace("e+0", "e")
