"""Branches: right-click any frame to branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.widgets.dock import StudioDock

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class BranchesDock(StudioDock):
    """Branches: right-click any frame to branch."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("branches", "Branches", "right-click any frame to branch", parent)
        self.set_body(QWidget())
