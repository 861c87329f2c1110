"""The command search: a few letters, Enter, done. Commands used last come first."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from studio.app.commands import Command, Commands
from studio.app.settings import Settings
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.window.fuzzy import match, ranked

_WIDTH = 560
_ROW = 32
_MOST_ROWS = 11
_INDEX = QModelIndex | QPersistentModelIndex


class _FoundModel(QAbstractListModel):
    """The commands that fit, best first."""

    def __init__(self, commands: Commands, parent: QObject) -> None:
        super().__init__(parent)
        self.commands = commands
        self.query = ""
        self.found: list[Command] = []

    def rowCount(self, parent: _INDEX = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        return 0 if parent.isValid() else len(self.found)

    def data(self, index: _INDEX, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        command = self.found[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return words(command)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.commands.reason(command.id) or command.help
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return self.commands.reason(command.id)
        return command if role == Qt.ItemDataRole.UserRole else None

    def search(self, query: str, recent: tuple[str, ...]) -> None:
        places = {identity: place for place, identity in enumerate(recent)}
        commands = [command for command in self.commands.all() if command.id != "help.find"]
        commands.sort(key=lambda command: places.get(command.id, len(places)))
        self.beginResetModel()
        self.query = query
        self.found = ranked(query, commands, words)
        self.endResetModel()


class _RowPainter(QStyledItemDelegate):
    """Title with the found letters in the accent, menu and reason muted, shortcut at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _INDEX) -> QSize:
        return QSize(0, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _INDEX) -> None:
        model = index.model()
        command = index.data(Qt.ItemDataRole.UserRole)
        tokens = theme().tokens
        action = model.commands.action(command.id)
        reason = model.commands.reason(command.id)
        painter.save()
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        if selected:
            painter.fillRect(option.rect, tokens.color("selected"))
        area = option.rect.adjusted(Space.M, 0, -Space.M, 0)
        if command.icon:
            icon_area = QRect(area.left(), area.center().y() - 7, 16, 16)
            action.icon().paint(painter, icon_area)
        x = area.left() + 28
        x = self._paint_title(painter, area, x, command, model.query, not reason)
        keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        painter.setFont(ui_font(FontSize.LABEL))
        painter.setPen(tokens.color("muted"))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, keys)
        if reason:
            room = area.adjusted(x + Space.M - area.left(), 0, -painter.fontMetrics().horizontalAdvance(keys) - 12, 0)
            text = painter.fontMetrics().elidedText(reason, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _paint_title(self, painter: QPainter, area: QRect, x: int, command: Command, query: str, on: bool) -> int:
        tokens = theme().tokens
        text = words(command)
        found = match(query, text)
        places = set(found[1]) if found else set()
        start_of_title = len(text) - len(command.title)
        plain, strong = ui_font(FontSize.TEXT), ui_font(FontSize.TEXT, 600)
        for place, letter in enumerate(text):
            hit = place in places
            font = strong if hit else plain
            role = "accent" if hit else "muted" if place < start_of_title or not on else "text"
            painter.setFont(font)
            painter.setPen(tokens.color(role))
            width = QFontMetrics(font).horizontalAdvance(letter)
            painter.drawText(QRect(x, area.top(), width + 2, area.height()), Qt.AlignmentFlag.AlignVCenter, letter)
            x += width
        return x


def words(command: Command) -> str:
    """What is searched and shown: the title, led by the submenu where there is one ("Theme: Dark")."""
    _, _, submenu = command.menu.partition("/")
    title = command.title.replace("&", "")
    return f"{submenu}: {title}" if submenu else title


class CommandPalette(QFrame):
    """Pops up at the top of its window; Escape or a click elsewhere closes it."""

    def __init__(self, commands: Commands, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("command-palette")
        self.setProperty("popup", True)
        self._commands = commands
        self._settings = settings
        self._field = QLineEdit(self)
        self._field.setPlaceholderText("Find a command")
        self._field.setAccessibleName("Find a command")
        self._model = _FoundModel(commands, self)
        self._list = QListView(self)
        self._list.setAccessibleName("Commands found")
        self._list.setModel(self._model)
        self._list.setItemDelegate(_RowPainter(self._list))
        self._list.setUniformItemSizes(True)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setMouseTracking(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.entered.connect(self._list.setCurrentIndex)
        self._list.clicked.connect(self._run_index)
        self._field.textChanged.connect(self._search)
        self._field.installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        layout.setSpacing(Space.S)
        layout.addWidget(self._field)
        layout.addWidget(self._list)

    @Slot()
    def open(self) -> None:
        """Show it, empty, with the commands used last on top."""
        self._field.clear()
        self._search("")
        self.show()
        self._field.setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: _MOST_ROWS - 1,
                Qt.Key.Key_PageUp: 1 - _MOST_ROWS,
            }
            if event.key() in steps:
                self._select(self._list.currentIndex().row() + steps[Qt.Key(event.key())])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run_index(self._list.currentIndex())
                return True
        return super().eventFilter(watched, event)

    @Slot(str)
    def _search(self, query: str) -> None:
        self._model.search(query, self._settings.recent_commands)
        self._select(0)
        self._fit()

    def _fit(self) -> None:
        window = self.parentWidget().window()
        width = min(_WIDTH, window.width() - 2 * Space.XXL)
        rows = max(1, min(self._model.rowCount(), _MOST_ROWS))
        height = rows * _ROW + self._field.sizeHint().height() + 3 * Space.S + 2
        corner = window.mapToGlobal(QPoint((window.width() - width) // 2, 44))
        self.setGeometry(corner.x(), corner.y(), width, min(height, window.height() - 60))

    def _select(self, row: int) -> None:
        last = self._model.rowCount() - 1
        if last >= 0:
            self._list.setCurrentIndex(self._model.index(max(0, min(row, last))))

    @Slot(QModelIndex)
    def _run_index(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        identity = self._model.found[index.row()].id
        if self._commands.reason(identity):
            return
        self.hide()
        self._settings.add_recent_command(identity)
        self._commands.run(identity)
