"""Training jobs after a script: what takes hours or bad luck in real training happens here in milliseconds.

    engine = FakeTraining(steps=40, trouble=not_finite(at=7))
    handle = runner.start(engine.events(), "Training")

The events are those of `studio.training`; the losses fall in a fixed curve. `engine` tells afterwards what was done
to the job: how many steps it took, in which thread, and whether it was closed.
"""

from __future__ import annotations

import errno
import math
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio.diffusion.parameterization import Parameterization
from studio.diffusion.schedule import linear
from studio.errors import LossNotFinite, OutOfMemory, StorageError
from studio.library.bundle import ModelBundle
from studio.networks.build import build_network
from studio.networks.points import PointConfig
from studio.training.events import (
    CheckpointSaved,
    Progress,
    SamplesDrawn,
    TrainingEvent,
    TrainingFinished,
    TrainingStarted,
)

BATCH_SIZE = 16


@dataclass(frozen=True)
class Trouble:
    """Something that happens in step number `at`, counted from 1, instead of its report."""

    at: int
    happen: Callable[[], None]


def not_finite(at: int) -> Trouble:
    """The loss becomes NaN."""

    def happen() -> None:
        raise LossNotFinite("The loss is not a number any more.", "Try a smaller learning rate.")

    return Trouble(at, happen)


def out_of_memory(at: int) -> Trouble:
    """The device runs out of memory."""

    def happen() -> None:
        raise OutOfMemory("There is not enough memory.", "Choose a smaller batch size.") from MemoryError()

    return Trouble(at, happen)


def disk_full(at: int) -> Trouble:
    """A checkpoint cannot be written."""

    def happen() -> None:
        cause = OSError(errno.ENOSPC, "No space left on device")
        raise StorageError("The checkpoint could not be saved: the disk is full.", "Free some space.") from cause

    return Trouble(at, happen)


def defect(at: int) -> Trouble:
    """The program has a mistake."""

    def happen() -> None:
        raise ZeroDivisionError("a mistake of the program")

    return Trouble(at, happen)


def hang(at: int, seconds: float) -> Trouble:
    """One step takes `seconds`, during which no order is obeyed; then training goes on."""
    return Trouble(at, lambda: time.sleep(seconds))


class FakeTraining:
    """A training run of `steps` steps on pictures of `shape` (C, H, W).

    samples_every, checkpoint_every: in steps, 0 for never. seconds_per_step: how long each step takes.
    closing_seconds: how long the job takes to end when it is cancelled (a slow cancel). trouble: what goes wrong.
    """

    def __init__(
        self,
        steps: int = 40,
        *,
        shape: tuple[int, int, int] = (1, 8, 8),
        samples_every: int = 10,
        checkpoint_every: int = 20,
        seconds_per_step: float = 0.0,
        closing_seconds: float = 0.0,
        trouble: Trouble | None = None,
        folder: Path = Path("run"),
    ) -> None:
        self.steps = steps
        self.shape = shape
        self.samples_every = samples_every
        self.checkpoint_every = checkpoint_every
        self.seconds_per_step = seconds_per_step
        self.closing_seconds = closing_seconds
        self.trouble = trouble
        self.folder = folder
        self.steps_taken = 0
        self.closed = False
        self.threads: set[int] = set()
        """Idents of the threads in which steps were taken."""

    def events(self) -> Generator[TrainingEvent, None, ModelBundle]:
        """The job. It can be iterated once; its result is the finished model."""
        try:
            yield self._started()
            while self.steps_taken < self.steps:
                self._step()
                yield self._progress()
                if self._due(self.samples_every):
                    yield self._samples()
                if self._due(self.checkpoint_every):
                    yield CheckpointSaved(self.folder / "checkpoint.safetensors", *self._position())
            model = tiny_bundle(self.shape)
            yield TrainingFinished("The budget is used up.", model)
            return model
        except GeneratorExit:
            time.sleep(self.closing_seconds)
            self.closed = True
            raise

    def loss(self, step: int) -> float:
        """The loss of step number `step`, counted from 1."""
        return 0.05 + math.exp(-step / 10)

    def _step(self) -> None:
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds_per_step)
        self.steps_taken += 1
        if self.trouble is not None and self.trouble.at == self.steps_taken:
            self.trouble.happen()

    def _due(self, every: int) -> bool:
        return every > 0 and self.steps_taken % every == 0

    def _position(self) -> tuple[int, int, float]:
        return self.steps_taken, self.steps_taken * BATCH_SIZE, self.steps_taken * 0.01

    def _started(self) -> TrainingStarted:
        return TrainingStarted(
            device="CPU",
            precision="float32",
            parameter_count=1234,
            image_count=64,
            step=0,
            images_seen=0,
            seconds=0.0,
            fraction=0.0,
        )

    def _progress(self) -> Progress:
        step, images_seen, seconds = self._position()
        return Progress(
            step=step,
            images_seen=images_seen,
            losses=(self.loss(step),),
            seconds=seconds,
            seconds_left=(self.steps - step) * 0.01,
            pictures_per_second=BATCH_SIZE / 0.01,
            fraction=step / self.steps,
            learning_rate=1e-3,
        )

    def _samples(self) -> SamplesDrawn:
        step, images_seen, seconds = self._position()
        channels, height, width = self.shape
        # Brighter with every row, so that a test can tell the rows apart.
        pictures = np.full((4, height, width, channels), min(255, step), np.uint8)
        return SamplesDrawn(step, images_seen, seconds, pictures, seed=0, picture_numbers=(0, 1, 2, 3))


def tiny_bundle(shape: tuple[int, int, int] = (1, 1, 2), step_count: int = 20) -> ModelBundle:
    """A whole, untrained model for pictures of `shape` (C, H, W), made in milliseconds."""
    config = PointConfig(*shape, hidden=16, blocks=1)
    return ModelBundle(
        network_config=config,
        state=build_network(config).state_dict(),
        schedule=linear(step_count),
        parameterization=Parameterization.EPSILON,
        shape=shape,
        name="Tiny",
    )
