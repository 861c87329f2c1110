"""The 2 px accent ring, 2 px off, around whatever was reached with the keyboard.

One overlay for the whole program instead of a ring in every widget: it may lie outside the widget it marks, so no
layout has to keep room for it. A click does not show it. Widgets that mark their focus themselves set the dynamic
property `ownFocusMark` to True.
"""

from __future__ import annotations

import weakref

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QComboBox, QMenu, QMenuBar, QTabBar, QWidget
from shiboken6 import isValid

from studio.app.theme import Size, theme

_REACH = Size.FOCUS_RING + Size.FOCUS_OFFSET
# Stages and canvases that take keys are no controls; a frame around half the window would say nothing.
_TALLEST = 240
_UNMARKED = (QAbstractScrollArea, QMenu, QMenuBar, QTabBar)
_FOLLOWED = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.ParentChange)


class _Ring(QWidget):
    def __init__(self, container: QWidget) -> None:
        super().__init__(container)
        self.setObjectName("focusRing")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme().tokens.accent), Size.FOCUS_RING))
        inset = Size.FOCUS_RING / 2
        radius = Size.RADIUS + Size.FOCUS_OFFSET
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), radius, radius)


class FocusRing(QObject):
    """Follows the keyboard focus of the application it is parented to.

    It holds widgets weakly, and takes no widget as a slot's argument: a window that Python destroys while it has the
    focus says so from its destructor, when it can no longer be handed to Python.
    """

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._target: weakref.ref[QWidget] | None = None
        self._ring: weakref.ref[_Ring] | None = None
        application.focusChanged.connect(self._focus_moved)

    @property
    def target(self) -> QWidget | None:
        """The widget that wears the ring; None when no ring is shown."""
        return _alive(self._target)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.target:
            if event.type() in _FOLLOWED:
                self._place()
            elif event.type() == QEvent.Type.MouseButtonPress:
                self._leave()
        return False

    @Slot()
    def _focus_moved(self) -> None:
        self._leave()
        new = QApplication.focusWidget()
        # A focus change while a mouse button is down came from that click.
        if new is None or QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return
        parent = new.parentWidget()
        target = parent if isinstance(parent, QComboBox) else new
        if target.isWindow() or target.window().windowType() == Qt.WindowType.Popup:
            return
        if isinstance(target, _UNMARKED) or target.property("ownFocusMark") or target.height() > _TALLEST:
            return
        self._target = weakref.ref(target)
        target.installEventFilter(self)
        self._place()

    def _leave(self) -> None:
        target, ring = self.target, _alive(self._ring)
        self._target = None
        if target is not None:
            target.removeEventFilter(self)
        if ring is not None:
            ring.hide()

    def _place(self) -> None:
        target = self.target
        if target is None:
            return
        container = _container_of(target)
        ring = _alive(self._ring)
        if ring is None:
            ring = _Ring(container)
            self._ring = weakref.ref(ring)
        elif ring.parentWidget() is not container:
            ring.setParent(container)
        if not target.isVisible() or container is target:
            ring.hide()
            return
        corner = target.mapTo(container, QPoint(0, 0))
        ring.setGeometry(QRect(corner, target.size()).adjusted(-_REACH, -_REACH, _REACH, _REACH))
        ring.raise_()
        ring.show()


def _alive(reference: weakref.ref | None) -> QWidget | None:
    widget = reference() if reference is not None else None
    return widget if widget is not None and isValid(widget) else None


def _container_of(target: QWidget) -> QWidget:
    """The scrolled content the widget lies in, so that the ring scrolls along, or else its window."""
    widget = target
    parent = widget.parentWidget()
    while parent is not None and not widget.isWindow():
        area = parent.parentWidget()
        if isinstance(area, QAbstractScrollArea) and area.viewport() is parent:
            return widget
        widget, parent = parent, area
    return widget
