"""TAR archives, plain or packed. A packed one is unpacked once, to a file without a name, since it has no directory."""

from __future__ import annotations

import io
import tarfile
from array import array
from collections.abc import Generator, Iterator
from typing import BinaryIO

from studio.data.limits import MAX_TAR_HEADER, MAX_TAR_HEADERS
from studio.data.sources.account import Account
from studio.data.sources.archive import ArchiveShelf, stretch
from studio.data.sources.arrays import ReadProgress
from studio.data.sources.entry import Entry, reading
from studio.data.sources.packing import CHUNK, packing_of, unpack
from studio.data.sources.source import UnreadableError
from studio.data.sources.spool import Spool

_PROGRESS_EVERY = 1024
_LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)


def open_tar(entry: Entry, folders: tuple[str, ...], account: Account) -> Generator[ReadProgress, None, TarShelf]:
    """The files in a TAR archive; what cannot be taken of it goes into the account.

    Raises UnreadableError when it is damaged or a decompression bomb. The caller closes it.
    """
    kind = packing_of(entry.head(6))
    file = (yield from _unpacked(entry, kind)) if kind else entry.open()
    shelf = TarShelf(entry, folders, account, file)
    try:
        yield from shelf.fill()
        return shelf
    except BaseException:
        shelf.close()
        raise


def _unpacked(entry: Entry, kind: str) -> Generator[ReadProgress, None, BinaryIO]:
    total = entry.byte_count()
    spool = Spool(total)
    try:
        with entry.open() as file, reading():
            pieces = unpack(iter(lambda: file.read(CHUNK), b""), kind)
            for piece in pieces:
                spool.write(piece)
                yield ReadProgress(file.tell(), total)
        return spool.finish()
    except BaseException:
        spool.close()
        raise


class TarShelf(ArchiveShelf):
    """The files of a TAR archive, which lie in `file` one behind the other; it is closed with the shelf."""

    def __init__(self, entry: Entry, folders: tuple[str, ...], account: Account, file: BinaryIO) -> None:
        self._file = file
        super().__init__(entry, folders, account)
        self._offsets = array("Q")
        self._counts = array("Q")

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()

    def byte_count(self, index: int) -> int:
        return self._counts[index]

    def fill(self) -> Iterator[ReadProgress]:
        """Go from header to header."""
        length = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        try:
            with reading(), tarfile.open(fileobj=_HeadersOnly(self._file), mode="r:") as archive:
                count = 0
                while not self._is_full() and (member := archive.next()) is not None:
                    # It would remember them all.
                    archive.members = []
                    self._list_one(member, length)
                    count += 1
                    if count % _PROGRESS_EVERY == 0:
                        yield ReadProgress(min(member.offset_data, length), length)
                if archive.offset >= length and len(self):
                    # An archive ends with a block of zeros.
                    self._broken("its end is missing, it may have been cut off")
        except UnreadableError as error:
            self._broken(str(error))
        # Foreign bytes make it raise more than its own errors.
        except (tarfile.TarError, ValueError, EOFError, RecursionError, KeyError, IndexError, OverflowError) as error:
            self._broken(f"damaged or cut off ({error or type(error).__name__})")
        self._finish()

    def _broken(self, reason: str) -> None:
        # What came before the damage is whole.
        if not len(self):
            raise UnreadableError(reason)
        self._account.skip(self._entry.shown, f"what follows after {self.shown(len(self) - 1)}: {reason}")

    def _list_one(self, member: tarfile.TarInfo, length: int) -> None:
        if member.isdir():
            return
        if member.type in _LINKS:
            self._leave(member.name, "a link")
        elif member.issparse() or not member.isreg():
            self._leave(member.name, "not an ordinary file")
        elif member.size < 0 or member.offset_data + member.size > length:
            self._leave(member.name, "cut off: the end is missing")
        elif self._take(member.name):
            self._offsets.append(member.offset_data)
            self._counts.append(member.size)

    def chunks(self, index: int) -> Iterator[bytes]:
        return stretch(self._file, self._offsets[index], self._counts[index])


class _HeadersOnly(io.RawIOBase):
    """The file as its headers' reader may see it: a header that claims to be giant is not read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._large = 0

    def read(self, size: int = -1) -> bytes:
        if size > tarfile.BLOCKSIZE:
            self._large += size
        if size < 0 or size > MAX_TAR_HEADER or self._large > MAX_TAR_HEADERS:
            raise UnreadableError("damaged: a header in it is far too large")
        return self._file.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
