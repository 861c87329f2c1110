"""The legend of a plot on one line: a piece of each curve, its name and its value; what has no room gives way whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.curve_look import CurveLook

_SWATCH = 20


@dataclass(frozen=True)
class LegendEntry:
    """A curve: how it looks, its name in one or more wordings, longest first, its value, and how important it is.

    The entry with the lowest importance gives way first.
    """

    look: CurveLook
    names: tuple[str, ...]
    value: str = ""
    importance: int = 0


class CurveLegend(QWidget):
    """Entries from left to right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[LegendEntry, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(18)
        theme().changed.connect(self._retheme)

    @property
    def entries(self) -> tuple[LegendEntry, ...]:
        return self._entries

    def set_entries(self, entries: Sequence[LegendEntry]) -> None:
        """Show these."""
        if tuple(entries) != self._entries:
            self._entries = tuple(entries)
            self.setAccessibleName(", ".join(f"{entry.names[0]} {entry.value}".strip() for entry in entries))
            self.update()

    def shown(self) -> tuple[tuple[LegendEntry, str], ...]:
        """The entries there is room for, each with the wording of its name."""
        kept = list(self._entries)
        while kept:
            for wording in range(max(len(entry.names) for entry in kept)):
                worded = [(entry, entry.names[min(wording, len(entry.names) - 1)]) for entry in kept]
                if sum(self._width(entry, name) for entry, name in worded) - Space.M <= self.width():
                    return tuple(worded)
            kept.remove(min(kept, key=lambda entry: entry.importance))
        return ()

    def sizeHint(self) -> QSize:
        return QSize(300, 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = self.height() / 2
        left = 0.0
        for entry, name in self.shown():
            pen = QPen(entry.look.pen())
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(round(left), round(middle), round(left) + _SWATCH, round(middle))
            at = left + _SWATCH + Space.S - 2
            for words, weight in ((name, 400), (entry.value, 600)):
                if not words:
                    continue
                font = ui_font(FontSize.LABEL, weight)
                painter.setFont(font)
                painter.setPen(theme().color("text"))
                width = QFontMetrics(font).horizontalAdvance(words) + 2
                painter.drawText(QRectF(at, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter, words)
                at += width + Space.XS
            left += self._width(entry, name)

    @staticmethod
    def _width(entry: LegendEntry, name: str) -> float:
        plain, bold = (QFontMetrics(ui_font(FontSize.LABEL, weight)) for weight in (400, 600))
        width = _SWATCH + Space.S - 2 + plain.horizontalAdvance(name) + 2 + Space.XS
        if entry.value:
            width += bold.horizontalAdvance(entry.value) + 2 + Space.XS
        return width + Space.S

    @Slot()
    def _retheme(self) -> None:
        self.update()
