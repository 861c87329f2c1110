"""The sampler panel: which model denoises, how, and the button that starts it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from studio.app.docks.model_picker import ModelPicker
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.model_facts import classes_of, duration, memory
from studio.app.microscope.run_cost import RunCost, cost_of, run_of
from studio.app.microscope.sampler_settings import MOST_PICTURES, SAMPLER_CHOICES, USUAL_STEPS, SamplerSettings
from studio.app.theme import FontSize, Space
from studio.app.widgets.class_choice import ClassChoice, ClassWish
from studio.app.widgets.control_column import ControlColumn, start_column
from studio.app.widgets.controls import (
    CheckField,
    ComboField,
    Label,
    LabelledRow,
    PrimaryButton,
    SecondaryButton,
    SeedField,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.math_text import Formula

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.library.bundle import ModelBundle

_USUAL_STEP_COUNT = 1000
_LEAST_WIDTH = 244
_NO_BREAK = "\u00a0"
_VARIANCES = (("beta", Formula("√β", "√β")), ("posterior", Formula("√β̃", "√β̃, the smaller one")))


class SamplerDock(StudioDock):
    """Chooses the model, sets the sampler, starts and cancels the reverse process."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("sampler", "Sampler", "", parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self._showing = False
        self._cost: tuple[object, RunCost] | None = None
        self._build(self._denoising.settings)
        self._connect()
        self._show_model()
        self._show_settings()
        self._show_go_on()

    def _build(self, settings: SamplerSettings) -> None:
        self.card = ModelPicker(self._state, self._runner)
        self._sampler = ComboField(
            "Sampler",
            tuple((choice.name, choice.label) for choice in SAMPLER_CHOICES.values()),
            tooltip="The rule that leads from noise to picture. The model is the same for all of them.",
        )
        self._description = Label("", role="muted", size=FontSize.RANGE, wrap=True)
        self._steps = ValueSlider(
            "Steps",
            1,
            _USUAL_STEP_COUNT,
            settings.steps,
            logarithmic=True,
            tooltip="How many steps from noise to picture. All of them is the book's way; fewer take longer strides.",
        )
        self._remark = Label("", role="muted", size=FontSize.RANGE, wrap=True)
        self._book = SecondaryButton("", dense=True)
        self._variance = SegmentedControl(_VARIANCES, name="Fresh noise", stretch=True)
        self._variance.set_option_tooltip("beta", "The fresh noise of Algorithm 20.2")
        self._variance.set_option_tooltip(
            "posterior", "A little less than Algorithm 20.2 adds: the better choice when steps are skipped"
        )
        self._variance_row = LabelledRow("Fresh noise", self._variance)
        self._eta = ValueSlider(
            "Noise η",
            0.0,
            1.0,
            settings.eta,
            decimals=2,
            tooltip="Fresh noise after every step: 0 adds none, 1 as much as DDPM with the smaller noise.",
        )
        self._classes = ClassChoice()
        self._seed = SeedField(
            value=settings.seed, tooltip="The same seed gives the same noise, and so the same pictures"
        )
        self._count = ValueSlider("Pictures", 1, MOST_PICTURES, settings.count, tooltip="How many at once, a seed each")
        self._clip = CheckField(
            "Clip x̂₀ to the picture range",
            settings.clip,
            tooltip="Hold the predicted picture within −1…1 and correct ε̂ to match. The book's algorithm does not.",
        )
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(4)
        self._progress.setAccessibleName("Denoising")
        # Its place stays when it is not there: nothing moves when a run begins or ends.
        policy = self._progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._progress.setSizePolicy(policy)
        self._button = PrimaryButton("Denoise", "play", large=True)
        self._go_on = SecondaryButton("Go on", "play")
        self._go_on.set_tooltip("Go on with the run", "P", "It was stopped before its end")
        self._facts = Label("", role="muted", size=FontSize.LABEL, wrap=True)

        self.set_body(self._lay_out(), padding=0)
        self.setMinimumWidth(_LEAST_WIDTH)

    def _lay_out(self) -> QWidget:
        """The controls, which scroll for want of room, and below them what starts the run, which is always in sight."""
        body = ControlColumn(start_column(self._progress, self._button, self._go_on, self._facts))
        column = body.controls
        column.addWidget(self.card)
        sampler = QVBoxLayout()
        sampler.setSpacing(2)
        sampler.addWidget(self._sampler)
        sampler.addWidget(self._description)
        column.addLayout(sampler)
        steps = QVBoxLayout()
        steps.setSpacing(2)
        steps.addWidget(self._steps)
        remark = QHBoxLayout()
        remark.setSpacing(Space.S)
        remark.addWidget(self._remark, 1)
        remark.addWidget(self._book, 0, Qt.AlignmentFlag.AlignVCenter)
        steps.addLayout(remark)
        column.addLayout(steps)
        for widget in (self._variance_row, self._eta, self._classes, self._seed, self._count, self._clip):
            column.addWidget(widget)
        column.addStretch(1)
        return body

    def _connect(self) -> None:
        state, denoising = self._state, self._denoising
        for control in (self._steps, self._variance, self._eta, self._seed, self._count, self._clip):
            control.value_changed.connect(self._take_settings)
        self._sampler.value_changed.connect(self._take_sampler)
        self._classes.value_changed.connect(self._take_class)
        self._book.clicked.connect(self._toggle_book)
        self._button.clicked.connect(self._press)
        self._go_on.clicked.connect(self._resume)
        denoising.control_changed.connect(self._show_go_on)
        state.model_changed.connect(self._show_model)
        state.model_choices_changed.connect(self._show_model)
        denoising.settings_changed.connect(self._show_settings)
        denoising.running_changed.connect(self._show_running)
        denoising.models.loading_changed.connect(self._show_model)
        denoising.models.changed.connect(self._show_model)
        denoising.progress_changed.connect(self._show_progress)

    @property
    def _step_count(self) -> int:
        model = self.card.model()
        return model.schedule.step_count if model is not None else _USUAL_STEP_COUNT

    @Slot()
    def _take_settings(self) -> None:
        if self._showing:
            return
        self._denoising.set_settings(
            dataclasses.replace(
                self._denoising.settings,
                variance=str(self._variance.value()),
                eta=float(self._eta.value()),
                steps=int(self._steps.value()),
                seed=int(self._seed.value()),
                count=int(self._count.value()),
                clip=bool(self._clip.value()),
            )
        )
        self._show_settings()

    @Slot(object)
    def _take_sampler(self, name: object) -> None:
        if not self._showing:
            settings = self._denoising.settings
            self._denoising.set_settings(settings.with_sampler(str(name), self._step_count))

    @Slot(object)
    def _take_class(self, wish: ClassWish) -> None:
        self._denoising.set_settings(dataclasses.replace(self._denoising.settings, **dataclasses.asdict(wish)))

    @Slot()
    def _show_settings(self) -> None:
        # Each control tells of its change: with half of them set that would be settings that nobody chose.
        self._showing = True
        try:
            self._show_controls(self._denoising.settings)
        finally:
            self._showing = False
        self._show_book()
        self._show_running()

    def _show_controls(self, settings: SamplerSettings) -> None:
        self._sampler.set_value(settings.sampler)
        self._description.setText(settings.choice.description)
        self._steps.set_value(settings.steps)
        self._variance.set_value(settings.variance)
        self._eta.set_value(settings.eta)
        self._seed.set_value(settings.seed)
        self._count.set_value(settings.count)
        self._clip.set_value(settings.clip)
        self._variance_row.setVisible(settings.sampler == "ddpm")
        self._eta.setVisible(settings.sampler == "ddim")
        self._remark.setText(settings.remark(self._step_count))
        names, has_no_class_label = classes_of(self.card.choice(), self.card.model(), self._state.run)
        fitting = settings.fitting(names, has_no_class_label)
        self._classes.set_classes(names, has_no_class_label)
        self._classes.set_value(ClassWish(fitting.class_name, fitting.without_class, settings.guidance))

    def _show_book(self) -> None:
        if self._denoising.settings.is_book(self._step_count):
            self._book.set_text(f"{USUAL_STEPS} steps")
            self._book.set_tooltip(
                f"Back to {USUAL_STEPS} steps", reason="Longer strides, with the fresh noise √β̃ that fits them"
            )
        else:
            self._book.set_text("Algorithm 20.2")
            name = f"Algorithm 20.2: all {self._step_count:,} steps"
            self._book.set_tooltip(name, reason="Every noise level in turn, fresh noise √β, no clipping")

    @Slot()
    def _toggle_book(self) -> None:
        settings, levels = self._denoising.settings, self._step_count
        self._denoising.set_settings(settings.strided() if settings.is_book(levels) else settings.book(levels))

    @Slot()
    def _show_model(self) -> None:
        model = self.card.model()
        if model is not None:
            self._steps.set_range(1, model.schedule.step_count)
        self._show_settings()

    @Slot()
    def _show_running(self) -> None:
        running, count = self._denoising.running, self._denoising.settings.count
        self._progress.setVisible(running)
        if running:
            self._button.set_text("Cancel", "stop")
            self._button.setEnabled(True)
            self._show_progress(*self._denoising.progress)
            return
        again = " again" if self._denoising.frames is not None else ""
        self._button.set_text(f"Denoise {count}{again}", "play")
        ready = self.card.choice() is not None and not self._denoising.models.loading
        self._button.setEnabled(ready)
        reason = "" if ready else "Choose a model first"
        self._button.set_tooltip("Denoise", reason=reason)
        self._facts.setText(self._estimate())

    @Slot(int, int)
    def _show_progress(self, done: int, total: int) -> None:
        self._progress.setRange(0, max(total, 0))
        self._progress.setValue(done)
        if total == 0:
            self._facts.setText("Preparing the model…")
            return
        left = self._denoising.seconds_left
        parts = [f"step {done} of {total}"]
        if left is not None and done:
            parts.append(f"{duration(left)} left")
        if self._state.training is not None:
            parts.append("training waits")
        self._facts.setText(" · ".join(parts))

    def _estimate(self) -> str:
        """What a run will cost: calls of the model, time by the last run's pace, and room for its trace."""
        model = self.card.model()
        if model is None:
            return ""
        cost = self._cost_with(model)
        parts = ["1 model call" if cost.calls == 1 else f"{cost.calls:,} model calls"]
        if cost.seconds is not None:
            parts.append(f"≈ {duration(cost.seconds)}")
        on_disk = f", {memory(cost.trace.disk)} of it on disk" if cost.trace.disk else ""
        parts.append(f"trace {memory(cost.trace.total)}{on_disk}")
        # A line breaks between the parts only.
        return " · ".join(part.replace(" ", _NO_BREAK) for part in parts)

    def _cost_with(self, model: ModelBundle) -> RunCost:
        # Asked for at every move of a slider, and not free for a thousand steps.
        pace = self._denoising.pace(self.card.choice())
        key = (model, pace, dataclasses.replace(self._denoising.settings, seed=0))
        if self._cost is None or self._cost[0] != key:
            self._cost = (key, cost_of(run_of(model, self._denoising.settings), pace))
        return self._cost[1]

    @Slot()
    def _press(self) -> None:
        if self._denoising.running:
            self._denoising.cancel()
            return
        choice = self.card.choice()
        if choice is not None:
            self._denoising.start(choice, self._runner)

    @Slot()
    def _show_go_on(self) -> None:
        frames = self._denoising.frames
        stopped = self._denoising.can_go_on and frames is not None
        self._go_on.setVisible(stopped)
        if stopped:
            self._go_on.set_text(f"Go on from step {frames.step_count + 1}")

    @Slot()
    def _resume(self) -> None:
        if self._denoising.can_go_on:
            self._denoising.resume_run(self._runner)
