"""Films and stills of a recorded reverse run as files: jobs for the background thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.app.imaging import image_array
from studio.app.microscope.frames import NOISE_LIMIT, FilmKind, noise_image

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from studio.diffusion.step import Step
    from studio.diffusion.trace import Trace

MOST_FRAMES = 240
"""A film of more moments shows evenly chosen ones: more would make a file nobody can send."""


@dataclass(frozen=True)
class FilmRequest:
    """What a film shows and how.

    `picture` is a number in the batch, or None for all of them on one sheet. `scale` enlarges by a whole multiple.
    """

    kind: FilmKind
    picture: int | None
    fps: float
    scale: int


@dataclass(frozen=True)
class FilmProgress:
    """`done` of `total` frames are drawn."""

    done: int
    total: int


def film_positions(step_count: int) -> list[int]:
    """Which positions a film of `step_count` recorded steps and their result shows, first and last among them."""
    last = step_count
    count = min(last + 1, MOST_FRAMES)
    return sorted({round(i * last / max(count - 1, 1)) for i in range(count)})


def film_job(trace: Trace, request: FilmRequest, path: Path) -> Iterator[FilmProgress]:
    """Draw and write an animated GIF; returns its path. Raises StorageError."""
    from studio.generation.films import write_film

    positions = film_positions(len(trace))
    images = []
    for done, position in enumerate(positions):
        images.append(_sheet(_arrays(trace, position, request.kind, request.picture), request.scale))
        yield FilmProgress(done + 1, len(positions))
    # The dialog of the operating system has asked before overwriting.
    return write_film(images, path, fps=request.fps, overwrite=True)


def save_still(values: np.ndarray, path: Path, scale: int) -> Path:
    """Write one picture, uint8 (H, W, C), enlarged by a whole multiple, as PNG. Raises StorageError."""
    from studio.generation.export import picture_image, save_image

    return save_image(picture_image(values, scale), path, overwrite=True)


def kind_array(values: torch.Tensor, kind: FilmKind) -> np.ndarray:
    """Float (C, H, W) values as the screen shows them, uint8 (H, W, C): ε̂ in the noise colours."""
    from studio.data.pixels import to_pictures

    if kind is FilmKind.EPSILON:
        return image_array(noise_image(values, NOISE_LIMIT))
    return to_pictures(values.unsqueeze(0))[0]


def _arrays(trace: Trace, position: int, kind: FilmKind, picture: int | None) -> np.ndarray:
    step = trace.frame(min(position, len(trace) - 1), picture)
    return np.stack([kind_array(values, kind) for values in _values(step, kind, result=position >= len(trace))])


def _values(step: Step, kind: FilmKind, *, result: bool) -> torch.Tensor:
    if kind is FilmKind.Z:
        return step.z_s if result else step.z_t
    return step.eps if kind is FilmKind.EPSILON else step.x0


def _sheet(pictures: np.ndarray, scale: int) -> Image:
    from studio.generation.export import contact_sheet, picture_image

    if len(pictures) == 1:
        return picture_image(pictures[0], scale)
    return contact_sheet(pictures, scale=scale, gap=max(2, scale))
