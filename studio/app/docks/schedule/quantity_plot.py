"""One quantity of the schedule: its curve, those it is compared with, and the handles where it carries them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.schedule.comparison import Compared
from studio.app.schedule.editing import ScheduleEditing
from studio.app.schedule.quantities import ShownQuantity
from studio.app.widgets.curve_editor import CurveEditor
from studio.app.widgets.curve_editor_shares import Shares
from studio.app.widgets.curve_editor_title import CurveTitle
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.curve_plot import Curve
from studio.app.widgets.labels import tooltip_text
from studio.diffusion.schedule import DECIBEL_EDGES, NoiseSchedule, snr_shares

_COMPARED_DASHES = ("dot", "dash", "dash-dot")
_PICTURE_ITSELF = {"alpha_bar": 1.0}
_HOW = "Click to draw on it: drag a handle, click the curve for one more, right-click a handle to take it away."


class QuantityPlot(QWidget):
    """Title and curve; hands what the mouse and the keyboard want to the editing."""

    hovered = Signal(object)
    """The step under the pointer (0-based), None when it left."""

    def __init__(self, quantity: ShownQuantity, editing: ScheduleEditing, reason: str, parent: QWidget) -> None:
        """reason: the tool tip's explanation of the quantity."""
        super().__init__(parent)
        self._quantity, self._editing = quantity, editing
        self._compared: dict[NoiseSchedule, Curve] = {}
        is_snr = quantity.name == "log_snr"
        self.title = CurveTitle(
            quantity.term,
            quantity.caption,
            quantity.least,
            quantity.most,
            quantity.decimals,
            quantity.suffix,
            self,
        )
        self.title.setToolTip(tooltip_text(quantity.symbol.replace("_", ""), reason=f"{reason}\n{_HOW}"))
        self.editor = CurveEditor(
            quantity.title,
            quantity.term,
            self,
            nudge=quantity.nudged,
            reading=quantity.reading,
            note_at_left=quantity.name == "beta",
            ribbon=is_snr,
        )
        self.editor.set_scale(quantity.low, quantity.high, quantity.ticks, logarithmic=quantity.logarithmic)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.title)
        column.addWidget(self.editor, 1)
        editor = self.editor
        editor.hovered.connect(self.hovered)
        editor.chosen.connect(self._choose)
        self.title.pressed.connect(self._choose)
        self.title.typed.connect(self._type)
        editor.selected.connect(editing.select)
        editor.grabbed.connect(editing.begin_drag)
        editor.dragged.connect(editing.move)
        editor.released.connect(editing.end_drag)
        editor.given_up.connect(editing.give_up_drag)
        editor.added.connect(editing.add)
        editor.removed.connect(editing.remove)
        editor.nudged.connect(editing.nudge)
        editing.handles_changed.connect(self.show_handles)
        self.show_handles()

    @property
    def quantity(self) -> ShownQuantity:
        return self._quantity

    def show_schedule(self, schedule: NoiseSchedule, compared: Sequence[Compared]) -> None:
        """Draw the schedule's curve above those of `compared`."""
        name, values = self._quantity.name, self._quantity.values
        look = CurveLook(self._quantity.role, 2.0)
        curves = [Curve(values(schedule), look, first=_PICTURE_ITSELF.get(name))]
        kept: dict[NoiseSchedule, Curve] = {}
        for other, dash in zip(compared, cycle(_COMPARED_DASHES), strict=False):
            curve = self._compared.get(other.schedule)
            if curve is None or curve.look.dash != dash:
                other_look = CurveLook("muted", 1.4, dash)
                curve = Curve(values(other.schedule), other_look, other.label, _PICTURE_ITSELF.get(name))
            kept[other.schedule] = curve
        self._compared = kept
        shares = None
        if name == "log_snr":
            beside = snr_shares(compared[0].schedule) if compared else None
            shares = Shares(DECIBEL_EDGES, snr_shares(schedule), beside)
        self.editor.set_curves([*curves, *kept.values()], shares)

    @Slot()
    def show_handles(self) -> None:
        """Show the handles if this is the curve that carries them."""
        editing = self._editing
        if editing.quantity is not self._quantity:
            if self.editor.handles:
                self.editor.set_handles((), None)
            self.title.show_handle(None, 1)
            return
        handles = editing.handles()
        self.editor.set_handles(handles, editing.selected, editing.fixed_handles())
        selected = self.editor.selected_handle
        last = editing.schedule.step_count if editing.schedule is not None else 1
        self.title.show_handle(None if selected is None else handles[selected], last)

    @Slot()
    def _choose(self) -> None:
        self._editing.choose(self._quantity.name)

    @Slot(object, object)
    def _type(self, t: float | None, value: float | None) -> None:
        index = self._editing.selected
        if index is not None and self._editing.quantity is self._quantity:
            now = self._editing.handles()[index]
            self._editing.move(index, now.t if t is None else float(t), now.value if value is None else float(value))
            # What was typed may lie where no handle can be: show what it became.
            self.show_handles()
