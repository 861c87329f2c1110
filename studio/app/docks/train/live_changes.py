"""What can be changed while a model trains: the learning rate, and how long it goes on."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label, NumberEdit, SecondaryButton

MORE_MINUTES = (1, 5, 30)
_LOWEST, _HIGHEST = 1e-5, 0.1
_RATE_WORDS = "Smaller when the loss wavers, larger when it hardly moves. It acts from the next step on."
_TIME_WORDS = "The learning rate falls towards the new end. What is learnt already stays."


class LiveChanges(QFrame):
    """A small window below the button that opened it; every click acts at once and becomes a mark on the curves."""

    rate_requested = Signal(float)
    """The learning rate of the plateau."""
    minutes_requested = Signal(float)
    """So many minutes more."""
    images_requested = Signal(int)
    """So many pictures more, for a run that is counted in them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("liveChanges")
        self.setProperty("popup", True)
        self.setAccessibleName("Change the training that goes on")
        self._rate = 0.0
        self._images: tuple[int, ...] = ()
        self._edit = NumberEdit(_LOWEST, _HIGHEST, 1e-3, 5, step=1e-4)
        self._edit.setAccessibleName("Learning rate")
        self._edit.value_changed.connect(self._set_rate)
        self._less, self._more = SecondaryButton("× ½", parent=self), SecondaryButton("× 2", parent=self)
        self._less.set_tooltip("Half the learning rate", reason="Finer steps: the loss wavers less.")
        self._more.set_tooltip("Twice the learning rate", reason="Longer steps: faster, until the loss runs away.")
        self._less.clicked.connect(partial(self._scale, 0.5))
        self._more.clicked.connect(partial(self._scale, 2.0))
        self._longer = [SecondaryButton("", parent=self) for _ in MORE_MINUTES]
        for position, button in enumerate(self._longer):
            button.clicked.connect(partial(self._add, position))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        layout.setSpacing(Space.S)
        layout.addWidget(Label("Learning rate", self, weight=600))
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        for widget in (self._less, self._edit, self._more):
            row.addWidget(widget, 1)
        layout.addLayout(row)
        layout.addWidget(Label(_RATE_WORDS, self, role="muted", size=FontSize.LABEL, wrap=True))
        layout.addSpacing(Space.S)
        layout.addWidget(Label("Train longer", self, weight=600))
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        for button in self._longer:
            row.addWidget(button, 1)
        layout.addLayout(row)
        layout.addWidget(Label(_TIME_WORDS, self, role="muted", size=FontSize.LABEL, wrap=True))
        self.setFixedWidth(300)

    @property
    def buttons(self) -> tuple[SecondaryButton, ...]:
        """Half, twice, and the three for more time."""
        return (self._less, self._more, *self._longer)

    def open(self, below: QWidget, rate: float, images: int | None) -> None:
        """Show it below a button. rate: in force now. images: of the budget, None for one in minutes."""
        self._rate = rate
        self._edit.set_value(rate)
        if images is None:
            self._images = ()
            words = [f"+{minutes} min" for minutes in MORE_MINUTES]
        else:
            self._images = tuple(max(1, round(share * images)) for share in (0.25, 1.0, 4.0))
            words = [f"+{_short(count)}" for count in self._images]
        for button, text in zip(self._longer, words, strict=True):
            button.set_text(text)
            button.set_tooltip(text, reason="pictures more than planned" if images else "more than planned")
        self.adjustSize()
        corner = below.mapToGlobal(QPoint(below.width() - self.width(), below.height() + Space.XS))
        self.move(corner)
        self.show()
        self._edit.setFocus(Qt.FocusReason.PopupFocusReason)

    def _scale(self, factor: float) -> None:
        self._edit.set_value(min(max(self._rate * factor, _LOWEST), _HIGHEST))
        self._set_rate(self._edit.value())

    @Slot(object)
    def _set_rate(self, value: object) -> None:
        rate = float(value)
        if rate > 0 and rate != self._rate:
            self._rate = rate
            self.rate_requested.emit(rate)

    def _add(self, position: int) -> None:
        if self._images:
            self.images_requested.emit(self._images[position])
        else:
            self.minutes_requested.emit(float(MORE_MINUTES[position]))
        self.close()


def _short(count: int) -> str:
    return f"{count / 1e6:.3g} M" if count >= 1_000_000 else f"{count / 1e3:.3g} k" if count >= 10_000 else f"{count:,}"
