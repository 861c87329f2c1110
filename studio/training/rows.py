"""Rows of the sample wall, drawn from the weights as they are at this moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import NetworkDenoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.thresholding import Thresholding
from studio.training.events import SamplesDrawn
from studio.training.micro_batches import in_parts
from studio.training.run import TrainingRun
from studio.training.run_folder import SAMPLES_NAME
from studio.training.wall import WallPlan, write_row


def draw_samples(run: TrainingRun, *, raw: bool | None = None) -> SamplesDrawn:
    """Draw a row of the sample wall from the averaged weights now, and keep it among the run's files.

    The same noise each time and DDIM without fresh noise: only the weights differ from row to row. Where there are K
    classes, column i is of class i mod K. May be called whenever the generator of `train` stands.

    raw: whether to draw it from the raw weights too; None for as the settings say.
    Raises StorageError when the row cannot be written, OutOfMemory when not even one picture can be drawn.
    """
    settings = run.settings
    run.samples_requested = False
    numbers = tuple(range(settings.sample_count))
    pictures = _pictures(run, run.average.network, numbers)
    raw_pictures = None
    if settings.sample_raw if raw is None else raw:
        # A new run's average is its weights.
        raw_pictures = pictures if run.step == 0 else _pictures(run, run.network, numbers)
        write_row(run.folder / SAMPLES_NAME, run.step, raw_pictures, raw=True)
    write_row(run.folder / SAMPLES_NAME, run.step, pictures)
    run.preview = pictures
    run.drawn_step = run.step
    drawn = SamplesDrawn(
        run.step, run.images_seen, run.seconds, pictures, settings.seed, numbers, _labels(run, numbers), raw_pictures
    )
    run.metrics.append(drawn)
    return drawn


def draw_planned(wall: WallPlan, run: TrainingRun) -> SamplesDrawn:
    """`draw_samples`, with its cost noted in the plan; from the raw weights too where that does not cost rows."""
    before, fraction = run.clock.now(), run.fraction
    raw = run.settings.sample_raw and (run.step == 0 or wall.affords(fraction, run.seconds, 2.0 * wall.last_cost))
    drawn = draw_samples(run, raw=raw)
    cost = run.clock.now() - before
    # Both halves of it are the same work.
    twice = raw and run.step > 0
    wall.drawn(fraction, cost / 2.0 if twice else cost, cost / 2.0 if twice else 0.0)
    return drawn


def _pictures(run: TrainingRun, network: nn.Module, numbers: tuple[int, ...]) -> NDArray[np.uint8]:
    schedule, settings = run.schedule, run.settings
    class_count = len(run.class_names) or None
    denoiser = NetworkDenoiser(network, schedule, settings.parameterization, run.autocast, class_count)

    def part(some: Sequence[int]) -> Tensor:
        reverse_run = ReverseRun(
            schedule,
            DDIMSampler(eta=0.0),
            sampling_pairs(schedule, min(settings.sample_steps, schedule.step_count)),
            seed=settings.seed,
            pictures=tuple(some),
            shape=run.shape,
            labels=_labels(run, some),
            thresholding=Thresholding("clip"),
        )
        for step in reverse_run.steps(denoiser, device=run.torch_device):
            z = step.z_s
        return z

    return to_pictures(in_parts(part, numbers))


def _labels(run: TrainingRun, numbers: Sequence[int]) -> tuple[int, ...] | None:
    class_count = len(run.class_names)
    return tuple(number % class_count for number in numbers) if class_count else None
