"""The sheet of shortcuts: every key there is, read from the command registry."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from studio.app.commands import MENUS, Commands
from studio.app.theme import FontSize, Space, ui_font
from studio.app.widgets.buttons import SecondaryButton

KEYS_OF_THE_TIMELINE = (
    ("One step back, one step on", "← →"),
    ("First step, last step", "Home End"),
    ("Play, pause", "Space"),
)
"""Keys that belong to a panel while it has the focus, so that no command names them."""


class ShortcutSheet(QDialog):
    """Lists commands with their keys, menu by menu, in two columns."""

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts")
        self.setObjectName("shortcut-sheet")
        groups: dict[str, list[tuple[str, str]]] = {menu: [] for menu in MENUS}
        for command in commands.all():
            keys = commands.action(command.id).shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            if keys and command.menu:
                groups[command.menu.split("/")[0]].append((command.title.rstrip("…"), keys))
        groups["On the timeline"] = list(KEYS_OF_THE_TIMELINE)
        filled = [(title, rows) for title, rows in groups.items() if rows]
        half = sum(len(rows) + 2 for _, rows in filled) / 2
        columns = QHBoxLayout()
        columns.setSpacing(Space.XXL + Space.M)
        column: QVBoxLayout | None = None
        height = 0
        for title, rows in filled:
            if column is None or height >= half:
                column, height = QVBoxLayout(), 0
                column.setSpacing(Space.S)
                columns.addLayout(column)
            column.addWidget(_heading(title))
            column.addLayout(_table(rows))
            column.addSpacing(Space.S)
            height += len(rows) + 2
        for index in range(columns.count()):
            columns.itemAt(index).layout().addStretch(1)
        close = SecondaryButton("Close", parent=self)
        close.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        layout.setSpacing(Space.M)
        layout.addLayout(columns)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(ui_font(FontSize.SECTION, 600))
    return label


def _table(rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(Space.XXL)
    grid.setVerticalSpacing(Space.XS)
    for row, (title, keys) in enumerate(rows):
        grid.addWidget(QLabel(title), row, 0)
        label = QLabel(keys)
        label.setProperty("role", "muted")
        label.setAlignment(Qt.AlignmentFlag.AlignRight)
        grid.addWidget(label, row, 1)
    grid.setColumnStretch(0, 1)
    return grid
