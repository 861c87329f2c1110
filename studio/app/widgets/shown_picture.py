"""What a picture widget shows: the numbers, how they become an image, and their true range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PySide6.QtCore import QPointF, QRectF, SignalInstance
from PySide6.QtGui import QImage

from studio.app.imaging import picture_image, screen_image, signed_image, values_image

Reading = Literal["picture", "values", "signed"]


@dataclass(frozen=True, eq=False)
class ShownPicture:
    """An array (H, W) or (H, W, C) and how to read it.

    "picture": uint8 as it is. "values": floats of the model's range, −1 black to +1 white. "signed": floats around 0 in
    the noise colours, ±`limit` the ends. Keeping the numbers lets an image be drawn anew when the theme changes, and
    lets the true minimum and maximum stand under it.
    """

    array: np.ndarray
    reading: Reading
    limit: float = 1.0

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.array.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.array.shape[0])

    def image(self) -> QImage:
        """The QImage in the colours of the theme that is on, in the format the screen paints fastest."""
        if self.reading == "picture":
            return screen_image(picture_image(self.array))
        if self.reading == "values":
            return screen_image(values_image(self.array))
        return screen_image(signed_image(self.array, self.limit))

    def range(self) -> tuple[float, float]:
        """The true minimum and maximum; not-a-numbers are left out, (nan, nan) when nothing else is there."""
        finite = self.array[np.isfinite(self.array)] if self.array.dtype.kind == "f" else self.array
        if finite.size == 0:
            return float("nan"), float("nan")
        return float(finite.min()), float(finite.max())

    def value_at(self, x: int, y: int) -> tuple[float, ...]:
        """The numbers of one pixel, one a channel."""
        return tuple(float(value) for value in np.atleast_1d(self.array[y, x]))


class ShowsPicture:
    """What all widgets that show one picture have in common: what they can be told to show, and pointing at a pixel.

    The widget takes the ShownPicture in `_show`, says where it lies in `picture_rect`, and has the two signals.
    """

    pixel_hovered: SignalInstance
    left: SignalInstance
    picture_rect: Callable[[], QRectF]
    _show: Callable[[ShownPicture], None]
    _shown: ShownPicture | None
    _hovered: tuple[int, int] | None

    def show_picture(self, array: np.ndarray) -> None:
        """Shows a uint8 picture (H, W, C)."""
        self._show(ShownPicture(array, "picture"))

    def show_values(self, array: np.ndarray) -> None:
        """Shows floats (H, W, C) of the model's range, −1 black to +1 white."""
        self._show(ShownPicture(array, "values"))

    def show_signed(self, array: np.ndarray, limit: float) -> None:
        """Shows floats (H, W, C) around 0 in the noise colours, ±limit the ends."""
        self._show(ShownPicture(array, "signed", limit))

    @property
    def shown(self) -> ShownPicture | None:
        """What is shown now."""
        return self._shown

    def pixel_at(self, position: QPointF) -> tuple[int, int] | None:
        """The picture's pixel under a position of the widget, None beside the picture."""
        area = self.picture_rect()
        if self._shown is None or not area.contains(position):
            return None
        x = int((position.x() - area.left()) / area.width() * self._shown.width)
        y = int((position.y() - area.top()) / area.height() * self._shown.height)
        return min(x, self._shown.width - 1), min(y, self._shown.height - 1)

    def _hover(self, pixel: tuple[int, int] | None) -> None:
        if pixel == self._hovered:
            return
        self._hovered = pixel
        if pixel is None:
            self.left.emit()
        else:
            self.pixel_hovered.emit(*pixel)
