"""Small model: trained in seconds, in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.docks.plane.plane_dock import PlaneDock

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class PlaneModelDock(PlaneDock):
    """Train, pause, and how near it is to the exact denoiser."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("plane-model", "Small model", "learns these pictures", state, runner, parent, scrolling=True)

    def make_body(self) -> QWidget:
        from studio.app.docks.plane.training_panel import SmallModelPanel
        from studio.app.plane.scene import plane_scene_of

        panel = SmallModelPanel(plane_scene_of(self.state), self.runner, self)
        self.title_actions().addWidget(panel.again)
        return panel
