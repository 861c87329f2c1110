"""The equation of one step on a dark ground: numbers above, what each stands for below it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.microscope.step_equation import Column
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.math_text import MathLine, Term, plain_text

_ROW_GAP = 8
_MEANING_SPACING = 10
_NUMBER_TO_SYMBOL = 5.0


class EquationView(QWidget):
    """Paints columns on a field ground; shrinks to the width it is given, never clips."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: tuple[Column, ...] = ()
        self._layout: list[_Placed] = []
        self._natural_width = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme().changed.connect(self._repaint)

    def set_columns(self, columns: Sequence[Column], sentence: str = "") -> None:
        """Show an equation; `sentence` is read to those who cannot see it."""
        columns = tuple(columns)
        self.setAccessibleName(sentence or " ".join(plain_text(column.terms) for column in columns))
        if columns != self._columns:
            self._columns = columns
            self._arrange()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(410, 84)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme().color("field"))
        if self._layout:
            self._paint_columns(painter)
        painter.end()

    def _paint_columns(self, painter: QPainter) -> None:
        ascent = max(placed.line.ascent for placed in self._layout)
        descent = max(placed.line.descent for placed in self._layout)
        meanings = [placed.meaning for placed in self._layout if placed.meaning is not None]
        below = max((line.height for line in meanings), default=0.0)
        height = ascent + descent + (_ROW_GAP + below if meanings else 0.0)
        area = QRectF(self.rect()).adjusted(Space.M, Space.XS, -Space.M, -Space.XS)
        scale = min(1.0, area.width() / self._natural_width, area.height() / height)
        painter.translate(area.left(), area.top() + (area.height() - height * scale) / 2)
        painter.scale(scale, scale)
        for placed in self._layout:
            placed.line.paint(painter, placed.x, ascent)
            if placed.meaning is not None:
                baseline = ascent + descent + _ROW_GAP + placed.meaning.ascent
                placed.meaning.paint(painter, placed.meaning_x, baseline)

    def _arrange(self) -> None:
        """Columns follow each other; one whose meaning is wide is pushed right until meanings stay apart."""
        self._layout = []
        x = 0.0
        meanings_end = -_MEANING_SPACING
        for index, column in enumerate(self._columns):
            line = MathLine(column.terms, _NUMBER_TO_SYMBOL)
            x += column.gap if index else 0.0
            meaning, meaning_x = None, 0.0
            if column.meaning:
                meaning = MathLine((Term(column.meaning, column.meaning_role, FontSize.TEXT),))
                overlap = meanings_end + _MEANING_SPACING - (x + (line.width - meaning.width) / 2)
                if overlap > 0.0:
                    x += overlap
                    if self._layout and self._layout[-1].meaning is None:
                        # The operator before stays in the middle of the gap.
                        self._layout[-1].x += overlap / 2
                meaning_x = x + (line.width - meaning.width) / 2
                meanings_end = meaning_x + meaning.width
            self._layout.append(_Placed(line, x, meaning, meaning_x))
            x += line.width
        self._natural_width = max(x, meanings_end, 1.0)

    @Slot()
    def _repaint(self) -> None:
        self.update()


class _Placed:
    def __init__(self, line: MathLine, x: float, meaning: MathLine | None, meaning_x: float) -> None:
        self.line = line
        self.x = x
        self.meaning = meaning
        self.meaning_x = meaning_x
