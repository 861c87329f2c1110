"""Pictures: paint or choose."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.app.docks.plane.plane_dock import PlaneDock
from studio.app.docks.plane.tools import plane_hand_of
from studio.app.plane.pictures import Brush
from studio.app.plane.reading import Space
from studio.app.theme import FontSize
from studio.app.theme import Space as Spacing
from studio.app.widgets.controls import CheckField, Label, SecondaryButton, ValueSlider
from studio.app.widgets.plane_kinds import Kind, KindTiles
from studio.app.widgets.plane_tools import PlaneTool
from studio.data.painting import Painting

if TYPE_CHECKING:
    from studio.app.plane.scene import PlaneScene
    from studio.app.runner import Runner
    from studio.app.state import StudioState

PAINTED = ""
SPACES = (
    (Space.TWO_PIXELS, "Two pixels"),
    (Space.PRINCIPAL, "Principal directions of the pictures"),
    (Space.THREE_PICTURES, "Through three pictures"),
)
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

        panel = PlanePicturesPanel(self.state, plane_scene_of(self.state), self.runner, self)
        panel.counted.connect(self.set_subtitle)
        panel.tell_count()
        return panel


class PlanePicturesPanel(QWidget):
    """Sets the scene's space, pictures and brush and follows them."""

    counted = Signal(str)
    """How many pictures there are, in words."""

    def __init__(self, state: StudioState, scene: PlaneScene, runner: Runner, parent: QWidget) -> None:
        super().__init__(parent)
        self._state, self._scene, self._runner = state, scene, runner
        self._pictures = scene.pictures
        self._painted: Painting | None = None
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
        self.space = SecondaryButton("Images…", "image", self, dense=True)
        self.space.set_tooltip("Image space", "", "A slice through the space of real pictures instead of two pixels.")
        self.words = Label("", self, role="muted", size=FontSize.LABEL, wrap=True)
        self.others = SecondaryButton("Three others", "dice", self, dense=True)
        self.through = CheckField(
            "Through the trace", self._scene.images.through_trace, self,
            tooltip="Move the plane so that it goes through the picture that is being denoised.",
        )  # fmt: skip
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Spacing.S)
        for widget in (self.tiles, self.size, self.density, self.words, self.others, self.through):
            column.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(Spacing.XS)
        row.addWidget(self.clear)
        row.addWidget(self.space, 1)
        column.addLayout(row)
        column.addStretch(1)
        self.space.clicked.connect(self._open_menu)
        self.others.clicked.connect(self._choose_three)
        self.through.value_changed.connect(scene.images.set_through_trace)
        scene.space_changed.connect(self._show_space)
        state.image_set_changed.connect(self._show_space)
        self.tiles.chosen.connect(self._choose)
        self.size.value_changed.connect(self._take_brush)
        self.density.value_changed.connect(self._take_brush)
        self.clear.clicked.connect(self._pictures.clear)
        self._pictures.changed.connect(self._show)
        self._pictures.brush_changed.connect(self._show_brush)
        self._show()
        self._show_space()

    def make_menu(self) -> QMenu:
        """The spaces there are; lives until it is closed."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        for space, words in SPACES:
            obstacle = self._scene.obstacle(space)
            action = menu.addAction(words if not obstacle else f"{words}: {obstacle[0].lower()}{obstacle[1:]}")
            action.setData(space)
            action.setCheckable(True)
            action.setChecked(space is self._scene.space)
            action.setEnabled(not obstacle)
        menu.triggered.connect(self._take_space)
        return menu

    @Slot()
    def _open_menu(self) -> None:
        self.make_menu().popup(self.space.mapToGlobal(QPoint(0, self.space.height())))

    @Slot(QAction)
    def _take_space(self, action: QAction) -> None:
        space = Space(action.data())
        if space is Space.THREE_PICTURES:
            self._choose_three()
        else:
            self._hand.chosen = ()
            self._scene.set_space(space, self._runner)

    @Slot()
    def _choose_three(self) -> None:
        images = self._state.image_set
        if images is not None and not self._scene.obstacle(Space.THREE_PICTURES):
            self._hand.chosen = tuple(random.sample(range(images.count), 3))
            self._scene.set_space(Space.THREE_PICTURES, self._runner, self._hand.chosen)

    @Slot()
    def _show_space(self) -> None:
        scene = self._scene
        for widget in (self.tiles, self.size, self.density, self.clear):
            widget.setVisible(not scene.is_slice)
        self.words.setVisible(scene.is_slice)
        self.others.setVisible(scene.space is Space.THREE_PICTURES)
        self.through.setVisible(scene.is_slice)
        self.words.setText(self._slice_words() if scene.is_slice else "")
        self.tell_count()

    def _slice_words(self) -> str:
        scene = self._scene
        if scene.opening:
            return "Laying a plane through the pictures…"
        if scene.space is Space.THREE_PICTURES:
            return "The plane through three pictures of the set, and where all others fall on it."
        shares = scene.plane.variance_shares
        if shares is None:
            return "The plane of the two pixels."
        return (
            "The two directions in which the pictures vary most: "
            f"{100 * shares[0]:.0f} % and {100 * shares[1]:.0f} % of their variance."
        )

    def tell_count(self) -> None:
        """Say again how many pictures there are."""
        self.counted.emit(f"{len(self._scene.points):,}")

    @Slot(str)
    def _choose(self, kind: str) -> None:
        if kind != PAINTED:
            self._pictures.choose(kind)
        else:
            # What was painted before comes back; without it, one paints on what there is, or on nothing after Clear.
            if self._pictures.kind != PAINTED and self._painted is not None:
                self._pictures.take(self._painted)
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
            self._painted = self._pictures.painting if len(points) else None
            self.tiles.tiles[PAINTED].set_points(points)
        self.clear.setEnabled(len(points) > 0)
        self.tell_count()

    @Slot()
    def _show_brush(self) -> None:
        self.size.set_value(self._pictures.brush.spread)
        self.density.set_value(self._pictures.brush.count)
