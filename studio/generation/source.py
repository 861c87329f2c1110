"""A picture to begin with, and the part of it that is to be made anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.fitting import convert_channels, fit, without_hidden_colours
from studio.data.sources.decoding import read_picture
from studio.data.sources.source import UnreadableError
from studio.errors import DataError, SettingsError


@dataclass(frozen=True, eq=False)
class SourcePicture:
    """picture: uint8 (H, W, C), of the model's size. mask: uint8 (H, W), white where it is to be made anew, see
    studio.diffusion.editing.known_from_mask; None to change all of it."""

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None


def load_source(picture: Path | str, mask: Path | str | None, shape: tuple[int, int, int]) -> SourcePicture:
    """Read a picture, and perhaps a mask, from files, brought to the model's `shape` (C, H, W).

    mask: white is made anew; black and transparent parts stay. It has the size of the picture as it lies in its file,
    or of the model's pictures.

    Raises DataError when a file cannot be read, SettingsError when the mask has another size.
    """
    channels, height, width = shape
    pixels = _read(Path(picture))
    levels = None
    if mask is not None:
        painted = _read(Path(mask))
        if painted.shape[:2] not in (pixels.shape[:2], (height, width)):
            raise SettingsError(
                f"The mask has {painted.shape[1]}×{painted.shape[0]} pixels, "
                f"the picture {pixels.shape[1]}×{pixels.shape[0]}.",
                "Give the mask the size of the picture.",
            )
        if painted.shape[2] == 4:
            painted = without_hidden_colours(painted)[..., :3]
        levels = convert_channels(fit(painted, width, height), 1)[..., 0]
    return SourcePicture(convert_channels(fit(pixels, width, height), channels), levels)


def _read(path: Path) -> NDArray[np.uint8]:
    if not path.is_file():
        raise DataError(f"There is no picture at {path}.", "Check the name.")
    try:
        return read_picture(path).pixels
    except UnreadableError as error:
        raise DataError(f"{path.name} could not be read: {error}.", "Choose another picture.") from error
