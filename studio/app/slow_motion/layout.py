"""Where everything lies on the sheet: a band for each line, words on the left, tensors in columns, numbers right."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF

from studio.app.imaging import fitted_size
from studio.app.slow_motion.algorithm import Row
from studio.app.slow_motion.slow_step import SHOWN_PICTURES

HEAD, FOOT = 24, 22
PAD = 4
EDGE = 2
CAPTION = 17
LEVEL_HEIGHT, GRADIENT_HEIGHT, WEIGHTS_HEIGHT = 32, 36, 27
_WORDS_LEAST, _WORDS_MOST = 306, 380
_FACTS_LEAST, _FACTS_MOST = 206, 290
_GAP = 16
_LEAST_SIDE, _MOST_SIDE = 28, 168
_COLUMN_GAP = 12
_LEAST_COLUMN = 62

_PICTURE_BANDS = (Row.PICTURES, Row.NOISE, Row.NOISY, Row.PREDICTION, Row.LOSS)
_EXTRA = {
    Row.PICTURES: EDGE + CAPTION,
    Row.LEVELS: LEVEL_HEIGHT + CAPTION,
    Row.NOISE: EDGE,
    Row.NOISY: EDGE,
    Row.PREDICTION: EDGE,
    Row.LOSS: EDGE + CAPTION,
    Row.GRADIENT: GRADIENT_HEIGHT,
    Row.WEIGHTS: WEIGHTS_HEIGHT + CAPTION,
}
"""What a band needs beside its pictures."""


@dataclass(frozen=True)
class SheetLayout:
    """bands: one for each line, over the whole width, below each other without a gap. across, down: the size of a
    picture. column: the distance from one to the next. pictures, facts: where these parts begin; facts_width: how wide
    the latter is."""

    bands: tuple[QRectF, ...]
    across: float
    down: float
    column: float
    pictures: float
    facts: float
    facts_width: float

    def cell(self, band: int, index: int) -> QRectF:
        """What column `index` needs of a band, as wide as a picture and in the middle of the band's height."""
        area = self.bands[band]
        height = _EXTRA[band] + (self.down if band in _PICTURE_BANDS else 0.0)
        top = round(area.center().y() - height / 2)
        return QRectF(self.pictures + index * self.column, top, self.across, height)

    def picture(self, band: int, index: int) -> QRectF:
        """Where a picture lies in its cell, below its coloured edge."""
        cell = self.cell(band, index)
        return QRectF(cell.left(), cell.top() + EDGE, self.across, self.down)

    def all_cells(self, band: int) -> QRectF:
        """The room of all pictures of a band together."""
        first, last = self.cell(band, 0), self.cell(band, SHOWN_PICTURES - 1)
        return QRectF(first.left(), first.top(), last.right() - first.left(), first.height())


def lay_out(width: float, height: float, picture: tuple[int, int] = (1, 1), pixel_ratio: float = 1.0) -> SheetLayout:
    """The sheet in a room of this size, in logical pixels; pictures take what height and width leave them.

    picture: width and height of one, in its own pixels. pixel_ratio: device pixels a logical one.
    """
    fixed = HEAD + FOOT + len(Row) * 2 * PAD + sum(_EXTRA.values())
    by_height = (height - fixed) / len(_PICTURE_BANDS)
    room = width - _WORDS_LEAST - _FACTS_LEAST - 2 * _GAP
    by_width = room / SHOWN_PICTURES - _COLUMN_GAP
    largest = max(_LEAST_SIDE, min(by_height, by_width, _MOST_SIDE))
    # The room for a picture is as large as the picture will be: a whole multiple of its pixels.
    fitted = fitted_size(*picture, largest * pixel_ratio, largest * pixel_ratio)
    across, down = (side / pixel_ratio for side in fitted)
    column = max(across + _COLUMN_GAP, _LEAST_COLUMN)
    # What the columns leave over goes to the words and the numbers first, then between the pictures.
    spare = width - _WORDS_LEAST - _FACTS_LEAST - 2 * _GAP - (column * SHOWN_PICTURES - _COLUMN_GAP)
    words = _WORDS_LEAST + max(0.0, min(spare * 0.35, _WORDS_MOST - _WORDS_LEAST))
    facts = _FACTS_LEAST + max(0.0, min(spare * 0.35, _FACTS_MOST - _FACTS_LEAST))
    room = width - words - facts - 2 * _GAP
    column = float(int(max(column, min((room + _COLUMN_GAP) / SHOWN_PICTURES, across + 3 * _COLUMN_GAP))))
    # Too high a room is shared out between the bands.
    loose = max(0.0, (height - fixed - len(_PICTURE_BANDS) * down) / len(Row))
    bands, top = [], float(HEAD)
    for band in Row:
        tall = 2 * PAD + _EXTRA[band] + (down if band in _PICTURE_BANDS else 0.0)
        bottom = round(top + tall + loose)
        bands.append(QRectF(0, round(top), width, bottom - round(top)))
        top += tall + loose
    pictures = float(int(words + _GAP))
    facts_left = pictures + column * (SHOWN_PICTURES - 1) + across + _GAP
    return SheetLayout(tuple(bands), across, down, column, pictures, facts_left, max(40.0, width - facts_left))
