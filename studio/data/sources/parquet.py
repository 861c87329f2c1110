"""Parquet tables with a column of encoded pictures, as Hugging Face's data sets are kept. Needs the extra `parquet`.

A picture is a binary value, or a struct with the field `bytes` (huggingface.co/docs/datasets, "Image feature").
"""

from __future__ import annotations

import bisect
import io
import json
from array import array
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.data.limits import MAX_CLASSES, MAX_PICTURE_FILE_BYTES, MAX_ROW_GROUP_BYTES
from studio.data.sources.account import Account
from studio.data.sources.arrays import ReadProgress
from studio.data.sources.decoding import look_at, read_picture
from studio.data.sources.entry import Entry, hash_of, printable, suffix_of
from studio.data.sources.files import NO_LABEL, Labels
from studio.data.sources.source import Decoded, UnreadableError

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE_NAMES = ("image", "img", "picture", "images", "pixels", "photo", "jpg", "png")
_LABEL_NAMES = ("label", "labels", "fine_label", "class", "category", "target", "class_name", "label_name")
_ROWS_AT_ONCE = 64
_MISSING = 'a Parquet table, which needs another package: pip install "diffusion-studio[parquet]"'


def is_parquet(name: str) -> bool:
    """Whether a file's name says that it is a Parquet table."""
    return suffix_of(name) in (".parquet", ".pq")


@dataclass(frozen=True)
class _Columns:
    """Which columns are read: `image` and `label` (None for none) by name, `path` to the pictures' bytes."""

    image: str
    path: str
    label: str | None
    names: tuple[str, ...]


def open_parquet(entry: Entry, account: Account) -> Generator[ReadProgress, None, ParquetSource]:
    """The pictures of one table; those that cannot be read go into the account.

    Raises UnreadableError when it is damaged, holds no pictures, or the package that reads it is missing.
    """
    source = ParquetSource(entry)
    try:
        yield from source.fill(account)
        return source
    except BaseException:
        source.close()
        raise


@contextmanager
def _foreign_bytes() -> Iterator[None]:
    try:
        yield
    except (UnreadableError, GeneratorExit):
        raise
    except MemoryError as error:
        raise UnreadableError("takes too much memory to read") from error
    except Exception as error:
        # Arrow has its own errors, and its Python side raises further ones over damaged files.
        raise UnreadableError("damaged, or no Parquet table that can be read") from error


