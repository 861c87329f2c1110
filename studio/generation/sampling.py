"""From a model and a request to pictures."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from studio.data.pixels import to_pictures
from studio.diffusion.step import Step
from studio.generation.plan import PictureModel, plan
from studio.generation.request import SamplingRequest
from studio.generation.source import SourcePicture
from studio.library.memory import out_of_memory_explained
from studio.networks.devices import Device

_OUT_OF_MEMORY = "There is not enough memory to make so many pictures at once."

_FEWEST_AT_A_TIME = 64
_VALUES_AT_A_TIME = 16_384


@dataclass(frozen=True)
class SamplingProgress:
    """How far sample_pictures has come: `fraction` in [0, 1], and how many of the `total` pictures are `done`."""

    done: int
    total: int
    fraction: float


def denoise(
    model: PictureModel, request: SamplingRequest, device: Device, source: SourcePicture | None = None
) -> Iterator[Step]:
    """The reverse process of all pictures of `request` at once, step by step. Raises as `plan`."""
    return plan(model, request, source).steps(model.denoiser(device), device)


def sample_pictures(
    model: PictureModel,
    request: SamplingRequest,
    device: Device,
    batch_size: int | None = None,
    source: SourcePicture | None = None,
) -> Generator[SamplingProgress, None, np.ndarray]:
    """Make the pictures of `request`, `batch_size` at a time; the generator's result is uint8 (N, H, W, C).

    Without a batch size: 64, and more where pictures are so small that a step costs the same for thousands of them.
    source: a picture to begin with; every picture is made from it.

    Each picture has its own noise, so the batch size decides about speed and memory only. (Arithmetic in another
    order may still move a value by a rounding error, hence a level of a pixel by one here and there.)

    Raises OutOfMemory when a batch does not fit the device, and as `plan`.
    """
    if batch_size is None:
        batch_size = max(_FEWEST_AT_A_TIME, _VALUES_AT_A_TIME // math.prod(model.shape))
    finished: list[np.ndarray] = []
    done = 0
    with out_of_memory_explained(_OUT_OF_MEMORY, "Make fewer pictures at a time."):
        denoiser = model.denoiser(device)
        while done < request.count:
            numbers = range(request.first + done, request.first + min(done + batch_size, request.count))
            for step in plan(model, request, source, numbers).steps(denoiser, device):
                part = len(numbers) * (step.index + 1) / step.total
                yield SamplingProgress(done, request.count, (done + part) / request.count)
            finished.append(to_pictures(step.z_s))
            done += len(numbers)
    yield SamplingProgress(done, request.count, 1.0)
    return np.concatenate(finished)


def make_pictures(
    model: PictureModel,
    request: SamplingRequest,
    device: Device,
    batch_size: int | None = None,
    source: SourcePicture | None = None,
) -> np.ndarray:
    """`sample_pictures` run to its end: uint8 (N, H, W, C)."""
    progress = sample_pictures(model, request, device, batch_size, source)
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value
