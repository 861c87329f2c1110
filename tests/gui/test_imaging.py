"""Arrays to QImages, pixel for pixel."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from studio.app.imaging import (
    fitted_rect,
    fitted_size,
    paint_picture,
    picture_image,
    screen_image,
    signed_colors,
    signed_image,
    values_image,
)
from studio.app.theme import DARK, LIGHT


def pixels(image: QImage) -> np.ndarray:
    """RGBA uint8 (H, W, 4), read pixel by pixel and so independent of strides."""
    return np.array(
        [[image.pixelColor(x, y).getRgb() for x in range(image.width())] for y in range(image.height())],
        dtype=np.uint8,
    )


def random_picture(height: int, width: int, channels: int) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(7)).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (3, 5), (7, 65), (28, 28), (2, 31)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_pixel_arrives(height: int, width: int, channels: int) -> None:
    picture = random_picture(height, width, channels)
    seen = pixels(picture_image(picture))
    expected = np.repeat(picture, 3, axis=2) if channels == 1 else picture[:, :, :3]
    assert np.array_equal(seen[:, :, :3], expected)
    if channels == 4:
        assert np.array_equal(seen[:, :, 3], picture[:, :, 3])


def test_views_and_read_only_arrays_arrive_too() -> None:
    picture = random_picture(9, 13, 3)
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    for view in (planes.transpose(1, 2, 0), picture[::2, ::-1], picture[:, 1:6], picture[:, :, ::-1]):
        view.setflags(write=False)
        assert np.array_equal(pixels(picture_image(view))[:, :, :3], view)
    assert picture_image(picture[:, :, 0]).size() == QSize(13, 9)


def test_the_image_owns_its_memory() -> None:
    picture = np.full((64, 65, 3), 200, dtype=np.uint8)
    image = picture_image(picture)
    picture[:] = 0
    del picture
    gc.collect()
    assert image.pixelColor(64, 63) == QColor(200, 200, 200)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 1), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 4, 1), np.float32),
    ],
)
def test_what_is_no_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"picture|pixel"):
        picture_image(wrong)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_the_signed_map_meets_its_three_colours(tokens) -> None:
    noise = np.array([[[-3.0], [0.0], [3.0], [-9.0], [9.0], [np.nan], [np.inf]]], dtype=np.float32)
    seen = [color.name().upper() for color in (signed_image(noise, 3.0, tokens).pixelColor(x, 0) for x in range(7))]
    minus, zero, plus = tokens.noise_minus, tokens.noise_zero, tokens.noise_plus
    assert seen == [minus, zero, plus, minus, plus, zero, plus]


def test_the_signed_map_is_steady_between() -> None:
    ramp = np.linspace(-1, 1, 101, dtype=np.float32)[None, :, None]
    seen = pixels(signed_image(ramp, 1.0, DARK))[0, :, :3].astype(int)
    blue, red = seen[:, 2], seen[:, 0]
    assert (np.diff(blue[:51]) <= 0).all()
    assert (np.diff(red[50:]) >= 0).all()
    assert np.array_equal(signed_colors(3, DARK)[1], QColor(DARK.noise_zero).getRgb()[:3])


def test_colour_noise_keeps_its_channels() -> None:
    noise = np.zeros((2, 3, 3), dtype=np.float32)
    noise[0, 0] = (1.0, -1.0, 0.0)
    seen = pixels(signed_image(noise, 1.0))
    assert seen[0, 0, :3].tolist() == [254, 0, 127]
    assert seen[1, 2, :3].tolist() == [127, 127, 127]
    assert signed_image(np.zeros((2, 3, 4), np.float32), 1.0).hasAlphaChannel() is False


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        signed_image(np.zeros((2, 2, 1)), 0.0)


def test_model_values_are_rounded_as_saved_pictures_are() -> None:
    values = np.array([[-1.0, 1.0, 0.0, 4.0, -4.0, np.nan, np.inf, -np.inf]], dtype=np.float32)
    seen = pixels(values_image(values))[0, :, 0].tolist()
    assert seen == [0, 255, 128, 255, 0, 128, 255, 0]


@pytest.mark.parametrize(
    ("picture", "room", "size"),
    [((28, 28), (117, 200), (112, 112)), ((2, 1), (100, 100), (100, 50)), ((64, 64), (48, 60), (32, 32)),
     ((100, 10), (33, 33), (25, 2)), ((5, 5), (5, 5), (5, 5)), ((5, 5), (0, 0), (1, 1))],
)  # fmt: skip
def test_pictures_are_fitted_by_whole_numbers(picture, room, size) -> None:
    assert fitted_size(*picture, *room) == size


def test_a_fitted_picture_starts_on_whole_device_pixels() -> None:
    for ratio in (1.0, 1.25, 1.5, 2.0):
        area = fitted_rect(QSize(28, 28), QRectF(3, 5, 101, 77), ratio, Qt.AlignmentFlag.AlignCenter)
        assert (area.width() * ratio) % 28 == pytest.approx(0, abs=1e-6)
        assert area.left() * ratio == pytest.approx(round(area.left() * ratio), abs=1e-6)
        assert QRectF(3, 5, 101, 77).adjusted(-1, -1, 1, 1).contains(area)


def _painted(image: QImage, side: int) -> np.ndarray:
    canvas = QImage(side, side, QImage.Format.Format_RGB32)
    canvas.fill(QColor("#123456"))
    painter = QPainter(canvas)
    paint_picture(painter, QRectF(0, 0, side, side), image)
    painter.end()
    return pixels(canvas)[:, :, :3]


def test_enlarging_repeats_pixels_exactly() -> None:
    picture = random_picture(8, 8, 3)
    expected = picture.repeat(5, axis=0).repeat(5, axis=1)
    assert np.array_equal(_painted(screen_image(picture_image(picture)), 40), expected)


def test_shrinking_takes_the_mean() -> None:
    board = ((np.indices((16, 16)).sum(axis=0) % 2) * 255).astype(np.uint8)
    seen = _painted(picture_image(board), 8)
    assert np.abs(seen.astype(int) - 127).max() <= 1


def test_what_is_seen_through_lies_on_a_checkerboard() -> None:
    picture = np.zeros((4, 4, 4), dtype=np.uint8)
    picture[:2, :, 3] = 255
    seen = _painted(screen_image(picture_image(picture)), 48)
    assert (seen[:24] == 0).all()
    assert {tuple(color) for row in seen[24:] for color in row} == {(0x8C,) * 3, (0xA6,) * 3}
