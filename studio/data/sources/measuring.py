"""Going through picture files once: how large each is, which hold several frames, which are sheets of sprites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from studio.data.limits import MAX_PICTURE_FILE_BYTES, MAX_SHEETS_LOOKED_AT
from studio.data.progress import ImportProgress
from studio.data.sources import cifar
from studio.data.sources.account import Account
from studio.data.sources.decoding import Look, look_at, read_picture
from studio.data.sources.entry import Entry, Shelf
from studio.data.sources.files import NO_LABEL, FileSource, Labels
from studio.data.sources.films import FilmSource, look_at_film
from studio.data.sources.sheets import SheetSource, detect, filled_cells, may_be_sheet
from studio.data.sources.source import FilmFound, PictureSource, ScanOptions, SheetFound, SheetGrid, UnreadableError

_PROGRESS_EVERY = 16


@dataclass
class Measured:
    """What came out: sources that hold a picture at least, and what holds several."""

    sources: list[PictureSource] = field(default_factory=list)
    sheets: list[SheetFound] = field(default_factory=list)
    films: list[FilmFound] = field(default_factory=list)


class Measuring:
    """One going through the files `positions` of a shelf.

    Args:
        shelf: the files.
        positions: which of them, in the order that they are wanted.
        options: how sheets and animations are taken.
        labels: the names of classes that a table gave, or None without a table.
        label_of: the number of a file's class, by its number on the shelf.
        account: told of what cannot be taken.
    """

    def __init__(
        self,
        shelf: Shelf,
        positions: Sequence[int],
        options: ScanOptions,
        account: Account,
        labels: Labels | None = None,
        label_of: Mapping[int, int] | None = None,
    ) -> None:
        self._shelf = shelf
        self._positions = positions
        self._options = options
        self._account = account
        self._label_of = label_of or {}
        self._given: dict[str, SheetGrid | None] = dict(options.sheets)
        self._files = FileSource(shelf, labels)
        self._films = FilmSource(shelf)
        self._sheets = SheetSource(shelf)
        self.measured = Measured()

    def run(self) -> Iterator[ImportProgress]:
        """Afterwards `measured` holds what was found."""
        for done, position in enumerate(self._positions):
            entry = self._shelf[position]
            if done % _PROGRESS_EVERY == 0:
                yield ImportProgress(done, len(self._positions), entry.shown, "Measuring pictures")
            try:
                self._measure(position, entry)
            except UnreadableError as error:
                reason = cifar.PICKLE_REASON if cifar.is_cifar_pickle(entry) else str(error)
                self._account.skip(entry.shown, reason)
        self.measured.sources = [source for source in (self._files, self._films, self._sheets) if source.count]

    def _measure(self, position: int, entry: Entry) -> None:
        look = _look(entry)
        if look.several:
            film = look_at_film(entry)
            if film.frames > 1:
                self.measured.films.append(FilmFound(entry.shown, film.frames))
                if self._options.film_frames:
                    self._films.add(position, film)
                    if len(film.sizes) < film.frames:
                        self._account.note(
                            f"Only the first {len(film.sizes):,} of {film.frames:,} frames of {entry.shown} were taken."
                        )
                    return
        elif self._is_sheet(position, entry, look):
            return
        self._files.add(position, look.size, self._label_of.get(position, NO_LABEL))

    def _is_sheet(self, position: int, entry: Entry, look: Look) -> bool:
        """Whether the picture was taken as a sheet."""
        if entry.shown in self._given:
            grid = self._given[entry.shown]
            if grid is None:
                return False
            certain = True
        else:
            # Among many pictures each is one; to decode them all would take as long as the import.
            if len(self._positions) > MAX_SHEETS_LOOKED_AT or not may_be_sheet(look.size):
                return False
            grid, certain = None, False
        with entry.open() as file:
            pixels = read_picture(file, entry.name).pixels
        if grid is None:
            detected = detect(pixels)
            if detected is None:
                return False
            grid, certain = detected.grid, detected.certain
        self.measured.sheets.append(SheetFound(entry.shown, look.size, grid, certain))
        cells = filled_cells(pixels, grid) if certain else []
        if not cells:
            if certain:
                self._account.note(
                    f"The grid of {entry.shown} holds no cell with a drawing; it was taken as one picture."
                )
            return False
        self._sheets.add(position, grid, cells)
        return True


def _look(entry: Entry) -> Look:
    # An archive would unpack it first.
    if entry.byte_count() > MAX_PICTURE_FILE_BYTES:
        raise UnreadableError(f"larger than {MAX_PICTURE_FILE_BYTES // 2**20} MB")
    with entry.open() as file:
        return look_at(file, entry.name)
