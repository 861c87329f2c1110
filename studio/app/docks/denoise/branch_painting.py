"""Painting on z_t: change the noisy picture by hand, then see what becomes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.microscope.branch_painting import Painting
from studio.app.microscope.branch_settings import BranchPoint
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import (
    CheckField,
    IconButton,
    Label,
    LabelledRow,
    PrimaryButton,
    SecondaryButton,
    SectionLabel,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.paint_colors import PaintColors
from studio.app.widgets.paint_view import PaintView
from studio.app.widgets.tile import Tile
from studio.diffusion.editing.painting import Brush, Medium

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_MEDIA = ((Medium.PAINT, "Paint"), (Medium.FRESH, "Fresh noise"), (Medium.ERASE, "Restore"))
_HELP = {
    Medium.PAINT: "A colour on the picture that the model sees in z",
    Medium.FRESH: "Other noise on the same picture",
    Medium.ERASE: "The noisy picture as it was",
}
_PANE = 264
_VIEW = 496
_KEYS = "Drag to paint; the wheel, or [ and ], change the brush\nArrow keys move it, Space puts it down"
_NOTHING = "Paint something first"


class PaintDialog(QDialog):
    """An enlarged z_t, brushes, and what is left of it without the noise. "Go on from this" begins the branch."""

    def __init__(self, state: StudioState, runner: Runner, point: BranchPoint, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Paint on z")
        self.setObjectName("paint")
        self._runner = runner
        self._point = point
        self._branches = branches_of(state)
        self.painting = Painting(point, denoising_of(state).picture)
        self._channels, self._height, self._width = point.trace.run.shape
        self._build()
        self._show_brush()
        self._show()
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _build(self) -> None:
        self.view = PaintView(self, name="The noisy picture")
        self.view.setMinimumSize(_VIEW, _VIEW)
        self.view.setToolTip(
            "Drag to paint; the wheel or [ ] changes the brush\nArrow keys move it, Space puts it down"
        )
        self._medium = SegmentedControl(_MEDIA, name="Brush", stretch=True)
        for medium, words in _HELP.items():
            self._medium.set_option_tooltip(medium, words)
        longest = max(self._height, self._width)
        self._size = ValueSlider("Size", 1, max(2, longest), max(1, round(longest / 10)), suffix=" px")
        self._strength = ValueSlider("Strength", 1, 100, 100, suffix=" %", tooltip="How far a pixel goes there at once")
        self._colors = PaintColors(grey=self._channels == 1)
        self._colors_row = LabelledRow("Colour", self._colors, stretch=False)
        self._keep = CheckField(
            "Keep each pixel's noise",
            True,
            tooltip="So the picture stays as noisy as it has to be at this t. Without it the paint is smooth, "
            "and the model takes its smoothness for part of the picture.",
        )
        self._everywhere = CheckField(
            f"On all {len(self._point.trace.run.pictures)} pictures", False, tooltip="The same strokes on every one"
        )
        self._everywhere.setVisible(len(self._point.trace.run.pictures) > 1)
        self._undo = IconButton("undo", "Undo the stroke", "Ctrl+Z", self, bind_shortcut=True)
        self._redo = IconButton("redo", "Redo the stroke", "Ctrl+Shift+Z", self, bind_shortcut=True)
        self._tile = Tile("x̂_0", "the picture in it", "d3", side=140)
        self._tile.setMinimumHeight(self._tile.sizeHint().height())
        calls = self._point.trace.run.model_calls(self._point.step)
        cost = Label("1 model call" if calls == 1 else f"{calls:,} model calls", role="muted", size=FontSize.LABEL)
        cancel, self.go = SecondaryButton("Cancel"), PrimaryButton("Go on from this", "branch")
        self.go.setDefault(True)
        cancel.clicked.connect(self.reject)
        self.go.clicked.connect(self.accept)

        pane = QVBoxLayout()
        pane.setSpacing(Space.M)
        title = QHBoxLayout()
        title.addWidget(SectionLabel("Brush"), 1)
        title.addWidget(self._undo)
        title.addWidget(self._redo)
        pane.addLayout(title)
        for widget in (self._medium, self._size, self._strength, self._colors_row, self._keep, self._everywhere):
            pane.addWidget(widget)
        pane.addSpacing(Space.S)
        pane.addWidget(self._tile)
        pane.addWidget(Label(self._mixture(), role="muted", size=FontSize.LABEL, wrap=True))
        pane.addStretch(1)
        column = QWidget()
        column.setLayout(pane)
        pane.setContentsMargins(0, 0, 0, 0)
        column.setFixedWidth(_PANE)
        top = QHBoxLayout()
        top.setSpacing(Space.XL)
        top.addWidget(self.view, 1)
        top.addWidget(column)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        buttons.addWidget(cost, 1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        layout.setSpacing(Space.L)
        point, number = self._point, self.painting.picture + 1
        layout.addWidget(
            Label(f"Picture {number} at step {point.step + 1}, t = {point.time}", size=FontSize.HEADLINE, weight=600)
        )
        layout.addLayout(top, 1)
        layout.addLayout(buttons)

        self.view.stroke_began.connect(self._begin)
        self.view.stroke_moved.connect(self._move)
        self.view.stroke_ended.connect(self._show)
        self.view.size_step.connect(self._step_size)
        self.view.color_picked.connect(self._pick)
        self._medium.value_changed.connect(self._show_brush)
        self._size.value_changed.connect(self._show_brush)
        self._undo.clicked.connect(self._take_back)
        self._redo.clicked.connect(self._make_again)

    def _mixture(self) -> str:
        """How strong the picture is in z_t, in words."""
        state = self.painting.state
        signal, sigma = math.sqrt(state.alpha_bar), math.sqrt(state.noise_share)
        if signal > 2 * sigma:
            seen = "Paint covers what is there"
        elif signal > 0.5 * sigma:
            seen = "Paint shows through the noise, and decides much"
        elif signal > 0.1 * sigma:
            seen = "Paint is faint here, and yet it leads the way"
        else:
            seen = "Almost all of it is noise: paint hardly counts yet"
        return f"z is {signal:.2f} of the picture and {sigma:.2f} of the noise. {seen}."

    def _brush(self) -> Brush:
        medium = Medium(str(self._medium.value()))
        if medium is Medium.PAINT and not self._keep.value():
            medium = Medium.PLAIN
        values = tuple(part / 127.5 - 1.0 for part in self._colors.color)
        color = values[:1] if self._channels == 1 else (*values, 1.0)[: self._channels]
        return Brush(medium, color, float(self._strength.value()) / 100)

    @Slot(float, float)
    def _begin(self, x: float, y: float) -> None:
        self.painting.begin((x, y), self._brush(), float(self._size.value()))
        self._show()

    @Slot(float, float)
    def _move(self, x: float, y: float) -> None:
        self.painting.move((x, y), float(self._size.value()))
        self._show()

    @Slot(int)
    def _step_size(self, step: int) -> None:
        self._size.set_value(float(self._size.value()) + step)

    @Slot(int, int)
    def _pick(self, x: int, y: int) -> None:
        # The picture's colour, not that of its noise.
        values = self.painting.state.picture[:, y, x].clamp(-1, 1)
        parts = [round((value + 1) * 127.5) for value in values.tolist()]
        red, green, blue = (parts * 3)[:3] if self._channels == 1 else parts[:3]
        self._colors.pick((red, green, blue))

    @Slot()
    def _take_back(self) -> None:
        self.painting.undo()
        self._show()

    @Slot()
    def _make_again(self) -> None:
        self.painting.redo()
        self._show()

    @Slot()
    def _show_brush(self) -> None:
        self.view.set_diameter(float(self._size.value()))
        painting = self._medium.value() == Medium.PAINT
        self._colors_row.setEnabled(painting)
        self._keep.setEnabled(painting)
        self._strength.setEnabled(self._medium.value() != Medium.ERASE)

    @Slot()
    def _show(self) -> None:
        state = self.painting.state
        self.view.show_values(state.z.movedim(0, -1).numpy())
        self._tile.show_values(state.picture.movedim(0, -1).numpy())
        self._undo.setEnabled(self.painting.can_undo)
        self._redo.setEnabled(self.painting.can_redo)
        changed = self.painting.changed
        self.go.setEnabled(changed)
        self.go.set_tooltip("Go on from this", reason="" if changed else _NOTHING)

    def accept(self) -> None:
        z = self.painting.z(everywhere=bool(self._everywhere.value()))
        self._branches.begin(self._point, self._point.settings, self._runner, z)
        super().accept()
