"""Show: what the canvas draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.docks.plane.plane_dock import PlaneDock
from studio.app.theme import Space
from studio.app.widgets.controls import CheckField

if TYPE_CHECKING:
    from studio.app.plane.scene import PlaneScene
    from studio.app.runner import Runner
    from studio.app.state import StudioState

LAYERS = (
    ("data", "Data points", "The pictures themselves."),
    ("density", "Density of q(zₜ)", "How often a noisy picture of this t falls where."),
    ("field", "Field arrows", "Where a noisy picture is moved next. All but the longest to one measure."),
    ("trajectories", "Trajectories", "Walks from noise: solid until this t, dotted from there."),
    ("samples", "Noisy pictures", "Some draws of q(zₜ): pictures with the noise of this t."),
)


class PlaneLayersDock(PlaneDock):
    """A check box for each layer."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("plane-layers", "Show", "", state, runner, parent)

    def make_body(self) -> QWidget:
        from studio.app.plane.scene import plane_scene_of

        return PlaneLayers(plane_scene_of(self.state), self)


class PlaneLayers(QWidget):
    """Sets the scene's layers and follows them."""

    def __init__(self, scene: PlaneScene, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene = scene
        self.boxes: dict[str, CheckField] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        for layer, words, tooltip in LAYERS:
            box = CheckField(words, layer in scene.layers, self, tooltip=tooltip)
            box.value_changed.connect(self._take)
            self.boxes[layer] = box
            column.addWidget(box)
        column.addStretch(1)
        scene.layers_changed.connect(self._show)

    @Slot()
    def _take(self) -> None:
        for layer, box in self.boxes.items():
            self._scene.set_layer(layer, box.value())

    @Slot()
    def _show(self) -> None:
        for layer, box in self.boxes.items():
            if box.value() != (layer in self._scene.layers):
                box.blockSignals(True)
                box.set_value(layer in self._scene.layers)
                box.blockSignals(False)
