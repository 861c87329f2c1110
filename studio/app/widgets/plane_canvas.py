"""The plane on the screen: what lies on it, and the tools that work on it with mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import theme
from studio.app.widgets.plane_drawing import PlaneDrawing
from studio.app.widgets.plane_ground import paint_ground
from studio.app.widgets.plane_marks import paint_brush, paint_card, paint_cross, paint_note, paint_probe
from studio.app.widgets.plane_tools import CURSORS, TOOL_KEYS, PlaneTool
from studio.app.widgets.plane_view import PlaneView

DAB_MS = 50
TWO_PIXELS_REACH = 1.75
"""Of the plane of two pixels: the possible pictures, and the noise around them."""

_WHEEL_FACTOR = 1.0015
_FINE, _COARSE = 0.01, 0.1
_CLICK = 4.0
"""Pixels that a press may wander and still be a click."""


class PlaneCanvas(QWidget):
    """Draws a PlaneDrawing, and says in coordinates of the plane what is done to it; it changes nothing itself.

    Wheel and pinch zoom about the cursor, the middle button or Space with the left one pans, a double click comes back.
    Arrow keys move the probe, finely, with Shift coarsely.
    """

    probe_moved = Signal(float, float)
    stroke_begun = Signal(object, float, float)
    """PlaneTool, and where: brush, eraser or move was pressed."""
    stroke_went_on = Signal(object, float, float)
    """PlaneTool, and where it is now: it was dragged there, or is held down."""
    stroke_ended = Signal(object)
    """PlaneTool"""
    trajectory_requested = Signal(float, float)
    cursor_moved = Signal(object)
    """(x, y), None when it left."""
    view_changed = Signal()
    tool_changed = Signal(object)
    key_pressed = Signal(object)
    """A QKeyEvent that is none of the canvas's own."""

    def __init__(self, parent: QWidget | None = None, *, reach: float = TWO_PIXELS_REACH) -> None:
        super().__init__(parent)
        self._drawing = PlaneDrawing()
        self._reach = reach
        self._home_center = (0.0, 0.0)
        self._view = PlaneView.home(QSize(1, 1), reach)
        self._at_home = True
        self._tool = PlaneTool.PROBE
        self._brush_radius = 0.24
        self._picture_at: Callable[[tuple[float, float]], NDArray[np.floating] | None] = two_pixels
        self._ground: QPixmap | None = None
        self._cursor: QPointF | None = None
        self._stroke: PlaneTool | None = None
        self._last_dab = QPointF()
        self._pan_from: QPointF | None = None
        self._space_held = self._space_used = False
        self._dabs = QTimer(self)
        self._dabs.setInterval(DAB_MS)
        self._dabs.timeout.connect(self._hold)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Plane of pictures")
        self.setAccessibleDescription("Arrow keys move the probe, with Shift in larger steps.")
        self.setCursor(CURSORS[self._tool])
        theme().changed.connect(self.redraw)

    @property
    def drawing(self) -> PlaneDrawing:
        return self._drawing

    @property
    def view(self) -> PlaneView:
        return self._view

    @property
    def tool(self) -> PlaneTool:
        return self._tool

    @property
    def cursor_point(self) -> tuple[float, float] | None:
        """Where the mouse is, in coordinates of the plane; None when it is elsewhere."""
        return None if self._cursor is None else self._view.point(self._cursor)

    def set_drawing(self, drawing: PlaneDrawing) -> None:
        """Show this instead. What only differs by the probe is drawn without drawing the rest anew."""
        if not drawing.has_ground_of(self._drawing):
            self._ground = None
        self._drawing = drawing
        self.update()

    def set_tool(self, tool: PlaneTool) -> None:
        if tool != self._tool:
            self._end_stroke()
            self._tool = tool
            self.setCursor(CURSORS[tool])
            self.tool_changed.emit(tool)
            self.update()

    def set_brush_radius(self, radius: float) -> None:
        """How far brush and eraser reach, in units of the plane."""
        self._brush_radius = radius
        self.update()

    def set_picture_at(self, picture_at: Callable[[tuple[float, float]], NDArray[np.floating] | None]) -> None:
        """What picture a point stands for, floats (H, W, C); None for none."""
        self._picture_at = picture_at
        self.update()

    def set_home(self, reach: float, center: tuple[float, float] = (0.0, 0.0)) -> None:
        """What is shown at first, and after a double click."""
        if (reach, center) != (self._reach, self._home_center):
            self._reach, self._home_center = reach, center
            self.go_home()

    @Slot()
    def go_home(self) -> None:
        """Show the whole again."""
        self._at_home = True
        self._set_view(PlaneView.home(self.size(), self._reach, self._home_center))

    @Slot()
    def redraw(self) -> None:
        self._ground = None
        self.update()

    @property
    def reach(self) -> float:
        """How many units of the plane lie above and below the middle at first."""
        return self._reach

    def paint(self, painter: QPainter, view: PlaneView, drawing: PlaneDrawing | None = None) -> None:
        """Everything but what follows the mouse, for pictures and films; another drawing when it is given."""
        drawing = self._drawing if drawing is None else drawing
        painter.save()
        painter.setClipRect(QRectF(0, 0, view.width, view.height))
        paint_ground(painter, view, drawing)
        _paint_marks(painter, view, drawing)
        painter.restore()

    def sizeHint(self) -> QSize:
        return QSize(830, 560)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 220)

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._ground is None or self._ground.devicePixelRatio() != ratio:
            self._ground = QPixmap(self.size() * ratio)
            self._ground.setDevicePixelRatio(ratio)
            painter = QPainter(self._ground)
            paint_ground(painter, self._view, self._drawing)
            painter.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._ground)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _paint_marks(painter, self._view, self._drawing)
        self._paint_cursor(painter)
        painter.end()

    def _paint_cursor(self, painter: QPainter) -> None:
        if self._cursor is None or self._pan_from is not None:
            return
        if self._tool in (PlaneTool.BRUSH, PlaneTool.ERASER):
            paint_cross(painter, self._cursor)
            erasing = self._tool is PlaneTool.ERASER
            paint_brush(painter, self._cursor, self._brush_radius * self._view.scale, erasing)
        if self._stroke is None:
            point = self._view.point(self._cursor)
            picture = self._picture_at(point)
            if picture is not None:
                paint_card(painter, self._view, self._cursor, point, picture)

    def _set_view(self, view: PlaneView) -> None:
        if view != self._view:
            self._view = view
            self._ground = None
            self.update()
            self.view_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._at_home:
            self.go_home()
        else:
            self._set_view(self._view.resized(self.size()))
        self._ground = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom(_WHEEL_FACTOR ** event.angleDelta().y(), event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self._zoom(1.0 + event.value(), event.position())
            return True
        return super().event(event)

    def _zoom(self, factor: float, about: QPointF) -> None:
        self._at_home = False
        self._set_view(self._view.zoomed(factor, about))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        left = event.button() == Qt.MouseButton.LeftButton
        if event.button() == Qt.MouseButton.MiddleButton or (left and self._space_held):
            self._pan_from, self._space_used = place, True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif left and self._tool is PlaneTool.TRAJECTORY:
            self.trajectory_requested.emit(*self._view.point(place))
        elif left:
            self._begin_stroke(place)
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        self._cursor = place
        if self._pan_from is not None:
            self._at_home = False
            self._set_view(self._view.panned(place - self._pan_from))
            self._pan_from = place
        elif self._stroke is not None:
            self._go_on(place)
        self.cursor_moved.emit(self._view.point(place))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pan_from is not None and event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pan_from = None
            self.setCursor(CURSORS[self._tool])
        elif event.button() == Qt.MouseButton.LeftButton:
            self._end_stroke()
        else:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        # Two quick dabs of the brush are two dabs.
        if self._tool in (PlaneTool.BRUSH, PlaneTool.ERASER, PlaneTool.TRAJECTORY):
            self.mousePressEvent(event)
        elif event.button() == Qt.MouseButton.LeftButton:
            self.go_home()

    def leaveEvent(self, event: QEvent) -> None:
        self._cursor = None
        self.cursor_moved.emit(None)
        self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        self._end_stroke()
        super().hideEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space_held = False
        super().focusOutEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ways = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        key, modifiers = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        probe = self._drawing.probe
        if key in ways and modifiers in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier):
            if probe is not None:
                # Steps as large on the screen, whatever the plane's unit is.
                unit = self._reach / TWO_PIXELS_REACH * (_COARSE if modifiers else _FINE)
                self.probe_moved.emit(probe.z[0] + unit * ways[key][0], probe.z[1] + unit * ways[key][1])
        elif key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space_held, self._space_used = True, False
        elif key in TOOL_KEYS and not modifiers and (self._drawing.square or TOOL_KEYS[key] is PlaneTool.PROBE):
            self.set_tool(TOOL_KEYS[key])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            middle = QPointF(self.width() / 2, self.height() / 2)
            self._zoom(1 / 1.25 if key == Qt.Key.Key_Minus else 1.25, middle)
        elif key == Qt.Key.Key_0 and not modifiers:
            self.go_home()
        else:
            event.ignore()
            self.key_pressed.emit(event)
            if not event.isAccepted():
                super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat():
            super().keyReleaseEvent(event)
            return
        held, self._space_held = self._space_held, False
        if held and not self._space_used:
            # Pressed and let go without a drag, Space plays as everywhere.
            self.key_pressed.emit(QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier))

    def _begin_stroke(self, place: QPointF) -> None:
        self._stroke, self._last_dab = self._tool, place
        point = self._view.point(place)
        if self._tool is PlaneTool.PROBE:
            self.probe_moved.emit(*point)
            return
        if self._tool is PlaneTool.MOVE:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.stroke_begun.emit(self._tool, *point)
        if self._tool is PlaneTool.BRUSH:
            self._dabs.start()

    def _go_on(self, place: QPointF) -> None:
        point = self._view.point(place)
        if self._stroke is PlaneTool.PROBE:
            self.probe_moved.emit(*point)
        elif self._stroke is PlaneTool.BRUSH:
            # Fast strokes leave a line without holes, slow ones no more than the clock gives.
            if QLineF(self._last_dab, place).length() >= max(self._brush_radius * self._view.scale / 3, _CLICK):
                self._dab(place)
        else:
            self.stroke_went_on.emit(self._stroke, *point)

    def _dab(self, place: QPointF) -> None:
        self._last_dab = place
        self._dabs.start()
        self.stroke_went_on.emit(PlaneTool.BRUSH, *self._view.point(place))

    @Slot()
    def _hold(self) -> None:
        if self._stroke is PlaneTool.BRUSH and self._cursor is not None:
            self._dab(self._cursor)

    def _end_stroke(self) -> None:
        stroke, self._stroke = self._stroke, None
        self._dabs.stop()
        if stroke is PlaneTool.MOVE:
            self.setCursor(CURSORS[self._tool])
        if stroke is not None and stroke is not PlaneTool.PROBE:
            self.stroke_ended.emit(stroke)
        self.update()


def _paint_marks(painter: QPainter, view: PlaneView, drawing: PlaneDrawing) -> None:
    if drawing.probe is not None:
        paint_probe(painter, view, drawing.probe, drawing.note)
    if drawing.note:
        paint_note(painter, view, drawing.note)


def two_pixels(point: tuple[float, float]) -> NDArray[np.floating]:
    """The picture that two numbers are: the left pixel is the first."""
    return np.array([[[point[0]], [point[1]]]])
