"""Unpacking foreign bytes piece by piece: no piece is larger than asked for, however much it unpacks to."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from studio.data.limits import MAX_UNPACKER_MEMORY
from studio.data.sources.source import UnreadableError

CHUNK = 2**20
_SIGNATURES = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zst"}


def packing_of(head: bytes) -> str:
    """How a file that begins like this is packed: "gz", "bz2", "xz", "zst", or "" when it is not."""
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), "")


def unpack(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """The content of packed `chunks`, in pieces of at most `CHUNK` bytes.

    `kind` is "gz", "bz2", "xz" or "deflate" (without any frame, as in ZIP). A gz, bz2 or xz file may consist of
    several, one behind the other. Raises UnreadableError when they are damaged or cut off.
    """
    with damage():
        machine = _machine(kind)
        fresh = True
        for chunk in chunks:
            rest = chunk
            while rest:
                if machine.eof:
                    if kind == "deflate":
                        raise UnreadableError("damaged: something follows after its end")
                    # Tapes are filled up with zeros.
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    machine = _machine(kind)
                fresh = False
                yield from _feed(machine, rest)
                rest = machine.unused_data if machine.eof else b""
        if fresh or not machine.eof:
            raise UnreadableError("cut off: the end is missing")


@contextmanager
def damage() -> Iterator[None]:
    """What unpackers say about damaged content becomes an UnreadableError."""
    try:
        yield
    except (zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise UnreadableError("damaged; copy or download it again") from error
    except MemoryError as error:
        raise UnreadableError("packed in a way that takes too much memory to unpack") from error
    except OSError as error:
        raise UnreadableError(f"damaged: {error.strerror or error}") from error


def _machine(kind: str) -> Any:
    match kind:
        case "gz":
            return zlib.decompressobj(31)
        case "deflate":
            return zlib.decompressobj(-15)
        case "bz2":
            return bz2.BZ2Decompressor()
        case "xz":
            return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=MAX_UNPACKER_MEMORY)
    raise UnreadableError("packed in a way that cannot be read; unpack it first")


def _feed(machine: Any, packed: bytes) -> Iterator[bytes]:
    piece = machine.decompress(packed, CHUNK)
    while True:
        if piece:
            yield piece
        if machine.eof:
            return
        # The two families of unpackers keep what they did not get to in different places.
        if hasattr(machine, "unconsumed_tail"):
            if not machine.unconsumed_tail and len(piece) < CHUNK:
                return
            piece = machine.decompress(machine.unconsumed_tail, CHUNK)
        else:
            if machine.needs_input:
                return
            piece = machine.decompress(b"", CHUNK)
