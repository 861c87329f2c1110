"""One playhead for all cells of a comparison: the film of one of them, and how far another differs from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import paint_picture
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.film_strip import Axis, thumbnail_size
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.lanes import Curve, Lane, LanePainter
from studio.app.widgets.playhead_view import PlayheadView

_TOP, _STRIP, _TICKS, _LANE = 6, 40, 20, 30
_NAMES, _VALUES, _RANGE = 144, 60, 26
_EMPTY = "Drag here once there are cells: all of them move together, from noise to picture."


@dataclass(frozen=True, eq=False)
class SharedFilm:
    """What is scrubbed through: `count` moments with a label each (such as "40 %") and a picture of the reference cell.

    thumbnail(moment): one pixel a value, of picture_size (width, height); None where there is none yet. name: of the
    film, under which it stands. curve: the difference of another cell at each moment, named `curve_name`; empty for
    none.
    """

    count: int
    labels: tuple[str, ...]
    thumbnail: Callable[[int], QImage | None]
    picture_size: tuple[int, int]
    name: str = ""
    curve: np.ndarray | None = None
    curve_name: str = ""


class ComparisonScrubber(PlayheadView):
    """Asks to seek where the person points; drag anywhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._film: SharedFilm | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Moment of all cells")
        self.setToolTip(
            tooltip_text("Drag to move all cells through time", "← →", "Page Up and Down ten moments, Home, End")
        )

    @property
    def film(self) -> SharedFilm | None:
        return self._film

    def set_film(self, film: SharedFilm | None) -> None:
        """Another film, or the same with more in it."""
        self._film = film
        self.redraw()

    def set_position(self, position: int) -> None:
        """Move the playhead."""
        if position != self._position:
            self._position = position
            if self._film is not None and 0 <= position < self._film.count:
                self.setAccessibleDescription(self._film.labels[position])
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, _TOP + _STRIP + _TICKS + _LANE + Space.S)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, self.sizeHint().height())

    def _axis(self, film: SharedFilm) -> Axis:
        width, _ = thumbnail_size(film.picture_size, self.devicePixelRatioF(), _STRIP)
        return Axis(_NAMES, self.width() - _VALUES - _RANGE, film.count, width)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        film = self._film
        if film is None:
            painter.setFont(ui_font(FontSize.LABEL))
            painter.setPen(theme().color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _EMPTY)
        else:
            axis = self._axis(film)
            if self._still is None:
                self._still = self._draw_still(film, axis)
            painter.drawPixmap(0, 0, self._still)
            self._paint_moving(painter, film, axis)
        if self.hasFocus() and film is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme().color("accent"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _draw_still(self, film: SharedFilm, axis: Axis) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        for slot, moment in enumerate(axis.shown):
            self._paint_thumbnail(painter, film, self._target(film, axis.slot_x(slot)), moment)
        painter.setFont(ui_font(FontSize.LABEL))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(theme().color("text"))
        name = metrics.elidedText(film.name, Qt.TextElideMode.ElideRight, _NAMES - Space.M)
        painter.drawText(QPointF(0, _TOP + 4 + metrics.ascent()), name)
        lane = self._lane(film)
        if lane is not None:
            lane_painter = LanePainter(lane, axis, self._lane_area())
            lane_painter.paint_still(painter)
            self._paint_names(painter, film)
        else:
            painter.setPen(theme().color("muted"))
            hint = "Point at a cell to see how far it strays from the reference"
            painter.drawText(self._lane_area(), Qt.AlignmentFlag.AlignCenter, hint)
        painter.end()
        return pixmap

    def _paint_names(self, painter: QPainter, film: SharedFilm) -> None:
        area, tokens = self._lane_area(), theme().tokens
        for text, size, role, top in (
            (film.curve_name, FontSize.LABEL, "text", area.top()),
            ("RMS difference of z", FontSize.RANGE, "muted", area.top() + 15),
        ):
            painter.setFont(ui_font(size))
            painter.setPen(tokens.color(role))
            metrics = QFontMetricsF(painter.font())
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, _NAMES - Space.M)
            painter.drawText(QPointF(0, top + metrics.ascent()), shown)

    def _paint_moving(self, painter: QPainter, film: SharedFilm, axis: Axis) -> None:
        tokens = theme().tokens
        position = max(0, min(self._position, film.count - 1))
        self._paint_labels(painter, film, axis, position)
        slot = axis.slot(position)
        target = self._target(film, axis.slot_x(slot))
        if axis.shown[slot] != position:
            self._paint_thumbnail(painter, film, target, position)
        painter.setPen(QPen(tokens.color("accent"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(target.adjusted(-2, -2, 2, 2))
        x = round(axis.x(position))
        area = self._lane_area()
        painter.drawLine(QLineF(x, _TOP + _STRIP + _TICKS - 1, x, area.bottom()))
        lane = self._lane(film)
        if lane is not None:
            lane_painter = LanePainter(lane, axis, area)
            lane_painter.paint_dots(painter, position)
            painter.setFont(ui_font(FontSize.LABEL))
            painter.setPen(tokens.color("text"))
            values = QRectF(area.right() + Space.M, area.top(), _VALUES, area.height())
            painter.drawText(values, Qt.AlignmentFlag.AlignVCenter, f"{lane.curves[0].values[position]:.3f}")

    def _paint_labels(self, painter: QPainter, film: SharedFilm, axis: Axis, position: int) -> None:
        tokens = theme().tokens
        bold, plain = ui_font(FontSize.LABEL, QFont.Weight.DemiBold), ui_font(FontSize.RANGE)
        taken: list[tuple[float, float]] = []
        shown = [(position, axis.x(position), bold, "text")]
        shown += [(moment, axis.slot_x(slot), plain, "muted") for slot, moment in enumerate(axis.shown)]
        for moment, x, font, role in shown:
            metrics = QFontMetricsF(font)
            half = metrics.horizontalAdvance(film.labels[moment]) / 2 + 4
            if any(x - half < end and start < x + half for start, end in taken):
                continue
            taken.append((x - half, x + half))
            painter.setFont(font)
            painter.setPen(tokens.color(role))
            painter.drawText(QPointF(x - half + 4, _TOP + _STRIP + 4 + metrics.ascent()), film.labels[moment])

    def _target(self, film: SharedFilm, x: float) -> QRectF:
        width, height = thumbnail_size(film.picture_size, self.devicePixelRatioF(), _STRIP)
        return QRectF(round(x - width / 2), round(_TOP + (_STRIP - height) / 2), width, height)

    def _paint_thumbnail(self, painter: QPainter, film: SharedFilm, target: QRectF, moment: int) -> None:
        image = film.thumbnail(moment)
        if image is None:
            painter.fillRect(target, theme().color("canvas"))
        else:
            paint_picture(painter, target, image)

    def _lane_area(self) -> QRectF:
        top = _TOP + _STRIP + _TICKS
        return QRectF(_NAMES - 4, top, self.width() - _VALUES - _NAMES + 8, _LANE)

    def _lane(self, film: SharedFilm) -> Lane | None:
        if film.curve is None or not len(film.curve):
            return None
        highest = max(0.1, float(np.ceil(film.curve.max() * 10) / 10))
        return Lane(
            name=(),
            curves=(Curve(film.curve, "d1"),),
            low=0.0,
            high=highest,
            low_text="0",
            high_text=f"{highest:g}",
            decimals=3,
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # The page that it stands on takes the keys of the playhead, as everywhere on it.
        event.ignore()

    def _has_film(self) -> bool:
        return self._film is not None

    def _position_at(self, point: QPointF) -> int | None:
        return None if self._film is None else self._axis(self._film).position(point.x())
