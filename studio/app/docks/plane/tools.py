"""The tool in hand: the stage's buttons and the panels change it, the canvas works with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.widgets.plane_tools import PlaneTool

if TYPE_CHECKING:
    from studio.app.state import StudioState


class PlaneHand(QObject):
    """Which PlaneTool the left mouse button works with, and which three pictures a slice was laid through.

    chosen: numbers in the open set of pictures; empty for another slice.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._tool = PlaneTool.PROBE
        self.chosen: tuple[int, ...] = ()

    @property
    def tool(self) -> PlaneTool:
        return self._tool

    @Slot(object)
    def take(self, tool: PlaneTool) -> None:
        if tool != self._tool:
            self._tool = tool
            self.changed.emit(tool)


def plane_hand_of(state: StudioState) -> PlaneHand:
    """The one hand of a state, made at the first call."""
    found = state.findChild(PlaneHand)
    return found if found is not None else PlaneHand(state)
