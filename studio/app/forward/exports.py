"""The forward process as files: a film of both ways to noise, and every number that stands on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from studio.generation.films import write_film
from studio.generation.numbers import write_arrays, write_table

if TYPE_CHECKING:
    from studio.app.forward.process import ForwardProcess

MOST_FRAMES = 120
FRAMES_A_SECOND = 20.0
_SIDE = 280
_GAP_PIXELS = 1


def film_frames(process: ForwardProcess) -> list[NDArray[np.uint8]]:
    """From x to z_T, uint8 (H, W, C) each: the closed form, and the Markov chain beside it where it was walked."""
    schedule = process.schedule
    assert schedule is not None
    count = min(schedule.step_count + 1, MOST_FRAMES)
    steps = np.unique(np.linspace(-1, schedule.step_count - 1, count).round().astype(int)).tolist()
    closed, chain = process.closed_pictures(steps), process.chain_pictures(steps)
    if chain is None or not process.chain_is_current:
        return list(closed)
    gap = np.zeros((*closed.shape[1:2], _GAP_PIXELS, closed.shape[3]), np.uint8)
    return [np.concatenate((one, gap, other), axis=1) for one, other in zip(closed, chain, strict=True)]


def film_job(frames: list[NDArray[np.uint8]], path: Path) -> Iterator[object]:
    """Write the film; returns its path. Raises StorageError, SettingsError."""
    yield None
    scale = max(1, _SIDE // frames[0].shape[0])
    return write_film(frames, path, FRAMES_A_SECOND, scale=scale, overwrite=True)


def numbers_job(process: ForwardProcess, path: Path) -> Iterator[object]:
    """Write the moments at every t as a table (.csv), or those and all tensors as arrays (.npz); returns the path.

    What is written is what was there when the job was made. Raises StorageError.
    """
    return _write_numbers(_columns(process), _tensors(process), path)


def _write_numbers(columns: dict[str, NDArray], tensors: dict[str, NDArray], path: Path) -> Iterator[object]:
    yield None
    if path.suffix.lower() == ".npz":
        return write_arrays(path, {**columns, **tensors}, overwrite=True)
    return write_table(path, columns, overwrite=True)


def _columns(process: ForwardProcess) -> dict[str, NDArray[np.float64]]:
    schedule, moments = process.schedule, process.moments
    assert schedule is not None
    columns = {
        "t": np.arange(1, schedule.step_count + 1, dtype=np.float64),
        "beta": schedule.beta,
        "alpha_bar": schedule.alpha_bar,
        "factor_theory": schedule.sqrt_alpha_bar,
        "variance_theory": schedule.one_minus_alpha_bar,
    }
    if moments is not None:
        columns |= {
            "factor_measured": moments.factor,
            "factor_error": moments.factor_error,
            "variance_measured": moments.variance,
            "variance_error": moments.variance_error,
            "chains": np.full(schedule.step_count, float(moments.chains)),
        }
    return columns


def _tensors(process: ForwardProcess) -> dict[str, NDArray]:
    tensors = {"x": process.x[0].numpy(), "noise": process.noise[0].numpy()}
    chain = process.chain
    if chain is not None and process.chain_is_current:
        tensors["chain"] = chain.states.numpy()
    return tensors
