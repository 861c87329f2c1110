"""Pictures leaving the program: contact sheets, arrays and folders of files. Films are in `films`.

Small pictures are enlarged by whole multiples with nearest-neighbour only; nothing is ever blurred, and nothing that
is already there is overwritten unless asked.
"""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
from PIL import Image

from studio import files
from studio.errors import StorageError

CANVAS = (0x13, 0x13, 0x13)

_PREFERRED_SIDE = 64
_NUMBERED = re.compile(r"(\d+)\.png", re.IGNORECASE)


def picture_image(picture: np.ndarray, scale: int = 1) -> Image.Image:
    """One picture, uint8 (H, W, C) with C in {1, 3, 4}, as a PIL image enlarged `scale` times."""
    height, width, channels = picture.shape
    image = Image.fromarray(np.ascontiguousarray(picture[:, :, 0] if channels == 1 else picture))
    return image.resize((width * scale, height * scale), Image.Resampling.NEAREST)


def preferred_scale(height: int, width: int) -> int:
    """The whole multiple at which a picture's larger side comes nearest to 64 pixels from below, at least 1."""
    return max(1, _PREFERRED_SIDE // max(height, width))


def contact_sheet(
    pictures: np.ndarray, columns: int | None = None, scale: int | None = None, gap: int = 4
) -> Image.Image:
    """All `pictures`, uint8 (N, H, W, C) with N >= 1, in rows on the dark canvas, as an RGB image.

    columns: pictures a row; as nearly square as possible when not given. scale: the whole multiple each picture is
    enlarged by; small pictures grow to about 64 pixels when not given. gap: canvas pixels around each picture.
    """
    count, height, width, _ = pictures.shape
    if count < 1:
        raise ValueError("a contact sheet needs at least one picture")
    columns = min(count, columns or math.ceil(math.sqrt(count * height / width)))
    scale = scale or preferred_scale(height, width)
    rows = math.ceil(count / columns)
    across, down = width * scale + gap, height * scale + gap
    sheet = Image.new("RGB", (columns * across + gap, rows * down + gap), CANVAS)
    for number, picture in enumerate(pictures):
        image = picture_image(picture, scale)
        corner = (gap + number % columns * across, gap + number // columns * down)
        sheet.paste(image, corner, mask=image if image.mode == "RGBA" else None)
    return sheet


def save_image(image: Image.Image, path: Path | str, *, overwrite: bool = False) -> Path:
    """Write `image` as PNG. Raises StorageError when `path` exists and `overwrite` is not set, or cannot be written."""
    path = Path(path)
    refuse_existing(path, overwrite)
    with files.atomic_write(path) as file:
        image.save(file, format="PNG")
    return path


def save_pictures(pictures: np.ndarray, path: Path | str, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write `pictures`, uint8 (N, H, W, C), to a .npz file (array `images`) or else as numbered PNGs into a folder.

    A folder may hold pictures already: numbering goes on after the highest number there. Returns what was written.

    Raises StorageError when a .npz file exists and `overwrite` is not set, or when something cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".npz":
        refuse_existing(path, overwrite)
        with files.atomic_write(path) as file:
            np.savez_compressed(file, images=pictures)
        return (path,)
    if path.exists() and not path.is_dir():
        raise StorageError(f"{path} is a file, not a folder.", "Choose a folder, or a name that ends in .npz.")
    written = []
    for picture, number in zip(pictures, itertools.count(_first_free_number(path)), strict=False):
        written.append(save_image(picture_image(picture), path / f"{number:05d}.png"))
    return tuple(written)


def _first_free_number(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    taken = (_NUMBERED.fullmatch(entry.name) for entry in folder.iterdir())
    return max((int(match[1]) + 1 for match in taken if match), default=0)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises StorageError when there is something at `path` that may not be overwritten."""
    if path.exists() and not overwrite:
        raise StorageError(f"{path} exists already.", "Choose another name, or remove it first.")
