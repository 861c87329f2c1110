"""Tables (CSV, TSV) that say where pictures lie and which class they have."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.data.limits import MAX_TABLE_BYTES
from studio.data.sources.account import Account
from studio.data.sources.archive import member_parts
from studio.data.sources.entry import Entry, Shelf, printable
from studio.data.sources.files import NO_LABEL, Labels
from studio.data.sources.folder import DiskShelf, FoundFile
from studio.data.sources.source import UnreadableError

_SUFFIXES = frozenset({".csv", ".tsv"})
_PATH_TITLES = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "id")
_LABEL_TITLES = ("label", "class", "category", "target", "labels", "class_name", "label_name", "breed", "species", "y")
_SAMPLE = 200
_HOME = "the folder of the table"


def is_table(name: str) -> bool:
    """Whether a file's name says that it is a table."""
    return name[-4:].lower() in _SUFFIXES


@dataclass(frozen=True)
class Table:
    """The rows of a table that name a picture.

    Attributes:
        rows: (path as written, class; "" for none) a picture.
    """

    rows: Sequence[tuple[str, str]]


def read_table(entry: Entry, is_picture_name: frozenset[str]) -> Table:
    """The column of paths and the column of classes of a table, with titles or without.

    Paths are known by their endings (`is_picture_name`: those of picture files, with the dot) or by the title of their
    column. Raises UnreadableError when no column holds paths.
    """
    if entry.byte_count() > MAX_TABLE_BYTES:
        raise UnreadableError(f"a table larger than {MAX_TABLE_BYTES // 2**20} MB")
    with entry.open() as file:
        content = file.read(MAX_TABLE_BYTES + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)) if any(row)]
    except csv.Error as error:
        raise UnreadableError(f"a table that cannot be read ({error})") from error
    paths, labels, titled = _columns(rows, is_picture_name)
    found = [
        (row[paths].strip(), row[labels].strip() if labels is not None and labels < len(row) else "")
        for row in rows[1 if titled else 0 :]
        if paths < len(row) and row[paths].strip()
    ]
    return Table(found)


def _delimiter(text: str) -> str:
    line = text[: text.find("\n")] if "\n" in text else text
    return max("\t,;", key=line[:10_000].count)


def _columns(rows: list[list[str]], endings: frozenset[str]) -> tuple[int, int | None, bool]:
    """(column of paths, column of classes or None, whether the first row holds titles)."""
    if not rows:
        raise UnreadableError("an empty table")

    def is_path(text: str) -> bool:
        return "." in text and f".{text.strip().rpartition('.')[2].lower()}" in endings

    sample = rows[1 : _SAMPLE + 1] or rows
    width = max(len(row) for row in sample)
    votes = [sum(is_path(row[column]) for row in sample if column < len(row)) for column in range(width)]
    titles = [title.strip().casefold() for title in rows[0]]
    titled = not any(is_path(title) for title in rows[0])
    paths = max(range(width), key=votes.__getitem__)
    if votes[paths] * 2 < len(sample):
        named = [titles.index(title) for title in _PATH_TITLES if title in titles] if titled else []
        if not named:
            raise UnreadableError("a table without a column of picture files")
        paths = named[0]
    named = [titles.index(title) for title in _LABEL_TITLES if title in titles] if titled else []
    others = [column for column in range(width) if column != paths]
    labels = next((column for column in named if column != paths), others[0] if len(others) == 1 else None)
    if labels is None and not titled and others:
        labels = next((column for column in others if column > paths), others[0])
    return paths, labels, titled


def rows_on_disk(
    entry: FoundFile, table: Table, shelf: DiskShelf, labels: Labels, account: Account
) -> Iterator[tuple[int, int]]:
    """Put the files of the rows of a table on `shelf`; gives (number on the shelf, number of the class) of each.

    A path counts from the table's folder and may not leave it, neither by its parts nor by a link.
    """
    base = entry.path.parent
    home = base.resolve()
    inside: dict[Path, bool] = {}
    seen: set[int] = set()
    for written, label in table.rows:
        try:
            parts = member_parts(written, _HOME)
            path = base.joinpath(*parts)
            if not path.is_file():
                raise UnreadableError("not there, though the table names it")
            if path.parent not in inside:
                inside[path.parent] = path.parent.resolve().is_relative_to(home)
            if not inside[path.parent] or (path.is_symlink() and not path.resolve().is_relative_to(home)):
                raise UnreadableError(f"its path leads out of {_HOME}")
            if hash(parts) in seen:
                raise UnreadableError("named a second time by the table")
            seen.add(hash(parts))
        except (UnreadableError, OSError, ValueError) as error:
            account.skip(printable(written[:200]), str(error) if isinstance(error, UnreadableError) else "not a path")
            continue
        shelf.add(FoundFile(path, printable("/".join(parts)), parts[:-1]))
        yield len(shelf) - 1, labels.number(printable(label)) if label else NO_LABEL


def rows_on_shelf(entry: Entry, table: Table, shelf: Shelf, positions: Sequence[int], labels: Labels) -> dict[int, int]:
    """The numbers of classes by number on the shelf, for those of `positions` that a table on the same shelf names.

    A path counts from the table's folder; a bare name, or a name without its ending, may be that of a single picture
    anywhere below it.
    """
    depth = len(entry.folders)
    whole: dict[str, int] = {}
    bare: dict[str, int] = {}
    doubtful: Counter[str] = Counter()
    for position in positions:
        folders = shelf.folders(position)
        if folders[:depth] != entry.folders:
            continue
        name = shelf.names[position]
        whole["/".join((*folders[depth:], name))] = position
        for short in {name, name.rpartition(".")[0]} - {""}:
            doubtful[short] += 1
            bare[short] = position
    found: dict[int, int] = {}
    for written, label in table.rows:
        try:
            path = "/".join(member_parts(written, _HOME))
        except UnreadableError:
            continue
        position = whole.get(path)
        if position is None and doubtful[path] == 1:
            position = bare[path]
        if position is not None and label:
            found[position] = labels.number(printable(label))
    return found
