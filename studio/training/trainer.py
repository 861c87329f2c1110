"""Algorithm 20.1 of Bishop and Bishop, as a generator that tells what it does.

The caller owns the loop: it pauses by not asking for the next event, stops by closing the generator (the run is then
saved), and may use the run in any way while the generator stands. Nothing here knows of threads or of a screen.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import NetworkDenoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import DDIMSampler, sampling_pairs
from studio.diffusion.thresholding import Thresholding
from studio.errors import LossNotFinite
from studio.library.memory import out_of_memory_explained
from studio.training.clock import Speedometer
from studio.training.events import (
    CheckpointSaved,
    Progress,
    SamplesDrawn,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
)
from studio.training.run import SAMPLES_NAME, TrainingRun
from studio.training.step_lines import step_lines
from studio.training.wall import WallPlan, write_row

PROGRESS_SECONDS = 0.1

_OUT_OF_MEMORY = "There is not enough memory to train this network with this batch size."
_SMALLER = "Choose a smaller batch size or a smaller network; the last checkpoint is still good."


def train(run: TrainingRun) -> Generator[TrainingEvent, None, None]:
    """Train until the budget of `run` is used up, and tell about it.

    TrainingStarted comes first, TrainingFinished last. Closing the generator saves a checkpoint; calling `train` again
    with the same run goes on. Only the time inside the generator counts as training time.

    Raises LossNotFinite, OutOfMemory or StorageError when training cannot go on; the last checkpoint is then whole.
    """
    events = algorithm_20_1(run)
    while True:
        run.clock.start()
        try:
            with out_of_memory_explained(_OUT_OF_MEMORY, _SMALLER):
                event = next(events, None)
        finally:
            run.clock.stop()
        if event is None:
            return
        try:
            yield event
        except GeneratorExit:
            if run.saved_step != run.step:
                run.save_checkpoint()
            raise


def algorithm_20_1(run: TrainingRun) -> Iterator[TrainingEvent]:
    """The loop of Algorithm 20.1 with its reports; `train` adds the stopwatch and the sentences."""
    report = Report(run)
    wall = WallPlan(run.settings.sample_rows, run.fraction, begun=run.step > 0)
    yield report.started()
    if wall.due(run.fraction, run.seconds):
        yield draw_planned(wall, run)
    if run.saved_step is None:
        yield save(run)

    while run.fraction < 1.0:
        report.add(training_step(run))
        row_due = wall.due(run.fraction, run.seconds)
        row_wanted = row_due or run.samples_requested
        checkpoint_wanted = report.checkpoint_due or run.checkpoint_requested
        # Losses go out before anything else does, so that log and checkpoint always agree on how far the run is.
        if report.due or row_wanted or checkpoint_wanted:
            yield report.progress()
        if row_wanted:
            yield draw_planned(wall, run) if row_due else draw_samples(run)
        if checkpoint_wanted:
            yield save(run)

    if report.pending:
        yield report.progress()
    if run.drawn_step != run.step:
        yield draw_samples(run)
    if run.saved_step != run.step:
        yield save(run)
    yield TrainingFinished("The budget is used up.", run.bundle())


def training_step(run: TrainingRun) -> Tensor:
    """One pass through the loop of Algorithm 20.1, on a batch of pictures: `step_lines` without a stop.

    The book's loss is that of a network which predicts the noise, with a weight of 1; see `training_target` for the
    other two, and studio.diffusion.loss_weight.

    Returns the mean squared error of the predicted noise before the step, whatever was made smaller by it: a tensor ()
    on the device, not waited for.
    """
    for line in step_lines(run):
        last = line
    return last.noise_error


def draw_samples(run: TrainingRun) -> SamplesDrawn:
    """Draw a row of the sample wall from the averaged weights now, and keep it among the run's files.

    The same noise each time and DDIM without fresh noise: only the weights differ from row to row. Where there are K
    classes, column i is of class i mod K. May be called whenever the generator of `train` stands.

    Raises StorageError when the row cannot be written.
    """
    settings, schedule = run.settings, run.schedule
    run.samples_requested = False
    numbers = tuple(range(settings.sample_count))
    class_count = len(run.class_names) or None
    reverse_run = ReverseRun(
        schedule,
        DDIMSampler(eta=0.0),
        sampling_pairs(schedule, min(settings.sample_steps, schedule.step_count)),
        seed=settings.seed,
        pictures=numbers,
        shape=run.shape,
        labels=None if class_count is None else tuple(number % class_count for number in numbers),
        thresholding=Thresholding("clip"),
    )
    denoiser = NetworkDenoiser(run.average.network, schedule, settings.parameterization, run.autocast, class_count)
    for step in reverse_run.steps(denoiser, device=run.torch_device):
        z = step.z_s
    pictures = to_pictures(z)
    write_row(run.folder / SAMPLES_NAME, run.step, pictures)
    run.preview = pictures
    run.drawn_step = run.step
    return SamplesDrawn(run.step, run.images_seen, run.seconds, pictures, settings.seed, numbers, reverse_run.labels)


def draw_planned(wall: WallPlan, run: TrainingRun) -> SamplesDrawn:
    """`draw_samples`, with its cost noted in the plan."""
    before = run.seconds
    fraction = run.fraction
    drawn = draw_samples(run)
    wall.drawn(fraction, run.seconds - before)
    return drawn


def save(run: TrainingRun) -> CheckpointSaved:
    """Write a checkpoint now, and say so."""
    run.checkpoint_requested = False
    path = run.save_checkpoint()
    return CheckpointSaved(path, run.step, run.images_seen, run.seconds)


class Report:
    """Collects the losses of the steps and tells them a few times a second.

    On an accelerator a loss is a promise: it is looked at only when a Progress is due, because looking means waiting.
    """

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._speed = Speedometer()
        self._last = -math.inf
        self.pending: list[Tensor] = []

    def started(self) -> TrainingStarted:
        """The first event."""
        run = self._run
        return TrainingStarted(
            device=run.device.label,
            precision=run.precision,
            parameter_count=run.parameter_count,
            image_count=run.data.count,
            step=run.step,
            images_seen=run.images_seen,
            seconds=run.seconds,
            fraction=run.fraction,
        )

    def add(self, loss: Tensor) -> None:
        """Take note of one more step and its loss."""
        self.pending.append(loss)
        self._speed.add(self._run.seconds, self._run.images_seen)

    @property
    def due(self) -> bool:
        """Whether the last Progress is long enough ago."""
        return self._run.seconds - self._last >= PROGRESS_SECONDS

    @property
    def checkpoint_due(self) -> bool:
        """Whether the last checkpoint is long enough ago."""
        return self._run.seconds - self._run.saved_seconds >= self._run.settings.checkpoint_seconds

    def progress(self) -> Progress:
        """All losses since the last time; also written to the run's log. Raises LossNotFinite and StorageError."""
        run = self._run
        losses = tuple(torch.stack(self.pending).tolist())
        self.pending.clear()
        first_step = run.step - len(losses) + 1
        for number, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise LossNotFinite(
                    f"The loss became {loss} at step {first_step + number:,}.", run.remedy_for_divergence()
                )
            run.losses.add((first_step + number) * run.settings.batch_size, loss)
        self._last = run.seconds
        progress = Progress(
            step=run.step,
            images_seen=run.images_seen,
            losses=losses,
            seconds=run.seconds,
            seconds_left=self._speed.seconds_left(run.settings.budget, run.images_seen, run.seconds),
            pictures_per_second=self._speed.pictures_per_second,
            fraction=run.fraction,
            learning_rate=run.learning_rate,
        )
        run.metrics.append(progress)
        return progress
