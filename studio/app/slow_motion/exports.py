"""A step leaving the program: its tensors, its numbers, the losses so far, and a film of its lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from studio.app.slow_motion.slow_step import SlowStep

_FILM_LINE_SECONDS = 1.25
"""As long as a line stands on the page at 1×."""


def write_tensors(step: SlowStep, path: Path) -> Path:
    """All arrays of a step as .npz, pictures as (N, H, W, C). Raises StorageError."""
    from studio.generation.numbers import write_arrays

    arrays = {
        "x": step.x,
        "t": step.t,
        "alpha_bar": step.alpha_bar_of_pictures,
        "noise": step.noise,
        "z_t": step.z_t,
        "target": step.target,
        "output": step.output,
        "predicted_noise": step.predicted_noise,
        "loss": step.losses,
        "loss_after": step.losses_after,
        "gradient_norms": step.gradient_norms,
        "step": np.array(step.number),
        "learning_rate": np.array(step.learning_rate),
        "parameterization": np.array(step.parameterization),
    }
    if step.classes:
        arrays["told_class"] = np.array(step.classes)
    return write_arrays(path, arrays, overwrite=True)


def write_numbers(step: SlowStep, path: Path) -> Path:
    """A row for each picture that is shown, as .csv. Raises StorageError."""
    from studio.generation.numbers import write_table

    columns: dict[str, Sequence[object] | np.ndarray] = {"picture": range(1, step.picture_count + 1)}
    if step.classes:
        columns["told_class"] = step.classes
    columns |= {
        "t": step.t,
        "alpha_bar": step.alpha_bar_of_pictures,
        "loss": step.losses,
        "loss_after_the_step": step.losses_after,
    }
    return write_table(path, columns, overwrite=True)


def write_losses(losses: Sequence[tuple[int, float]], path: Path) -> Path:
    """A row for each step taken here, as .csv. Raises StorageError."""
    from studio.generation.numbers import write_table

    steps, values = zip(*losses, strict=True) if losses else ((), ())
    return write_table(path, {"step": steps, "mean_squared_error_of_noise": values}, overwrite=True)


def film_job(frames: Sequence[np.ndarray], path: Path) -> Iterator[object]:
    """Write the lines as a film at the pace of the page, uint8 (H, W, 3) each; returns the path. Raises StudioError."""
    from studio.generation.films import write_film

    yield from ()
    return write_film(frames, path, fps=1 / _FILM_LINE_SECONDS, hold_seconds=_FILM_LINE_SECONDS, overwrite=True)
