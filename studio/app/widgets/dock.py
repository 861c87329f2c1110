"""The dock every panel lives in: its own title bar, docked, floating and tabbed alike."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QColor, QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QScrollArea, QVBoxLayout, QWidget

from studio.app.theme import FontSize, Size, Space, theme
from studio.app.widgets.buttons import IconButton
from studio.app.widgets.labels import Label


class _TitleBar(QWidget):
    """28 px: title, half a sentence, room for actions, float, close; a rule below."""

    def __init__(self, title: str, subtitle: str, dock: StudioDock) -> None:
        super().__init__(dock)
        self.setObjectName("dockTitle")
        self.title = Label(title, self, size=FontSize.LABEL, weight=QFont.Weight.DemiBold)
        self.subtitle = Label(subtitle, self, role="muted", size=FontSize.LABEL, elided=True)
        self.actions_row = QHBoxLayout()
        self.actions_row.setSpacing(Space.XS)
        self.float_button = IconButton("float", "Float", parent=self, dense=True, role="muted")
        self.close_button = IconButton("close", "Close panel", parent=self, dense=True, role="muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Size.DOCK_PADDING, 0, Space.XS, 1)
        layout.setSpacing(Space.S)
        layout.addWidget(self.title)
        layout.addWidget(self.subtitle, 1)
        layout.addLayout(self.actions_row)
        buttons = QHBoxLayout()
        buttons.setSpacing(0)
        buttons.addWidget(self.float_button)
        buttons.addWidget(self.close_button)
        layout.addLayout(buttons)

    def sizeHint(self) -> QSize:
        # A dock's layout asks the hint alone, whatever size was fixed.
        return QSize(super().sizeHint().width(), Size.DOCK_TITLE + 1)

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), Size.DOCK_TITLE + 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tokens.panel))
        painter.fillRect(0, self.height() - 1, self.width(), 1, QColor(tokens.border))


class StudioDock(QDockWidget):
    """A panel. Put its content in with `set_body`; `object_name` is what saved arrangements know it by.

    `float_action` and `toggleViewAction()` belong in menus, so that dragging is never the only way. When tabbed with
    others the tab carries the title and the bar only the half-sentence.
    """

    def __init__(self, object_name: str, title: str, subtitle: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        if not object_name:
            raise ValueError("a dock without an object name cannot be saved in an arrangement")
        self.setObjectName(object_name)
        self.setAccessibleName(title)
        self._in_front = True
        self._bar = _TitleBar(title, subtitle, self)
        self._bar.close_button.setAccessibleName(f"Close {title}")
        self.setTitleBarWidget(self._bar)
        self.float_action = QAction(f"Float {title}", self)
        self.float_action.setCheckable(True)
        self.float_action.toggled.connect(self.setFloating)
        self._bar.float_button.clicked.connect(self.float_action.toggle)
        self._bar.close_button.clicked.connect(self.close)
        self.topLevelChanged.connect(self._show_floating)
        self.visibilityChanged.connect(self._note_front)
        self.dockLocationChanged.connect(self.show_tabbed)
        # Qt tells of a dock's own moves only; whoever is tabbed on another one changes size, and hears it that way.
        self._moved = QTimer(self)
        self._moved.setSingleShot(True)
        self._moved.timeout.connect(self.show_tabbed)
        self._show_floating(self.isFloating())

    def set_subtitle(self, text: str) -> None:
        """The muted half-sentence after the title; it gives way first when the dock is narrow."""
        self._bar.subtitle.setText(text)

    def subtitle(self) -> str:
        """The half-sentence."""
        return self._bar.subtitle.text()

    def set_body(self, widget: QWidget, *, padding: int = Size.DOCK_PADDING, scrolling: bool = False) -> None:
        """Shows `widget` as the content, with `padding` around it; `scrolling` adds a vertical scroll bar on need."""
        body = QWidget(self)
        body.setObjectName("dockBody")
        body.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(padding, padding, padding, padding)
        layout.setSpacing(0)
        layout.addWidget(widget)
        if scrolling:
            area = QScrollArea(self)
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidget(body)
            self.setWidget(area)
        else:
            self.setWidget(body)

    def title_actions(self) -> QHBoxLayout:
        """The row in the title bar before float and close: add dense buttons or a dense SegmentedControl."""
        return self._bar.actions_row

    @Slot(bool)
    def _show_floating(self, floating: bool) -> None:
        if self.float_action.isChecked() != floating:
            self.float_action.setChecked(floating)
        name = "Dock again" if floating else "Float"
        self._bar.float_button.set_icon("dock" if floating else "float")
        self._bar.float_button.set_tooltip(name)
        self._bar.float_button.setAccessibleName(f"{name} {self.windowTitle()}")
        self.show_tabbed()

    @Slot()
    def show_tabbed(self) -> None:
        """Look again whether a tab carries the title, and whether the keyboard may come here; docks were rearranged."""
        window = self.parent()
        tabbed = isinstance(window, QMainWindow) and not self.isFloating() and bool(window.tabifiedDockWidgets(self))
        self._bar.title.setVisible(not tabbed)
        # Qt parks a dock behind another one outside the window, where the keyboard would still walk through it.
        reachable = self._in_front or not tabbed
        for part in (self._bar, self.widget()):
            if part is not None:
                part.setEnabled(reachable)

    @Slot(bool)
    def _note_front(self, in_front: bool) -> None:
        self._in_front = in_front
        self.show_tabbed()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._moved.start(0)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowTitleChange and hasattr(self, "_bar"):
            self._bar.title.setText(self.windowTitle())
