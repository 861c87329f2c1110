"""Pictures: paint or choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.plane.plane_dock import PlaneDock
from studio.app.docks.plane.tools import plane_hand_of
from studio.app.plane.pictures import Brush
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label, SecondaryButton, ValueSlider
from studio.app.widgets.plane_kinds import Kind, KindTiles
from studio.app.widgets.plane_tools import PlaneTool
from studio.data.painting import Painting

if TYPE_CHECKING:
    from studio.app.plane.scene import PlaneScene
    from studio.app.runner import Runner
    from studio.app.state import StudioState

PAINTED = ""
_KINDS = (
    ("four-blobs", "Blobs", "Four round clusters."),
    ("ring", "Ring", "Pictures along a circle."),
    ("moons", "Moons", "Two arcs that reach into each other."),
    ("checkerboard", "Checks", "Squares with sharp edges."),
    ("spiral", "Spiral", "Two arms around each other."),
)
_LABEL_WIDTH = 46


class PlanePicturesDock(PlaneDock):
    """Tiles of what is ready, and the brush."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("plane-pictures", "Pictures", "paint or choose", state, runner, parent)

    def make_body(self) -> QWidget:
        from studio.app.plane.scene import plane_scene_of

        return PlanePicturesPanel(self.state, plane_scene_of(self.state), self)


class PlanePicturesPanel(QWidget):
    """Sets the scene's pictures and brush and follows them."""

    def __init__(self, state: StudioState, scene: PlaneScene, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene = scene
        self._pictures = scene.pictures
        self._hand = plane_hand_of(state)
        kinds = [Kind(kind, label, Painting.ready(kind).points(), words) for kind, label, words in _KINDS]
        kinds.append(Kind(PAINTED, "Painted", np.zeros((0, 2)), "Your own: take the brush and paint on the plane."))
        self.tiles = KindTiles(kinds, self)
        brush = scene.brush
        self.size = ValueSlider(
            "Brush", 0.02, 0.3, brush.spread, 2, parent=self, label_width=_LABEL_WIDTH, step=0.01,
            tooltip="Standard deviation of a dab; it ends at three of them.",
        )  # fmt: skip
        self.density = ValueSlider(
            "Density", 1, 40, brush.count, parent=self, label_width=_LABEL_WIDTH,
            tooltip="How many pictures a dab adds.",
        )  # fmt: skip
        self.clear = SecondaryButton("Clear", "eraser", self, dense=True)
        self.clear.set_tooltip("Clear", "", "Take all pictures away; Undo brings them back.")
        self.count = Label("", self, role="muted", size=FontSize.LABEL)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.tiles)
        column.addWidget(self.size)
        column.addWidget(self.density)
        row = QHBoxLayout()
        row.addWidget(self.clear)
        row.addStretch(1)
        row.addWidget(self.count)
        column.addLayout(row)
        column.addStretch(1)
        self.tiles.chosen.connect(self._choose)
        self.size.value_changed.connect(self._take_brush)
        self.density.value_changed.connect(self._take_brush)
        self.clear.clicked.connect(self._pictures.clear)
        self._pictures.changed.connect(self._show)
        self._pictures.brush_changed.connect(self._show_brush)
        self._show()

    @Slot(str)
    def _choose(self, kind: str) -> None:
        if kind != PAINTED:
            self._pictures.choose(kind)
        else:
            # One paints on what there is: an empty plane is one press on Clear away.
            self._hand.take(PlaneTool.BRUSH)
        self._show()

    @Slot()
    def _take_brush(self) -> None:
        self._pictures.set_brush(Brush(float(self.size.value()), int(self.density.value())))

    @Slot()
    def _show(self) -> None:
        kind, points = self._pictures.kind, self._pictures.points
        self.tiles.set_value(kind)
        if kind == PAINTED:
            self.tiles.tiles[PAINTED].set_points(points)
        self.clear.setEnabled(len(points) > 0)
        self.count.setText(f"{len(points):,} pictures" if len(points) != 1 else "1 picture")

    @Slot()
    def _show_brush(self) -> None:
        self.size.set_value(self._pictures.brush.spread)
        self.density.set_value(self._pictures.brush.count)
