"""What a person changed and can take back: one list for the whole window.

A drag is one entry: changes that carry the same `merge` object become one, from the value before the first to the value
after the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

if TYPE_CHECKING:
    from studio.app.state import StudioState

MOST_CHANGES = 200


@dataclass(frozen=True)
class Change:
    """Something that was set from `before` to `after` by `set_value`, called `title` in the menu ("Undo <title>").

    merge: changes that follow each other with the same object here, not None, are one change.
    """

    title: str
    set_value: Callable[[object], object]
    before: object
    after: object
    merge: object = None


class UndoStack(QObject):
    """The changes, oldest first, and how many of them hold."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._changes: list[Change] = []
        self._done = 0

    @property
    def next_undo(self) -> str:
        """The title of the change that `undo` takes back; '' when there is none."""
        return self._changes[self._done - 1].title if self._done else ""

    @property
    def next_redo(self) -> str:
        """The title of the change that `redo` makes again; '' when there is none."""
        return self._changes[self._done].title if self._done < len(self._changes) else ""

    def push(self, change: Change) -> None:
        """Set the value, and remember it; what was undone before is forgotten."""
        change.set_value(change.after)
        del self._changes[self._done :]
        last = self._changes[-1] if self._changes else None
        if last is not None and change.merge is not None and change.merge is last.merge:
            self._changes[-1] = replace(last, after=change.after)
        else:
            self._changes.append(change)
            del self._changes[:-MOST_CHANGES]
        self._done = len(self._changes)
        self.changed.emit()

    @Slot()
    def undo(self) -> None:
        """Take the last change back; nothing happens without one."""
        if self._done:
            self._done -= 1
            change = self._changes[self._done]
            change.set_value(change.before)
            self.changed.emit()

    @Slot()
    def redo(self) -> None:
        """Make the change again that was taken back last; nothing happens without one."""
        if self._done < len(self._changes):
            change = self._changes[self._done]
            self._done += 1
            change.set_value(change.after)
            self.changed.emit()


def undo_stack_of(state: StudioState) -> UndoStack:
    """The one list of changes of a window's state, made at the first call."""
    found = state.findChild(UndoStack)
    return found if found is not None else UndoStack(state)
