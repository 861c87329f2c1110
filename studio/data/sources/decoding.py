"""One picture file, in any format Pillow reads, to one uint8 array. Nothing that a file holds gets past this point."""

from __future__ import annotations

import functools
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from studio.data.fitting import minimal_channels
from studio.data.limits import MAX_PICTURE_FILE_BYTES, MAX_PICTURE_PIXELS
from studio.data.sources.entry import open_file, suffix_of, system_reason
from studio.data.sources.source import Decoded, UnreadableError

# EPS would start Ghostscript on a foreign file; the others have no decoder inside Pillow.
_REFUSED_FORMATS = frozenset({"EPS", "MPEG", "BUFR", "GRIB", "HDF5", "WMF"})
_DRAFT_FORMATS = frozenset({"JPEG", "MPO"})
# Formats whose header alone tells the orientation; Pillow turns TIFF by itself, PNG would have to be decoded.
_ORIENTED_FORMATS = frozenset({"JPEG", "MPO", "WEBP", "AVIF"})
# Here a second frame is a preview or a layer of the first one, not another picture.
_ONE_PICTURE_FORMATS = frozenset({"MPO", "PSD", "ICO", "ICNS"})
# TGA has no signature, so any binary file might pass for one.
_TGA_SUFFIXES = frozenset({".tga", ".icb", ".vda", ".vst"})
# The signature, the whole first chunk, and the length and name of the second.
_PNG_HEAD = 41
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = frozenset({5, 6, 7, 8})
_HINTS = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"), "an archive; unpack it first"),
    **dict.fromkeys((".heic", ".heif"), "an HEIC photograph, which cannot be read here; save it as JPEG"),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg"), "a film; save its frames as pictures"),
    **dict.fromkeys((".eps", ".ps"), "PostScript, which needs another program to be drawn; save it as PNG"),
    **dict.fromkeys((".svg", ".svgz", ".pdf"), "a drawing without pixels; save it as PNG"),
    **dict.fromkeys(
        (".pkl", ".pickle", ".pt", ".pth"), "a pickle, which could run a program when opened; save arrays as .npz"
    ),
}


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are opened."""
    Image.init()
    return tuple(name for name in Image.OPEN if name not in _REFUSED_FORMATS)


@functools.cache
def picture_suffixes() -> frozenset[str]:
    """File name endings of picture formats, opened or refused, lower case with the dot."""
    return frozenset(Image.registered_extensions())


@functools.cache
def readable_suffixes() -> frozenset[str]:
    """File name endings of the formats that are opened, lower case with the dot."""
    formats = set(readable_formats())
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


@dataclass(frozen=True)
class Look:
    """What a picture's header says.

    Attributes:
        size: (width, height), upright.
        several: whether it holds several frames, each a picture.
    """

    size: tuple[int, int]
    several: bool


def look_at(source: Path | BinaryIO, name: str = "") -> Look:
    """What the header of a picture says; see `read_picture`. Raises UnreadableError."""
    if not isinstance(source, Path):
        size = _plain_png_size(source.read(_PNG_HEAD))
        if size is not None:
            return Look(size, several=False)
    with opened(source, name) as (image, _):
        width, height = image.size
        lying = image.format in _ORIENTED_FORMATS and _orientation(image) in _LYING
        return Look((height, width) if lying else (width, height), holds_several(image))


def _plain_png_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG whose pixels follow right after its first chunk, as in most; None for all else.

    Told from the bytes themselves (PNG specification, 5.3 and 11.2.2), since opening an image takes ten times as long
    and a folder may hold a million.
    """
    if len(head) < _PNG_HEAD or not head.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") or head[37:] != b"IDAT":
        return None
    width, height, checksum = *struct.unpack_from(">II", head, 16), int.from_bytes(head[29:33], "big")
    if zlib.crc32(head[12:29]) != checksum or not 0 < width * height <= MAX_PICTURE_PIXELS:
        return None
    return width, height


def read_size(source: Path | BinaryIO, name: str = "") -> tuple[int, int]:
    """(width, height) of an upright picture, from its header alone.

    Raises UnreadableError.
    """
    return look_at(source, name).size


def read_picture(source: Path | BinaryIO, name: str = "", *, smallest_side: int | None = None) -> Decoded:
    """The picture in a file, upright; of an animation, the first frame.

    `source` is a path, or an open file that is called `name`: the name decides nothing but whether a format without a
    signature is thought of, and what is said of a file that is no picture. `smallest_side` allows a photograph to be
    decoded at a half, quarter or eighth of its size, as long as neither side falls below it.

    Raises UnreadableError.
    """
    with opened(source, name) as (image, complaints):
        size = image.size
        if smallest_side is not None and image.format in _DRAFT_FORMATS:
            image.draft(None, (smallest_side, smallest_side))
        image.load()
        remarks = []
        if holds_several(image):
            remarks.append("holds several frames; the first was taken")
        orientation = _orientation(image)
        pixels, remark = pixels_of(image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image)
        remarks += [remark] if remark else []
        remarks += [f"taken with a doubt: {str(complaint.message).strip()}" for complaint in complaints]
        if orientation in _LYING:
            size = size[::-1]
        return Decoded(minimal_channels(pixels), size, tuple(remarks))


