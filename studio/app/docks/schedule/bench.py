"""The content of the schedule panel: controls, three plots on one clock, warnings, and the picture on its way."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.app.docks.schedule.notes import ScheduleNotes
from studio.app.state import StudioState
from studio.app.theme import FontSize, Space, symbol_font
from studio.app.widgets.controls import (
    ComboField,
    IconButton,
    Label,
    NumberField,
    ValueSlider,
    format_number,
    tooltip_text,
)
from studio.app.widgets.curve_plot import Curve, CurvePlot
from studio.app.widgets.diffusion_strip import DiffusionStrip
from studio.app.widgets.math_text import MathLabel, Term
from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range, to_pictures
from studio.diffusion import SCHEDULES, NoiseSchedule, PictureNoise, diffuse, make_schedule
from studio.errors import ScheduleError

MOST_STEPS = 4000
NARROW = 760
NARROWEST = 400
HEAD_WIDTH = 510
PLOTS_SHARE, SIDE_SHARE = 11, 10
STRIP_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
STRIP_SEED = 0
DECIBELS = 10.0 / math.log(10.0)
_BETA_LOW, _BETA_HIGH = 1e-5, 1.0
_DECIBEL_LIMIT = 40.0

_NOTATION = (
    "The share of the picture's variance that is left after t steps. The book writes α_t; the DDPM paper and most "
    "programs write ᾱ_t (alpha bar) for the same."
)


class ScheduleBench(QWidget):
    """Reads and sets `StudioState.schedule`; everything follows while a control moves."""

    def __init__(self, state: StudioState, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._showing = False
        self._picture = 0
        self._sliders: dict[str, ValueSlider] = {}
        kinds = [(kind.name, kind.label) for kind in SCHEDULES.values()]
        self._kind = ComboField("Kind", kinds, self, label_width=0)
        # "Sigmoid β" cut to "Sigmoid" would be another kind.
        self._kind.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self._steps = NumberField(
            "T", 2, MOST_STEPS, 1000, label_width=0, tooltip="How many steps lie between a picture and pure noise."
        )
        self._steps.label.setFont(symbol_font(FontSize.TEXT))
        self._steps.setMaximumWidth(104)
        self._sliders_row = QHBoxLayout()
        self._alpha = CurvePlot("α_t", "how much picture is left", "d3", self)
        self._alpha.setToolTip(tooltip_text("α_t", reason=_NOTATION))
        self._beta = CurvePlot("β_t", "noise added a step", "d4", self, reading_at_left=True)
        self._beta.setToolTip(tooltip_text("β_t", reason="The share of the variance that one step replaces by noise."))
        self._snr = CurvePlot("log SNR", "signal to noise", "d1", self, reading=_decibels)
        self._snr.setToolTip(
            tooltip_text(
                "Signal to noise", reason="10 log₁₀ α_t / (1 − α_t). At 0 dB picture and noise are equally strong."
            )
        )
        self._notes = ScheduleNotes(state, self)
        self._strip_title = Label("Your picture on its way to noise", self, role="muted", size=FontSize.LABEL)
        self._strip = DiffusionStrip(self)
        self._strip.setToolTip(tooltip_text("Forward process", reason="One picture, one noise, more and more of it."))
        self._another = IconButton("dice", "Another picture", parent=self, dense=True)
        self._equation = MathLabel(_FORWARD, self)
        self._build()
        self._connect()
        self._show_schedule()

    @property
    def plots(self) -> tuple[CurvePlot, CurvePlot, CurvePlot]:
        """α_t, β_t and log SNR."""
        return self._alpha, self._beta, self._snr

    @property
    def strip(self) -> DiffusionStrip:
        return self._strip

    @property
    def notes(self) -> ScheduleNotes:
        return self._notes

    @property
    def sliders(self) -> dict[str, ValueSlider]:
        """The options of the kind that is on, by name."""
        return dict(self._sliders)

    @property
    def kind_control(self) -> ComboField:
        return self._kind

    @property
    def steps_control(self) -> NumberField:
        return self._steps

    def minimumSizeHint(self) -> QSize:
        # The arrangement depends on the width, so the width must not depend on the arrangement.
        return QSize(NARROWEST, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = self.width() < NARROW
        side = self.width() if narrow else self.width() * SIDE_SHARE // (SIDE_SHARE + PLOTS_SHARE)
        # Stacked, what can be changed and what it does to a picture come first, the curves after them.
        _turn(self._layout, QBoxLayout.Direction.BottomToTop if narrow else QBoxLayout.Direction.LeftToRight)
        stacked = side < HEAD_WIDTH
        _turn(self._head, QBoxLayout.Direction.TopToBottom if stacked else QBoxLayout.Direction.LeftToRight)

    def _build(self) -> None:
        plots = QHBoxLayout()
        plots.setSpacing(0)
        plots.addWidget(self._alpha, 5)
        plots.addWidget(self._beta, 4)
        plots.addWidget(self._snr, 4)
        choice = QHBoxLayout()
        choice.setSpacing(Space.M)
        choice.addWidget(self._kind)
        choice.addWidget(self._steps)
        choice.addStretch(1)
        self._head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._head.setSpacing(Space.M)
        self._head.addLayout(choice)
        self._head.addLayout(self._sliders_row, 1)
        title = QHBoxLayout()
        title.addWidget(self._strip_title)
        title.addWidget(self._another)
        title.addStretch(1)
        title.addWidget(self._equation)
        side = QVBoxLayout()
        side.setSpacing(Space.S)
        side.addLayout(self._head)
        side.addWidget(self._notes)
        side.addLayout(title)
        side.addWidget(self._strip)
        side.addStretch(1)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(0, 0, Space.XS, 0)
        self._layout.setSpacing(Space.M)
        self._layout.addLayout(plots, PLOTS_SHARE)
        self._layout.addLayout(side, SIDE_SHARE)
        self._sliders_row.setSpacing(Space.M)
        self.setMinimumHeight(170)

    def _connect(self) -> None:
        self._kind.value_changed.connect(self._choose_kind)
        self._steps.value_changed.connect(self._make)
        self._another.clicked.connect(self._next_picture)
        self._strip.clicked.connect(self._next_picture)
        self._strip.hovered.connect(self._hover_strip)
        for plot in self.plots:
            plot.hovered.connect(self._hover)
        self._state.schedule_changed.connect(self._show_schedule)
        self._state.image_set_changed.connect(self._first_picture)

    @Slot(object)
    def _choose_kind(self, name: object) -> None:
        if not self._showing:
            self._state.set_schedule(make_schedule(str(name), int(self._steps.value())))

    @Slot()
    def _make(self) -> None:
        """Make the schedule the controls describe; what cannot be is said and leaves the last good one."""
        if self._showing:
            return
        options = {name: float(slider.value()) for name, slider in self._sliders.items()}
        try:
            self._state.set_schedule(make_schedule(str(self._kind.value()), int(self._steps.value()), **options))
        except ScheduleError as error:
            self._notes.show_error(error)

    @Slot()
    def _show_schedule(self) -> None:
        schedule = self._state.schedule
        if schedule is None:
            return
        self._showing = True
        if schedule.kind in SCHEDULES:
            self._kind.set_value(schedule.kind)
            self._kind.set_tooltip(SCHEDULES[schedule.kind].description)
        self._steps.set_value(schedule.step_count)
        self._show_sliders(schedule)
        self._showing = False
        self._show_curves(schedule)
        self._notes.show_schedule(schedule)
        self._show_strip()

    def _show_sliders(self, schedule: NoiseSchedule) -> None:
        kind = SCHEDULES.get(schedule.kind)
        options = kind.options if kind else ()
        if tuple(self._sliders) != tuple(option.name for option in options):
            for slider in self._sliders.values():
                self._sliders_row.removeWidget(slider)
                slider.hide()
                slider.deleteLater()
            self._sliders = {}
            for option in options:
                slider = ValueSlider(
                    option.label,
                    option.minimum,
                    option.maximum,
                    option.default,
                    option.decimals,
                    parent=self,
                    logarithmic=option.minimum > 0 and option.maximum > 100 * option.minimum,
                    label_width=0,
                    tooltip=option.help,
                )
                slider.value_changed.connect(self._make)
                self._sliders_row.addWidget(slider, 1)
                self._sliders[option.name] = slider
        for name, slider in self._sliders.items():
            if name in schedule.options:
                slider.set_value(schedule.options[name])

    def _show_curves(self, schedule: NoiseSchedule) -> None:
        curves = [Curve(schedule.alpha_bar, "d3")]
        other = next((kind for kind in SCHEDULES.values() if kind.name != schedule.kind), None)
        if other is not None and schedule.step_count > 1:
            compared = other.make(schedule.step_count).alpha_bar
            curves.append(Curve(compared, "muted", Qt.PenStyle.DotLine, 1.4, other.label.lower()))
        self._alpha.set_curves(curves, 0.0, 1.0, (0.0, 0.5, 1.0))
        self._beta.set_curves([Curve(schedule.beta, "d4")], _BETA_LOW, _BETA_HIGH, (1e-4, 1e-2, 1.0), logarithmic=True)
        decibels = np.clip(schedule.log_snr * DECIBELS, -_DECIBEL_LIMIT, _DECIBEL_LIMIT)
        self._snr.set_curves([Curve(decibels, "d1")], -_DECIBEL_LIMIT, _DECIBEL_LIMIT, (-40.0, -20.0, 0.0, 20.0, 40.0))

    @Slot()
    def _first_picture(self) -> None:
        self._picture = 0
        self._show_strip()

    @Slot()
    def _next_picture(self) -> None:
        image_set = self._state.image_set
        if image_set is not None:
            # A step that shares no factor with most counts walks through all classes of a sorted set.
            self._picture = (self._picture + 7919) % image_set.count
            self._show_strip()

    def _show_strip(self) -> None:
        image_set, schedule = self._state.image_set, self._state.schedule
        for widget in (self._strip, self._another):
            widget.setVisible(image_set is not None)
        self._strip_title.setText(
            "Your picture on its way to noise" if image_set else "Open pictures to see one on its way to noise."
        )
        if image_set is None or schedule is None:
            self._strip.set_pictures(np.zeros((0, 1, 1, 1), np.uint8), ())
            return
        steps, pictures = forward_pictures(schedule, image_set, self._picture)
        self._strip.set_pictures(pictures, steps)

    @Slot(object)
    def _hover(self, step: int | None) -> None:
        for plot in self.plots:
            plot.set_cursor_step(step)
        self._strip.mark_step(None if step is None else step + 1)

    @Slot(object)
    def _hover_strip(self, step: int | None) -> None:
        # The plots begin at t = 1; the picture itself has no place on them.
        self._hover(None if step is None or step == 0 else step - 1)
        self._strip.mark_step(step)


def _turn(layout: QBoxLayout, direction: QBoxLayout.Direction) -> None:
    if layout.direction() != direction:
        layout.setDirection(direction)


def _decibels(value: float) -> str:
    return f"{format_number(value, 1)} dB"


def forward_pictures(schedule: NoiseSchedule, image_set: ImageSet, position: int) -> tuple[tuple[int, ...], np.ndarray]:
    """Steps (1-based, 0 the picture itself) and uint8 (N, H, W, C): one picture and one fixed noise at each."""
    steps = sorted({max(1, round(share * schedule.step_count)) for share in STRIP_SHARES})
    x = to_model_range(image_set.images[position : position + 1])
    noise = PictureNoise(STRIP_SEED, (0,), tuple(x.shape[1:])).initial()
    pictures = [image_set.images[position]]
    pictures += [to_pictures(diffuse(schedule, x, step - 1, noise))[0] for step in steps]
    return (0, *steps), np.stack(pictures)


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
