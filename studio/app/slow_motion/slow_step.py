"""One training step as the screen shows it, and the job that takes steps of a run and remembers the last of them.

No Qt; torch is imported inside, in the background thread.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from studio.data.image_set import ImageSet
    from studio.diffusion.schedule import NoiseSchedule
    from studio.networks.devices import Device
    from studio.training.events import Progress
    from studio.training.run import TrainingRun
    from studio.training.step_lines import Line
    from studio.training.trainer import Report

SHOWN_PICTURES = 8
STARTER_SET = "digits"
DEFAULT_SCHEDULE = ("cosine", 1000)
NO_CLASS = "no class"
_OWN_STEPS = 4000
_OWN_SETTINGS = {"parameterization": "epsilon", "timestep_sampling": "uniform"}
"""As the book has it; the rest is that of the sketch, which learns faster."""

_OUT_OF_MEMORY = "There is not enough memory for a step of this training."
_SMALLER = "Train with a smaller batch or a smaller network."


@dataclass(frozen=True, eq=False)
class SlowStep:
    """A step that was taken: its tensors for some pictures of the batch, its numbers for all of them.

    number: counted from 1 within the run. images_seen: before the step. batch_size: pictures in the step.
    parameterization: "epsilon", "x0" or "v". stratified: the noise levels of a batch are spread evenly over all there
    are. weighted: some noise levels count more in the loss than others. alpha_bar: float64 (T,), the run's schedule.
    For N pictures of (H, W, C), float32: x, noise, z_t, predicted_noise; output, what the network put out, and target,
    what it should have (the noise, the picture or v). t: int64 (N,), counted from 1. classes: what the network was told
    of each, NO_CLASS where that was left out; empty for a network that is told none.
    losses, losses_after: float32 (N,), each picture's part in the loss before and after the weights moved.
    loss, loss_after: their means over the whole batch. noise_error: the mean squared error of the predicted noise.
    gradient_norms: float32 (P,), one for each parameter tensor in the network's order; gradient_norm: of all together;
    gradient_limit: what it was cut to, 0 for no limit. learning_rate: of this step. change, largest_change: how far the
    weights moved, all together and the one that moved most; weights: the norm of all of them before.
    """

    number: int
    images_seen: int
    batch_size: int
    parameterization: str
    stratified: bool
    weighted: bool
    alpha_bar: np.ndarray = field(repr=False)
    x: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    t: np.ndarray
    noise: np.ndarray = field(repr=False)
    z_t: np.ndarray = field(repr=False)
    predicted_noise: np.ndarray = field(repr=False)
    target: np.ndarray = field(repr=False)
    output: np.ndarray = field(repr=False)
    losses: np.ndarray
    losses_after: np.ndarray
    loss: float
    loss_after: float
    noise_error: float
    gradient_norms: np.ndarray = field(repr=False)
    gradient_norm: float
    gradient_limit: float
    learning_rate: float
    change: float
    largest_change: float
    weights: float

    @property
    def error(self) -> np.ndarray:
        """What the network put out minus what it should have put out, float32 (N, H, W, C)."""
        return self.output - self.target

    @property
    def picture_count(self) -> int:
        """How many pictures are shown."""
        return len(self.x)

    @property
    def alpha_bar_of_pictures(self) -> np.ndarray:
        """alpha_bar at each picture's t, float64 (N,)."""
        return self.alpha_bar[self.t - 1]


@dataclass(frozen=True, eq=False)
class RunMade:
    """A small run of the page's own is ready. title: of its pictures."""

    run: TrainingRun
    title: str


@dataclass(frozen=True)
class OwnRun:
    """What the page's own run is to be made from; None stands for what comes with the studio."""

    image_set: ImageSet | None
    schedule: NoiseSchedule | None
    device: Device | None


def take_steps(source: TrainingRun | OwnRun, count: int) -> Iterator[RunMade | Progress]:
    """Take `count` steps, the last of them with its tensors kept; returns the SlowStep.

    The steps are those of the run: written to its log, counted in its time. Yields a RunMade when the run had to be
    made, and a Progress now and then. Every step that was begun is taken whole, whenever the generator is closed.

    Raises LossNotFinite, OutOfMemory or StorageError.
    """
    from studio.library.memory import out_of_memory_explained
    from studio.training.trainer import Report

    if isinstance(source, OwnRun):
        made = make_own_run(source)
        yield made
        run = made.run
    else:
        run = source
    events = _steps(run, count, Report(run))
    while True:
        run.clock.start()
        try:
            with out_of_memory_explained(_OUT_OF_MEMORY, _SMALLER):
                event = next(events)
        except StopIteration as end:
            return end.value
        finally:
            run.clock.stop()
        yield event


