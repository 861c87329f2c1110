"""Everything a person can tell the program to do, declared once.

Menus, the top bar, the command search and the sheet of shortcuts are all drawn from one registry, so a command that
exists can be found, and one that cannot be used right now says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from studio.app.icons import icon

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu, QMenuBar

MENUS = ("File", "Edit", "View", "Run", "Window", "Help")
"""The menus of the menu bar, in order."""


@dataclass(frozen=True)
class Command:
    """One thing the program can do.

    `menu` is a path such as "File" or "View/Theme"; '' leaves it to the search alone. `section` groups entries of a
    menu between rules, in the order in which the sections first came. `exclusive` names a group of checkable commands
    of which one is on. `callback` is called without arguments.
    """

    id: str
    title: str
    callback: Callable[[], object]
    menu: str = ""
    shortcut: str = ""
    icon: str = ""
    help: str = ""
    section: str = ""
    checkable: bool = False
    exclusive: str = ""


class _Entry(QObject):
    """Ties a command to its QAction; a QObject, so that Qt disconnects it together with the action."""

    def __init__(self, command: Command, action: QAction) -> None:
        super().__init__(action)
        self.command = command
        self.action = action
        self.reason = ""
        action.triggered.connect(self._run)

    @Slot()
    def _run(self) -> None:
        self.command.callback()


class Commands(QObject):
    """The registry. Actions belong to the window that is given as parent, so their shortcuts work all over it."""

    ran = Signal(str)
    """A command's id, after it was run through `run`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: dict[str, _Entry] = {}
        self._groups: dict[str, QActionGroup] = {}
        self._menus: dict[str, QMenu] = {}

    def add(self, command: Command) -> QAction:
        """Register a command and return its action. Raises ValueError when the id or shortcut is taken."""
        if command.id in self._entries:
            raise ValueError(f"there is a command {command.id!r} already")
        for other in self.all():
            if command.shortcut and QKeySequence(command.shortcut) == QKeySequence(other.shortcut):
                raise ValueError(f"{command.shortcut} belongs to {other.id!r} already")
        action = QAction(command.title, self)
        action.setObjectName(command.id)
        if command.icon:
            action.setIcon(icon(command.icon))
        if command.shortcut:
            action.setShortcut(QKeySequence(command.shortcut))
        action.setCheckable(command.checkable or bool(command.exclusive))
        if command.exclusive:
            group = self._groups.setdefault(command.exclusive, QActionGroup(self))
            group.addAction(action)
        self._entries[command.id] = _Entry(command, action)
        self._explain(command.id)
        window = self.parent()
        if window is not None and window.isWidgetType():
            window.addAction(action)
        if command.menu and self._menus:
            self._submenu(self._menus, command.menu).addAction(action)
        return action

    def all(self) -> tuple[Command, ...]:
        """All commands, in the order in which they came."""
        return tuple(entry.command for entry in self._entries.values())

    def command(self, identity: str) -> Command:
        return self._entries[identity].command

    def action(self, identity: str) -> QAction:
        """The action of a command. Raises KeyError."""
        return self._entries[identity].action

    def allow(self, identity: str) -> None:
        """The command can be used now."""
        self._set_reason(identity, "")

    def refuse(self, identity: str, reason: str) -> None:
        """The command cannot be used now; `reason` is a sentence that says why, or what to do first."""
        self._set_reason(identity, reason)

    def reason(self, identity: str) -> str:
        """Why the command cannot be used now; '' when it can."""
        return self._entries[identity].reason

    def set_checked(self, identity: str, checked: bool) -> None:
        self.action(identity).setChecked(checked)

    def run(self, identity: str) -> bool:
        """Do it, unless it cannot be done now; returns whether it was done."""
        action = self.action(identity)
        if not action.isEnabled():
            return False
        action.trigger()
        self.ran.emit(identity)
        return True

    def fill(self, bar: QMenuBar) -> None:
        """Put every command into its menu; those added later go to the end of theirs."""
        menus = self._menus = {title: self._menu(bar, title) for title in MENUS}
        sections: dict[str, str] = {}
        for command in sorted(self.all(), key=self._place):
            if not command.menu:
                continue
            menu = self._submenu(menus, command.menu)
            if sections.get(command.menu, command.section) != command.section:
                menu.addSeparator()
            sections[command.menu] = command.section
            menu.addAction(self.action(command.id))
        for title, menu in menus.items():
            if "/" not in title:
                menu.menuAction().setVisible(not menu.isEmpty())

    def menu(self, path: str) -> QMenu:
        """A menu by its path, once the menu bar was filled. Raises KeyError."""
        return self._menus[path]

    def _place(self, command: Command) -> tuple[int, int]:
        # Commands of one section stand together, sections in the order in which they first came.
        firsts: dict[tuple[str, str], int] = {}
        for number, other in enumerate(self.all()):
            firsts.setdefault((other.menu.split("/")[0], other.section), number)
        numbers = {other.id: number for number, other in enumerate(self.all())}
        return firsts[command.menu.split("/")[0], command.section], numbers[command.id]

    def _submenu(self, menus: dict[str, QMenu], path: str) -> QMenu:
        if path not in menus:
            above, _, title = path.rpartition("/")
            menus[path] = self._menu(self._submenu(menus, above), title)
        return menus[path]

    @staticmethod
    def _menu(above: QMenuBar | QMenu, title: str) -> QMenu:
        menu = above.addMenu(title)
        menu.setToolTipsVisible(True)
        return menu

    def _set_reason(self, identity: str, reason: str) -> None:
        entry = self._entries[identity]
        entry.reason = reason
        entry.action.setEnabled(not reason)
        self._explain(identity)

    def _explain(self, identity: str) -> None:
        entry = self._entries[identity]
        title = entry.command.title.rstrip("…")
        keys = entry.action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        lines = [f"{title}  {keys}".rstrip(), entry.command.help, entry.reason]
        entry.action.setToolTip("\n".join(line for line in lines if line))
