"""Bytes that have to be unpacked before any place of them can be sought: into memory, or a file without a name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from typing import BinaryIO, cast

from studio.data.limits import (
    MAX_SPOOL_IN_MEMORY,
    MAX_UNPACKED_BYTES,
    MAX_UNPACKED_RATIO,
    UNPACKED_RATIO_FROM,
)
from studio.data.sources.entry import reading
from studio.data.sources.source import UnreadableError

# What /tmp holds is in memory on many systems; /var/tmp is on the disk.
_FOLDERS = ("/var/tmp",) if os.name == "posix" else ()
_SPARE = 256 * 2**20


def spool_folder() -> str:
    """Where large unpacked content goes."""
    return next((folder for folder in _FOLDERS if os.access(folder, os.W_OK)), tempfile.gettempdir())


class Spool:
    """A file in the making that never gets a name: it is gone with the process, whatever happens.

    `packed_bytes` is how long its content was before it was unpacked.
    """

    def __init__(self, packed_bytes: int) -> None:
        self._packed_bytes = max(1, packed_bytes)
        self._count = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=MAX_SPOOL_IN_MEMORY, dir=spool_folder())  # noqa: SIM115

    def write(self, chunk: bytes) -> None:
        """Add to its end. Raises UnreadableError when it becomes more than a well-meant file would, or than fits."""
        self._count += len(chunk)
        check_unpacked(self._count, self._packed_bytes)
        with reading():
            if self._count > MAX_SPOOL_IN_MEMORY and shutil.disk_usage(spool_folder()).free < _SPARE + len(chunk):
                raise UnreadableError("too large to be unpacked: the disk is nearly full")
            self._file.write(chunk)

    def finish(self) -> BinaryIO:
        """The whole of it, from its beginning; the caller closes it."""
        self._file.seek(0)
        return cast(BinaryIO, self._file)

    def close(self) -> None:
        """Throw it away."""
        self._file.close()


def check_unpacked(byte_count: int, packed_bytes: int) -> None:
    """Raises UnreadableError for content that unpacks to more than a well-meant file would."""
    if byte_count > MAX_UNPACKED_BYTES:
        raise UnreadableError(f"unpacks to more than {MAX_UNPACKED_BYTES // 2**30} GB, more than can be taken")
    if byte_count > UNPACKED_RATIO_FROM and byte_count > MAX_UNPACKED_RATIO * max(1, packed_bytes):
        raise UnreadableError(f"a decompression bomb: unpacks to more than {MAX_UNPACKED_RATIO} times its size")


def spooled(chunks: Iterable[bytes], packed_bytes: int) -> BinaryIO:
    """`chunks` as one file; the caller closes it. Raises UnreadableError."""
    spool = Spool(packed_bytes)
    try:
        for chunk in chunks:
            spool.write(chunk)
        return spool.finish()
    except BaseException:
        spool.close()
        raise
