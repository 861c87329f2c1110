"""Numbers inside of pixels: a picture of very few pixels, such as one of two, is read rather than looked at."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, qGray

from studio.app.theme import FontSize, ui_font
from studio.app.widgets.labels import format_number
from studio.app.widgets.shown_picture import ShownPicture

_MOST_PIXELS = 4
_MARGIN = 4
_SIZES = (FontSize.HEADLINE, FontSize.SECTION, FontSize.LABEL, FontSize.RANGE)
_LARGEST_PART = 0.3
"""Numbers stay this small beside their pixel, whose grey is what counts."""


def has_pixel_values(shown: ShownPicture, area: QRectF, decimals: int) -> bool:
    """Whether the numbers of a picture shown in `area` stand in its pixels."""
    return _font_size(shown, area, decimals) is not None


def paint_pixel_values(painter: QPainter, area: QRectF, shown: ShownPicture, image: QImage, decimals: int) -> None:
    """Write each pixel's number in its middle, black or white, whichever reads better; nothing where there is no room.

    `image` is the picture as it was drawn into `area`, one pixel a value.
    """
    size = _font_size(shown, area, decimals)
    if size is None:
        return
    painter.setFont(ui_font(size))
    width, height = area.width() / shown.width, area.height() / shown.height
    for y in range(shown.height):
        for x in range(shown.width):
            painter.setPen(QColor("#FFFFFF" if qGray(image.pixel(x, y)) < 128 else "#000000"))
            cell = QRectF(area.left() + x * width, area.top() + y * height, width, height)
            painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, format_number(shown.value_at(x, y)[0], decimals))


def _font_size(shown: ShownPicture, area: QRectF, decimals: int) -> int | None:
    channels = 1 if shown.array.ndim == 2 else shown.array.shape[2]
    if shown.reading == "picture" or channels != 1 or shown.width * shown.height > _MOST_PIXELS:
        return None
    width, height = area.width() / shown.width, area.height() / shown.height
    texts = [format_number(shown.value_at(x, y)[0], decimals) for y in range(shown.height) for x in range(shown.width)]
    for size in _SIZES:
        metrics = QFontMetricsF(ui_font(size))
        widest = max(metrics.horizontalAdvance(text) for text in texts)
        small = size == _SIZES[-1] or metrics.height() <= _LARGEST_PART * height
        if small and widest + _MARGIN <= width and metrics.height() <= height:
            return int(size)
    return None
