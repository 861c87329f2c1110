"""The 2 px accent ring, 2 px off, around whatever was reached with the keyboard.

One overlay for the whole program instead of a ring in every widget: it may lie outside the widget it marks, so no
layout has to keep room for it. A click does not show it. Widgets that mark their focus themselves set the dynamic
property `ownFocusMark` to True.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QComboBox, QMenu, QMenuBar, QTabBar, QWidget
from shiboken6 import isValid

from studio.app.theme import Size, theme

_REACH = Size.FOCUS_RING + Size.FOCUS_OFFSET
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
    """Follows the keyboard focus of the application it is parented to."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._target: QWidget | None = None
        self._ring: _Ring | None = None
        application.focusChanged.connect(self._focus_moved)

    @property
    def target(self) -> QWidget | None:
        """The widget that wears the ring; None when no ring is shown."""
        return self._target

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._target:
            if event.type() in _FOLLOWED:
                self._place()
            elif event.type() == QEvent.Type.MouseButtonPress:
                self._leave()
        return False

    @Slot(QWidget, QWidget)
    def _focus_moved(self, old: QWidget | None, new: QWidget | None) -> None:
        self._leave()
        # A focus change while a mouse button is down came from that click.
        if new is None or QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return
        if (
            isinstance(new, _UNMARKED)
            or new.property("ownFocusMark")
            or new.window().windowType() == Qt.WindowType.Popup
        ):
            return
        parent = new.parentWidget()
        self._target = parent if isinstance(parent, QComboBox) else new
        self._target.installEventFilter(self)
        self._place()

    def _leave(self) -> None:
        if self._target is not None and isValid(self._target):
            self._target.removeEventFilter(self)
        self._target = None
        if self._ring is not None and isValid(self._ring):
            self._ring.hide()

    def _place(self) -> None:
        target = self._target
        if target is None or not isValid(target):
            return
        container = _container_of(target)
        if self._ring is None or not isValid(self._ring):
            self._ring = _Ring(container)
        elif self._ring.parentWidget() is not container:
            self._ring.setParent(container)
        if not target.isVisible() or container is target:
            self._ring.hide()
            return
        corner = target.mapTo(container, QPoint(0, 0))
        self._ring.setGeometry(QRect(corner, target.size()).adjusted(-_REACH, -_REACH, _REACH, _REACH))
        self._ring.raise_()
        self._ring.show()


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
