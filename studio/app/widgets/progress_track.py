"""How far a long piece of work is, with marks for moments on the way."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import Size, theme

_GROOVE = 6
_MARK_HEIGHT = 12


class ProgressTrack(QWidget):
    """A groove filled in the accent; small marks below it, one that stands out, a flag for what was reached."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_MARK_HEIGHT)
        self.setAccessibleName("Progress of the training")
        self._fraction = 0.0
        self._marks: tuple[float, ...] = ()
        self._chosen: float | None = None
        self._flag: float | None = None
        theme().changed.connect(self._retheme)

    @property
    def fraction(self) -> float:
        return self._fraction

    @property
    def marks(self) -> tuple[float, ...]:
        return self._marks

    @property
    def chosen(self) -> float | None:
        return self._chosen

    def set_fraction(self, fraction: float) -> None:
        """Fill the groove up to here, 0..1. Less than a pixel's change is not painted."""
        fraction = min(1.0, max(0.0, fraction))
        if round(fraction * self.width()) != round(self._fraction * self.width()):
            self.update()
        self._fraction = fraction
        self.setAccessibleDescription(f"{fraction:.0%}")

    def set_marks(self, marks: Sequence[float], chosen: float | None = None) -> None:
        """Marks at these fractions; `chosen` stands out."""
        if (tuple(marks), chosen) != (self._marks, self._chosen):
            self._marks, self._chosen = tuple(marks), chosen
            self.update()

    @property
    def flag(self) -> float | None:
        """Where the flag stands."""
        return self._flag

    def set_flag(self, fraction: float | None, words: str = "") -> None:
        """A flag at this fraction, explained by `words`; None takes it down."""
        if fraction != self._flag:
            self._flag = fraction
            self.update()
        self.setToolTip(words)

    def sizeHint(self) -> QSize:
        return QSize(240, _MARK_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top = (self.height() - _GROOVE) / 2
        radius = float(Size.GROOVE_RADIUS)
        painter.setBrush(theme().color("hover"))
        painter.drawRoundedRect(QRectF(0, top, self.width(), _GROOVE), radius, radius)
        if self._fraction > 0:
            painter.setBrush(theme().color("accent"))
            painter.drawRoundedRect(
                QRectF(0, top, max(_GROOVE, self._fraction * self.width()), _GROOVE), radius, radius
            )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for mark in self._marks:
            painter.fillRect(QRectF(self._x(mark), self.height() - 2, 1, 2), theme().color("border_strong"))
        if self._flag is not None:
            painter.fillRect(QRectF(self._x(self._flag) - 1, 0, 4, self.height()), theme().color("panel"))
            painter.fillRect(QRectF(self._x(self._flag), 0, 2, self.height()), theme().color("text"))
        if self._chosen is not None:
            painter.fillRect(QRectF(self._x(self._chosen), 0, 2, self.height()), theme().color("text"))

    def _x(self, fraction: float) -> float:
        return round(min(1.0, max(0.0, fraction)) * (self.width() - 2))

    @Slot()
    def _retheme(self) -> None:
        self.update()
