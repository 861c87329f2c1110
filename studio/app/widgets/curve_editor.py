"""A curve with handles to drag: by mouse, by keyboard, and said aloud.

The editor knows no schedule: it says what a person wants, and shows the handles it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QWidget

from studio.app.theme import theme
from studio.app.widgets.curve_plot import CurvePlot
from studio.app.widgets.labels import format_number
from studio.app.widgets.math_text import Term
from studio.app.widgets.ticks import number

HANDLE_RADIUS = 4.5
REACH = 10.0
"""How near, in pixels, the pointer must be to a handle to take it."""

CURVE_REACH = 6.0
_COARSE_STEPS = 50


class Handle(NamedTuple):
    """A handle at step t (0..T, also between steps) with the value of the plot's axis there."""

    t: float
    value: float


class CurveEditor(CurvePlot):
    """The chosen plot carries the handles; a click chooses a plot.

    Click the curve: one more handle. Double-click: one more, there. Right click, Delete: one less. Tab walks the
    handles, arrow keys move one (with Shift further), Insert adds one, Escape gives a drag up.
    """

    chosen = Signal()
    """This plot is to carry the handles."""
    selected = Signal(object)
    """int: the handle that is to be selected; None for none."""
    grabbed = Signal()
    """A drag begins."""
    dragged = Signal(int, float, float)
    """The handle is wanted at step t, with this value."""
    released = Signal()
    given_up = Signal()
    """The drag is to be taken back."""
    added = Signal(float, object)
    """One more handle is wanted at step t, with this value or (None) on the curve."""
    removed = Signal(int)
    nudged = Signal(int, float, float, bool)
    """By keyboard, the handle is wanted there; True: it goes on with the last key."""

    def __init__(
        self,
        name: str,
        symbol: Term,
        parent: QWidget | None = None,
        *,
        nudge: Callable[[float, int, bool], float],
        reading: Callable[[float], str] | None = None,
        note_at_left: bool = False,
        ribbon: bool = False,
    ) -> None:
        """nudge: (value, ±1, coarse) -> the value a key press up or down leads to."""
        super().__init__(name, symbol, parent, reading=reading, note_at_left=note_at_left, ribbon=ribbon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._nudge = nudge
        self._handles: tuple[Handle, ...] = ()
        self._selected: int | None = None
        self._hovered_handle: int | None = None
        self._dragging = False
        self._grip = QPointF()
        self._fixed: frozenset[int] = frozenset()
        self._by_keyboard = False
        # The ring is painted here: around the handle, or around the frame of a plot that has none.
        self.setProperty("ownFocusMark", True)

    @property
    def handles(self) -> tuple[Handle, ...]:
        """The handles shown, none where another plot carries them."""
        return self._handles

    @property
    def selected_handle(self) -> int | None:
        return self._selected

    def set_handles(self, handles: Sequence[Handle], selected: int | None, fixed: Sequence[int] = ()) -> None:
        """Show these handles; `fixed` are those that cannot be moved."""
        self._handles, self._fixed = tuple(handles), frozenset(fixed)
        self._selected = selected if selected is not None and selected < len(self._handles) else None
        if self._hovered_handle is not None and self._hovered_handle >= len(self._handles):
            self._hovered_handle = None
        self._describe()
        self.update()

    def place_of(self, index: int) -> QPointF:
        """Where a handle is on this surface; one beyond the frame lies on its edge."""
        handle = self._handles[index]
        return QPointF(float(self._axes.x(handle.t)), float(self._axes.y(handle.value)))

    # Painting

    def _paint_live(self, painter: QPainter) -> None:
        if self.hasFocus() and self._by_keyboard and self._selected is None:
            frame = self._axes.frame.adjusted(-2, -2, 2, 2)
            painter.setPen(QPen(theme().color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(frame)
        if not self._dragging:
            self._paint_cursor(painter)
        role = self._curves[0].look.role if self._curves else "accent"
        for index in range(len(self._handles)):
            if index != self._selected:
                self._paint_handle(painter, index, role)
        if self._selected is None:
            return
        self._paint_handle(painter, self._selected, role)
        # While the pointer reads the curve, the handle's numbers stand in the title.
        if self._dragging or (self.hasFocus() and self._cursor is None):
            handle = self._handles[self._selected]
            self._paint_note(painter, self._terms(handle.t, handle.value), self.place_of(self._selected))

    def _paint_handle(self, painter: QPainter, index: int, role: str) -> None:
        color, place = theme().color(role), self.place_of(index)
        lit = index == self._hovered_handle
        painter.setPen(QPen(color, 2))
        painter.setBrush(color if index == self._selected else theme().color("hover" if lit else "panel"))
        radius = HANDLE_RADIUS + (1.0 if lit or index == self._selected else 0.0)
        painter.drawEllipse(place, radius, radius)
        if index == self._selected and self.hasFocus() and self._by_keyboard:
            painter.setPen(QPen(theme().color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(place, radius + 4, radius + 4)

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._by_keyboard = False
        place = event.position()
        if self._dragging:
            return
        if event.button() == Qt.MouseButton.RightButton:
            index = self._handle_near(place)
            if index is not None:
                self.removed.emit(index)
            return
        if event.button() != Qt.MouseButton.LeftButton or not self._curves:
            return
        was_chosen = bool(self._handles)
        if not was_chosen:
            self.chosen.emit()
        index = self._handle_near(place)
        if index is None and was_chosen and self._on_curve(place):
            self.added.emit(self._axes.t_at(place.x()), None)
            index = self._handle_near(place)
        self.selected.emit(index)
        if index is not None:
            self._begin(index, place)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        near = self._handle_near(place)
        if event.button() != Qt.MouseButton.LeftButton or near is not None or not self._handles:
            # The second press of two quick ones begins a drag like any other.
            self.mousePressEvent(event)
            return
        self.added.emit(self._axes.t_at(place.x()), self._axes.value_at(place.y()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging and self._selected is not None:
            self._drag_to(event.position())
            return
        if self._dragging:
            self._end()
        hovered = self._handle_near(event.position())
        if hovered != self._hovered_handle:
            self._hovered_handle = hovered
            self.update()
        self._show_pointer(event.position())
        self._point(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._dragging:
            self._end()
            self._show_pointer(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        if self._hovered_handle is not None:
            self._hovered_handle = None
            self.update()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._dragging:
            self._end()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # As elsewhere, a click shows no ring.
        self._by_keyboard = event.reason() != Qt.FocusReason.MouseFocusReason
        if self._handles and event.reason() == Qt.FocusReason.TabFocusReason:
            self.selected.emit(0)
        elif self._handles and event.reason() == Qt.FocusReason.BacktabFocusReason:
            self.selected.emit(len(self._handles) - 1)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    # Keyboard

    def focusNextPrevChild(self, forwards: bool) -> bool:
        if self._handles and self._selected is not None:
            index = self._selected + (1 if forwards else -1)
            if 0 <= index < len(self._handles):
                self.selected.emit(index)
                return True
        return super().focusNextPrevChild(forwards)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, self._by_keyboard = event.key(), True
        if key == Qt.Key.Key_Escape and (self._dragging or self._selected is not None):
            if self._dragging:
                self._dragging = False
                self.unsetCursor()
                self.given_up.emit()
            else:
                self.selected.emit(None)
            return
        if self._dragging:
            # One thing at a time: the handle is in the hand.
            return
        if not self._handles:
            if key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._curves:
                self.chosen.emit()
                self.selected.emit(0)
                return
        elif self._press_for_handle(key, event):
            return
        super().keyPressEvent(event)

    def _press_for_handle(self, key: int, event: QKeyEvent) -> bool:
        last = len(self._handles) - 1
        if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.selected.emit(0 if key == Qt.Key.Key_Home else last)
            return True
        if self._selected is None:
            return False
        index, handle = self._selected, self._handles[self._selected]
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(index)
        elif key in (Qt.Key.Key_Insert, Qt.Key.Key_Plus):
            other = self._handles[index + 1 if index < last else index - 1]
            self.added.emit((handle.t + other.t) / 2, None)
        elif key in _ARROWS:
            across, up = _ARROWS[key]
            coarse = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            far = max(1, round(self._axes.last / _COARSE_STEPS)) if coarse else 1
            value = self._nudge(handle.value, up, coarse) if up else handle.value
            self.nudged.emit(index, handle.t + across * far, value, event.isAutoRepeat())
        else:
            return False
        return True

    # One drag

    def _begin(self, index: int, place: QPointF) -> None:
        self._dragging = True
        # A handle taken at its rim does not jump to the pointer.
        self._grip = self.place_of(index) - place
        self.hovered.emit(None)
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.grabbed.emit()

    def _drag_to(self, place: QPointF) -> None:
        axes, handle = self._axes, self._handles[self._selected]
        at = place + self._grip
        value = axes.value_at(at.y())
        beyond = handle.value > axes.high or handle.value < axes.low
        if beyond and value == (axes.high if handle.value > axes.high else axes.low):
            # Held on the edge, it stays where it is beyond it.
            value = handle.value
        self.dragged.emit(self._selected, axes.t_at(at.x()), value)

    def _end(self) -> None:
        self._dragging = False
        self.unsetCursor()
        self.released.emit()
        self._describe()
        self.update()

    # What is where

    def _handle_near(self, place: QPointF) -> int | None:
        nearest, least = None, REACH
        for index in range(len(self._handles)):
            away = self.place_of(index) - place
            distance = math.hypot(away.x(), away.y())
            # Of two on one another the selected one stays in hand.
            if distance < least or (distance == least and index == self._selected):
                nearest, least = index, distance
        return nearest

    def _on_curve(self, place: QPointF) -> bool:
        frame = self._axes.frame
        if not frame.adjusted(0, -CURVE_REACH, 0, CURVE_REACH).contains(place):
            return False
        values = self._curves[0].values
        # Where the curve is steep the nearest of its points is not the one above or below.
        centre = self._axes.t_at(place.x()) - 1.0
        reach = CURVE_REACH / self._axes.width * self._axes.last
        first, last = max(0, math.floor(centre - reach)), min(len(values) - 1, math.ceil(centre + reach))
        if last < first:
            return False
        across = self._axes.x(1.0 + centre) - place.x()
        heights = self._axes.y(values[first : last + 1])
        return bool(heights.min() - CURVE_REACH <= place.y() <= heights.max() + CURVE_REACH and abs(across) < REACH)

    def _show_pointer(self, place: QPointF) -> None:
        index = self._handle_near(place)
        if index is not None:
            shape = Qt.CursorShape.ForbiddenCursor if index in self._fixed else Qt.CursorShape.OpenHandCursor
        elif self._handles and self._on_curve(place):
            shape = Qt.CursorShape.CrossCursor
        else:
            shape = Qt.CursorShape.ArrowCursor if self._handles else Qt.CursorShape.PointingHandCursor
        self.setCursor(shape)

    def _describe(self) -> None:
        """Tell those who cannot see it which handle is selected, and where it is."""
        if self._dragging:
            return
        if not self._handles:
            words = "Press Space to draw on this curve."
        elif self._selected is None:
            words = f"{len(self._handles)} handles. Tab walks through them."
        else:
            t, value = self._handles[self._selected]
            place = number(round(t)) if abs(t - round(t)) < 1e-6 else format_number(t, 1)
            words = f"Handle {self._selected + 1} of {len(self._handles)}: t {place}, {self._reading(value)}"
        if words != self.accessibleDescription():
            self.setAccessibleDescription(words)


_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
