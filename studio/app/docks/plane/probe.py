"""Probe: drag it anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from studio.app.docks.plane.plane_dock import PlaneDock

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class PlaneProbeDock(PlaneDock):
    """What the denoiser says of the picture at the probe, as pictures."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("plane-probe", "Probe", "drag it anywhere", state, runner, parent, width=248, scrolling=True)

    def make_body(self) -> QWidget:
        from studio.app.docks.plane.probe_panel import ProbePanel
        from studio.app.plane.scene import plane_scene_of

        return ProbePanel(plane_scene_of(self.state), self)