class ParquetSource:
    """The pictures of one table, in the order of its rows. One group of rows is kept in memory at a time."""

    def __init__(self, entry: Entry) -> None:
        try:
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise UnreadableError(_MISSING) from error
        self._entry = entry
        self._file = entry.open()
        self._rows = array("I")
        self._widths = array("I")
        self._heights = array("I")
        self._label_numbers = array("I")
        self._labels = Labels()
        self._held: tuple[int, Any] | None = None
        try:
            with _foreign_bytes():
                self._table = parquet.ParquetFile(self._file, memory_map=False)
                self._columns = _columns(self._table.schema_arrow)
                metadata = self._table.metadata
                self._starts = [0]
                for group in range(metadata.num_row_groups):
                    self._starts.append(self._starts[-1] + metadata.row_group(group).num_rows)
                    if metadata.row_group(group).total_byte_size > MAX_ROW_GROUP_BYTES:
                        raise UnreadableError(
                            f"its rows come in groups of more than {MAX_ROW_GROUP_BYTES // 2**20} MB, "
                            "more than is read at once"
                        )
        except BaseException:
            self._file.close()
            raise

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the table's own order; empty when it gives none."""
        return self._columns.names

    def fill(self, account: Account) -> Iterator[ReadProgress]:
        """Go through all rows once."""
        wanted = [self._columns.path] + ([self._columns.label] if self._columns.label else [])
        total = self._starts[-1]
        row = 0
        batches = self._batches(wanted)
        while (batch := next(batches, None)) is not None:
            pictures = batch.column(self._columns.image)
            labels = batch.column(self._columns.label) if self._columns.label else None
            for position in range(batch.num_rows):
                try:
                    with _foreign_bytes():
                        content = _content(pictures, position)
                        label = self._label(labels[position].as_py()) if labels is not None else NO_LABEL
                    size = look_at(io.BytesIO(content)).size
                    self._add(row + position, size, label)
                except UnreadableError as error:
                    account.skip(f"{self._entry.shown}#{row + position}", str(error))
            row += batch.num_rows
            yield ReadProgress(row, total)
        if not self._columns.names:
            names = self._labels.names
            if len(names) < 2 or len(names) > MAX_CLASSES:
                self._label_numbers = array("I", [NO_LABEL]) * len(self._rows)

    def _batches(self, wanted: list[str]) -> Iterator[Any]:
        with _foreign_bytes():
            yield from self._table.iter_batches(_ROWS_AT_ONCE, columns=wanted, use_threads=False)

    def _add(self, row: int, size: tuple[int, int], label: int) -> None:
        self._rows.append(row)
        self._widths.append(size[0])
        self._heights.append(size[1])
        self._label_numbers.append(label)

    def _label(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self._columns.names):
            return self._labels.number(self._columns.names[value])
        if value is None or self._columns.names or len(self._labels.names) > MAX_CLASSES:
            return NO_LABEL
        return self._labels.number(printable(str(value)))

    @property
    def count(self) -> int:
        return len(self._rows)

    def name(self, index: int) -> str:
        return f"{self._entry.shown}#{self._rows[index]}"

    def folders(self, index: int) -> tuple[str, ...]:
        return self._entry.folders

    def label(self, index: int) -> str | None:
        number = self._label_numbers[index]
        return None if number == NO_LABEL else self._labels.names[number]

    def size(self, index: int) -> tuple[int, int]:
        return self._widths[index], self._heights[index]

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        row = self._rows[index]
        group = bisect.bisect_right(self._starts, row) - 1
        with _foreign_bytes():
            if self._held is None or self._held[0] != group:
                self._held = None
                table = self._table.read_row_group(group, columns=[self._columns.path], use_threads=False)
                self._held = group, table.column(self._columns.image)
            content = _content(self._held[1], row - self._starts[group])
        return read_picture(io.BytesIO(content), smallest_side=smallest_side)

    def stamp(self) -> str:
        """What changes when the file changes, or which of its rows are taken."""
        return f"{self._entry.stamp()} {hash_of(self._rows)} {hash_of(self._label_numbers)}"

    def close(self) -> None:
        self._held = None
        self._file.close()


def _content(column: Any, position: int) -> bytes:
    """The bytes of one picture."""
    value = column[position]
    if not value.is_valid:
        raise UnreadableError("an empty place in the table")
    if hasattr(value, "keys"):
        value = value["bytes"]
        if not value.is_valid:
            raise UnreadableError("the table holds its path, not the picture")
    content = value.as_buffer()
    if content.size > MAX_PICTURE_FILE_BYTES:
        raise UnreadableError(f"larger than {MAX_PICTURE_FILE_BYTES // 2**20} MB")
    return content.to_pybytes()


def _columns(schema: pa.Schema) -> _Columns:
    from pyarrow import types

    def holds_bytes(kind: pa.DataType) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    images = {}
    for column in schema:
        if holds_bytes(column.type):
            images[column.name] = column.name
        elif types.is_struct(column.type) and any(f.name == "bytes" and holds_bytes(f.type) for f in column.type):
            images[column.name] = f"{column.name}.bytes"
    if not images:
        raise UnreadableError("a Parquet table without a column of pictures")
    image = next((name for name in _IMAGE_NAMES if name in images), next(iter(images)))
    named = _class_labels(schema)
    labels = {
        column.name
        for column in schema
        if types.is_integer(column.type) or types.is_string(column.type) or types.is_large_string(column.type)
    }
    label = next((name for name in (*_LABEL_NAMES, *named) if name in labels), None)
    return _Columns(image, images[image], label, named.get(label, ()) if label else ())


def _class_labels(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """The names of classes by column, from what the `datasets` package writes into a table's head."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: tuple(printable(str(value)) for value in feature["names"])
            for name, feature in features.items()
            if feature.get("_type") == "ClassLabel" and 0 < len(feature["names"]) <= MAX_CLASSES
        }
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
