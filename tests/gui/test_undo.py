"""What can be taken back, and made again."""

from __future__ import annotations

from studio.app.undo import MOST_CHANGES, Change, UndoStack


class Value:
    def __init__(self) -> None:
        self.now: object = 0

    def set(self, value: object) -> None:
        self.now = value


def change(value: Value, after: object, merge: object = None) -> Change:
    return Change(f"to {after}", value.set, value.now, after, merge)


def test_a_change_is_made_taken_back_and_made_again() -> None:
    stack, value = UndoStack(), Value()
    stack.push(change(value, 1))
    stack.push(change(value, 2))
    assert (value.now, stack.next_undo, stack.next_redo) == (2, "to 2", "")
    stack.undo()
    assert (value.now, stack.next_undo, stack.next_redo) == (1, "to 1", "to 2")
    stack.redo()
    assert value.now == 2
    stack.undo()
    stack.undo()
    stack.undo()
    assert (value.now, stack.next_undo) == (0, "")


def test_a_drag_is_one_change() -> None:
    stack, value, drag = UndoStack(), Value(), object()
    for after in range(1, 50):
        stack.push(change(value, after, drag))
    stack.push(change(value, 99, object()))
    stack.undo()
    assert value.now == 49
    stack.undo()
    assert value.now == 0
    assert stack.next_undo == ""


def test_what_was_undone_is_forgotten_by_the_next_change() -> None:
    stack, value = UndoStack(), Value()
    stack.push(change(value, 1))
    stack.undo()
    stack.push(change(value, 2))
    stack.redo()
    assert (value.now, stack.next_redo) == (2, "")


def test_it_does_not_grow_without_end() -> None:
    stack, value = UndoStack(), Value()
    for after in range(1, MOST_CHANGES + 51):
        stack.push(change(value, after))
    for _ in range(MOST_CHANGES + 50):
        stack.undo()
    assert value.now == 50
