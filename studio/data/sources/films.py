"""Animations and files of many pages, each frame a picture: GIF, APNG, WebP, TIFF and whatever else Pillow turns."""

from __future__ import annotations

import bisect
import io
from array import array
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from studio.data.fitting import minimal_channels
from studio.data.limits import MAX_FILM_FRAMES, MAX_FILM_PIXELS
from studio.data.sources.decoding import guarded, open_image, opened, pixels_of
from studio.data.sources.entry import Entry, Shelf, hash_of
from studio.data.sources.source import Decoded, UnreadableError


@dataclass(frozen=True)
class Film:
    """What the headers of an animation say.

    Attributes:
        sizes: (width, height) of each frame that can be taken.
        frames: how many there are, which may be more.
    """

    sizes: tuple[tuple[int, int], ...]
    frames: int


def look_at_film(entry: Entry) -> Film:
    """The frames of an animation. Raises UnreadableError."""
    with entry.open() as file, opened(file, entry.name) as (image, _):
        if image.format == "TIFF":
            sizes = _page_sizes(image)
            return Film(sizes, len(sizes))
        frames = _gif_frames(file) if image.format == "GIF" else int(image.n_frames)
        most = max(1, min(MAX_FILM_FRAMES, MAX_FILM_PIXELS // (image.width * image.height)))
        return Film((image.size,) * min(frames, most), frames)


def _page_sizes(image: Image.Image) -> tuple[tuple[int, int], ...]:
    sizes = []
    pixels = 0
    with suppress(EOFError):
        while len(sizes) < MAX_FILM_FRAMES and pixels < MAX_FILM_PIXELS:
            image.seek(len(sizes))
            sizes.append(image.size)
            pixels += image.width * image.height
    return tuple(sizes)


def _gif_frames(file: BinaryIO) -> int:
    """How many frames a GIF holds, block by block (GIF89a, section 12); Pillow would build each of them to count."""
    file.seek(0)
    content = file.read()
    position = 13 + _table_bytes(content[10])
    frames = 0
    with suppress(IndexError):
        while frames < MAX_FILM_FRAMES and content[position] in (0x21, 0x2C):
            if content[position] == 0x2C:
                frames += 1
                position += 11 + _table_bytes(content[position + 9])
            else:
                position += 2
            while content[position]:
                position += 1 + content[position]
            position += 1
    return max(1, frames)


def _table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


class FilmSource:
    """The frames of some animations of a shelf, one after the other. One animation is open at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._positions = array("I")
        self._ends: list[int] = []
        self._widths = array("I")
        self._heights = array("I")
        self._film = -1
        self._file: BinaryIO | None = None
        self._image: Image.Image | None = None

    def add(self, position: int, film: Film) -> None:
        """One more animation: its number on the shelf, and its frames."""
        self._positions.append(position)
        for width, height in film.sizes:
            self._widths.append(width)
            self._heights.append(height)
        self._ends.append(len(self._widths))

    def _place(self, index: int) -> tuple[int, int]:
        """(number of the animation, frame)."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        film = bisect.bisect_right(self._ends, index)
        return film, index - (self._ends[film - 1] if film else 0)

    @property
    def count(self) -> int:
        return len(self._widths)

    def name(self, index: int) -> str:
        film, frame = self._place(index)
        return f"{self._shelf.shown(self._positions[film])}#{frame}"

    def folders(self, index: int) -> tuple[str, ...]:
        return self._shelf.folders(self._positions[self._place(index)[0]])

    def label(self, index: int) -> str | None:
        return None

    def size(self, index: int) -> tuple[int, int]:
        return self._widths[index], self._heights[index]

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        film, frame = self._place(index)
        entry = self._shelf[self._positions[film]]
        try:
            with guarded(entry.name) as complaints:
                # Frames build upon each other, so going on is cheap and going back starts anew.
                if film != self._film or self._image is None or self._image.tell() > frame:
                    self._open(film, entry)
                assert self._image is not None
                if self._image.tell() != frame:
                    self._image.seek(frame)
                if self._image.size != self.size(index):
                    raise UnreadableError("damaged: a frame has another size than it says")
                self._image.load()
                pixels, remark = pixels_of(self._image)
        except UnreadableError:
            self._let_go()
            raise
        remarks = [remark] if remark else []
        remarks += [f"taken with a doubt: {str(complaint.message).strip()}" for complaint in complaints]
        return Decoded(minimal_channels(pixels), self.size(index), tuple(remarks))

    def _open(self, film: int, entry: Entry) -> None:
        self._let_go()
        with entry.open() as file:
            self._file = io.BytesIO(file.read())
        self._image = open_image(self._file, entry.name)
        self._film = film

    def _let_go(self) -> None:
        if self._image is not None:
            self._image.close()
        if self._file is not None:
            self._file.close()
        self._film, self._image, self._file = -1, None, None

    def stamp(self) -> str:
        """What changes when one of the files changes, or which of them are taken."""
        return f"{self._shelf.stamp(self._positions)} {hash_of(self._positions)} {self._ends}"

    def close(self) -> None:
        self._let_go()
        self._shelf.close()
