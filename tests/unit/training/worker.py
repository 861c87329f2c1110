"""A training process, for the tests that need a real one: `python -m tests.unit.training.worker HOW FOLDER STEPS`.

HOW: "create" or "resume" a run and train until STEPS are done in all; "endless" creates or resumes, and trains and
saves without pause until it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.networks.devices import choose_device
from studio.networks.unet import UNetConfig
from studio.training import report, trainer
from studio.training.checkpoint import FILE_NAME
from studio.training.events import CheckpointSaved
from studio.training.run import TrainingRun
from studio.training.settings import Budget, TrainingSettings

BATCH_SIZE = 4
NETWORK = UNetConfig(
    in_channels=1,
    out_channels=1,
    down_block_types=("DownBlock2D",) * 2,
    up_block_types=("UpBlock2D",) * 2,
    block_out_channels=(8, 16),
    layers_per_block=1,
    norm_num_groups=4,
)
PICTURES = ImageSet("noise", np.random.default_rng(0).integers(0, 256, (30, 8, 8, 1), dtype=np.uint8))


EXACT = Budget(images=200 * BATCH_SIZE)
ENDLESS = Budget(images=10**9)


def make_run(folder: Path, budget: Budget = EXACT, checkpoint_seconds: float = 1e6) -> TrainingRun:
    """A small U-Net that learns noise."""
    settings = TrainingSettings(
        budget=budget,
        batch_size=BATCH_SIZE,
        horizontal_flips=True,
        sample_count=2,
        sample_steps=2,
        validation_pictures=8,
        quality_pictures=0,
        checkpoint_seconds=checkpoint_seconds,
    )
    return TrainingRun.create(PICTURES, make_schedule("cosine", 100), settings, NETWORK, choose_device("cpu"), folder)


def train_until(run: TrainingRun, steps: int) -> None:
    """Train until `steps` are done in all, pausing, standing after every step, draw and save."""
    # The generator then stands after every step, instead of a tenth of a second later.
    report.PROGRESS_SECONDS = 0.0
    events = trainer.train(run)
    while run.step < steps:
        next(events)
    trainer.draw_samples(run)
    events.close()


def train_until_killed(run: TrainingRun) -> None:
    """Print a line for each checkpoint as soon as it is on disk."""
    print("ready", run.step, flush=True)
    for event in trainer.train(run):
        if isinstance(event, CheckpointSaved):
            print("saved", event.step, flush=True)


def main(how: str, folder: Path, steps: int) -> None:
    torch.set_num_threads(1)
    if how == "create":
        train_until(make_run(folder), steps)
    elif how == "resume":
        train_until(TrainingRun.resume(folder, PICTURES, choose_device("cpu")), steps)
    elif (folder / FILE_NAME).exists():
        train_until_killed(TrainingRun.resume(folder, PICTURES, choose_device("cpu")))
    else:
        train_until_killed(make_run(folder, ENDLESS, checkpoint_seconds=0.0))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
