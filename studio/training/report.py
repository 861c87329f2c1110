"""The losses of the steps, told a few times a second."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.errors import LossNotFinite
from studio.training.clock import Speedometer
from studio.training.events import LEVEL_BANDS, Progress, TrainingStarted
from studio.training.levels import means_of
from studio.training.run import TrainingRun

PROGRESS_SECONDS = 0.1

SAVING_SHARE = 20.0
"""On a slow disk checkpoints come less often: so many times what the last one took lie between two of them."""

MOST_STRETCHED = 4.0
"""They are never further apart than so many times what the settings say: that is the most a crash can cost."""


class Report:
    """Collects the losses of the steps and tells them a few times a second.

    On an accelerator a loss is a promise: it is looked at only when a Progress is due, because looking means waiting.

    pending: the losses that were not told yet. since_safe: those told since the state was last kept as a sound one.
    """

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._speed = Speedometer()
        self._last = -math.inf
        self.pending: list[Tensor] = []
        self.since_safe: list[float] = []

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
        run = self._run
        usual = run.settings.checkpoint_seconds
        wait = min(max(usual, SAVING_SHARE * run.saving_seconds), MOST_STRETCHED * usual)
        return run.seconds - run.saved_seconds >= wait

    def set_back(self) -> None:
        """Forget what was not told: the run stands where it stood before."""
        self.pending.clear()
        self.since_safe.clear()
        self._speed = Speedometer()
        self._last = -math.inf

    def progress(self) -> Progress:
        """All losses since the last time; also written to the run's log. Raises LossNotFinite and StorageError."""
        run = self._run
        count = len(self.pending)
        # One look at the device for everything.
        told = run.ranks.sum(torch.cat([torch.stack(self.pending).float(), run.levels.totals.flatten()])).tolist()
        losses, sums, counts = tuple(told[:count]), told[count : count + LEVEL_BANDS], told[count + LEVEL_BANDS :]
        self.pending.clear()
        run.levels.clear()
        first_step = run.step - count + 1
        for number, loss in enumerate(losses):
            if not math.isfinite(loss):
                raise LossNotFinite(
                    f"The loss became {loss} at step {first_step + number:,}.", run.remedy_for_divergence()
                )
            run.losses.add((first_step + number) * run.settings.batch_size, loss)
        self.since_safe.extend(losses)
        self._last = seconds = run.seconds
        level_losses, level_counts = means_of(sums, counts)
        progress = Progress(
            step=run.step,
            images_seen=run.images_seen,
            losses=losses,
            seconds=seconds,
            seconds_left=self._speed.seconds_left(run.settings.budget, run.images_seen, seconds),
            pictures_per_second=self._speed.pictures_per_second,
            fraction=run.fraction,
            learning_rate=run.learning_rate,
            level_losses=level_losses,
            level_counts=level_counts,
        )
        if run.writes:
            run.metrics.append(progress)
        return progress
