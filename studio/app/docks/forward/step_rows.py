"""Both ways to z_t in pictures, one under the other: all at once from x, and one step from z_{t−1}."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from studio.app.forward.words import (
    BEFORE,
    NOISE_ROLE,
    NOTATION,
    SIGNAL_ROLE,
    Z_ROLE,
    closed_coefficients,
    closed_formula,
    closed_numbers,
    step_coefficients,
    step_formula,
    step_numbers,
    tile_terms,
)
from studio.app.imaging import fitted_size
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.labels import Label, tooltip_text
from studio.app.widgets.math_text import MathLabel, Term
from studio.app.widgets.operators import paint_operator
from studio.app.widgets.tile import Tile
from studio.diffusion import markov_step

if TYPE_CHECKING:
    from studio.app.forward.process import ForwardProcess

TOTAL_NOISE_LIMIT, ADDED_NOISE_LIMIT = 3.0, 1.0
_WORDS_WIDTHS = (200, 252)
_ROOMY_HEIGHT = 320
_TILE_HEAD, _TILE_FOOT = 25, 18
_GAPS, _LEAST_GAP = (30, 44), 24
_PITCH = 114
"""From one tile to the next, so that the words above both have room; less only where the room is not there."""
_OPERATOR, _ARM = 14, 6.0
_LEAST_TILE = 56
_MOST_TILES = (112, 150)
_LINE = 22


@dataclass(frozen=True, eq=False)
class _Row:
    title: Label
    formula: MathLabel
    numbers: MathLabel
    sentence: Label
    tiles: tuple[Tile, Tile, Tile, Tile]

    @property
    def words(self) -> tuple[QWidget, ...]:
        return self.title, self.formula, self.numbers, self.sentence


class StepRows(QWidget):
    """Two rows: what it is called, its formula and numbers, and four tiles that are the formula in pictures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture_size = (1, 1)
        self._operators: list[tuple[QRectF, str]] = []
        self.closed = self._make_row(
            "Closed form, all at once",
            "one noise, and more and more of it",
            (
                Tile((Term("x", SIGNAL_ROLE, FontSize.SECTION),), "picture", SIGNAL_ROLE, self),
                Tile("x", "signal", SIGNAL_ROLE, self),
                Tile("ε", "noise", NOISE_ROLE, self),
                Tile("z_t", "sum", Z_ROLE, self),
            ),
        )
        self.step = self._make_row(
            "Markov chain, one step",
            "fresh noise at every step: another grain, the same law",
            (
                Tile(BEFORE, "before", Z_ROLE, self),
                Tile(BEFORE, "kept", SIGNAL_ROLE, self),
                Tile("ε_t", "added", NOISE_ROLE, self, decimals=2),
                Tile("z_t", "after", Z_ROLE, self),
            ),
        )
        self.closed.formula.setToolTip(tooltip_text("α_t", reason=NOTATION))
        self.step.formula.setToolTip(
            tooltip_text(
                "q(z_t | z_{t−1})", reason="Shrink by √(1−β_t), add noise of variance β_t: the variance stays."
            )
        )
        self.closed.tiles[2].setToolTip(f"Blue to orange is −{TOTAL_NOISE_LIMIT:g} to +{TOTAL_NOISE_LIMIT:g}")
        self.step.tiles[2].setToolTip(
            f"Blue to orange is −{ADDED_NOISE_LIMIT:g} to +{ADDED_NOISE_LIMIT:g}, so faint means small"
        )
        theme().changed.connect(self._repaint)

    @property
    def rows(self) -> tuple[_Row, _Row]:
        return self.closed, self.step

    def set_picture_size(self, width: int, height: int) -> None:
        """The size of all pictures, in pixels."""
        if (width, height) != self._picture_size:
            self._picture_size = (width, height)
            self._arrange()

    def show_closed(self, process: ForwardProcess) -> None:
        """The closed form at the playhead."""
        schedule, t = process.schedule, process.t
        assert schedule is not None
        signal, noise = closed_coefficients(schedule, t)
        self.closed.numbers.set_terms(closed_numbers(schedule, t, self._formula_size()))
        picture, kept, total, z = self.closed.tiles
        kept.set_symbol(tile_terms(signal, "x", SIGNAL_ROLE))
        total.set_symbol(tile_terms(noise, "ε", NOISE_ROLE))
        picture.show_values(_array(process.x))
        kept.show_values(_array(signal * process.x))
        total.show_signed(_array(noise * process.noise), TOTAL_NOISE_LIMIT)
        z.show_values(_array(process.closed(t)))

    def show_step(self, process: ForwardProcess) -> None:
        """The step to the playhead; empty while there is no chain that belongs to the schedule."""
        schedule, chain, t = process.schedule, process.chain, process.t
        assert schedule is not None
        kept_factor, noise_factor = step_coefficients(schedule, t)
        self.step.numbers.set_terms(step_numbers(schedule, t, self._formula_size()))
        before, kept, added, z = self.step.tiles
        before.set_symbol((Term("x" if t == 0 else BEFORE, Z_ROLE, FontSize.SECTION),))
        kept.set_symbol(tile_terms(kept_factor, "x" if t == 0 else BEFORE, SIGNAL_ROLE))
        added.set_symbol(tile_terms(noise_factor, "ε_t", NOISE_ROLE))
        if chain is None or t >= chain.schedule.step_count:
            for tile in self.step.tiles:
                tile.clear()
            return
        # While the schedule is dragged the chain up to here is a moment old, the step itself is of now.
        previous, noise = chain.state(t - 1), chain.added(t)
        before.show_values(_array(previous))
        kept.show_values(_array(kept_factor * previous))
        added.show_signed(_array(noise_factor * noise), ADDED_NOISE_LIMIT)
        z.show_values(_array(markov_step(schedule, previous, t, noise)))

    def shown_size(self, width: float, height: float) -> tuple[float, float]:
        """How large a picture is drawn when the widget is this large."""
        roomy, ratio = height > _ROOMY_HEIGHT, self.devicePixelRatioF()
        high = (height - Space.S) / 2 - _TILE_HEAD - _TILE_FOOT
        wide = min(_MOST_TILES[roomy], (width - _WORDS_WIDTHS[roomy] - 3 * _LEAST_GAP) / 4)
        fitted = fitted_size(*self._picture_size, max(wide, 1) * ratio, max(high, 1) * ratio)
        return fitted[0] / ratio, fitted[1] / ratio

    def width_for(self, height: float, most: float) -> int:
        """The width that words and tiles take at this height, when there is `most` of it."""
        least = self.minimumSizeHint().width()
        roomy = height > _ROOMY_HEIGHT
        side = max(self.shown_size(most, height)[0], _LEAST_TILE)
        return round(max(least, min(_WORDS_WIDTHS[roomy] + 4 * side + 3 * _gap(side, roomy), most)))

    def sizeHint(self) -> QSize:
        return QSize(self.width_for(220, 900), 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(_WORDS_WIDTHS[0] + 4 * _LEAST_TILE + 3 * _LEAST_GAP, 190)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color("muted"), 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for area, operator in self._operators:
            paint_operator(painter, area, operator, _ARM)
        painter.end()

    def _make_row(self, title: str, sentence: str, tiles: tuple[Tile, Tile, Tile, Tile]) -> _Row:
        return _Row(
            Label(title, self, weight=600),
            MathLabel((), self, spacing=1),
            MathLabel((), self, spacing=1),
            Label(sentence, self, role="muted", size=FontSize.RANGE, wrap=True),
            tiles,
        )

    def _formula_size(self) -> int:
        return FontSize.SECTION if self.height() > _ROOMY_HEIGHT else FontSize.TEXT

    def _arrange(self) -> None:
        size = self._formula_size()
        self.closed.formula.set_terms(closed_formula(size))
        self.step.formula.set_terms(step_formula(size))
        shown = self.shown_size(self.width(), self.height())
        side = max(shown[0], _LEAST_TILE)
        height = (self.height() - Space.S) / 2
        roomy = self.height() > _ROOMY_HEIGHT
        words = _WORDS_WIDTHS[roomy]
        gap = min(_gap(side, roomy), max(float(_LEAST_GAP), (self.width() - words - 4 * side) / 3))
        pitch, tile_height = round(side + gap), _TILE_HEAD + math.ceil(shown[1]) + _TILE_FOOT
        self._operators = []
        for index, row in enumerate(self.rows):
            top = round(index * (height + Space.S))
            self._place_words(row, top, round(height))
            for column, tile in enumerate(row.tiles):
                left = words + column * pitch
                # No higher than its picture needs, or a wide one would grow into the next.
                tile.setGeometry(left, top, min(pitch - Space.XS, self.width() - left), tile_height)
                if column:
                    middle = top + _TILE_HEAD + shown[1] / 2
                    center = left - (gap + side - shown[0]) / 2
                    area = QRectF(center - _OPERATOR / 2, middle - _OPERATOR / 2, _OPERATOR, _OPERATOR)
                    self._operators.append((area, ("arrow", "plus", "equals")[column - 1]))
        self.update()

    def _place_words(self, row: _Row, top: int, height: int) -> None:
        width = _WORDS_WIDTHS[self.height() > _ROOMY_HEIGHT] - Space.M
        line = _LINE if height < 120 else _LINE + 6
        y = top + 3
        for widget in row.words[:-1]:
            widget.setGeometry(0, y, width, line)
            y += line
        row.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        row.sentence.setGeometry(0, y + 2, width, max(0, top + height - y - 2))

    @Slot()
    def _repaint(self) -> None:
        self.update()


def _gap(side: float, roomy: bool) -> float:
    return max(_GAPS[roomy], _PITCH - side)


def _array(values: torch.Tensor):
    return values[0].movedim(0, -1).numpy()
