"""Where everything lies on the sheet: a band for each line, words on the left, tensors in columns, numbers right."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF

from studio.app.slow_motion.slow_step import SHOWN_PICTURES

HEAD, FOOT = 26, 26
PAD = 5
EDGE = 2
CAPTION = 15
LEVEL_HEIGHT, GRADIENT_HEIGHT, WEIGHTS_HEIGHT = 34, 34, 16
_WORDS_LEAST, _WORDS_MOST = 306, 380
_FACTS_LEAST, _FACTS_MOST = 206, 290
_GAP = 16
_LEAST_SIDE, _MOST_SIDE = 28, 168
_COLUMN_GAP = 12
_LEAST_COLUMN = 62

_PICTURE_BANDS = (0, 2, 3, 4, 5)
_EXTRA = {
    0: EDGE + CAPTION,
    1: LEVEL_HEIGHT + CAPTION,
    2: EDGE,
    3: EDGE,
    4: EDGE,
    5: EDGE + CAPTION,
    6: GRADIENT_HEIGHT,
    7: WEIGHTS_HEIGHT + CAPTION,
}
"""What a band needs beside its pictures."""


@dataclass(frozen=True)
class SheetLayout:
    """bands: one for each line, over the whole width. side: the room for a picture, square. column: the distance from
    one picture to the next. words, pictures, facts: where each part begins; facts_width: how wide the last is."""

    bands: tuple[QRectF, ...]
    side: float
    column: float
    words: float
    pictures: float
    facts: float
    facts_width: float

    def cell(self, band: int, index: int) -> QRectF:
        """The room of picture `index` in a band, without the band's padding, as wide as a column's picture."""
        area = self.bands[band]
        return QRectF(self.pictures + index * self.column, area.top() + PAD, self.side, area.height() - 2 * PAD)

    def all_cells(self, band: int) -> QRectF:
        """The room of all pictures of a band together."""
        first, last = self.cell(band, 0), self.cell(band, SHOWN_PICTURES - 1)
        return QRectF(first.left(), first.top(), last.right() - first.left(), first.height())


def lay_out(width: float, height: float) -> SheetLayout:
    """The sheet in a room of this size, in logical pixels; pictures take what height and width leave them."""
    fixed = HEAD + FOOT + 8 * 2 * PAD + sum(_EXTRA.values())
    by_height = (height - fixed) / len(_PICTURE_BANDS)
    room = width - _WORDS_LEAST - _FACTS_LEAST - 2 * _GAP
    by_width = room / SHOWN_PICTURES - _COLUMN_GAP
    side = float(int(max(_LEAST_SIDE, min(by_height, by_width, _MOST_SIDE))))
    column = max(side + _COLUMN_GAP, _LEAST_COLUMN)
    # What the columns leave over goes to the words and the numbers first, then between the pictures.
    spare = width - _WORDS_LEAST - _FACTS_LEAST - 2 * _GAP - (column * SHOWN_PICTURES - _COLUMN_GAP)
    words = _WORDS_LEAST + max(0.0, min(spare * 0.35, _WORDS_MOST - _WORDS_LEAST))
    facts = _FACTS_LEAST + max(0.0, min(spare * 0.35, _FACTS_MOST - _FACTS_LEAST))
    room = width - words - facts - 2 * _GAP
    column = max(column, min((room + _COLUMN_GAP) / SHOWN_PICTURES, side + 3 * _COLUMN_GAP))
    # Too high a room is shared out between the bands.
    loose = max(0.0, (height - fixed - len(_PICTURE_BANDS) * side) / 8)
    bands, top = [], float(HEAD)
    for band in range(8):
        tall = 2 * PAD + _EXTRA[band] + (side if band in _PICTURE_BANDS else 0.0)
        bands.append(QRectF(0, round(top + loose / 2), width, round(tall)))
        top += tall + loose
    pictures = words + _GAP
    facts_left = pictures + column * SHOWN_PICTURES - (column - side) + _GAP
    return SheetLayout(
        tuple(bands), side, column, 0.0, pictures, facts_left, max(40.0, width - facts_left)
    )
