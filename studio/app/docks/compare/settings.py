"""The comparison panel: what differs, what stays the same, what it costs, and the button that makes the cells."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from studio.app.comparing.choices import AXES, MOST_PICTURES, NOTHING, ComparisonSettings, Value
from studio.app.comparing.comparing import comparing_of
from studio.app.comparing.cost import comparison_cost
from studio.app.docks.compare.axis_editor import AxisEditor
from studio.app.docks.model_picker import ModelPicker, ask_for_model
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.model_facts import classes_of, duration, memory
from studio.app.microscope.sampler_settings import SAMPLER_CHOICES
from studio.app.theme import FontSize, Space
from studio.app.undo import Change, undo_stack_of
from studio.app.widgets.class_choice import ClassChoice, ClassWish
from studio.app.widgets.control_column import ControlColumn, start_column
from studio.app.widgets.controls import (
    CheckField,
    ComboField,
    Label,
    LabelledRow,
    PrimaryButton,
    Rule,
    SeedField,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.dock import StudioDock
from studio.errors import SettingsError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_LEAST_WIDTH = 244
_USUAL_STEP_COUNT = 1000
_COST_DELAY_MS = 120
_NO_BREAK = "\u00a0"


class ComparisonDock(StudioDock):
    """Comparison: what differs between the cells."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("comparison", "Comparison", "what differs between the cells", parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self._comparing = comparing_of(state)
        self._showing = False
        self._possible = ""
        # Asked for at every chip and every move of a slider, and not free for many long runs.
        self._cost_timer = QTimer(self)
        self._cost_timer.setSingleShot(True)
        self._cost_timer.setInterval(_COST_DELAY_MS)
        self._cost_timer.timeout.connect(self._show_cost)
        self._build()
        self._connect()
        self._show()

    def _build(self) -> None:
        base = self._comparing.settings.base
        self.card = ModelPicker(self._state, self._runner)
        self.rows = AxisEditor("Rows", "What differs from row to row")
        self.columns = AxisEditor("Columns", "What differs from column to column", optional=True)
        self._same = Label("The same in all cells", role="muted", size=FontSize.LABEL)
        self._sampler = ComboField(
            "Sampler",
            tuple((choice.name, choice.label) for choice in SAMPLER_CHOICES.values()),
            tooltip="The rule that leads from noise to picture, in all cells",
        )
        self._steps = ValueSlider(
            "Steps", 1, _USUAL_STEP_COUNT, base.steps, logarithmic=True, tooltip="How many steps, in all cells"
        )
        self._classes = ClassChoice()
        self._pictures = SegmentedControl(
            tuple((count, str(count)) for count in range(1, MOST_PICTURES + 1)), name="Pictures", stretch=True
        )
        pictures = LabelledRow("Pictures", self._pictures)
        pictures.set_tooltip("How many pictures in each cell, a noise of their own each")
        self._seed = SeedField(value=base.seed, tooltip="All cells begin with the noise of this seed")
        self._equal = CheckField(
            "Equal cost",
            tooltip="Steps are counted in model calls: Heun takes two a step, guidance asks with the class and without",
        )
        self._equal_words = Label("", role="muted", size=FontSize.RANGE, wrap=True)
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(4)
        self._progress.setAccessibleName("Comparing")
        policy = self._progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._progress.setSizePolicy(policy)
        self._button = PrimaryButton("Compare", "play", large=True)
        self._facts = Label("", role="muted", size=FontSize.LABEL, wrap=True)
        self._facts.setMinimumHeight(2 * self._facts.fontMetrics().lineSpacing())
        self._facts.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.set_body(self._lay_out(pictures), padding=0)
        self.setMinimumWidth(_LEAST_WIDTH)

    def _lay_out(self, pictures: QWidget) -> QWidget:
        body = ControlColumn(start_column(self._progress, self._button, self._facts))
        column = body.controls
        for widget in (self.card, self.rows):
            column.addWidget(widget)
        column.addSpacing(Space.XS)
        for widget in (self.columns, Rule(), self._same):
            column.addWidget(widget)
        for widget in (self._sampler, self._steps, self._classes, pictures, self._seed):
            column.addWidget(widget)
        equal = QVBoxLayout()
        equal.setSpacing(2)
        equal.addWidget(self._equal)
        equal.addWidget(self._equal_words)
        column.addLayout(equal)
        column.addStretch(1)
        return body

    def _connect(self) -> None:
        comparing, state = self._comparing, self._state
        self.rows.kind_changed.connect(self._take_rows)
        self.rows.values_changed.connect(self._take_row_values)
        self.columns.kind_changed.connect(self._take_columns)
        self.columns.values_changed.connect(self._take_column_values)
        for axis in (self.rows, self.columns):
            axis.model_wished.connect(self._open_model)
        for control in (self._sampler, self._steps, self._pictures, self._seed, self._equal):
            control.value_changed.connect(self._take_rest)
        self._classes.value_changed.connect(self._take_class)
        self._button.clicked.connect(self._press)
        comparing.settings_changed.connect(self._show)
        comparing.running_changed.connect(self._show_running)
        comparing.progress_changed.connect(self._show_progress)
        state.model_changed.connect(self._show)
        state.model_choices_changed.connect(self._show)
        self._denoising.models.changed.connect(self._show)
        self._denoising.models.loading_changed.connect(self._show_running)
        self._denoising.running_changed.connect(self._show_running)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # What the classes are, and which models compare with which, is known once they are read.
        self._denoising.models.read_ahead(self._state.model_choices(), self._runner)

    def fitting(self) -> ComparisonSettings:
        """The settings as the chosen model can follow them."""
        names, has_no_class_label = classes_of(self.card.choice(), self.card.model(), self._state.run)
        return self._comparing.settings.fitting(names, has_no_class_label, tuple(self._comparing.checkpoints()))

    def _kinds(self) -> tuple[str, ...]:
        names, has_no_class_label = classes_of(self.card.choice(), self.card.model(), self._state.run)
        impossible = set() if names else {"class"}
        if not has_no_class_label:
            impossible.add("guidance")
        if len(self._comparing.checkpoints()) < 2:
            impossible.add("checkpoint")
        return tuple(kind for kind in AXES if kind not in impossible)

    def _options(self, kind: str) -> tuple[tuple[Value, str], ...] | None:
        if kind == "class":
            names, _ = classes_of(self.card.choice(), self.card.model(), self._state.run)
            return tuple((name, name) for name in dict.fromkeys(names))
        if kind == "checkpoint":
            return tuple((name, name) for name in self._comparing.checkpoints())
        return None

    def _change(self, settings: ComparisonSettings, title: str, merge: object = None) -> None:
        before = self._comparing.settings
        if not self._showing and settings != before:
            change = Change(title, self._comparing.set_settings, before, settings, merge)
            undo_stack_of(self._state).push(change)

    @Slot(str)
    def _take_rows(self, kind: str) -> None:
        self._change(self.fitting().with_rows(kind), "other rows")

    @Slot(str)
    def _take_columns(self, kind: str) -> None:
        self._change(self.fitting().with_columns(kind), "other columns")

    @Slot(object)
    def _take_row_values(self, values: tuple) -> None:
        settings = self.fitting()
        self._change(settings.with_values(settings.rows, values), "the values of the rows")

    @Slot(object)
    def _take_column_values(self, values: tuple) -> None:
        settings = self.fitting()
        self._change(settings.with_values(settings.columns, values), "the values of the columns")

    @Slot()
    def _take_rest(self) -> None:
        if self._showing:
            return
        settings = self._comparing.settings
        base = dataclasses.replace(
            settings.base,
            sampler=str(self._sampler.value()),
            steps=int(self._steps.value()),
            count=int(self._pictures.value()),
            seed=int(self._seed.value()),
        )
        changed = dataclasses.replace(settings, base=base, equal_cost=bool(self._equal.value()))
        # All the places a slider goes through are one change.
        merge = self._steps if base.steps != settings.base.steps else None
        self._change(changed, "what the cells have in common", merge)

    @Slot(object)
    def _take_class(self, wish: ClassWish) -> None:
        if not self._showing:
            settings = self._comparing.settings
            base = dataclasses.replace(settings.base, **dataclasses.asdict(wish))
            self._change(dataclasses.replace(settings, base=base), "another class", self._classes)

    @Slot()
    def _open_model(self) -> None:
        path = ask_for_model(self)
        if path is not None:
            self._comparing.open_checkpoint(path, self._runner)

    @Slot()
    def _show(self) -> None:
        settings = self.fitting()
        # Each control tells of its change: with half of them set that would be settings that nobody chose.
        self._showing = True
        try:
            self._show_controls(settings)
        finally:
            self._showing = False
        self._cost_timer.start()
        self._show_running()

    def _show_controls(self, settings: ComparisonSettings) -> None:
        kinds, model = self._kinds(), self.card.model()
        for axis, kind in ((self.rows, settings.rows), (self.columns, settings.columns)):
            values = settings.values[kind] if kind != NOTHING else ()
            axis.show_axis(kind, kinds, values, self._options(kind))
        self._sampler.setVisible("sampler" not in settings.kinds)
        self._sampler.set_value(settings.base.sampler)
        self._steps.setVisible("steps" not in settings.kinds)
        if model is not None:
            self._steps.set_range(1, model.schedule.step_count)
        self._steps.set_value(settings.base.steps)
        names, has_no_class_label = classes_of(self.card.choice(), model, self._state.run)
        offered = () if "class" in settings.kinds else names
        self._classes.set_classes(offered, has_no_class_label and "guidance" not in settings.kinds)
        base = settings.base
        without = base.without_class and has_no_class_label and "guidance" not in settings.kinds
        if offered:
            self._classes.set_value(ClassWish(base.class_name, without, base.guidance))
        self._pictures.set_value(base.count)
        self._seed.setVisible("seed" not in settings.kinds)
        self._seed.set_value(base.seed)
        self._equal.set_value(settings.equal_cost)
        self._equal_words.setText(_equal_sentence(settings))

    @Slot()
    def _show_running(self) -> None:
        running = self._comparing.running
        self._progress.setVisible(running)
        if running:
            self._button.set_text("Cancel", "stop")
            self._button.setEnabled(True)
            self._button.set_tooltip("Cancel", reason="What is made so far stays")
            self._show_progress(*self._comparing.progress)
            return
        count = self.fitting().cell_count
        self._button.set_text(f"Compare {count} cells" if count > 1 else "Make one cell", "play")
        reason = self._possible
        if self.card.choice() is None or self._denoising.models.loading:
            reason = "Choose a model first"
        self._button.setEnabled(not reason)
        self._button.set_tooltip("Compare", reason=reason)
        self._cost_timer.start()

    @Slot(int, int)
    def _show_progress(self, done: int, total: int) -> None:
        self._progress.setRange(0, max(total, 0))
        self._progress.setValue(done)
        album, cell = self._comparing.album, self._comparing.current_cell
        if total == 0 or cell is None or album is None:
            self._facts.setText("Preparing the model…")
            return
        parts = [f"cell {cell + 1} of {len(album.runs)}"]
        left = self._comparing.seconds_left
        if left is not None:
            parts.append(f"{duration(left)} left")
        if self._state.training is not None:
            parts.append("training waits")
        self._facts.setText(" · ".join(part.replace(" ", _NO_BREAK) for part in parts))

    @Slot()
    def _show_cost(self) -> None:
        model = self.card.model()
        if self._comparing.running:
            return
        self._possible = ""
        words = ""
        if model is not None:
            try:
                words = self._cost_words()
            except SettingsError as error:
                self._possible = str(error)
                words = self._possible
        self._facts.set_role("warn" if self._possible else "muted")
        self._facts.setText(words)
        enabled = not self._possible and not self._denoising.models.loading and self.card.choice() is not None
        if self._button.isEnabled() != enabled:
            self._button.setEnabled(enabled)
        self._button.set_tooltip("Compare", reason=self._possible)

    def _cost_words(self) -> str:
        model = self.card.model()
        assert model is not None
        settings, found = self.fitting(), self._comparing.checkpoints()
        # Models that are still to be read count as this one.
        known = {name: checkpoint.model or model for name, checkpoint in found.items()}
        cost = comparison_cost(settings, model, known, self._comparing.pace(self.card.choice()))
        parts = [f"{cost.cells} cells", f"{cost.calls:,} model calls"]
        if cost.seconds is not None:
            parts.append(f"≈ {duration(cost.seconds)}")
        on_disk = f", {memory(cost.disk)} of it on disk" if cost.disk else ""
        parts.append(f"traces {memory(cost.memory + cost.disk)}{on_disk}")
        return " · ".join(part.replace(" ", _NO_BREAK) for part in parts)

    @Slot()
    def _press(self) -> None:
        if self._comparing.running:
            self._comparing.cancel()
            return
        choice = self.card.choice()
        if choice is not None:
            self._comparing.start(choice, self._runner)


def _equal_sentence(settings: ComparisonSettings) -> str:
    if not settings.equal_cost:
        return "Every cell takes the steps that are asked for."
    if "steps" in settings.kinds:
        return "Steps count model calls: each cell takes as many as cost no more."
    return f"Each cell takes as many steps as {settings.base.steps:,} model calls allow."
