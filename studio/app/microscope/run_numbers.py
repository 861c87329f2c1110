"""The numbers of a recorded run, for files: a row a step, or the tensors themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.app.microscope.frames import FilmKind, Frames
from studio.errors import SettingsError

if TYPE_CHECKING:
    from studio.diffusion.trace import Trace

MOST_BYTES = 2**30
"""An NPZ file is put together in memory."""


def run_columns(frames: Frames, picture: int) -> dict[str, np.ndarray]:
    """Columns (steps,) of one picture, named as the symbols are spelled: t and s as people count them (T..0), the
    schedule at t, norms as root mean squares a value, the cosine of ε̂ with the true direction, the share of x̂0 beyond
    the picture range, and the nearest training picture (distance in levels, its number from 0), NaN where unknown."""
    measures, schedule = frames.measures, frames.trace.schedule
    measures.advance(picture)
    count = frames.step_count
    t, s = (np.array(each) for each in zip(*frames.trace.pairs[:count], strict=True))
    nearest = measures.nearest(picture)
    columns = {
        "step": np.arange(1, count + 1),
        "t": t + 1,
        "s": s + 1,
        "alpha_bar": schedule.alpha_bar[t],
        "snr_db": measures.snr_db,
        "norm_z": measures.rms(FilmKind.Z, picture),
        "norm_eps": measures.rms(FilmKind.EPSILON, picture),
        "norm_x0": measures.rms(FilmKind.X0, picture),
        "cosine_eps_true": measures.cosine(picture),
        "x0_beyond_range": measures.beyond(picture),
    }
    if nearest is not None and len(nearest.distances) == count:
        columns |= {"nearest_distance": nearest.distances, "nearest_picture": nearest.indices}
    return columns


def save_arrays(trace: Trace, picture: int | None, path: Path) -> Iterator[object]:
    """Write z (steps + 1, N, C, H, W), eps and x0 (steps, N, C, H, W), float32, and t, s (steps,), as people count
    them, of one picture (N = 1) or of all; returns the path.

    Raises SettingsError when that is more than an NPZ file should hold, StorageError when it cannot be written.
    """
    from studio.generation.numbers import write_arrays

    steps, pictures = len(trace), trace.shape[0] if picture is None else 1
    needed = 4 * (3 * steps + 1) * pictures * int(np.prod(trace.shape[1:]))
    if needed > MOST_BYTES:
        raise SettingsError(
            f"These tensors would take {needed / 2**30:.1f} GB of memory.",
            "Export one picture, or save the run itself: its file holds every tensor.",
        )
    z, eps, x0 = [], [], []
    for index in range(steps):
        step = trace.frame(index, picture)
        z.append(step.z_t.numpy())
        eps.append(step.eps.numpy())
        x0.append(step.x0.numpy())
        yield None
    z.append(step.z_s.numpy())
    t, s = (np.array(each) + 1 for each in zip(*trace.pairs[:steps], strict=True))
    arrays = {"z": np.stack(z), "eps": np.stack(eps), "x0": np.stack(x0), "t": t, "s": s}
    return write_arrays(path, arrays, overwrite=True)
