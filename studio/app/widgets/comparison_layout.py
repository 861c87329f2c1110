"""Where the cells of a comparison lie: one whole multiple for all of them, heads at the left and above."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import QSize
from PySide6.QtGui import QFont, QFontMetricsF

from studio.app.theme import FontSize, Space, ui_font

NOTE_ROW = 20
GAP = int(Space.L)
BETWEEN = 2
"""Between the pictures of a cell."""
LEAST_TILE = 76
"""Room for two short numbers under a tile."""
LARGEST_TILE = 336
_LABEL_ROW = 26
_WIDEST_LABEL = 132
_LEAST_PICTURE = 40


@dataclass(frozen=True)
class TableShape:
    """rows, columns: their labels. picture_size: (width, height) in values. across, down: how the pictures of a cell
    stand beside each other."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    picture_size: tuple[int, int]
    across: int = 1
    down: int = 1


@dataclass(frozen=True)
class TableLayout:
    """A table at one size. scale: device pixels for each value. ratio: device pixels for each of the widget's own, in
    which all measures here are."""

    shape: TableShape
    scale: int
    ratio: float

    @property
    def picture(self) -> tuple[float, float]:
        """(width, height) of one picture."""
        width, height = self.shape.picture_size
        return width * self.scale / self.ratio, height * self.scale / self.ratio

    @cached_property
    def tile(self) -> QSize:
        """All pictures of a cell together."""
        width, height = self.picture
        across, down = self.shape.across, self.shape.down
        return QSize(
            round(across * width) + (across - 1) * BETWEEN,
            round(down * height) + (down - 1) * BETWEEN,
        )

    @cached_property
    def pitch(self) -> tuple[int, int]:
        """From one cell to the next, to the right and down."""
        return max(self.tile.width(), LEAST_TILE) + GAP, self.tile.height() + NOTE_ROW + GAP - Space.XS

    @cached_property
    def head_width(self) -> int:
        """Of the labels of the rows, with the gap after them."""
        metrics = QFontMetricsF(ui_font(FontSize.LABEL, QFont.Weight.DemiBold))
        widest = max((metrics.horizontalAdvance(label) for label in self.shape.rows), default=0.0)
        return math.ceil(min(widest, _WIDEST_LABEL)) + 1 + Space.M

    @property
    def head_height(self) -> int:
        """Of the labels of the columns, where there are any."""
        return _LABEL_ROW if any(self.shape.columns) else int(Space.XS)

    @cached_property
    def content(self) -> QSize:
        """The whole table with its heads."""
        return QSize(
            self.head_width + len(self.shape.columns) * self.pitch[0],
            self.head_height + len(self.shape.rows) * self.pitch[1],
        )

    def fits(self, room: QSize) -> bool:
        """Whether all of it is in sight in a room of this size, and no tile larger than looks well."""
        return (
            self.content.width() <= room.width()
            and self.content.height() <= room.height()
            and max(self.tile.width(), self.tile.height()) <= LARGEST_TILE
        )


def best_scale(shape: TableShape, ratio: float, room: QSize) -> int:
    """The largest scale at which the table fits; where none does, the least at which a picture can be made out."""
    scale = max(1, -(-int(_LEAST_PICTURE * ratio) // max(shape.picture_size)))
    while TableLayout(shape, scale + 1, ratio).fits(room):
        scale += 1
    return scale
