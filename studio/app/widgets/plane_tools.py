"""What the left mouse button does on the plane, and the keys and cursors of the tools."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Qt


class PlaneTool(StrEnum):
    """What the left mouse button does."""

    PROBE = "probe"
    BRUSH = "brush"
    ERASER = "eraser"
    MOVE = "move"
    TRAJECTORY = "trajectory"


TOOL_KEYS = {
    Qt.Key.Key_P: PlaneTool.PROBE,
    Qt.Key.Key_B: PlaneTool.BRUSH,
    Qt.Key.Key_E: PlaneTool.ERASER,
    Qt.Key.Key_M: PlaneTool.MOVE,
    Qt.Key.Key_A: PlaneTool.TRAJECTORY,
}

CURSORS = {
    PlaneTool.PROBE: Qt.CursorShape.CrossCursor,
    PlaneTool.BRUSH: Qt.CursorShape.BlankCursor,
    PlaneTool.ERASER: Qt.CursorShape.BlankCursor,
    PlaneTool.MOVE: Qt.CursorShape.OpenHandCursor,
    PlaneTool.TRAJECTORY: Qt.CursorShape.CrossCursor,
}
