"""The pieces a plot is made of: axes with our own words, a grid below the curves, notes above them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QLineF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QGraphicsEllipseItem, QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.math_text import MathLine, Term, plain_text
from studio.app.widgets.ticks import TickSource, linear_ticks, logarithmic_ticks

_MOST_TICKS = 6
_LEFT_SPACING, _BOTTOM_SPACING = 26, 64
OVERHANG = 60
"""How far, in pixels, a label may lie beyond its axis before it is moved back."""

LINE_HEIGHT = 14
"""Of a line of words beside vertical lines, in pixels."""

_LABEL_GAP = 8
_NOTE_PADDING, _NOTE_HEIGHT, _NOTE_GAP = 6, 22, 4


class Canvas(pg.PlotWidget):
    """A plot's surface that says where the pointer is and leaves the wheel to the panel around it."""

    pointed = Signal(object)
    """The x under the pointer, None when it left."""

    def __init__(self, parent: QWidget, axes: dict[str, TickAxis]) -> None:
        super().__init__(parent, axisItems=axes, enableMenu=False)
        # Made in any case, and without a parent it would outlive the plot.
        menu = self.getPlotItem().ctrlMenu
        menu.setParent(self, menu.windowFlags())
        self.setFrameShape(self.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setMouseTracking(True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        place = self.mapToScene(event.position().toPoint())
        self.pointed.emit(self.getPlotItem().getViewBox().mapSceneToView(place).x())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.pointed.emit(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class TickAxis(pg.AxisItem):
    """An axis whose numbers and words come from a `TickSource`; round numbers unless another one is set."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self._source: TickSource | None = None
        self._labels: dict[float, str] = {}

    def set_source(self, source: TickSource | None) -> None:
        """Take the ticks from `source`; None means round numbers."""
        if source is not self._source:
            self._source = source
            self.picture = None
            self.update()

    def ticks(self, low: float, high: float, size: float) -> list[tuple[float, str]]:
        """(place, words) of each tick on an axis of `size` pixels; places are exponents when it is logarithmic."""
        spacing = _LEFT_SPACING if self.orientation in ("left", "right") else _BOTTOM_SPACING
        most = max(2, min(_MOST_TICKS, int(size // spacing)))
        if self.logMode:
            ticks = (self._source or logarithmic_ticks)(10.0**low, 10.0**high, most)
            return [(math.log10(tick.value), tick.label) for tick in ticks if tick.value > 0]
        return [(tick.value, tick.label) for tick in (self._source or linear_ticks)(low, high, most)]

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        ticks = self.ticks(minVal, maxVal, size)
        self._labels = dict(ticks)
        return [(1.0, [place for place, _ in ticks])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [self._labels.get(value, "") for value in values]

    def generateDrawSpecs(self, p: QPainter) -> Any:
        specs = super().generateDrawSpecs(p)
        if specs is None:
            return None
        # The grid shows where the ticks are; without length they would still be drawn, as dark dots.
        line, _, texts = specs
        if self.orientation in ("left", "right"):
            return line, [], texts
        # The last number ends near the frame instead of sticking out of the panel.
        right = self.size().width() + self.style["tickTextOffset"][1]
        kept, taken = [], -math.inf
        for rect, flags, words in texts:
            rect.moveLeft(min(max(rect.left(), -_LABEL_GAP), right - rect.width()))
            if rect.left() > taken:
                kept.append((rect, flags, words))
                taken = rect.right() + _LABEL_GAP
        return line, [], kept

    def restyle(self) -> None:
        """Take the colours of the theme. There is no line along the axis: the frame's ground ends there."""
        self.setPen(QPen(Qt.PenStyle.NoPen))
        self.setTextPen(QPen(theme().color("muted")))


class Grid(pg.GraphicsObject):
    """Hairlines at the ticks, below the curves; the axes' own grid lies above them and cuts off the end labels."""

    def __init__(self, plot: pg.PlotItem) -> None:
        super().__init__()
        self._plot = plot
        self.setZValue(-100)

    def boundingRect(self) -> QRectF:
        return self.viewRect() or QRectF()

    def viewRangeChanged(self) -> None:
        self.prepareGeometryChange()
        self.update()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setPen(CurveLook("border", 1.0).pen(painter.device().devicePixelRatioF()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        (left, right), (bottom, top) = self.getViewBox().viewRange()
        across, up = self._plot.getAxis("bottom"), self._plot.getAxis("left")
        painter.drawLines([QLineF(x, bottom, x, top) for x, _ in across.ticks(left, right, across.width())])
        painter.drawLines([QLineF(left, y, right, y) for y, _ in up.ticks(bottom, top, up.height())])


class Line(pg.InfiniteLine):
    """A vertical line on whole pixels (a smoothed hairline would be two pale ones), with words beside its upper end.

    position: how high the words stand, as a share of the frame's height.
    """

    def __init__(self, words: str = "", position: float = 0.96) -> None:
        # Braces would be taken for a place to write the value in.
        words = words.replace("{", "{{").replace("}", "}}")
        options = {"position": position, "anchors": [(0, 0.5), (1, 0.5)]}
        super().__init__(angle=90, label=words or None, labelOpts=options)
        if words:
            self.label.setFont(ui_font(FontSize.RANGE))

    def take_pen(self, pen: QPen) -> None:
        """Draw line and words like this."""
        self.setPen(pen)
        if hasattr(self, "label"):
            self.label.setColor(pen.color())

    def paint(self, p: QPainter, *_: object) -> None:
        rect = self.boundingRect()
        p.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        p.setPen(self.currentPen)
        p.drawLine(QLineF(rect.left(), 0.0, rect.right(), 0.0))


class Dot(QGraphicsEllipseItem):
    """A round dot that keeps its size in pixels whatever the plot shows."""

    def __init__(self, size: float) -> None:
        super().__init__(-size / 2, -size / 2, size, size)
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
        self.setPen(QPen(Qt.PenStyle.NoPen))
        self.setZValue(10)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        super().paint(painter, option, widget)


class Note(QGraphicsItem):
    """A small raised label along the upper edge of the frame, in pixels of the plot, beside a place on x.

    One that is wider than the frame reaches over the numbers beside it.
    """

    def __init__(self, plot: pg.PlotItem) -> None:
        super().__init__(plot)
        self._plot = plot
        self._line = MathLine(())
        self.text = ""
        self._beside = 0.0
        self.setZValue(1000)
        self.hide()

    def show_terms(self, terms: Sequence[Term], beside: float) -> None:
        """Show `terms`, right of the place `beside` on x or left of it where there is no room."""
        self.prepareGeometryChange()
        self._line = MathLine(terms)
        self.text = plain_text(terms)
        self._beside = beside
        self.place()
        self.show()
        self.update()

    def place(self) -> None:
        """Find the place again after the view has changed."""
        view, width = self._plot.getViewBox(), self.boundingRect().width()
        frame = view.geometry()
        at = frame.left() + view.mapFromView(pg.Point(self._beside, 0.0)).x()
        left = at + 8 if at + 8 + width <= frame.right() else at - 8 - width
        left = max(min(left, self._plot.rect().right() - width), 0.0)
        # Below the words of lines.
        self.setPos(round(left), round(frame.top() + _NOTE_GAP + _NOTE_HEIGHT))

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, math.ceil(self._line.width) + 2 * _NOTE_PADDING + 1, _NOTE_HEIGHT + 1)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color("border"), 1))
        painter.setBrush(theme().color("raised"))
        painter.drawRoundedRect(self.boundingRect().adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
        self._line.paint(painter, _NOTE_PADDING, (_NOTE_HEIGHT + self._line.ascent - self._line.descent) / 2)
