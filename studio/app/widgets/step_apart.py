"""One reverse step taken apart: the equation with its numbers, and below it the same equation in six pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import fitted_size
from studio.app.microscope.frames import NOISE_LIMIT, PART_LIMIT
from studio.app.microscope.step_equation import (
    EPSILON_HAT,
    EPSILON_ROLE,
    FRESH_NOISE,
    FRESH_ROLE,
    MINUS,
    X_HAT,
    X_ROLE,
    Z_ROLE,
    adds_noise,
    direction_sentence,
    direction_symbol,
    direction_terms,
    next_symbol,
    no_noise_reason,
    shown_coefficient,
    step_columns,
    step_sentence,
)
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.equation import EquationView
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.math_text import MathLabel, MathLine, Term
from studio.app.widgets.noise_legend import NoiseLegend
from studio.app.widgets.operators import paint_operator
from studio.app.widgets.tile import Tile

if TYPE_CHECKING:
    import torch

    from studio.diffusion.samplers import Sampler
    from studio.diffusion.step import Step

_TILE_HEAD, _TILE_FOOT = 25, 18
_HEADING = 20
_ROW_WORDS = _HEADING + 4 + _TILE_HEAD + _TILE_FOOT
_GAP = 32
_LEAST_ROW, _LEAST_TILE = 408, 104
_SMALLEST_SIDE, _LARGEST_SIDE = 48, 224
_EQUATION_HEIGHT = (60, 92)
_OPERATOR = 18
_LEAST_WORDS_HEIGHT = 48

MEAN = "μ"

_Candidates = tuple[tuple[Term, ...], ...]
"""A heading, the longest form first."""


class StepApart(QWidget):
    """Shows a Step of one picture of the batch.

    Row 1 is what the model does: z_t in, ε̂, and so x̂0. Row 2 is what the sampler does: what is taken off (some of ε̂, or
    of the sampler's own direction d), the fresh noise (both on ±1, so faint means small), and what comes next:
    z_s = state·z_t − taken off + fresh noise. A click on what is taken off, or `show_mean`, puts the mean in its place,
    state·z_t − taken off: then row 2 reads mean + fresh noise.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._picture_size = QSize(1, 1)
        self._shows_mean = False
        self._operators: list[tuple[QRectF, str]] = []
        self._heading_terms: tuple[_Candidates, _Candidates] = ((), ())
        self.equation = EquationView(self)
        self._headings = (MathLabel((), self, spacing=0), MathLabel((), self, spacing=0))
        self._legends = (NoiseLegend(NOISE_LIMIT, self), NoiseLegend(PART_LIMIT, self))
        self.tile_z = Tile("z_t", "in", Z_ROLE, self)
        self.tile_noise = Tile(EPSILON_HAT, "predicted noise", EPSILON_ROLE, self)
        self.tile_x0 = Tile(X_HAT, "the picture", X_ROLE, self)
        self.tile_taken = Tile(EPSILON_HAT, "taken off", EPSILON_ROLE, self, decimals=3)
        self.tile_mean = Tile(MEAN, "the mean", Z_ROLE, self)
        self.tile_fresh = FreshNoiseTile(FRESH_NOISE, "fresh noise", FRESH_ROLE, self, decimals=3)
        self.tile_next = Tile("z_s", "next", Z_ROLE, self)
        self.tile_taken.clicked.connect(self.toggle_mean)
        self.tile_mean.clicked.connect(self.toggle_mean)
        self.tile_mean.setToolTip(tooltip_text("The mean", "M", "Click for what is taken off"))
        self.tile_mean.hide()
        theme().changed.connect(self._repaint)

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The six that are shown, row by row."""
        first = self.tile_mean if self.shows_mean else self.tile_taken
        return (self.tile_z, self.tile_noise, self.tile_x0, first, self.tile_fresh, self.tile_next)

    @property
    def shows_mean(self) -> bool:
        """Whether row 2 begins with the mean, instead of with what is taken off."""
        return self._shows_mean

    @Slot()
    def toggle_mean(self) -> None:
        """Put the mean in the place of what is taken off, or back."""
        self._shows_mean = not self._shows_mean
        self.tile_mean.setVisible(self._shows_mean)
        self.tile_taken.setVisible(not self._shows_mean)
        self._arrange()

    def show_step(self, step: Step, sampler: Sampler, picture: int, *, clipped: bool = False) -> None:
        """Show a step; `clipped`: the run holds x̂0 within the picture range."""
        variance = str(getattr(sampler, "variance", ""))
        self.equation.set_columns(step_columns(step, sampler.name, variance), step_sentence(step, sampler.name))
        self._show_headings(step, sampler.name, clipped)
        self._show_symbols(step, sampler.name)
        direction, why = direction_symbol(step, sampler.name), direction_sentence(step, sampler.name)
        self._explain_direction(tooltip_text(direction, reason=why) if why else "")
        taken = f"{why.rstrip('.')}. Click for the mean" if why else "Click for the mean"
        self.tile_taken.setToolTip(tooltip_text("What is taken off", "M", taken))
        self.tile_z.show_values(_array(step.z_t, picture))
        self.tile_noise.show_signed(_array(step.eps, picture), NOISE_LIMIT)
        self.tile_x0.show_values(_array(step.x0, picture))
        # What is shown as taken off is what is added: the negative.
        self.tile_taken.show_signed(-_array(step.subtracted, picture), PART_LIMIT)
        self.tile_mean.show_values(_array(step.mean, picture))
        if adds_noise(step):
            self.tile_fresh.set_reason("")
            self.tile_fresh.show_signed(_array(step.injected, picture), PART_LIMIT)
        else:
            self.tile_fresh.clear()
            self.tile_fresh.set_reason(no_noise_reason(step, sampler.name))
        self.tile_next.show_values(_array(step.z_s, picture))
        _, channels, height, width = step.z_t.shape
        for legend in self._legends:
            legend.set_channels(channels)
        self.set_picture_size(width, height)
        self.update()

    def side_for(self, width: int, height: int) -> int:
        """The room for the picture of a tile when the whole is width × height."""
        by_width = (width - 2 * _GAP) // 3
        by_height = (height - _EQUATION_HEIGHT[0] - Space.M - Space.S) // 2 - _ROW_WORDS
        return max(_SMALLEST_SIDE, min(by_width, by_height, _LARGEST_SIDE))

    def tile_size(self, width: int, height: int) -> tuple[float, float]:
        """(width, height) of a tile's picture, a whole multiple of device pixels, when the whole is width × height."""
        ratio = self.devicePixelRatioF()
        side = self.side_for(width, height) * ratio
        fitted = fitted_size(self._picture_size.width(), self._picture_size.height(), side, side)
        return fitted[0] / ratio, fitted[1] / ratio

    def row_width(self, width: int, height: int) -> int:
        """How much of `width` a row of tiles takes."""
        # Small pictures keep the distance that their words need.
        return round(min(width, max(3 * self.tile_size(width, height)[0] + 2 * _GAP, _LEAST_ROW)))

    def set_picture_size(self, width: int, height: int) -> None:
        """The size of the pictures to come, in their own pixels."""
        if QSize(width, height) != self._picture_size:
            self._picture_size = QSize(width, height)
            self._arrange()

    def sizeHint(self) -> QSize:
        return QSize(3 * 112 + 2 * _GAP, 470)

    def minimumSizeHint(self) -> QSize:
        side = _SMALLEST_SIDE
        return QSize(3 * 80 + 2 * _GAP, _EQUATION_HEIGHT[0] + Space.M + Space.S + 2 * (_ROW_WORDS + side))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color("muted"), 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        for area, operator in self._operators:
            paint_operator(painter, area, operator)
        painter.end()

    def _explain_direction(self, tooltip: str) -> None:
        for widget in (self.equation, self._headings[1]):
            widget.setToolTip(tooltip)

    def _show_headings(self, step: Step, sampler_name: str, clipped: bool) -> None:
        words = "Carve a little off, add fresh noise" if adds_noise(step) else "Carve a little off"
        note = ", clipped to the picture range" if clipped and step.clipped_share > 0 else ""
        reads = (_muted("   the model reads "), _muted_symbol("z_t"), _muted(" and "), _muted_symbol("t"))
        model = (*_heading("1", "Name the noise"), *reads)
        carve = (*_heading("2", words), _muted("   "))
        direction = direction_terms(step, sampler_name) or _starting_from(step)
        brief = direction_terms(step, sampler_name, brief=True) or direction
        self._heading_terms = (
            ((*model, _muted(note)) if note else model, model[:2]),
            ((*carve, *direction), (*carve, *brief), carve[:2]),
        )
        self._fit_headings()

    def _fit_headings(self) -> None:
        """Of each heading the longest form that fits beside its scale; the bold words always stand.

        What is said of the second row, how far its direction differs from ε̂, is worth more than its scale.
        """
        rows = zip(self._headings, self._legends, self._heading_terms, (False, True), strict=True)
        for heading, legend, candidates, words_first in rows:
            beside = legend.x() - Space.S
            widths = [MathLine(terms).width for terms in candidates]
            if words_first and widths and min(widths[:-1], default=0.0) > beside:
                beside = legend.geometry().right()
            legend.setVisible(beside < legend.x())
            heading.resize(beside, heading.height())
            fitting = (terms for terms, width in zip(candidates, widths, strict=True) if width <= beside)
            heading.set_terms(next(fitting, candidates[-1] if candidates else ()))

    def _show_symbols(self, step: Step, sampler_name: str) -> None:
        c = step.coefficients
        self.tile_taken.set_symbol(
            (
                Term(f"{MINUS}{shown_coefficient(c.predicted_noise)}", EPSILON_ROLE, FontSize.TEXT, words=True),
                Term(direction_symbol(step, sampler_name), EPSILON_ROLE, FontSize.SECTION),
            )
        )
        number = (Term(shown_coefficient(c.fresh_noise), FRESH_ROLE, FontSize.TEXT, words=True),)
        symbol = Term(FRESH_NOISE, FRESH_ROLE, FontSize.SECTION)
        self.tile_fresh.set_symbol((*(number if adds_noise(step) else ()), symbol), "fresh noise")
        self.tile_next.set_symbol(next_symbol(step), "the picture" if step.s < 0 else "next")

    def _arrange(self) -> None:
        width, height = self.width(), self.height()
        shown = self.tile_size(width, height)
        row = self.row_width(width, height)
        pitch = (row - max(shown[0], _LEAST_TILE)) / 2
        tile_height = round(shown[1]) + _TILE_HEAD + _TILE_FOOT
        rows = 2 * (_HEADING + Space.XS + tile_height) + Space.M + Space.S
        low, high = _EQUATION_HEIGHT
        equation_height = max(low, min(high, height - rows))
        self.equation.setGeometry(0, 0, round(row), equation_height)
        y = equation_height + Space.M
        self._operators = []
        for heading, legend, tiles, operators in (
            (self._headings[0], self._legends[0], self.tiles[:3], ("arrow", "double arrow")),
            (self._headings[1], self._legends[1], self.tiles[3:], ("plus", "equals")),
        ):
            scale = legend.sizeHint()
            legend.setGeometry(
                round(row) - scale.width(), y + (_HEADING - scale.height()) // 2, scale.width(), scale.height()
            )
            heading.setGeometry(0, y, round(row) - scale.width() - Space.S, _HEADING)
            top = y + _HEADING + Space.XS
            for index, tile in enumerate(tiles):
                left = round(index * pitch)
                right = round((index + 1) * pitch) - Space.XS if index < 2 else width
                tile.setGeometry(QRect(left, top, right - left, tile_height))
            middle = top + _TILE_HEAD + shown[1] / 2
            for index, operator in enumerate(operators):
                left = index * pitch + shown[0]
                gap = pitch - shown[0]
                half = _OPERATOR / 2
                self._operators.append((QRectF(left + gap / 2 - half, middle - half, _OPERATOR, _OPERATOR), operator))
            y = top + tile_height + Space.S
        self.tile_fresh.set_words_width(shown[0] + (pitch - shown[0] - _OPERATOR) / 2)
        self._fit_headings()
        self.update()

    @Slot()
    def _repaint(self) -> None:
        self.update()


class FreshNoiseTile(Tile):
    """The tile of the fresh noise, which says in words when there is none."""

    _reason = ""
    _words_width = float(_LEAST_TILE)

    def set_words_width(self, width: float) -> None:
        """The room for words, up to what stands beside the picture."""
        self._words_width = width
        self.update()

    def set_reason(self, reason: str) -> None:
        """Why nothing is shown; "" while something is."""
        if reason != self._reason:
            self._reason = reason
            self.setAccessibleDescription(reason)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._reason:
            return
        painter = QPainter(self)
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        area = self.picture_rect()
        if not _fits(painter, area.adjusted(4, 2, -4, -2), flags, self._reason):
            # A picture too small for the words lends them the tile's width.
            area.setWidth(max(area.width(), min(_LEAST_TILE, self._words_width)))
            area.setHeight(max(area.height(), _LEAST_WORDS_HEIGHT))
        painter.drawText(area.adjusted(4, 2, -4, -2), flags, self._reason)
        painter.end()


def _fits(painter: QPainter, area: QRectF, flags: int, text: str) -> bool:
    return area.contains(painter.boundingRect(area, flags, text))


def _heading(number: str, words: str) -> tuple[Term, Term]:
    bold = {"size": FontSize.TEXT, "words": True, "weight": 600}
    return Term(f"{number}  ", "text", **bold), Term(words, "text", **bold)


def _starting_from(step: Step) -> tuple[Term, Term]:
    number = shown_coefficient(step.coefficients.state)
    return _muted(f"starting from {number} "), _muted_symbol("z_t")


def _muted(text: str) -> Term:
    return Term(text, "muted", FontSize.LABEL, words=True)


def _muted_symbol(markup: str) -> Term:
    return Term(markup, "muted", FontSize.LABEL)


def _array(values: torch.Tensor, picture: int) -> np.ndarray:
    return values[picture].movedim(0, -1).numpy()
