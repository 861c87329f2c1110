"""Of which class, and how much of it: shown for models that know classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.theme import FontSize, Space, ui_font
from studio.app.widgets.fields import ComboField
from studio.app.widgets.slider import ValueSlider

MOST_GUIDANCE = 8.0
_LONGEST_NAME = 96
"""Pixels: the names of classes come from folders, and a panel is narrow."""
_HELP = "How much the class is exaggerated. 1 is the model as it is."
_NO_CLASS_HELP = "Choose a class first: without one there is nothing to exaggerate."


@dataclass(frozen=True)
class ClassWish:
    """class_name: of which class; None for every class in turn. without_class: no class in particular. guidance: how
    much the class is exaggerated, 1 not at all."""

    class_name: str | None = None
    without_class: bool = False
    guidance: float = 1.0


class ClassChoice(QWidget):
    """A class and the guidance towards it. `value_changed(object)`: a ClassWish.

    Hidden until the model has classes; the guidance is hidden where a model has no label for no class.
    """

    value_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes = ComboField(
            "Class",
            (((None, False), "Every class"),),
            tooltip="Every class: the pictures are of all of them, as often as among the training pictures.",
        )
        self._guidance = ValueSlider("Guidance", 1.0, MOST_GUIDANCE, 1.0, 1, step=0.5, tooltip=_HELP)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self._classes)
        column.addWidget(self._guidance)
        self._offered: tuple[tuple[str, ...], bool] = ((), False)
        self._guidance.setVisible(False)
        self.setVisible(False)
        self._classes.value_changed.connect(self._take)
        self._guidance.value_changed.connect(self._take)

    def set_classes(self, names: Sequence[str], has_no_class_label: bool) -> None:
        """Offer these classes; without a label for no class neither "no class" nor guidance."""
        # Two classes of one name cannot be told apart when they are asked for.
        names = tuple(dict.fromkeys(names))
        if (names, has_no_class_label) == self._offered:
            return
        self._offered = (names, has_no_class_label)
        metrics = QFontMetrics(ui_font(FontSize.TEXT))
        options: list[tuple[object, str]] = [((None, False), "Every class")]
        if has_no_class_label:
            options.append(((None, True), "No class"))
        options += [
            ((name, False), metrics.elidedText(name, Qt.TextElideMode.ElideRight, _LONGEST_NAME)) for name in names
        ]
        self._classes.set_options(options)
        self._guidance.setVisible(has_no_class_label)
        self.setVisible(bool(names))

    def value(self) -> ClassWish:
        """What is chosen."""
        class_name, without_class = self._chosen()
        return ClassWish(class_name, without_class, float(self._guidance.value()))

    def set_value(self, wish: ClassWish) -> None:
        """Show a wish that the classes offered can fulfil. Emits nothing."""
        blocked = self.blockSignals(True)
        self._classes.set_value((wish.class_name, wish.without_class))
        self._guidance.set_value(wish.guidance)
        self.blockSignals(blocked)
        self._show_guidance()

    def _chosen(self) -> tuple[str | None, bool]:
        value = self._classes.value()
        return value if isinstance(value, tuple) else (None, False)

    def _show_guidance(self) -> None:
        _, without_class = self._chosen()
        self._guidance.setEnabled(not without_class)
        self._guidance.set_tooltip(_NO_CLASS_HELP if without_class else _HELP)

    @Slot()
    def _take(self) -> None:
        self._show_guidance()
        self.value_changed.emit(self.value())
