"""Whatever moves, as a file: GIF, animated PNG, animated WebP, and MP4 where the extra `video` is installed.

GIF has 256 colours and is played by everything; animated PNG and WebP keep every value; MP4 is what video sites take.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from studio import files
from studio.errors import SettingsError, StorageError
from studio.generation.export import CANVAS, picture_image, refuse_existing


@dataclass(frozen=True)
class FilmFormat:
    """A kind of file that a film can be. suffix: with its dot, lower case. label: for a file dialog."""

    suffix: str
    label: str

    @property
    def available(self) -> bool:
        """Whether it can be written here; only MP4 needs something more than the studio itself."""
        return self.suffix != ".mp4" or importlib.util.find_spec("imageio_ffmpeg") is not None


FILM_FORMATS = (
    FilmFormat(".gif", "GIF"),
    FilmFormat(".webp", "Animated WebP"),
    FilmFormat(".png", "Animated PNG"),
    FilmFormat(".mp4", "MP4"),
)

FASTEST_RATE = 60.0
"""Frames a second; screens show no more."""

_LAST_QUALITY = 14
"""x264's constant rate factor; 0 is lossless, 18 looks so, and noise deserves a little more."""


def write_film(
    frames: Iterable[np.ndarray | Image.Image],
    path: Path | str,
    fps: float = 12.0,
    hold_seconds: float = 1.5,
    *,
    scale: int = 1,
    overwrite: bool = False,
) -> Path:
    """An endless film of `frames` in the format that the suffix of `path` names, resting on the last one.

    frames: pictures uint8 (H, W, C) or PIL images, all of one size; taken one at a time, and not kept where the format
    allows. fps: more than 0, at most 60. hold_seconds: how long the last one stands before it begins again. scale:
    whole multiple of enlargement. Transparent parts are shown on the dark canvas. Returns the path.

    Raises SettingsError for another suffix, for an MP4 without the extra `video` or for an impossible rate,
    StorageError when `path` exists and `overwrite` is not set, or when it cannot be written.
    """
    path = Path(path)
    film_format = format_of(path)
    if not 0 < fps <= FASTEST_RATE:
        raise SettingsError(f"A film of {fps:g} frames a second cannot be made.", f"Choose up to {FASTEST_RATE:g}.")
    refuse_existing(path, overwrite)
    images = (_opaque(frame if isinstance(frame, Image.Image) else picture_image(frame), scale) for frame in frames)
    first = next(images, None)
    if first is None:
        raise ValueError("a film needs at least one frame")
    same = chain((first,), _of_one_size(images, first.size))
    if film_format.suffix == ".mp4":
        _write_video(same, first.size, path, fps, hold_seconds)
    else:
        _write_animation(list(same), path, film_format.suffix, fps, hold_seconds)
    return path


def format_of(path: Path | str) -> FilmFormat:
    """The format that the suffix of a path names.

    Raises SettingsError for a suffix that is none, or for one that cannot be written here.
    """
    suffix = Path(path).suffix.lower()
    found = next((each for each in FILM_FORMATS if each.suffix == suffix), None)
    if found is None:
        raise SettingsError(
            f"A film cannot be written as {suffix or 'a file without an ending'}.",
            f"Choose one of: {', '.join(each.suffix for each in FILM_FORMATS)}.",
        )
    if not found.available:
        raise SettingsError(
            "MP4 needs a video encoder that is not installed.",
            "Install it with: pip install diffusion-studio[video]. Or choose .webp, which keeps every value.",
        )
    return found


def _of_one_size(images: Iterable[Image.Image], size: tuple[int, int]) -> Iterator[Image.Image]:
    for image in images:
        if image.size != size:
            raise ValueError(f"a frame of {image.size} in a film of {size}")
        yield image


def _write_animation(images: list[Image.Image], path: Path, suffix: str, fps: float, hold_seconds: float) -> None:
    # GIF counts time in hundredths of a second, and players slow down what is faster than 2 of them.
    frame_time = max(20, round(100 / fps) * 10) if suffix == ".gif" else round(1000 / fps)
    durations = [frame_time] * (len(images) - 1) + [frame_time + round(hold_seconds * 100) * 10]
    options: dict[str, dict[str, Any]] = {
        ".gif": {"format": "GIF", "disposal": 1},
        ".webp": {"format": "WEBP", "lossless": True, "method": 4},
        ".png": {"format": "PNG"},
    }
    with files.atomic_write(path) as file:
        images[0].save(file, save_all=True, append_images=images[1:], duration=durations, loop=0, **options[suffix])


def _write_video(images: Iterable[Image.Image], size: tuple[int, int], path: Path, fps: float, hold: float) -> None:
    import imageio_ffmpeg

    path.parent.mkdir(parents=True, exist_ok=True)
    # Colour is stored for 2 × 2 pixels at a time, so both sides must be even: the edge is repeated where they are not.
    width, height = (side + side % 2 for side in size)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".mp4", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    writer = imageio_ffmpeg.write_frames(
        str(temporary),
        (width, height),
        fps=fps,
        codec="libx264",
        pix_fmt_out="yuv420p",
        quality=None,
        macro_block_size=1,
        ffmpeg_log_level="error",
        output_params=["-crf", str(_LAST_QUALITY), "-movflags", "+faststart"],
    )
    try:
        writer.send(None)
        for image in images:
            array = np.asarray(image)
            array = np.pad(array, ((0, height - array.shape[0]), (0, width - array.shape[1]), (0, 0)), mode="edge")
            writer.send(np.ascontiguousarray(array))
        for _ in range(round(hold * fps)):
            writer.send(np.ascontiguousarray(array))
        writer.close()
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error}.", "Choose another folder or format.") from error
    finally:
        writer.close()
        temporary.unlink(missing_ok=True)


def _opaque(image: Image.Image, scale: int) -> Image.Image:
    if scale != 1:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    if image.mode == "RGBA":
        canvas = Image.new("RGB", image.size, CANVAS)
        canvas.paste(image, mask=image)
        return canvas
    return image.convert("RGB")
