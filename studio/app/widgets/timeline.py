"""The timeline: film strip above, lanes below, one playhead through both. Drag anywhere to scrub."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QLineF, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.film_strip import STRIP_HEIGHT, TICK_HEIGHT, Axis, Film, FilmStripPainter, thumbnail_size
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.lanes import Lane, LanePainter
from studio.app.widgets.math_text import MathLine, Term
from studio.app.widgets.playhead_view import PlayheadView

_LABEL_COLUMN = 146
_VALUE_COLUMN = 112
_RANGE_COLUMN = 26
_LOWEST_LANE, _HIGHEST_LANE = 22, 64
_LANE_HEIGHT = 36
_TOP = 4
_STRIDE_KEYS = 10
_KEYS = tooltip_text("Drag to move through time", "← →", "Page Up and Down ten steps, Home, End; Space plays")
_EMPTY = "The film of a run appears here: drag through it, from noise to picture."


class TimelineView(PlayheadView):
    """Shows a Film and Lanes on one axis and asks to seek where the person points.

    What does not move with the playhead is drawn once into a pixmap, so scrubbing costs the same for any length.
    """

    play_requested = Signal()
    context_requested = Signal(int, QPoint)
    """A position and the global place for a menu of what can be done there."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._film: Film | None = None
        self._lanes: tuple[Lane, ...] = ()
        self._expected_lanes = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Timeline")

    @property
    def film(self) -> Film | None:
        return self._film

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return self._lanes

    def set_film(self, film: Film | None) -> None:
        """Show another film, or the same one grown longer."""
        self._film = film
        self.redraw()

    def set_lanes(self, lanes: Sequence[Lane]) -> None:
        self._lanes = tuple(lanes)
        self.redraw()
        self.updateGeometry()

    def expect_lanes(self, count: int) -> None:
        """Ask for the room of so many lanes, be they there or still to come."""
        self._expected_lanes = count
        self.updateGeometry()

    def set_position(self, position: int) -> None:
        """Move the playhead."""
        if position != self._position:
            self._position = position
            if self._film is not None and self._film.count:
                self.setAccessibleDescription(f"t = {self._film.times[self._current()]}")
            self.update()

    def axis(self) -> Axis | None:
        """The map between positions and x; None while there is no film."""
        if self._film is None:
            return None
        width, _ = thumbnail_size(self._film.picture_size, self.devicePixelRatioF())
        return Axis(_LABEL_COLUMN, self.width() - _VALUE_COLUMN - _RANGE_COLUMN, self._film.planned, width)

    def sizeHint(self) -> QSize:
        return QSize(900, self._height_with(_LANE_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(420, self._height_with(_LOWEST_LANE))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        axis = self.axis()
        if self._film is not None and axis is not None:
            if self._still is None:
                self._still = self._draw_still(self._film, axis)
            painter.drawPixmap(0, 0, self._still)
            self._paint_moving(painter, self._film, axis)
        else:
            painter.setFont(ui_font(FontSize.LABEL))
            painter.setPen(theme().color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, _EMPTY)
        if self.hasFocus() and self._film is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme().color("accent"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(Space.XS, 0, -Space.XS, -1))
        painter.end()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._film is None or not self._film.count:
            return
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        position = self._position_at(QPointF(event.pos())) if by_mouse else self._current()
        self.context_requested.emit(position, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = self._film.count - 1 if self._film is not None else 0
        targets = {
            Qt.Key.Key_Left: self._position - 1,
            Qt.Key.Key_Right: self._position + 1,
            Qt.Key.Key_PageUp: self._position - _STRIDE_KEYS,
            Qt.Key.Key_PageDown: self._position + _STRIDE_KEYS,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        key = Qt.Key(event.key())
        if key in targets:
            self.seek_requested.emit(max(0, min(targets[key], last)))
        elif key == Qt.Key.Key_Space:
            self.play_requested.emit()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            for lane, area in zip(self._lanes, self._lane_areas(), strict=True):
                if lane.tooltip and area.top() <= event.pos().y() <= area.bottom():
                    QToolTip.showText(event.globalPos(), lane.tooltip, self)
                    return True
            if self._film is not None:
                QToolTip.showText(event.globalPos(), _KEYS, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def _height_with(self, lane_height: int) -> int:
        lanes, gap = max(len(self._lanes), self._expected_lanes), _gap(lane_height)
        return _TOP + STRIP_HEIGHT + TICK_HEIGHT + Space.XS + lanes * (lane_height + gap) + Space.XS

    def _current(self) -> int:
        assert self._film is not None
        return max(0, min(self._position, self._film.count - 1))

    def _has_film(self) -> bool:
        return self._film is not None

    def _position_at(self, point: QPointF) -> int | None:
        axis = self.axis()
        if axis is None or self._film is None or not self._film.count:
            return None
        return min(axis.position(point.x()), self._film.count - 1)

    def _lane_areas(self) -> list[QRectF]:
        if not self._lanes:
            return []
        top = _TOP + STRIP_HEIGHT + TICK_HEIGHT + Space.XS
        room = (self.height() - top - Space.XS) / len(self._lanes)
        height = int(max(_LOWEST_LANE, min(room - _gap(room), _HIGHEST_LANE)))
        left, right = _LABEL_COLUMN - 4, self.width() - _VALUE_COLUMN + 4
        return [
            QRectF(left, top + index * (height + _gap(height)), right - left, height)
            for index in range(len(self._lanes))
        ]

    def _strip_painter(self, film: Film, axis: Axis) -> FilmStripPainter:
        return FilmStripPainter(film, axis, _TOP, self.devicePixelRatioF())

    def _draw_still(self, film: Film, axis: Axis) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        strip = self._strip_painter(film, axis)
        strip.paint_still(painter)
        strip.paint_ticks(painter)
        if film.name:
            name = MathLine(film.name)
            name.paint(painter, Size.DOCK_PADDING, _TOP + 4 + name.ascent)
        for lane, area in zip(self._lanes, self._lane_areas(), strict=True):
            lane_painter = LanePainter(lane, axis, area)
            lane_painter.paint_still(painter)
            lane_painter.paint_name(painter, Size.DOCK_PADDING)
        painter.end()
        return pixmap

    def _paint_moving(self, painter: QPainter, film: Film, axis: Axis) -> None:
        current = self._current() if film.count else 0
        strip = self._strip_painter(film, axis)
        if not film.count:
            return
        strip.paint_current_tick(painter, current)
        tokens = theme().tokens
        self._paint_time(painter, film.times[current])
        strip.paint_current(painter, current)
        areas = self._lane_areas()
        if areas:
            x = round(axis.x(current))
            painter.setPen(QPen(tokens.color("accent"), 2))
            painter.drawLine(QLineF(x, strip.current_bottom(current), x, _TOP + STRIP_HEIGHT + 3))
            painter.drawLine(QLineF(x, _TOP + STRIP_HEIGHT + TICK_HEIGHT + 1, x, areas[-1].bottom()))
        for lane, area in zip(self._lanes, areas, strict=True):
            lane_painter = LanePainter(lane, axis, area)
            lane_painter.paint_dots(painter, current)
            left, right = self.width() - _VALUE_COLUMN + Space.M, self.width() - Space.S
            lane_painter.paint_values(painter, current, left, right)

    def _paint_time(self, painter: QPainter, time: int) -> None:
        terms = (
            Term("t", "muted", FontSize.LABEL),
            Term(f" = {time} now", "muted", FontSize.LABEL, words=True),
        )
        line = MathLine(terms)
        line.paint(painter, Size.DOCK_PADDING, _TOP + 24 + line.ascent)


def _gap(lane_height: float) -> int:
    """Between lanes: where they are low, all their room is needed for the curves."""
    return Space.XS if lane_height >= _LANE_HEIGHT - Space.S else Space.XS // 2