def make_own_run(source: OwnRun) -> RunMade:
    """A small run that predicts the noise and draws t as the book does, in a temporary folder that goes with it."""
    from studio.data.starter import load_starter
    from studio.diffusion.schedule import make_schedule
    from studio.networks.devices import choose_device
    from studio.training.presets import class_count_for, preset
    from studio.training.run import TrainingRun
    from studio.training.settings import Budget

    image_set = source.image_set or load_starter(STARTER_SET)
    shape = (image_set.channels, image_set.height, image_set.width)
    settings, network = preset("sketch", shape, class_count=class_count_for(image_set))
    settings = dataclasses.replace(
        settings,
        budget=Budget(images=_OWN_STEPS * settings.batch_size),
        **_OWN_SETTINGS,
    )
    folder = Path(tempfile.mkdtemp(prefix="diffusion-studio-"))
    schedule = source.schedule or make_schedule(*DEFAULT_SCHEDULE)
    try:
        run = TrainingRun.create(image_set, schedule, settings, network, source.device or choose_device(), folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(run, shutil.rmtree, folder, True)
    return RunMade(run, image_set.name)


def _steps(run: TrainingRun, count: int, report: Report) -> Iterator[Progress]:
    from studio.training.trainer import training_step

    for _ in range(count - 1):
        report.add(training_step(run))
        if report.due:
            yield report.progress()
    step, noise_error = walk(run)
    report.add(noise_error)
    yield report.progress()
    return step


def walk(run: TrainingRun) -> tuple[SlowStep, torch.Tensor]:
    """Take one step of `run` line by line, keeping copies of what it shows; the step and its error of the noise."""
    import torch

    from studio.training.step_lines import LineKind, copied_weights, squared_error_now, step_lines, weight_change

    images_seen = run.images_seen
    before = copied_weights(run)
    for line in step_lines(run):
        if line.kind is LineKind.GRADIENT:
            gradient_norms = line.gradient_norms.cpu().numpy()
    losses_after = run.loss_weight[line.t] * squared_error_now(line)
    change = weight_change(run, before)
    settings = run.settings
    step = SlowStep(
        number=run.step,
        images_seen=images_seen,
        batch_size=settings.batch_size,
        parameterization=settings.parameterization.value,
        stratified=settings.timestep_sampling == "stratified",
        weighted=bool((run.loss_weight != 1.0).any()),
        alpha_bar=run.schedule.alpha_bar,
        x=_pictures(line.x),
        classes=_classes(line),
        t=_shown(line.t).numpy() + 1,
        noise=_pictures(line.noise),
        z_t=_pictures(line.z_t),
        predicted_noise=_pictures(line.predicted_noise),
        target=_pictures(line.target),
        output=_pictures(line.output),
        losses=_numbers(line.losses),
        losses_after=_numbers(losses_after),
        loss=float(line.losses.mean()),
        loss_after=float(losses_after.mean()),
        noise_error=float(line.noise_error),
        gradient_norms=gradient_norms,
        gradient_norm=float(torch.linalg.vector_norm(torch.from_numpy(gradient_norms))),
        gradient_limit=settings.gradient_clip,
        # The rate is read where the optimizer took it from: with a budget in minutes it changes with every moment.
        learning_rate=float(run.optimizer.param_groups[0]["lr"]),
        change=change.norm,
        largest_change=change.largest,
        weights=change.weights,
    )
    return step, line.noise_error


def _shown(tensor: torch.Tensor) -> torch.Tensor:
    """The entries of a batch that are kept, on the CPU: spread evenly over it.

    Where noise levels are stratified the first pictures of a batch are those with the least noise.
    """
    count = len(tensor)
    kept = sorted({number * (count - 1) // max(SHOWN_PICTURES - 1, 1) for number in range(SHOWN_PICTURES)})
    return tensor[kept].cpu()


def _pictures(tensor: torch.Tensor) -> np.ndarray:
    return _shown(tensor).float().movedim(1, -1).contiguous().numpy()


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return _shown(tensor).float().numpy()


def _classes(line: Line) -> tuple[str, ...]:
    if line.labels is None:
        return ()
    names = (*line.run.class_names, NO_CLASS)
    return tuple(names[label] for label in _shown(line.labels).tolist())
