"""The plane at work: tools, canvas, what is to be said of it, and the bar of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.plane.composing import PlaneComposer, SliceThumbnails
from studio.app.docks.plane.time_bar import PlaneTimeBar
from studio.app.docks.plane.tools import plane_hand_of
from studio.app.plane.scene import COUNTED_WALKS, Shown, plane_scene_of
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import IconButton, Label, SegmentedControl, format_number
from studio.app.widgets.plane_canvas import PlaneCanvas, two_pixels
from studio.app.widgets.plane_tools import PlaneTool
from studio.data.painting import EDGE

if TYPE_CHECKING:
    from studio.app.state import StudioState

_TOOLS = (
    (PlaneTool.PROBE, "target", "Probe", "P", "Drag it: what does the model say of a picture there?"),
    (PlaneTool.BRUSH, "brush", "Brush", "B", "Paint clusters of pictures."),
    (PlaneTool.ERASER, "eraser", "Eraser", "E", "Rub pictures out."),
    (PlaneTool.MOVE, "move", "Move cluster", "M", "Drag a cluster somewhere else."),
    (PlaneTool.TRAJECTORY, "plus", "Add trajectory", "A", "Click where one more walk from noise begins."),
)
_FIELDS = (
    (Shown.EXACT, "Exact", "The movement towards the pictures, computed from the pictures themselves."),
    (Shown.LEARNED, "Learned", "The movement that the small model has learned."),
    (Shown.DIFFERENCE, "Difference", "Learned minus exact, to the same measure; red where it is large."),
)
_TWO_PIXELS_ONLY = "Only two-pixel pictures can be painted here."
GRAB = 0.15
"""How near to a cluster the hand must be to move it, in units of the plane."""


class PlanePage(QWidget):
    """Connects the canvas with the scene: the one says what was done, the other what came of it."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene = plane_scene_of(state)
        self.canvas = PlaneCanvas(self)
        self.composer = PlaneComposer(self.scene, self.canvas, SliceThumbnails(state, self.scene))
        self.time_bar = PlaneTimeBar(self.scene, self)
        self.hand = plane_hand_of(state)
        self.tool_buttons: dict[PlaneTool, IconButton] = {}
        self.field_switch = SegmentedControl([(value, label) for value, label, _ in _FIELDS], self, name="Field")
        self._grabbed: int | None = None
        self._last = (0.0, 0.0)
        self._build()
        self._connect()
        self._show_brush()
        self._show_shown()
        self._show_inside()
        self._show_space()

    def _build(self) -> None:
        tools = QHBoxLayout()
        tools.setSpacing(Space.XS)
        group = QButtonGroup(self)
        for tool, icon_name, name, key, reason in _TOOLS:
            button = IconButton(icon_name, name, key, self, checkable=True)
            button.set_tooltip(name, reason)
            group.addButton(button)
            self.tool_buttons[tool] = button
            tools.addWidget(button)
        self.tool_buttons[PlaneTool.PROBE].setChecked(True)
        self._tool_group = group
        for value, _, reason in _FIELDS:
            self.field_switch.set_option_tooltip(value, reason)
        tools.addStretch(1)
        tools.addWidget(Label("Field", self, role="muted", size=FontSize.LABEL))
        tools.addSpacing(Space.XS)
        tools.addWidget(self.field_switch)
        self.inside_words = Label("", self, role="muted", size=FontSize.LABEL)
        self.cursor_words = Label("", self, role="muted", size=FontSize.LABEL)
        words = QHBoxLayout()
        words.addWidget(self.inside_words)
        words.addStretch(1)
        words.addWidget(self.cursor_words)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(tools)
        column.addWidget(self.canvas, 1)
        column.addLayout(words)
        column.addWidget(self.time_bar)
        self.setFocusProxy(self.canvas)

    def _connect(self) -> None:
        canvas, scene = self.canvas, self.scene
        self._tool_group.buttonClicked.connect(self._take_tool)
        canvas.tool_changed.connect(self.hand.take)
        self.hand.changed.connect(self._show_tool)
        self.field_switch.value_changed.connect(scene.set_shown)
        scene.shown_changed.connect(self._show_shown)
        scene.shown_changed.connect(self._show_inside)
        scene.pictures.brush_changed.connect(self._show_brush)
        scene.trajectories_changed.connect(self._show_inside)
        scene.space_changed.connect(self._show_space)
        scene.field_changed.connect(self._show_asking)
        scene.pictures_changed.connect(self._show_inside)
        canvas.probe_moved.connect(self._move_probe)
        canvas.stroke_begun.connect(self._begin_stroke)
        canvas.stroke_went_on.connect(self._go_on)
        canvas.stroke_ended.connect(self._end_stroke)
        canvas.trajectory_requested.connect(self._add_trajectory)
        canvas.cursor_moved.connect(self._show_cursor)
        canvas.key_pressed.connect(self._on_key)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.composer.compose()

    @Slot(object)
    def _take_tool(self, button: IconButton) -> None:
        self.hand.take(next(tool for tool, each in self.tool_buttons.items() if each is button))

    @Slot(object)
    def _show_tool(self, tool: PlaneTool) -> None:
        self.tool_buttons[tool].setChecked(True)
        self.canvas.set_tool(tool)
        self._show_brush()

    @Slot()
    def _show_brush(self) -> None:
        # A dab ends at three standard deviations; what is rubbed out is what lies under the circle.
        self.canvas.set_brush_radius(EDGE * self.scene.brush.spread)

    @Slot()
    def _show_shown(self) -> None:
        self.field_switch.set_value(self.scene.shown)

    @Slot()
    def _show_space(self) -> None:
        slice_ = self.scene.is_slice
        for tool, button in self.tool_buttons.items():
            if tool is not PlaneTool.PROBE:
                name, reason = next((name, reason) for each, _, name, _, reason in _TOOLS if each is tool)
                button.setEnabled(not slice_)
                button.set_tooltip(name, _TWO_PIXELS_ONLY if slice_ else reason)
        if slice_:
            self.hand.take(PlaneTool.PROBE)
        self.canvas.set_picture_at(self._picture_on_slice if slice_ else two_pixels)
        self._show_inside()

    def _picture_on_slice(self, point: tuple[float, float]) -> np.ndarray | None:
        if self.scene.opening:
            return None
        return np.moveaxis(self.scene.plane.points([point])[0].numpy(), 0, -1)

    def is_answered(self) -> bool:
        """Whether the field of a slice that is shown is that of this very moment, or none will come."""
        answer = self.scene.images.field
        return answer is not None and answer.question.t == self.scene.t

    @Slot()
    def _show_asking(self) -> None:
        if self.scene.is_slice:
            self._show_inside()

    @Slot(float, float)
    def _move_probe(self, x: float, y: float) -> None:
        self.scene.set_probe((x, y))

    @Slot(object, float, float)
    def _begin_stroke(self, tool: PlaneTool, x: float, y: float) -> None:
        pictures = self.scene.pictures
        pictures.begin_stroke()
        self._last = (x, y)
        if tool is PlaneTool.MOVE:
            self._grabbed = pictures.cluster_at((x, y), GRAB)
        else:
            self._go_on(tool, x, y)

    @Slot(object, float, float)
    def _go_on(self, tool: PlaneTool, x: float, y: float) -> None:
        pictures = self.scene.pictures
        if tool is PlaneTool.BRUSH:
            pictures.paint((x, y))
        elif tool is PlaneTool.ERASER:
            pictures.erase((x, y), EDGE * pictures.brush.spread)
        elif self._grabbed is not None:
            pictures.move(self._grabbed, (x - self._last[0], y - self._last[1]))
        self._last = (x, y)

    @Slot(object)
    def _end_stroke(self, tool: PlaneTool) -> None:
        self._grabbed = None
        self.scene.pictures.end_stroke()

    @Slot(float, float)
    def _add_trajectory(self, x: float, y: float) -> None:
        self.scene.add_trajectory((x, y))

    @Slot(object)
    def _on_key(self, event: QKeyEvent) -> None:
        self.time_bar.strip.handle_key(event)

    @Slot(object)
    def _show_cursor(self, point: tuple[float, float] | None) -> None:
        if point is None:
            self.cursor_words.setText("")
            return
        if self.scene.is_slice:
            self.cursor_words.setText(f"cursor {format_number(point[0], 1)}, {format_number(point[1], 1)}")
            return
        regions = self.scene.painting.regions()
        where = "outside every cluster"
        if len(regions.centres):
            distances = ((regions.centres - point) ** 2).sum(1) ** 0.5
            within = distances <= regions.reaches
            if within.any():
                where = f"in cluster {int(regions.clusters[within.nonzero()[0][0]]) + 1}"
        self.cursor_words.setText(f"cursor {format_number(point[0])}, {format_number(point[1])}   {where}")

    @Slot()
    def _show_inside(self) -> None:
        share = self.scene.share_inside
        if self.scene.is_slice:
            ready = self.scene.images.ready
            if ready is None:
                self.inside_words.setText("")
            elif not self.is_answered():
                self.inside_words.setText("Computing the field…")
            else:
                part = len(ready.points)
                whole = f"all {part:,} pictures" if part == ready.whole else f"{part:,} of the {ready.whole:,} pictures"
                self.inside_words.setText(f"Exact: computed from {whole}")
        elif not len(self.scene.points):
            self.inside_words.setText("")
        elif self.scene.shown is not Shown.EXACT and self.scene.training:
            self.inside_words.setText("Trajectories by what is learned so far")
        elif self.scene.shown is not Shown.EXACT and self.scene.learned is None:
            self.inside_words.setText("")
        elif share is None:
            self.inside_words.setText(f"Walking {COUNTED_WALKS} trajectories…")
        else:
            self.inside_words.setText(f"{100 * share:.4g} % of {COUNTED_WALKS} trajectories end in a cluster")
