"""The content of the schedule panel: three curves to draw on, what is good or poor about them, a picture on its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.app.docks.schedule.actions import ScheduleActions
from studio.app.docks.schedule.kind_controls import KindControls
from studio.app.docks.schedule.notes import ScheduleNotes
from studio.app.docks.schedule.quantity_plot import QuantityPlot
from studio.app.schedule.comparison import schedule_comparison_of
from studio.app.schedule.editing import schedule_editing_of
from studio.app.schedule.quantities import QUANTITIES
from studio.app.schedule.strip import FEW_SHARES, MANY_SHARES, ForwardStrip
from studio.app.state import StudioState
from studio.app.theme import FontSize, Space
from studio.app.undo import undo_stack_of
from studio.app.widgets.controls import ComboField, IconButton, Label, NumberField, ValueSlider, tooltip_text
from studio.app.widgets.diffusion_strip import GAP as STRIP_GAP
from studio.app.widgets.diffusion_strip import LABEL_HEIGHT, DiffusionStrip
from studio.app.widgets.file_drops import AcceptsFiles, DropVeil, dropped_paths
from studio.app.widgets.math_text import MathLabel, Term
from studio.errors import StudioError

NARROW = 760
NARROWEST = 400
STACKED_HEAD = 520
WIDTH_FOR_EQUATION = 420
PLOTS_SHARE, SIDE_SHARE = 12, 10
LEAST_HEIGHT = 150
NOTES_HEIGHT = 32
LARGE_ENOUGH = 40
HEIGHT_AROUND_STRIP, LEAST_WITH_TITLE, STACKED_HEAD_HEIGHT = 120, 152, 28
# A step that shares no factor with most counts walks through all classes of a sorted set.
_STRIDE = 7919
_REASONS = {
    "alpha_bar": (
        "The share of the picture's variance that is left after t steps. The book writes α_t; the DDPM paper and most "
        "programs write ᾱ_t (alpha bar) for the same."
    ),
    "beta": "The share of the variance that one step replaces by noise.",
    "log_snr": (
        "10 log₁₀ α_t / (1 − α_t). At 0 dB picture and noise are equally strong. The bars beside the curve say which "
        "share of the steps is spent at each ratio."
    ),
}


class ScheduleBench(AcceptsFiles, QWidget):
    """Reads `StudioState.schedule` and changes it through the editing; everything follows while a hand moves."""

    def __init__(self, state: StudioState, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._editing = schedule_editing_of(state)
        self._comparison = schedule_comparison_of(state)
        self._forward: ForwardStrip | None = None
        self._shares = MANY_SHARES
        self._controls = KindControls(self._editing, self)
        self._curves = QWidget(self)
        self._plots = tuple(
            QuantityPlot(QUANTITIES[name], self._editing, reason, self._curves) for name, reason in _REASONS.items()
        )
        self._notes = ScheduleNotes(state, self)
        self._strip_title = Label("Your picture on its way to noise", self, role="muted", size=FontSize.LABEL)
        self._strip = DiffusionStrip(self)
        self._strip.setToolTip(
            tooltip_text(
                "Forward process", reason="One picture, one noise, more and more of it. A click takes another picture."
            )
        )
        self._another = IconButton("dice", "Another picture", parent=self, dense=True)
        self._equation = MathLabel(_FORWARD, self)
        self.actions = ScheduleActions(self._editing, self._comparison, undo_stack_of(state), self)
        self.actions.add_picture("Export the curves", "schedule curves.png", self._curves)
        self.actions.add_picture("Export the strip", "on its way to noise.png", self._strip)
        self._veil = DropVeil("Let go to use this schedule", self)
        self._build()
        self._connect()
        self.accept_files()
        self._first_picture()
        self._show_schedule()

    @property
    def plots(self) -> tuple[QuantityPlot, ...]:
        """α_t, β_t and the signal-to-noise ratio."""
        return self._plots

    @property
    def strip(self) -> DiffusionStrip:
        return self._strip

    @property
    def notes(self) -> ScheduleNotes:
        return self._notes

    @property
    def sliders(self) -> dict[str, ValueSlider]:
        """The options of the kind that is on, by name."""
        return self._controls.sliders

    @property
    def kind_control(self) -> ComboField:
        return self._controls.kind

    @property
    def steps_control(self) -> NumberField:
        return self._controls.steps

    def minimumSizeHint(self) -> QSize:
        if self.width() < NARROW:
            return QSize(NARROWEST, super().minimumSizeHint().height())
        # The arrangement depends on the size, so the size must not depend on the arrangement: this is the smallest one.
        height = self._controls.minimumSizeHint().height() + NOTES_HEIGHT + 2 * Space.XS
        if self._forward is None:
            height += self._strip_title.sizeHint().height()
        else:
            height += self._forward.image_set.height + LABEL_HEIGHT + 2
        return QSize(NARROWEST, max(LEAST_HEIGHT, height))

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = self.width() < NARROW
        # Stacked, what can be changed and what it does to a picture come first, the curves after them.
        direction = QBoxLayout.Direction.BottomToTop if narrow else QBoxLayout.Direction.LeftToRight
        if self._layout.direction() != direction:
            self._layout.setDirection(direction)
        side = self._side_width()
        self._controls.set_stacked(side < STACKED_HEAD)
        self._choose_shares()
        self._show_title()

    def _side_width(self) -> int:
        """How wide the half with controls and strip is."""
        narrow = self.width() < NARROW
        return self.width() if narrow else self.width() * SIDE_SHARE // (SIDE_SHARE + PLOTS_SHARE) - Space.M

    def _choose_shares(self) -> None:
        """Fewer pictures where they are larger for it, if there is height for larger ones."""
        shares = MANY_SHARES
        if self._forward is not None:
            image_set, side = self._forward.image_set, self._side_width()
            room = side - self._another.width() - Space.XS
            many, few = (
                int((room / (len(each) + 1) - STRIP_GAP) // image_set.width) for each in (MANY_SHARES, FEW_SHARES)
            )
            around = HEIGHT_AROUND_STRIP + (STACKED_HEAD_HEIGHT if side < STACKED_HEAD else 0)
            small = max(many, 1) * image_set.width < LARGE_ENOUGH
            if small and few > max(many, 1) and few * image_set.height + around <= self.height():
                shares = FEW_SHARES
        if shares is not self._shares:
            self._shares = shares
            self._show_strip()

    def _show_title(self) -> None:
        """Where the panel is low, what is wrong with the schedule is worth more than a title over the pictures."""
        side = self._side_width()
        least = LEAST_WITH_TITLE + (STACKED_HEAD_HEIGHT if side < STACKED_HEAD else 0)
        shown = self._forward is None or self.height() >= least
        if self._strip_title.isHidden() == shown:
            self._strip_title.setVisible(shown)
        self._equation.setVisible(shown and side >= WIDTH_FOR_EQUATION)

    def _build(self) -> None:
        plots = QHBoxLayout(self._curves)
        plots.setContentsMargins(0, 0, 0, 0)
        plots.setSpacing(Space.S)
        for plot, stretch in zip(self._plots, (10, 8, 10), strict=True):
            plots.addWidget(plot, stretch)
        title = QHBoxLayout()
        title.addWidget(self._strip_title)
        title.addStretch(1)
        title.addWidget(self._equation)
        side = QVBoxLayout()
        side.setSpacing(Space.XS)
        side.addWidget(self._controls)
        side.addLayout(title)
        strip = QHBoxLayout()
        strip.setSpacing(Space.XS)
        strip.addWidget(self._strip, 1)
        strip.addWidget(self._another, 0, Qt.AlignmentFlag.AlignTop)
        side.addLayout(strip)
        # Last and scrolling by themselves: words that come and go while a hand draws move nothing.
        side.addWidget(_Scrolled(self._notes, self), 1)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, Space.XS, 0)
        self._layout.setSpacing(Space.M)
        self._layout.addWidget(self._curves, PLOTS_SHARE)
        self._layout.addLayout(side, SIDE_SHARE)

    def _connect(self) -> None:
        self._another.clicked.connect(self._next_picture)
        self._strip.clicked.connect(self._next_picture)
        self._strip.hovered.connect(self._hover_strip)
        for plot in self._plots:
            plot.hovered.connect(self._hover)
        self._state.schedule_changed.connect(self._show_schedule)
        self._state.image_set_changed.connect(self._take_pictures)
        self._comparison.changed.connect(self._show_curves)
        self._editing.failed.connect(self._say)
        self.actions.export.failed.connect(self._say)

    # Files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if all(path.suffix.lower() in (".json", ".csv") for path in dropped_paths(event.mimeData())):
            super().dragEnterEvent(event)
        else:
            # Pictures belong to the window.
            event.ignore()

    def files_dropped(self, paths: list[Path]) -> None:
        self._editing.open_file(paths[0])

    def files_over(self, over: bool) -> None:
        self._veil.lift(over)

    # Showing

    @Slot()
    def _show_schedule(self) -> None:
        schedule = self._state.schedule
        if schedule is None:
            return
        self._controls.show_schedule(schedule)
        self._show_curves()
        self._notes.show_schedule(schedule)
        self._show_strip()

    @Slot()
    def _show_curves(self) -> None:
        schedule = self._state.schedule
        if schedule is not None:
            compared = [each for each in self._comparison.compared() if each.schedule != schedule]
            for plot in self._plots:
                plot.show_schedule(schedule, compared)

    @Slot(object)
    def _say(self, error: StudioError) -> None:
        # The control that asked shows again what is.
        schedule = self._state.schedule
        if schedule is not None:
            self._controls.show_schedule(schedule)
        self._notes.show_error(error)

    @Slot()
    def _take_pictures(self) -> None:
        self._first_picture()
        self.updateGeometry()
        self._choose_shares()
        self._show_title()
        self._show_strip()

    def _first_picture(self) -> None:
        image_set = self._state.image_set
        self._forward = None if image_set is None else ForwardStrip(image_set, 0)

    @Slot()
    def _next_picture(self) -> None:
        if self._forward is not None:
            image_set = self._forward.image_set
            self._forward = ForwardStrip(image_set, (self._forward.position + _STRIDE) % image_set.count)
            self._show_strip()

    def _show_strip(self) -> None:
        forward, schedule = self._forward, self._state.schedule
        if self._strip.isHidden() == (forward is not None):
            for widget in (self._strip, self._another):
                widget.setVisible(forward is not None)
        self._strip_title.setText(
            "Your picture on its way to noise" if forward else "Open pictures to see one on its way to noise."
        )
        if forward is None or schedule is None:
            self._strip.set_pictures(np.zeros((0, 1, 1, 1), np.uint8), ())
            return
        steps, pictures = forward.pictures(schedule, self._shares)
        self._strip.set_pictures(pictures, steps)

    @Slot(object)
    def _hover(self, step: int | None) -> None:
        for plot in self._plots:
            plot.editor.set_cursor_step(step)
        self._strip.mark_step(None if step is None else step + 1)

    @Slot(object)
    def _hover_strip(self, step: int | None) -> None:
        # The plots begin at t = 1; the picture itself has no place on them.
        self._hover(None if step is None or step == 0 else step - 1)
        self._strip.mark_step(step)


class _Scrolled(QScrollArea):
    """Takes what height is left, and scrolls what does not fit."""

    def __init__(self, content: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        for part in (self.viewport(), content):
            part.setAutoFillBackground(False)

    def sizeHint(self) -> QSize:
        return QSize(200, 34)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, NOTES_HEIGHT)


_EQUATION_SIZE = FontSize.SECTION
_FORWARD = (
    Term("z_t", size=_EQUATION_SIZE),
    Term("=", size=_EQUATION_SIZE),
    Term("√α_t", "d3", size=_EQUATION_SIZE),
    Term("x", size=_EQUATION_SIZE),
    Term("+", size=_EQUATION_SIZE),
    Term("√(1−α_t)", size=_EQUATION_SIZE),
    Term("ε", "d4", size=_EQUATION_SIZE),
)
