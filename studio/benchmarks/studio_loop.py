"""The studio's own training, offered as the other programs are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.networks.config import NetworkConfig
from studio.networks.devices import Device
from studio.training.presets import class_count_for, preset
from studio.training.run import TrainingRun
from studio.training.settings import ALGORITHM_20_1, Budget, TrainingSettings
from studio.training.trainer import training_step


class StudioLoop:
    """A run of the studio, one step at a time, without rows, checkpoints and reports."""

    name = "Diffusion Studio"

    def __init__(
        self,
        image_set: ImageSet,
        settings: TrainingSettings,
        network: NetworkConfig,
        device: Device,
        folder: Path,
        schedule: str = "cosine",
    ) -> None:
        self.run = TrainingRun.create(image_set, make_schedule(schedule, 1000), settings, network, device, folder)
        self.batch_size = settings.batch_size
        self.settings = (
            f"{self.run.parameter_count:,} parameters, batch {settings.batch_size}, rate {settings.learning_rate:g}, "
            f"{schedule}, predicts {settings.parameterization}, {self.run.precision}"
        )

    def step(self) -> float:
        """One pass through the loop of Algorithm 20.1. The loss is read at once, as the others do."""
        return float(training_step(self.run))

    def pictures(self, count: int, steps: int, seed: int) -> NDArray[np.uint8]:
        """By DDIM with the averaged weights; of every class as often as in the data, where there are classes."""
        request = SamplingRequest(count=count, sampler="ddim", steps=steps, seed=seed)
        return make_pictures(self.run.bundle(), request, self.run.device, batch_size=250)


def usual(
    image_set: ImageSet, minutes: float, device: Device, folder: Path, *, intent: str = "good", classes: bool = True
) -> TrainingRun:
    """The run that "Start" would begin on these pictures, for so many minutes."""
    shape = (image_set.channels, image_set.height, image_set.width)
    class_count = class_count_for(image_set) if classes else None
    settings, network = preset(intent, shape, class_count=class_count)
    settings = dataclasses.replace(settings, budget=Budget(minutes=minutes))
    return TrainingRun.create(image_set, make_schedule("cosine", 1000), settings, network, device, folder)


def plain_settings(batch_size: int, learning_rate: float) -> TrainingSettings:
    """What the plain loop of others does, in the studio's words: to compare the same work."""
    return dataclasses.replace(
        ALGORITHM_20_1,
        budget=Budget(images=10**9),
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=0.01,
        gradient_clip=1.0,
        held_out_share=0.0,
    )
