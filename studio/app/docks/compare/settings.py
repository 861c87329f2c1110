"""Comparison: what differs between the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.widgets.dock import StudioDock

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class ComparisonDock(StudioDock):
    """Comparison: what differs between the cells."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("comparison", "Comparison", "what differs between the cells", parent)
        self.set_body(QWidget())
