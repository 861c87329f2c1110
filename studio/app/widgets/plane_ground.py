"""Painting what lies on the plane: clouds, axes, points, arrows and the ways from noise to pictures."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPaintEngine, QPainter, QPainterPath, QPen, QPolygonF

from studio.app.imaging import fitted_size, paint_picture, picture_image, values_image
from studio.app.theme import FontSize, theme, ui_font
from studio.app.widgets.labels import format_number
from studio.app.widgets.plane_drawing import Arrows, Cloud, Paths, PlaneDrawing, Thumbnail
from studio.app.widgets.plane_view import PlaneView, lines

EDGE_ROOM = 6
_CLOUD_STRENGTH = {"dark": 0.44, "light": 0.34}
_CLOUD_GAMMA = 0.6
_HEAD_ANGLE = math.radians(27)
_LONGEST_HEAD, _SHORTEST_ARROW = 5.0, 1.5
_SIZE_GROUPS = 5
_THUMBNAIL_SIDE = 14
_PICTURE_SIDE = 42


def paint_ground(painter: QPainter, view: PlaneView, drawing: PlaneDrawing) -> None:
    """All that stands still while the probe moves."""
    area = QRectF(0, 0, view.width, view.height)
    painter.fillRect(area, theme().color("canvas"))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if drawing.cloud is not None:
        _paint_cloud(painter, view, drawing.cloud)
    _paint_grid(painter, view, drawing)
    _paint_dots(painter, view.screen(drawing.points), theme().color("d3"), 1.7)
    if drawing.arrows is not None:
        _paint_arrows(painter, view, drawing.arrows)
    _paint_dots(painter, view.screen(drawing.samples), theme().color("text"), 1.3)
    for paths in drawing.paths:
        _paint_paths(painter, view, paths)
    for thumbnail in drawing.thumbnails:
        _paint_thumbnail(painter, view, thumbnail)
    _paint_axes(painter, view, drawing)


def cloud_image(values: NDArray[np.floating]) -> QImage:
    """A density (rows, columns) in 0..1 in greys from the canvas's own upwards, or downwards on a light one.

    What is thin is lifted, since densities range over many powers.
    """
    ground = theme().color("canvas").red()
    most = 255 if theme().scheme == "dark" else 0
    grey = ground + (most - ground) * _CLOUD_STRENGTH[theme().scheme] * values**_CLOUD_GAMMA
    return picture_image(np.ascontiguousarray(np.rint(grey).astype(np.uint8)))


def _paint_cloud(painter: QPainter, view: PlaneView, cloud: Cloud) -> None:
    painter.save()
    # A density is smooth; only pictures must never be.
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(view.rect(cloud.extent), cloud_image(cloud.values))
    painter.restore()


def _paint_grid(painter: QPainter, view: PlaneView, drawing: PlaneDrawing) -> None:
    faint = theme().color("border_strong")
    faint.setAlphaF(0.35)
    painter.setPen(QPen(faint, 1))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for mark in drawing.marks:
        place = view.place((mark, mark))
        if 0 <= place.x() <= view.width:
            painter.drawLine(QLineF(round(place.x()), 0, round(place.x()), view.height))
        if 0 <= place.y() <= view.height:
            painter.drawLine(QLineF(0, round(place.y()), view.width, round(place.y())))
    if drawing.square:
        pen = QPen(theme().color("border_strong"), 1)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(view.rect((-1.0, 1.0, -1.0, 1.0)))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def _paint_dots(painter: QPainter, places: NDArray[np.float64], color: QColor, radius: float) -> None:
    if not len(places):
        return
    if painter.paintEngine().type() == QPaintEngine.Type.Raster:
        # A thousand outlines of round dots are drawn five times as slowly as a thousand stamps.
        stamp = _dot_stamp(color.rgba(), radius, painter.device().devicePixelRatioF())
        half = stamp.deviceIndependentSize().width() / 2
        for x, y in (places - half).tolist():
            painter.drawImage(QPointF(x, y), stamp)
        return
    pen = QPen(color, 2 * radius)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawPoints(_polygon(places))


@lru_cache(maxsize=16)
def _dot_stamp(color: int, radius: float, ratio: float) -> QImage:
    side = 2 * math.ceil(radius + 1)
    stamp = QImage(round(side * ratio), round(side * ratio), QImage.Format.Format_ARGB32_Premultiplied)
    stamp.setDevicePixelRatio(ratio)
    stamp.fill(Qt.GlobalColor.transparent)
    painter = QPainter(stamp)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor.fromRgba(color))
    painter.drawEllipse(QPointF(side / 2, side / 2), radius, radius)
    painter.end()
    return stamp


def _paint_arrows(painter: QPainter, view: PlaneView, arrows: Arrows) -> None:
    starts = view.screen(arrows.points)
    ways = arrows.vectors * (view.scale, -view.scale)
    if not arrows.by_size:
        painter.setPen(QPen(theme().color("muted"), 1.1))
        painter.drawLines(_arrow_lines(starts, ways))
        return
    sizes = np.hypot(*arrows.vectors.T) / max(arrows.longest, 1e-300)
    groups = np.clip((sizes * _SIZE_GROUPS).astype(int), 0, _SIZE_GROUPS - 1)
    for group in range(_SIZE_GROUPS):
        chosen = groups == group
        if chosen.any():
            painter.setPen(QPen(size_color(group / (_SIZE_GROUPS - 1)), 1.1 + 0.2 * group))
            painter.drawLines(_arrow_lines(starts[chosen], ways[chosen]))


def size_color(share: float) -> QColor:
    """The colour of a difference: quiet when it is small, red when it is large; 0..1."""
    small, large = theme().color("muted").getRgbF(), theme().color("d6").getRgbF()
    return QColor.fromRgbF(*((1 - share) * a + share * b for a, b in zip(small[:3], large[:3], strict=True)))


def _arrow_lines(starts: NDArray[np.float64], ways: NDArray[np.float64]) -> list[QLineF]:
    lengths = np.hypot(*ways.T)
    seen = lengths >= _SHORTEST_ARROW
    starts, ways, lengths = starts[seen], ways[seen], lengths[seen]
    ends = starts + ways
    heads = np.minimum(0.4 * lengths, _LONGEST_HEAD)[:, np.newaxis] * ways / lengths[:, np.newaxis]
    cosine, sine = math.cos(_HEAD_ANGLE), math.sin(_HEAD_ANGLE)
    left = heads @ np.array(((cosine, sine), (-sine, cosine)))
    right = heads @ np.array(((cosine, -sine), (sine, cosine)))
    return lines(np.concatenate((starts, ends, ends)), np.concatenate((ends, ends - left, ends - right)))


def _paint_paths(painter: QPainter, view: PlaneView, paths: Paths) -> None:
    if not paths.points.size:
        return
    walked, here, to_come = (view.screen(part) for part in paths.split())
    color = theme().color(paths.role)
    rest = QPen(color, 1.2)
    # Round caps would make thousands of outlines of the dots: four times as slow, and they cannot be told apart.
    rest.setDashPattern([1.2, 2.6])
    rest.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.strokePath(_path(to_come), rest)
    done = QPen(color, 1.7)
    done.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.strokePath(_path(walked), done)
    ground = theme().color("canvas")
    painter.setPen(QPen(color, 1.3))
    painter.setBrush(ground)
    for x, y in walked[0].tolist():
        painter.drawEllipse(QPointF(x, y), 2.8, 2.8)
    painter.setPen(QPen(ground, 1.2))
    painter.setBrush(color)
    for x, y in here.tolist():
        painter.drawEllipse(QPointF(x, y), 4.4, 4.4)


def _path(steps: NDArray[np.float64]) -> QPainterPath:
    path = QPainterPath()
    for number in range(steps.shape[1]):
        path.addPolygon(_polygon(steps[:, number]))
    return path


def _polygon(places: NDArray[np.float64]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in places.tolist()])


def _paint_thumbnail(painter: QPainter, view: PlaneView, thumbnail: Thumbnail) -> None:
    height, width = thumbnail.values.shape[:2]
    side = _PICTURE_SIDE if height > 1 else _THUMBNAIL_SIDE * width
    place = view.place(thumbnail.point)
    target = QRectF(0, 0, *fitted_size(width, height, side, side))
    target.moveCenter(QPointF(round(place.x()), round(place.y())))
    paint_framed(painter, target, thumbnail.values)


def paint_framed(painter: QPainter, target: QRectF, values: NDArray[np.floating]) -> None:
    """A picture of floats (H, W, C) with a thin line around it, so that white ends on white ground."""
    paint_picture(painter, target, values_image(values))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(theme().color("border_strong"), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(target.adjusted(-1, -1, 0, 0))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)


def _paint_axes(painter: QPainter, view: PlaneView, drawing: PlaneDrawing) -> None:
    painter.setFont(ui_font(FontSize.RANGE))
    metrics = painter.fontMetrics()
    words = {-1.0: " black", 1.0: " white"} if drawing.square else {}
    right, up = f"{drawing.axis_names[0]} →", f"↑ {drawing.axis_names[1]}"
    base = view.height - EDGE_ROOM
    painter.setFont(ui_font(FontSize.RANGE, 600))
    bold = painter.fontMetrics()
    right_left = view.width - EDGE_ROOM - bold.horizontalAdvance(right)
    up_bottom = EDGE_ROOM + bold.ascent()
    painter.setPen(theme().color("text"))
    _words(painter, QPointF(right_left, base), right)
    _words(painter, QPointF(EDGE_ROOM, up_bottom), up)
    painter.setFont(ui_font(FontSize.RANGE))
    painter.setPen(theme().color("muted"))
    for mark in drawing.marks:
        place = view.place((mark, mark))
        number = format_number(mark, 0 if float(mark).is_integer() else 2)
        text = number + words.get(mark, "")
        end = place.x() + 4 + metrics.horizontalAdvance(text)
        if place.x() >= 0 and end < right_left - 8:
            _words(painter, QPointF(round(place.x()) + 4, base), text)
        if up_bottom + 8 + metrics.ascent() < place.y() < base - metrics.height() - 8:
            _words(painter, QPointF(EDGE_ROOM, round(place.y()) - 5), number)


def _words(painter: QPainter, baseline: QPointF, words: str) -> None:
    """Words that arrows do not strike through."""
    metrics = painter.fontMetrics()
    ground = theme().color("canvas")
    ground.setAlphaF(0.78)
    box = QRectF(baseline.x() - 2, baseline.y() - metrics.ascent(), 0, metrics.ascent() + 3)
    box.setWidth(metrics.horizontalAdvance(words) + 4)
    painter.fillRect(box, ground)
    painter.drawText(baseline, words)
