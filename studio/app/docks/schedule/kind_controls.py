"""The kind of schedule, T, and the kind's own numbers."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QWidget

from studio.app.schedule.editing import CUSTOM, DRAWN, ScheduleEditing
from studio.app.theme import FontSize, Size, Space, symbol_font
from studio.app.widgets.controls import ComboField, Label, NumberField, ValueSlider
from studio.diffusion.schedule import SCHEDULES, NoiseSchedule

LEAST_STEPS, MOST_STEPS = 2, 4000
_KINDS = [*((kind.name, kind.label) for kind in SCHEDULES.values()), (DRAWN, "Drawn")]
_FROM_NUMBERS = (CUSTOM, "From numbers")
_WORDS = {
    DRAWN: "Click adds a handle, right click removes.",
    CUSTOM: "Given as numbers; drag to draw on.",
}


class KindControls(QWidget):
    """Everything follows while a slider moves; one drag of it is one change."""

    def __init__(self, editing: ScheduleEditing, parent: QWidget) -> None:
        super().__init__(parent)
        self._editing = editing
        self._showing = False
        self._merge = object()
        self._sliders: dict[str, ValueSlider] = {}
        self._sliders_kind = ""
        self._offers_custom = False
        self.kind = ComboField("Kind", _KINDS, self, label_width=0)
        # "Sigmoid β" cut to "Sigmoid" would be another kind.
        self.kind.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.steps = NumberField(
            "T",
            LEAST_STEPS,
            MOST_STEPS,
            1000,
            label_width=0,
            tooltip="How many steps lie between a picture and pure noise.",
        )
        self.steps.label.setFont(symbol_font(FontSize.TEXT))
        self.steps.setMaximumWidth(104)
        choice = QHBoxLayout()
        choice.setSpacing(Space.M)
        choice.addWidget(self.kind)
        choice.addWidget(self.steps)
        choice.addStretch(1)
        self._words = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self._words.setFixedHeight(Size.CONTROL_DENSE)
        self._sliders_row = QHBoxLayout()
        self._sliders_row.setSpacing(Space.M)
        self._sliders_row.addWidget(self._words, 1)
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addLayout(choice)
        self._row.addLayout(self._sliders_row, 1)
        self.kind.value_changed.connect(self._choose_kind)
        self.steps.value_changed.connect(self._choose_steps)

    @property
    def sliders(self) -> dict[str, ValueSlider]:
        """The options of the kind that is on, by name."""
        return dict(self._sliders)

    def set_stacked(self, stacked: bool) -> None:
        """Put the kind's numbers below the kind, or beside it."""
        direction = QBoxLayout.Direction.TopToBottom if stacked else QBoxLayout.Direction.LeftToRight
        self._row.setSpacing(Space.XS if stacked else Space.M)
        if self._row.direction() != direction:
            self._row.setDirection(direction)

    def show_schedule(self, schedule: NoiseSchedule) -> None:
        """Show how this schedule was made; nothing follows from it."""
        self._showing = True
        kind = self._editing.kind
        options = [*_KINDS, _FROM_NUMBERS] if kind == CUSTOM else _KINDS
        if self.kind.value() != kind or (kind == CUSTOM) != self._offers_custom:
            self._offers_custom = kind == CUSTOM
            self.kind.set_options(options)
            self.kind.set_value(kind)
            self.kind.set_tooltip(SCHEDULES[kind].description if kind in SCHEDULES else _WORDS[kind])
        if not LEAST_STEPS <= schedule.step_count <= MOST_STEPS:
            self.steps.set_range(min(LEAST_STEPS, schedule.step_count), max(MOST_STEPS, schedule.step_count))
        self.steps.set_value(schedule.step_count)
        self._show_sliders(schedule, kind)
        self._showing = False

    def _show_sliders(self, schedule: NoiseSchedule, kind: str) -> None:
        options = SCHEDULES[kind].options if kind in SCHEDULES else ()
        if tuple(self._sliders) != tuple(option.name for option in options) or self._sliders_kind != kind:
            self._sliders_kind = kind
            # In place of the sliders, so that nothing moves when a hand begins to draw.
            self._words.setVisible(not options)
            self._words.setText(_WORDS.get(kind, ""))
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
                slider.setObjectName(option.name)
                slider.value_changed.connect(self._choose_option)
                slider.value_committed.connect(self._commit)
                self._sliders_row.addWidget(slider, 1)
                self._sliders[option.name] = slider
        for option in options:
            self._sliders[option.name].set_value(schedule.options.get(option.name, option.default))

    @Slot(object)
    def _choose_kind(self, name: object) -> None:
        if not self._showing:
            self._editing.set_kind(str(name))

    @Slot(object)
    def _choose_steps(self, count: object) -> None:
        if not self._showing:
            self._editing.set_steps(int(count))

    @Slot(object)
    def _choose_option(self, value: object) -> None:
        if self._showing:
            return
        slider = self.sender()
        name = slider.objectName()
        title = next(option.label for option in SCHEDULES[self._editing.kind].options if option.name == name)
        self._editing.set_option(name, float(value), title, self._merge)

    @Slot(object)
    def _commit(self, value: object) -> None:
        self._merge = object()
