"""Bars beside a curve, on its y axis: which share of the steps is spent at each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPolygonF

from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.curve_editor_axes import Axes
from studio.app.widgets.curve_look import CurveLook, weakened
from studio.app.widgets.labels import format_number

_FULL_SCALES = (0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Shares:
    """`shares` (N,) of the steps between `edges` (N + 1,), the outer ones with all beyond; `compared` (N,) or none."""

    edges: Sequence[float]
    shares: NDArray[np.float64] = field(repr=False)
    compared: NDArray[np.float64] | None = field(default=None, repr=False)
    unit: str = " dB"

    def bin_of(self, value: float) -> int:
        """The position of the bin that a value on the axis lies in."""
        last = len(self.shares) - 1
        return int(np.clip(np.searchsorted(self.edges, value, side="right") - 1, 0, last))

    def words(self, index: int) -> str:
        """What a bin says: its share, and from where to where it reaches."""
        low, high = (format_number(edge, 0) for edge in self.edges[index : index + 2])
        place = f"{low} to {high}{self.unit}"
        if index == 0:
            place = f"below {high}{self.unit}"
        elif index == len(self.shares) - 1:
            place = f"above {low}{self.unit}"
        return f"{100 * self.shares[index]:.1f} % of steps {place}"


def paint_shares(painter: QPainter, axes: Axes, shares: Shares, role: str, lit: int | None) -> None:
    """Bars from the left edge of the axes' ribbon in the colour of `role`, the one at `lit` at full strength."""
    frame, tokens = axes.ribbon_frame, theme()
    largest = max(float(some.max()) for some in (shares.shares, shares.compared) if some is not None)
    full = next((scale for scale in _FULL_SCALES if scale >= largest - 1e-9), 1.0)
    heights = list(pairwise(float(axes.y(edge)) for edge in shares.edges))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    weak = weakened(tokens.color(role), 0.6)
    for index, (share, (low, high)) in enumerate(zip(shares.shares, heights, strict=True)):
        bar = QRectF(frame.left(), high + 0.5, share / full * frame.width(), max(low - high - 1.0, 1.0))
        painter.fillRect(bar, tokens.color(role) if index == lit else weak)
    if shares.compared is not None:
        pen = CurveLook("muted", 1.4, "dot").pen()
        pen.setCosmetic(False)
        painter.setPen(pen)
        corners = []
        for share, (low, high) in zip(shares.compared, heights, strict=True):
            x = frame.left() + share / full * frame.width()
            corners += [QPointF(x, low), QPointF(x, high)]
        painter.drawPolyline(QPolygonF(corners))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(ui_font(FontSize.RANGE))
    painter.setPen(tokens.color("muted"))
    painter.drawText(frame.adjusted(0, 1, 0, 0), Qt.AlignmentFlag.AlignHCenter, "steps")
    words = f"{round(100 * full)} %"
    width = QFontMetricsF(painter.font()).horizontalAdvance(words)
    painter.drawText(QPointF(frame.right() - width + 4, frame.bottom() + 15), words)
