"""What differs along the rows, or the columns: a kind, and its values as chips."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.comparing.choices import AXES, NOTHING, Value
from studio.app.theme import FontSize, Space
from studio.app.widgets.comparison_chips import ComparisonChips
from studio.app.widgets.controls import ComboField, Label, SecondaryButton

_LABEL_WIDTH = 60


class AxisEditor(QWidget):
    """`kind_changed(str)` and `values_changed(object)`, a tuple; `model_wished` when another model is to be opened."""

    kind_changed = Signal(str)
    values_changed = Signal(object)
    model_wished = Signal()

    def __init__(self, name: str, tooltip: str, parent: QWidget | None = None, *, optional: bool = False) -> None:
        super().__init__(parent)
        self._optional = optional
        self._showing = False
        self._kinds: tuple[str, ...] = ()
        self._combo = ComboField(name, ((NOTHING, "Nothing"),), label_width=_LABEL_WIDTH, tooltip=tooltip)
        self.chips = ComparisonChips(name)
        self._description = Label("", role="muted", size=FontSize.RANGE, wrap=True)
        self._open = SecondaryButton("Open a model…", "open", dense=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS + 2)
        for widget in (self._combo, self._description, self.chips, self._open):
            column.addWidget(widget)
        self._combo.value_changed.connect(self._take_kind)
        self.chips.value_changed.connect(self.values_changed)
        self._open.clicked.connect(self.model_wished)

    def show_axis(
        self,
        kind: str,
        kinds: Sequence[str],
        values: Sequence[Value],
        options: Sequence[tuple[Value, str]] | None = None,
    ) -> None:
        """Show `kind` among the `kinds` that are possible, with these values on. options: of kinds that depend on the
        model; the catalogue's own otherwise. Emits nothing."""
        self._showing = True
        try:
            if tuple(kinds) != self._kinds:
                self._kinds = tuple(kinds)
                nothing = [(NOTHING, "Nothing")] if self._optional else []
                self._combo.set_options([*nothing, *((each, AXES[each].title) for each in kinds)])
            self._combo.set_value(kind)
        finally:
            self._showing = False
        there = kind != NOTHING
        self.chips.setVisible(there)
        self._open.setVisible(kind == "checkpoint")
        self._description.setText(AXES[kind].description if there else "one column")
        if there:
            axis = AXES[kind]
            offered = axis.options if options is None else options
            self.chips.set_options(offered, values, number=axis.number, least=axis.least, most=axis.most)

    @Slot(object)
    def _take_kind(self, kind: object) -> None:
        if not self._showing:
            self.kind_changed.emit(str(kind))
