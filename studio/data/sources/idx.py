"""IDX files, plain or gzipped: the format of MNIST and its relatives.

Two zero bytes, one byte for the kind of number, one for the number of axes, the length of each axis as a big-endian
32-bit number, then the numbers (http://yann.lecun.com/exdb/mnist/, "The IDX file format").
"""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import struct
import zlib
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_SET_BYTES
from studio.data.sources.arrays import ArraySource, ReadProgress, classes_from_values
from studio.data.sources.source import UnreadableError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 4 * 2**20
_NAME = re.compile(r"(idx\d|ubyte)", re.IGNORECASE)

_FASHION_CLASSES = (
    *("T-shirt", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
# The first 10,000 labels (one byte each) of the two label files of Fashion-MNIST.
_FASHION_LABELS_SHA256 = frozenset(
    {
        "1022e4632874e71bb84d924c475e6a3428a2deeb8c5a0f612a015c97e4fce7f0",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    }
)


def looks_like_idx(path: Path) -> bool:
    """Whether a file's name says that it is an IDX file."""
    return _NAME.search(path.name) is not None


def is_idx_images(path: Path) -> bool:
    """Whether a file begins like an IDX file of pictures."""
    return len(_axes(path)) in (3, 4)


def is_idx_labels(path: Path) -> bool:
    """Whether a file begins like an IDX file of labels."""
    return len(_axes(path)) == 1


def order_of_preference(paths: Iterable[Path]) -> list[Path]:
    """Image files of one data set, the one to train on first."""
    return sorted(paths, key=lambda path: ("train" not in path.name.casefold(), path.name))


def labels_beside(images: Path) -> Path | None:
    """The labels file that belongs to an images file: the same name with "labels" for "images", packed or not."""
    return _counterpart(images, (("images", "labels"), ("image", "label")), "1", is_idx_labels)


def images_beside(labels: Path) -> Path | None:
    """The images file that belongs to a labels file."""
    return _counterpart(labels, (("labels", "images"), ("label", "image")), "34", is_idx_images)


def read_idx(path: Path) -> Generator[ReadProgress, None, ArraySource]:
    """The pictures in an IDX file of 3 axes (grey) or 4 (colour), with the labels found beside it.

    Raises UnreadableError when the file is damaged, is not what its header says, or is too large.
    """
    images = _as_pictures((yield from _read(path)))
    labels_path = labels_beside(path)
    if labels_path is None:
        return ArraySource(path, images, notes=("No labels file was found beside it, so there are no classes.",))
    try:
        values = yield from _read(labels_path)
        if len(values) != len(images):
            raise UnreadableError(f"{len(values):,} labels for {len(images):,} pictures")
        labels, class_names = classes_from_values(values, _known_names(labels_path, values))
    except (UnreadableError, ValueError) as error:
        return ArraySource(path, images, notes=(f"The labels in {labels_path.name} were not used: {error}.",))
    return ArraySource(path, images, labels, class_names, (f"Classes come from {labels_path.name}.",))


def _counterpart(
    path: Path, swaps: tuple[tuple[str, str], ...], axes: str, fits: Callable[[Path], bool]
) -> Path | None:
    stem = path.name.removesuffix(".gz")
    for old, new in swaps:
        if old not in stem:
            continue
        renamed = stem.replace(old, new)
        for digit in axes:
            name = re.sub(r"idx\d", f"idx{digit}", renamed)
            for candidate in (path.with_name(name + ".gz"), path.with_name(name)):
                if candidate != path and candidate.is_file() and fits(candidate):
                    return candidate
    return None


def _open(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def _axes(path: Path) -> tuple[int, ...]:
    """The shape the header gives, empty when this is no IDX file."""
    try:
        with _open(path) as file:
            return _header(file)[1]
    except (OSError, EOFError, zlib.error, UnreadableError):
        return ()


def _header(file: BinaryIO) -> tuple[np.dtype, tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or not 1 <= magic[3] <= 4:
        raise UnreadableError("not an IDX file")
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise UnreadableError("cut off: the header is not complete")
    return np.dtype(_DTYPES[magic[2]]), struct.unpack(f">{magic[3]}I", lengths)


def _read(path: Path) -> Generator[ReadProgress, None, NDArray[np.generic]]:
    try:
        with _open(path) as file:
            dtype, shape = _header(file)
            promised = math.prod(shape) * dtype.itemsize
            if promised == 0:
                raise UnreadableError("holds nothing: its header says " + " × ".join(map(str, shape)))
            if promised > MAX_SET_BYTES:
                raise UnreadableError(f"its header promises {promised / 2**30:,.1f} GB, more than can be taken")
            # Grows with what is really there, so a lying header costs nothing.
            content = bytearray()
            while len(content) <= promised:
                chunk = file.read(min(_CHUNK, promised + 1 - len(content)))
                if not chunk:
                    break
                content += chunk
                yield ReadProgress(min(len(content), promised), promised)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableError("damaged or cut off; copy or download it again") from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from error
    if len(content) != promised:
        difference = "less" if len(content) < promised else "more"
        raise UnreadableError(
            f"its header promises {promised:,} bytes, but it holds {difference}; copy or download it again"
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _as_pictures(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    if values.dtype != np.uint8:
        raise UnreadableError("its numbers are not bytes, so they are not pictures")
    if values.ndim == 3:
        return values[:, :, :, np.newaxis]
    if values.ndim == 4 and values.shape[3] in CHANNEL_COUNTS:
        return values
    if values.ndim == 4 and values.shape[1] in CHANNEL_COUNTS:
        return np.ascontiguousarray(values.transpose(0, 2, 3, 1))
    raise UnreadableError(f"{' × '.join(map(str, values.shape))} numbers are not pictures of 1, 3 or 4 channels")


def _known_names(path: Path, values: NDArray[np.generic]) -> tuple[str, ...]:
    """Class names of Fashion-MNIST, known by its labels or by its folder; other sets have only numbers."""
    digest = hashlib.sha256(values[:10_000].astype(np.uint8).tobytes()).hexdigest()
    folders = (part.casefold() for part in path.resolve().parent.parts)
    if digest in _FASHION_LABELS_SHA256 or any("fashion" in part and "mnist" in part for part in folders):
        return _FASHION_CLASSES
    return ()