def holds_several(image: Image.Image) -> bool:
    """Whether an open image has further frames that are pictures of their own."""
    return bool(getattr(image, "is_animated", False)) and image.format not in _ONE_PICTURE_FORMATS


@contextmanager
def opened(source: Path | BinaryIO, name: str = "") -> Iterator[tuple[Image.Image, list[warnings.WarningMessage]]]:
    """The open image, and the list in which Pillow's warnings gather; all that goes wrong becomes UnreadableError."""
    name = name or (source.name if isinstance(source, Path) else "")
    # From an open file, not a path: Pillow would map the file into memory, which garbles rotated TIFFs, and kills the
    # process when the file is cut short meanwhile.
    with (
        guarded(name) as complaints,
        open_file(source) if isinstance(source, Path) else nullcontext(source) as file,
        open_image(file, name) as image,
    ):
        yield image, complaints


@contextmanager
def guarded(name: str) -> Iterator[list[warnings.WarningMessage]]:
    """The list in which Pillow's warnings about the file of this name gather; its errors become UnreadableError.

    Process-wide state, so it is held for one picture only and never while a generator sleeps.
    """
    try:
        with warnings.catch_warnings(record=True) as complaints:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield complaints
    except UnreadableError:
        raise
    # Some forty decoders, fed with foreign bytes, raise whatever comes to them; none of it may stop an import.
    except Exception as error:
        raise UnreadableError(_reason(error, name)) from error


def open_image(file: BinaryIO, name: str) -> Image.Image:
    """The image in a file, of which nothing but the header is read yet; to be called within `guarded`."""
    byte_count = file.seek(0, os.SEEK_END)
    if byte_count == 0:
        raise UnreadableError("empty")
    if byte_count > MAX_PICTURE_FILE_BYTES:
        raise UnreadableError(f"larger than {MAX_PICTURE_FILE_BYTES // 2**20} MB")
    file.seek(0)
    image = Image.open(file, formats=_formats_for(name))
    if image.width * image.height > MAX_PICTURE_PIXELS:
        image.close()
        raise UnreadableError(f"far too large: {image.width:,} × {image.height:,} pixels")
    return image


def _formats_for(name: str) -> tuple[str, ...]:
    return readable_formats() if suffix_of(name) in _TGA_SUFFIXES else _signed_formats()


@functools.cache
def _signed_formats() -> tuple[str, ...]:
    return tuple(name for name in readable_formats() if name != "TGA")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) to 8; a damaged EXIF block is no reason to lose a picture."""
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:
        return 1


def _reason(error: Exception, name: str) -> str:
    match error:
        case UnidentifiedImageError():
            suffix = suffix_of(name)
            if suffix in _HINTS:
                return _HINTS[suffix]
            return "not a picture, in spite of its name" if suffix in picture_suffixes() else "not a picture"
        case Image.DecompressionBombWarning() | Image.DecompressionBombError() | MemoryError():
            return "far too large once unpacked"
        case zlib.error() | struct.error() | EOFError() | SyntaxError():
            return "damaged"
        case OSError() if error.errno is not None:
            return system_reason(error)
        case OSError() if "truncated" in str(error).lower() or "incomplete" in str(error).lower():
            return "cut off: the end is missing"
        case NotImplementedError():
            return "of a kind that cannot be read"
    return f"damaged, or of a kind that cannot be read ({error or type(error).__name__})"


def pixels_of(image: Image.Image) -> tuple[NDArray[np.uint8], str]:
    """uint8 (H, W, 1|3|4) of any Pillow mode, and a remark where the values had to be interpreted."""
    if image.mode.startswith(("I", "F")):
        return _levels(np.asarray(image))
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L"))[:, :, np.newaxis], ""
    see_through = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if see_through else "RGB")), ""


def _levels(values: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    """Grey values (H, W) of 16 or 32 bits or floating point to uint8 (H, W, 1)."""
    if not np.isfinite(values).all():
        raise UnreadableError("holds values that are not numbers")
    wide = values.astype(np.float64)[:, :, np.newaxis]
    low, high = wide.min(), wide.max()
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        scaled, remark = wide * 255, ""
    elif values.dtype.kind != "f" and values.dtype.itemsize == 2:
        scaled, remark = wide / 257, ""
    elif low >= 0 and high <= 255:
        scaled, remark = wide, ""
    elif low >= 0 and high <= 65535:
        scaled, remark = wide / 257, ""
    else:
        scaled, remark = (
            (wide - low) / (high - low or 1) * 255,
            f"values {low:g} to {high:g} were stretched to 0 to 255",
        )
    return np.rint(scaled).astype(np.uint8), remark
