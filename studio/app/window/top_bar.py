"""The one bar on top: logo, menus, workspaces in the middle, the name of what is open, search and help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeySequence, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QHBoxLayout, QLabel, QMenuBar, QWidget

from studio.app.icons import icon, paint_icon
from studio.app.theme import FontSize, Size, Space, theme, ui_font

if TYPE_CHECKING:
    from studio.app.arrangements import Workspace
    from studio.app.commands import Commands


class _BarButton(QAbstractButton):
    """A button that paints itself from the theme's tokens."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(text)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class WorkspaceTab(_BarButton):
    """The name of a family of workspaces; raised, with a line in the accent under it, when one of them is on."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(text, parent)
        self.setCheckable(True)

    def sizeHint(self) -> QSize:
        width = QFontMetrics(ui_font(FontSize.TEXT, 600)).horizontalAdvance(self.text())
        return QSize(width + 2 * Space.XL, Size.TOP_BAR)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        on = self.isChecked()
        if on or self.underMouse():
            painter.fillRect(self.rect(), tokens.color("raised"))
        if on:
            painter.fillRect(0, self.height() - 2, self.width(), 2, tokens.color("accent"))
        painter.setFont(ui_font(FontSize.TEXT, 600 if on else 400))
        painter.setPen(tokens.color("text" if on else "muted"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.end()


class _SearchField(_BarButton):
    """Looks like a field, opens the command search."""

    def __init__(self, keys: str, parent: QWidget) -> None:
        super().__init__("Find a command", parent)
        self._keys = keys
        self.setToolTip(f"Find a command  {keys}")
        self.setCursor(Qt.CursorShape.IBeamCursor)

    def sizeHint(self) -> QSize:
        return QSize(232, Size.TOP_BAR - 12)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, Size.TOP_BAR - 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self.underMouse() or self.hasFocus()
        painter.setPen(tokens.color("accent" if self.hasFocus() else "border_strong" if lit else "border"))
        painter.setBrush(tokens.color("field"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), Size.RADIUS, Size.RADIUS)
        paint_icon(painter, QRectF(10, (self.height() - 14) / 2, 14, 14), "search", tokens.muted)
        painter.setPen(tokens.color("muted"))
        area = self.rect().adjusted(32, 0, -Space.S, 0)
        painter.setFont(ui_font(FontSize.RANGE))
        keys_width = painter.fontMetrics().horizontalAdvance(self._keys)
        painter.setFont(ui_font(FontSize.LABEL))
        words_width = painter.fontMetrics().horizontalAdvance(self.text())
        if words_width <= area.width():
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, self.text())
        if words_width + keys_width + Space.M <= area.width():
            painter.setFont(ui_font(FontSize.RANGE))
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._keys)
        painter.end()


class _IconButton(_BarButton):
    def __init__(self, icon_name: str, text: str, parent: QWidget, role: str = "text", size: int = 16) -> None:
        super().__init__(text, parent)
        self._icon = icon(icon_name, role)
        self._size = size
        self.setToolTip(text)

    def sizeHint(self) -> QSize:
        return QSize(Size.ICON_BUTTON, Size.TOP_BAR)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self.rect()
        if self.underMouse():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme().tokens.color("hover"))
            painter.drawRoundedRect(area.adjusted(0, 6, 0, -6), Size.RADIUS, Size.RADIUS)
        side = self._size
        self._icon.paint(painter, (area.width() - side) // 2, (area.height() - side) // 2, side, side)
        painter.end()


class TopBar(QWidget):
    """Goes in with `QMainWindow.setMenuWidget`. Follows the theme by itself."""

    family_chosen = Signal(str)
    """The title of a family of workspaces."""
    start_chosen = Signal()
    search_requested = Signal()
    help_requested = Signal()

    def __init__(self, commands: Commands, workspaces: Sequence[Workspace], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("top-bar")
        self.setFixedHeight(Size.TOP_BAR)
        self.setAccessibleName("Menus and workspaces")
        self.menu_bar = QMenuBar(self)
        self.menu_bar.setFont(ui_font())
        commands.fill(self.menu_bar)
        logo = _IconButton("logo", "Start page", self, role="accent", size=18)
        logo.clicked.connect(self.start_chosen)
        self._tabs: dict[str, WorkspaceTab] = {}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        keys = QKeySequence("Ctrl+Shift+P").toString(QKeySequence.SequenceFormat.NativeText).replace("+", " ")
        search = _SearchField(keys, self)
        search.clicked.connect(self.search_requested)
        help_button = _IconButton("help", "Shortcuts and help", self)
        help_button.clicked.connect(self.help_requested)
        self._name = QLabel(self)
        self._name.setFont(ui_font(FontSize.TEXT, 600))
        self._detail = QLabel(self)
        self._detail.setProperty("role", "muted")

        left = QHBoxLayout()
        left.setSpacing(0)
        left.addWidget(logo)
        left.addSpacing(Space.XS)
        left.addWidget(self.menu_bar, 0, Qt.AlignmentFlag.AlignVCenter)
        left.addStretch(1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        self._families = {workspace.name: workspace.family for workspace in workspaces}
        for family in dict.fromkeys(self._families.values()):
            middle.addWidget(self._make_tab(family))
        right = QHBoxLayout()
        right.setSpacing(Space.S)
        right.addStretch(1)
        right.addWidget(self._name)
        right.addWidget(self._detail)
        right.addWidget(search)
        right.addWidget(help_button)
        grid = QGridLayout(self)
        grid.setContentsMargins(Space.S, 0, Space.S, 0)
        grid.setHorizontalSpacing(Space.S)
        for column, (layout, stretch) in enumerate(((left, 1), (middle, 0), (right, 1))):
            grid.addLayout(layout, 0, column)
            grid.setColumnStretch(column, stretch)

    def set_workspace(self, identity: str) -> None:
        """Light the tab of a workspace; no tab for the start page."""
        family = self._families.get(identity)
        self._group.setExclusive(False)
        for tab in self._tabs.values():
            tab.setChecked(tab.text() == family)
        self._group.setExclusive(family is not None)

    def set_name(self, name: str, detail: str = "") -> None:
        """What is open, such as the data set's name, and a word about it."""
        metrics = self._name.fontMetrics()
        self._name.setText(metrics.elidedText(name, Qt.TextElideMode.ElideRight, 180))
        self._name.setToolTip(name)
        self._detail.setText(detail)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().tokens.color("panel"))
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        # The bar is no title bar: a double click on it means nothing.
        event.accept()

    def _make_tab(self, family: str) -> WorkspaceTab:
        tab = WorkspaceTab(family, self)
        self._tabs[family] = tab
        self._group.addButton(tab)
        tab.clicked.connect(self._choose)
        return tab

    @Slot()
    def _choose(self) -> None:
        tab = self.sender()
        if isinstance(tab, WorkspaceTab):
            self.family_chosen.emit(tab.text())
