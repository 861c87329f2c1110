"""Probe: drag it anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.widgets.dock import StudioDock

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class PlaneProbeDock(StudioDock):
    """Probe: drag it anywhere."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("plane-probe", "Probe", "drag it anywhere", parent)
        self.set_body(QWidget())
