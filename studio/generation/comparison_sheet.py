"""A comparison as one picture: a table with its labels and numbers in it, readable without the program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from studio import paths

_GROUND, _CANVAS, _TEXT, _MUTED = (33, 34, 37), (19, 19, 19), (233, 234, 236), (169, 174, 182)
_REFERENCE = (76, 201, 176)
_NOISE = np.array([(92, 172, 242), (26, 26, 26), (247, 152, 66)], dtype=np.float64)
"""−, 0 and + of signed maps, as the dark theme has them."""
_TITLE, _HEAD, _NOTE = 22, 15, 12
_MARGIN, _GAP, _PICTURE_GAP = 24, 12, 2
_CELL_SIDE = 176
"""About as large a cell becomes: small pictures are enlarged by a whole multiple up to this."""
_LINE = 1.4


@dataclass(frozen=True)
class SheetWords:
    """All that is written: rows and columns at their heads, notes[row][column] under a cell, line by line; subtitle and
    footer stand under the title and at the end. reference: (row, column) of the marked cell, or None."""

    title: str
    subtitle: str
    rows: Sequence[str]
    columns: Sequence[str]
    notes: Sequence[Sequence[Sequence[str]]]
    footer: str = ""
    reference: tuple[int, int] | None = None


class Sheet:
    """The measures of a sheet: made once, drawn for each moment of a film.

    words: as they are at first; `draw` may be given others that take no more lines. picture_size: (width, height).
    pictures: how many are in each cell.
    """

    def __init__(self, words: SheetWords, picture_size: tuple[int, int], pictures: int) -> None:
        self.words = words
        width, height = picture_size
        self.across, self.down = arranged(pictures)
        whole = max(self.across * width, self.down * height)
        self.scale = max(1, _CELL_SIDE // whole)
        self.picture = width * self.scale, height * self.scale
        self.tile = (
            self.across * self.picture[0] + (self.across - 1) * _PICTURE_GAP,
            self.down * self.picture[1] + (self.down - 1) * _PICTURE_GAP,
        )
        notes = [note for row in words.notes for cell in row for note in cell]
        columns = [*words.columns, *notes]
        self._column = max(self.tile[0], *(math.ceil(_width(text, _HEAD if i < len(words.columns) else _NOTE))
                                           for i, text in enumerate(columns)))  # fmt: skip
        self._head = max((math.ceil(_width(label, _HEAD)) for label in words.rows), default=0)
        self._lines = max((len(cell) for row in words.notes for cell in row), default=0)
        self._top = _MARGIN + round(_TITLE * _LINE) + round(_HEAD * _LINE) + _GAP
        if any(words.columns):
            self._top += round(_HEAD * _LINE) + _GAP // 2
        self._row = self.tile[1] + round(self._lines * _NOTE * _LINE) + _GAP // 2
        least = max(_width(words.title, _TITLE), _width(words.subtitle, _HEAD), _width(words.footer, _NOTE))
        cells = self._head + (len(words.columns)) * (self._column + _GAP)
        bottom = round(_NOTE * _LINE) + _GAP if words.footer else 0
        # Even sides: most films are coded in squares of two pixels.
        self.size = (
            _even(2 * _MARGIN + max(math.ceil(least), cells)),
            _even(self._top + len(words.rows) * (self._row + _GAP) + bottom + _MARGIN),
        )

    def cell_place(self, row: int, column: int) -> tuple[int, int]:
        """The left and upper end of a cell's first picture."""
        left = _MARGIN + self._head + _GAP + column * (self._column + _GAP)
        return left, self._top + row * (self._row + _GAP)

    def draw(self, cells: Sequence[Sequence[np.ndarray | None]], words: SheetWords | None = None) -> Image.Image:
        """The sheet with these pictures: cells[row][column] uint8 (N, H, W, C), None for one that is not there yet."""
        words = self.words if words is None else words
        image = Image.new("RGB", self.size, _GROUND)
        draw = ImageDraw.Draw(image)
        draw.text((_MARGIN, _MARGIN), words.title, _TEXT, _font(_TITLE, True))
        under = _MARGIN + round(_TITLE * _LINE)
        draw.text((_MARGIN, under), words.subtitle, _MUTED, _font(_HEAD))
        for column, label in enumerate(words.columns):
            left, top = self.cell_place(0, column)
            draw.text((left, top - _GAP // 2 - round(_HEAD * _LINE)), label, _TEXT, _font(_HEAD, True))
        for row, label in enumerate(words.rows):
            _, top = self.cell_place(row, 0)
            middle = top + self.tile[1] // 2
            draw.text((_MARGIN, middle), label, _TEXT, _font(_HEAD, True), anchor="lm")
            for column, pictures in enumerate(cells[row]):
                self._draw_cell(image, draw, row, column, pictures, words)
        if words.footer:
            bottom = self.size[1] - _MARGIN - round(_NOTE * _LINE)
            draw.text((_MARGIN, bottom), words.footer, _MUTED, _font(_NOTE))
        return image

    def _draw_cell(
        self,
        image: Image.Image,
        draw: ImageDraw.ImageDraw,
        row: int,
        column: int,
        pictures: np.ndarray | None,
        words: SheetWords,
    ) -> None:
        left, top = self.cell_place(row, column)
        width, height = self.tile
        draw.rectangle((left, top, left + width - 1, top + height - 1), fill=_CANVAS)
        for number, picture in enumerate(() if pictures is None else pictures):
            x = left + (number % self.across) * (self.picture[0] + _PICTURE_GAP)
            y = top + (number // self.across) * (self.picture[1] + _PICTURE_GAP)
            large = np.repeat(np.repeat(picture, self.scale, axis=0), self.scale, axis=1)
            image.paste(_opaque(large), (x, y))
        if words.reference == (row, column):
            draw.rectangle((left - 3, top - 3, left + width + 2, top + height + 2), outline=_REFERENCE, width=2)
        for line, note in enumerate(words.notes[row][column]):
            y = top + height + _GAP // 2 + round(line * _NOTE * _LINE)
            draw.text((left, y), note, _MUTED, _font(_NOTE))


def arranged(pictures: int) -> tuple[int, int]:
    """Columns and rows in which the pictures of a cell stand: up to three beside each other, four in a square."""
    across = pictures if pictures <= 3 else math.ceil(math.sqrt(pictures))
    return across, -(-pictures // across)


def signed_pictures(values: np.ndarray, limit: float) -> np.ndarray:
    """Signed floats (N, H, W, C) as uint8 (N, H, W, 3): blue at −limit, dark at 0, orange at +limit; with three or more
    channels each on its own around mid-grey, as on the screen. Beyond ±limit they are clamped, NaN counts as 0.

    Raises ValueError for a limit that is not positive.
    """
    if not limit > 0:
        raise ValueError("the limit of a signed map is positive")
    position = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64) / limit), -1.0, 1.0)
    if position.shape[-1] >= 3:
        return np.round(127.0 + 127.0 * position[..., :3]).astype(np.uint8)
    channels = [np.interp(position[..., 0], (-1.0, 0.0, 1.0), _NOISE[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


def _opaque(picture: np.ndarray) -> Image.Image:
    channels = picture.shape[2]
    if channels == 1:
        return Image.fromarray(np.ascontiguousarray(picture[:, :, 0])).convert("RGB")
    image = Image.fromarray(np.ascontiguousarray(picture))
    if channels == 3:
        return image
    ground = Image.new("RGBA", image.size, (*_CANVAS, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _even(size: int) -> int:
    return size + size % 2


def _width(text: str, size: int) -> float:
    return _font(size, size != _NOTE).getlength(text)


@lru_cache(maxsize=8)
def _font(size: int, strong: bool = False) -> ImageFont.FreeTypeFont:
    name = "Inter-SemiBold.otf" if strong else "Inter-Regular.otf"
    return ImageFont.truetype(str(paths.resource("fonts", name)), size)
