"""Numbers in pixels: only where pixels are few, of one channel, and large enough."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter

from studio.app.widgets.pixel_values import has_pixel_values, paint_pixel_values
from studio.app.widgets.shown_picture import ShownPicture
from studio.app.widgets.tile import Tile


def shown(*shape: int, value: float = 0.5) -> ShownPicture:
    return ShownPicture(np.full(shape, value, dtype=np.float32), "values")


@pytest.mark.parametrize(
    ("picture", "area", "expected"),
    [
        (shown(1, 2, 1), QRectF(0, 0, 120, 60), True),
        (shown(1, 2), QRectF(0, 0, 120, 60), True),
        (shown(1, 2, 1), QRectF(0, 0, 24, 12), False),
        (shown(8, 8, 1), QRectF(0, 0, 800, 800), False),
        (shown(1, 2, 3), QRectF(0, 0, 120, 60), False),
        (ShownPicture(np.zeros((1, 2, 1), dtype=np.uint8), "picture"), QRectF(0, 0, 120, 60), False),
    ],
)
def test_where_numbers_stand_in_pixels(qtbot, picture, area, expected):
    assert has_pixel_values(picture, area, 2) is expected


@pytest.mark.parametrize(("value", "ink"), [(-1.0, Qt.GlobalColor.white), (1.0, Qt.GlobalColor.black)])
def test_the_ink_stands_out_from_its_pixel(qtbot, value, ink):
    picture = shown(1, 2, 1, value=value)
    canvas = QImage(120, 60, QImage.Format.Format_RGB32)
    ground = picture.image().pixelColor(0, 0)
    canvas.fill(ground)
    painter = QPainter(canvas)
    paint_pixel_values(painter, QRectF(0, 0, 120, 60), picture, picture.image(), 2)
    painter.end()
    lightness = [canvas.pixelColor(x, y).lightness() for x in range(120) for y in range(60)]
    found = max(lightness) if ink is Qt.GlobalColor.white else min(lightness)
    assert abs(found - ground.lightness()) > 150


def test_a_tile_writes_its_range_below_or_its_numbers_inside(qtbot):
    tile = Tile("z_t", "in")
    qtbot.addWidget(tile)
    tile.resize(120, 160)
    tile.show_values(np.array([[[-0.25], [0.5]]], dtype=np.float32))
    image = tile.grab().toImage()
    foot = round(tile.picture_rect().bottom()) + 2
    assert len({image.pixel(x, y) for x in range(image.width()) for y in range(foot, foot + 14)}) == 1
    tile.show_values(np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4, 1))
    image = tile.grab().toImage()
    foot = round(tile.picture_rect().bottom()) + 2
    assert len({image.pixel(x, y) for x in range(image.width()) for y in range(foot, foot + 14)}) > 1
