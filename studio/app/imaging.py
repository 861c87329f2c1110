"""The only place where arrays become QImages, and QImages arrays.

Pictures are uint8; signed maps (noise, differences) are float and drawn with the theme's noise colours. Every image
returned owns its memory: the array may be changed or freed afterwards. All functions may be called in any thread.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter

from studio.app.theme import Tokens, theme

_FORMATS = {1: QImage.Format.Format_Grayscale8, 3: QImage.Format.Format_RGB888, 4: QImage.Format.Format_RGBA8888}
# An odd number of levels, so that zero has one of its own: 0 … 254, zero at 127.
_TOP_LEVEL = 254


def _as_height_width_channels(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in _FORMATS:
        raise ValueError(f"a picture is (height, width, 1 | 3 | 4), not {array.shape}")
    if array.shape[0] == 0 or array.shape[1] == 0:
        raise ValueError("a picture needs at least one pixel")
    return array


def _wrap(array: np.ndarray) -> QImage:
    array = np.ascontiguousarray(array)
    height, width, channels = array.shape
    # Without bytes per line Qt assumes rows padded to four bytes and shears odd widths; copy() ends the borrowing.
    return QImage(array.data, width, height, width * channels, _FORMATS[channels]).copy()


def picture_image(array: np.ndarray) -> QImage:
    """A uint8 array (H, W) or (H, W, C), C grey, RGB or RGBA (straight alpha), as a QImage of the same size.

    Non-contiguous arrays and odd widths are fine. Alpha is kept: views paint a checkerboard below. Raises ValueError
    for another shape or type.
    """
    array = _as_height_width_channels(array)
    if array.dtype != np.uint8:
        raise ValueError(f"pictures are uint8, not {array.dtype}")
    return _wrap(array)


def values_image(array: np.ndarray) -> QImage:
    """A float array (H, W) or (H, W, C) in the model's range as a QImage: −1 black, +1 white, beyond that clamped.

    For z, the mean and x̂₀, which have no exact picture of their own. NaN is drawn as mid-grey. Raises ValueError for
    another shape.
    """
    array = _as_height_width_channels(array)
    scaled = np.nan_to_num(np.asarray(array, dtype=np.float32), posinf=1.0, neginf=-1.0) * 127.5 + 128.0
    return _wrap(np.clip(scaled, 0, 255).astype(np.uint8))


def signed_image(array: np.ndarray, limit: float, tokens: Tokens | None = None) -> QImage:
    """A float array (H, W) or (H, W, C) of signed values as a QImage of the same size, 0 in the middle.

    One channel: the theme's noise colours, −limit `noise_minus`, 0 `noise_zero`, +limit `noise_plus`, linear between.
    Three or four channels: each channel on its own, −limit to 0, 0 to mid-grey 127, +limit to 254, so that no noise is
    flat grey; averaging the channels first would hide noise whose channels cancel. A fourth channel (the noise of
    alpha) is not drawn, since a transparent noise map could not be read. Values beyond ±limit are clamped, NaN counts
    as 0. Raises ValueError for another shape or a limit that is not positive.
    """
    array = _as_height_width_channels(array)
    if not limit > 0:
        raise ValueError("the limit of a signed map is positive")
    scaled = np.nan_to_num(np.asarray(array, dtype=np.float32) * (_TOP_LEVEL / (2 * limit)), posinf=1e9, neginf=-1e9)
    level = np.clip(scaled + (_TOP_LEVEL / 2 + 0.5), 0, _TOP_LEVEL).astype(np.uint8)
    if array.shape[2] == 1:
        tokens = tokens or theme().tokens
        return _wrap(_signed_table(tokens.noise_minus, tokens.noise_zero, tokens.noise_plus)[level[:, :, 0]])
    return _wrap(level[:, :, :3])


def signed_colors(count: int, tokens: Tokens | None = None) -> np.ndarray:
    """The noise colour map as uint8 (count, 3) from −limit to +limit, for legends."""
    tokens = tokens or theme().tokens
    table = _signed_table(tokens.noise_minus, tokens.noise_zero, tokens.noise_plus)
    return table[np.linspace(0, _TOP_LEVEL, count).round().astype(int)]


@lru_cache(maxsize=8)
def _signed_table(minus: str, zero: str, plus: str) -> np.ndarray:
    anchors = np.array([QColor(name).getRgb()[:3] for name in (minus, zero, plus)], dtype=np.float64)
    position = np.linspace(-1, 1, _TOP_LEVEL + 1)
    table = np.stack([np.interp(position, (-1, 0, 1), anchors[:, channel]) for channel in range(3)], axis=1)
    table = np.ascontiguousarray(table.round().astype(np.uint8))
    table.setflags(write=False)
    return table


def image_array(image: QImage, *, alpha: bool = False) -> np.ndarray:
    """A QImage as an array of its own, uint8 (H, W, 3), or (H, W, 4) with straight alpha."""
    channels = 4 if alpha else 3
    image = image.convertToFormat(_FORMATS[channels])
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : channels * image.width()].reshape(image.height(), image.width(), channels).copy()


def fitted_size(width: int, height: int, available_width: float, available_height: float) -> tuple[int, int]:
    """The size at which a picture of width × height is drawn in a space, all in device pixels.

    The largest whole multiple that fits; where not even the picture itself fits, the largest whole fraction (one
    half, one third, …), never less than a pixel.
    """
    multiple = int(min(available_width // width, available_height // height))
    if multiple >= 1:
        return width * multiple, height * multiple
    fraction = max(
        -(-width // max(1, int(available_width))),
        -(-height // max(1, int(available_height))),
    )
    return max(1, width // fraction), max(1, height // fraction)


def fitted_rect(image_size: QSize, space: QRectF, device_pixel_ratio: float, alignment: Qt.AlignmentFlag) -> QRectF:
    """Where a picture goes in `space` (device-independent pixels): fitted, aligned, on whole device pixels."""
    width, height = fitted_size(
        image_size.width(),
        image_size.height(),
        space.width() * device_pixel_ratio,
        space.height() * device_pixel_ratio,
    )
    room_x = space.width() * device_pixel_ratio - width
    room_y = space.height() * device_pixel_ratio - height
    share_x = 0.0 if alignment & Qt.AlignmentFlag.AlignLeft else 1.0 if alignment & Qt.AlignmentFlag.AlignRight else 0.5
    share_y = 0.0 if alignment & Qt.AlignmentFlag.AlignTop else 1.0 if alignment & Qt.AlignmentFlag.AlignBottom else 0.5
    left = round(space.left() * device_pixel_ratio) + int(room_x * share_x)
    top = round(space.top() * device_pixel_ratio) + int(room_y * share_y)
    ratio = device_pixel_ratio
    return QRectF(left / ratio, top / ratio, width / ratio, height / ratio)


def screen_image(image: QImage) -> QImage:
    """The image in the format the screen paints fastest; worth it for images that are painted more than once."""
    if image.hasAlphaChannel():
        return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    return image.convertToFormat(QImage.Format.Format_RGB32)


def screen_images(pictures: np.ndarray) -> list[QImage]:
    """Each of many uint8 pictures (N, H, W, C) as `screen_image(picture_image(picture))`, in one conversion where there
    is no alpha, which is several times faster. Raises ValueError for another shape or type."""
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3) or pictures.dtype != np.uint8 or 0 in pictures.shape:
        return [screen_image(picture_image(picture)) for picture in pictures]
    count, height, width, _ = pictures.shape
    # Format_RGB32 is 0xffRRGGBB in the machine's order of bytes.
    words = np.full((count, height, width), 0xFF000000, dtype=np.uint32)
    levels = pictures.astype(np.uint32)
    for channel, shift in zip((0, pictures.shape[3] // 2, -1), (16, 8, 0), strict=True):
        words |= levels[..., channel] << np.uint32(shift)
    return [QImage(each.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy() for each in words]


def paint_picture(painter: QPainter, target: QRectF, image: QImage) -> None:
    """Draws an image into `target`: enlarged without smoothing, shrunk by averaging; alpha over a checkerboard."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    if image.hasAlphaChannel():
        paint_checkerboard(painter, target)
    ratio = painter.device().devicePixelRatioF()
    shown = QSize(round(target.width() * ratio), round(target.height() * ratio))
    if shown.width() < image.width() or shown.height() < image.height():
        # Leaving out pixels would invent patterns in noise; the mean keeps its grey.
        image = image.scaled(shown, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    painter.drawImage(target, image)
    painter.restore()


def paint_checkerboard(painter: QPainter, target: QRectF, square: int = 6) -> None:
    """The ground of transparent pictures: neutral squares, the same in both themes as pictures are too."""
    painter.save()
    painter.setClipRect(target)
    painter.translate(target.topLeft())
    board = QImage(2, 2, QImage.Format.Format_RGB32)
    board.fill(QColor("#8C8C8C"))
    board.setPixelColor(0, 0, QColor("#A6A6A6"))
    board.setPixelColor(1, 1, QColor("#A6A6A6"))
    tile = board.scaled(2 * square, 2 * square, Qt.AspectRatioMode.IgnoreAspectRatio)
    painter.fillRect(QRectF(0, 0, target.width(), target.height()), QBrush(tile))
    painter.restore()
