"""The losses of the steps that were taken here, as a small curve: raw as points, their running mean as a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, Space, theme, ui_font

_SPAN = 10
"""Steps in the running mean."""
_MOST_POINTS = 400
_WORDS = 76


class LossTrail(QWidget):
    """(number of the step, loss) pairs; the scale begins at 0, so that half as high is half the error."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._losses: tuple[tuple[int, float], ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip(
            "Mean squared error of the predicted noise, as in the loss curve of Train:\n"
            "points for each step taken here, a line for the mean of ten"
        )
        theme().changed.connect(self._repaint)
        self.set_losses(())

    @property
    def losses(self) -> tuple[tuple[int, float], ...]:
        return self._losses

    def set_losses(self, losses: Sequence[tuple[int, float]]) -> None:
        self._losses = tuple(losses)
        self.setAccessibleName("Loss of the steps taken here")
        self.setAccessibleDescription(f"{self._losses[-1][1]:.4f}" if self._losses else "no step yet")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 72)

    def minimumSizeHint(self) -> QSize:
        return QSize(150, 56)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0, 0, -_WORDS, 0)
        painter.fillRect(frame, tokens.color("field"))
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(tokens.color("muted"))
        if not self._losses:
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, "the error of each step will be drawn here")
            return
        steps, raw = (np.array(column, dtype=np.float64) for column in zip(*self._losses, strict=True))
        smooth = running_mean(raw, _SPAN)
        top = max(float(raw.max()), 1e-12)
        inner = frame.adjusted(Space.S, Space.S, -Space.S, -Space.M - 4)
        span = max(steps[-1] - steps[0], 1.0)

        def place(step: float, loss: float) -> QPointF:
            return QPointF(
                inner.left() + (step - steps[0]) / span * inner.width(), inner.bottom() - loss / top * inner.height()
            )

        chosen = np.unique(np.linspace(0, len(raw) - 1, min(len(raw), _MOST_POINTS)).round().astype(int))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.color("border_strong"))
        for index in chosen:
            painter.drawEllipse(place(steps[index], raw[index]), 1.5, 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.color("d1"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPolyline(QPolygonF([place(steps[index], smooth[index]) for index in chosen]))
        painter.setPen(QPen(tokens.color("field"), 1.5))
        painter.setBrush(tokens.color("d2"))
        painter.drawEllipse(place(steps[-1], smooth[-1]), 4.2, 4.2)
        self._paint_words(painter, frame, int(steps[0]), int(steps[-1]), float(smooth[-1]))

    def _paint_words(self, painter: QPainter, frame: QRectF, first: int, last: int, loss: float) -> None:
        tokens = theme().tokens
        foot = frame.adjusted(Space.S, 0, -Space.S, -1)
        bottom = Qt.AlignmentFlag.AlignBottom
        painter.setPen(tokens.color("muted"))
        painter.drawText(foot, int(bottom | Qt.AlignmentFlag.AlignLeft), f"step {first:,}")
        if last > first:
            painter.drawText(foot, int(bottom | Qt.AlignmentFlag.AlignRight), f"{last:,}")
        side = QRectF(frame.right() + Space.S, frame.top(), _WORDS - Space.S, frame.height())
        painter.setPen(tokens.color("text"))
        painter.setFont(ui_font(FontSize.TEXT, QFont.Weight.DemiBold))
        painter.drawText(side.adjusted(0, 0, 0, -side.height() / 2), int(bottom), f"{loss:.4f}")
        painter.setPen(tokens.color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        painter.drawText(side.adjusted(0, side.height() / 2, 0, 0), 0, "error of ε̂,\nlast 10 steps")

    @Slot()
    def _repaint(self) -> None:
        self.update()


def running_mean(values: np.ndarray, span: int) -> np.ndarray:
    """The mean of each value and the `span` - 1 before it, of fewer at the beginning, float64 (N,)."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - span, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
