"""The arrays in a NumPy file, known by their headers before a byte of them is unpacked."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studio.data.limits import MAX_ARCHIVE_MEMBERS, MAX_LABEL_BYTES
from studio.data.sources.entry import Entry
from studio.data.sources.source import UnreadableError
from studio.data.sources.zip_archive import find_directory

LONGEST_HEADER = 10_000
_LONGEST_RECORD = 1024
# LZMA may ask for gigabytes of memory.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_LOCAL_HEADER = struct.Struct("<26xHH")
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, struct.error, KeyError),
    *(NotImplementedError, SyntaxError, TypeError, tokenize.TokenError, OverflowError),
)


@contextmanager
def foreign_bytes() -> Iterator[None]:
    """Whatever foreign bytes do to the readers of zip and NumPy files becomes an UnreadableError."""
    try:
        yield
    except MemoryError as error:
        raise UnreadableError("far too large once unpacked") from error
    except _DAMAGE as error:
        raise UnreadableError(f"damaged, or not a NumPy file ({error or type(error).__name__})") from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class Member:
    """One array, known by its header alone.

    Attributes:
        filename: inside of an archive.
        dtype, shape, fortran: as the header says; `fortran`: the first axis runs fastest.
        header: bytes before the numbers.
        packed: bytes in the archive.
    """

    filename: str
    dtype: np.dtype
    shape: tuple[int, ...]
    fortran: bool
    header: int
    packed: int

    @property
    def byte_count(self) -> int:
        """How many bytes its numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


class ArchivedArrays:
    """The arrays of an open archive."""

    def __init__(self, archive: zipfile.ZipFile, file: BinaryIO, members: Mapping[str, Member]) -> None:
        self._archive = archive
        self._file = file
        self.members = members

    @contextmanager
    def opened(self, key: str) -> Iterator[BinaryIO]:
        """The array's file, from its beginning."""
        with self._archive.open(self.members[key].filename) as stream:
            yield cast(BinaryIO, stream)

    def offset(self, key: str) -> int | None:
        """Where the array's file begins in the archive; None when it is packed."""
        info = self._archive.getinfo(self.members[key].filename)
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        self._file.seek(info.header_offset)
        name, extra = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
        return info.header_offset + _LOCAL_HEADER.size + name + extra


class SingleArray:
    """A single array under the name ""."""

    def __init__(self, entry: Entry, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        byte_count = entry.byte_count()
        self.members: Mapping[str, Member] = {"": read_header(file, entry.name, byte_count, byte_count)}

    @contextmanager
    def opened(self, _: str) -> Iterator[BinaryIO]:
        """The array's file, from its beginning."""
        self._file.seek(0)
        yield self._file

    def offset(self, _: str) -> int | None:
        """Where the array's file begins: it is all there is."""
        return 0


Arrays = ArchivedArrays | SingleArray


@contextmanager
def opened_archive(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The NumPy archive in a file. Raises UnreadableError."""
    # The standard library's reader would build an object for every member before anybody could count them.
    if find_directory(file).byte_count > MAX_ARCHIVE_MEMBERS * _LONGEST_RECORD:
        raise UnreadableError(f"holds more than {MAX_ARCHIVE_MEMBERS:,} files")
    with foreign_bytes(), zipfile.ZipFile(file) as archive:
        yield archive


def members_of(archive: zipfile.ZipFile, notes: list[str]) -> dict[str, Member]:
    """The arrays by name. One that is damaged costs only itself, unless no other is left."""
    entries = archive.infolist()
    if len(entries) > MAX_ARCHIVE_MEMBERS:
        raise UnreadableError(f"holds more than {MAX_ARCHIVE_MEMBERS:,} files")
    members = {}
    damaged = {}
    for entry in entries:
        if not entry.filename.endswith(".npy"):
            continue
        try:
            if entry.compress_type not in _METHODS:
                raise UnreadableError(f"packed in a way that is not read (method {entry.compress_type})")
            with foreign_bytes(), archive.open(entry) as file:
                member = read_header(cast(BinaryIO, file), entry.filename, entry.file_size, entry.compress_size)
            members[entry.filename.removesuffix(".npy")] = member
        except UnreadableError as error:
            damaged[entry.filename] = str(error)
    if not members:
        raise UnreadableError(next(iter(damaged.values()), "holds no arrays"))
    notes += [f"{filename} inside was not used: {reason}." for filename, reason in damaged.items()]
    return members


def read_header(file: BinaryIO, filename: str, byte_count: int, packed: int) -> Member:
    """What the header of an array says whose file is `byte_count` long. Raises UnreadableError when that is a lie."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise UnreadableError("written in a form that is not known here")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    member = Member(filename, dtype, shape, fortran, file.tell(), packed)
    if any(length < 0 for length in shape) or (not dtype.hasobject and member.byte_count != byte_count - member.header):
        raise UnreadableError("damaged: an array is not as long as its header says")
    return member


def load_small(arrays: Arrays, key: str) -> NDArray[np.generic]:
    """An array of labels or names, whole. Raises UnreadableError."""
    if arrays.members[key].byte_count > MAX_LABEL_BYTES:
        raise UnreadableError(f"larger than {MAX_LABEL_BYTES // 2**20} MB")
    with foreign_bytes(), arrays.opened(key) as file:
        return npy.read_array(file, allow_pickle=False, max_header_size=LONGEST_HEADER)
