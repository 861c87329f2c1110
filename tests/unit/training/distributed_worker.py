"""One process of a training, alone or as torchrun started it:
`[torchrun --nproc-per-node=N] -m tests.unit.training.distributed_worker FOLDER STEPS [how…]`.

It makes a run in FOLDER, or resumes the one that is there, and trains until STEPS are done in all. how: "minutes" makes
the learning rate hang on the clock, "vanish" kills process 1 after half of the steps, "stop" lets process 1 ask for the
end there, "uneven" uses a batch that no number of processes divides.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.errors import StudioError
from studio.networks import devices
from studio.networks.unet import UNetConfig
from studio.training import report, trainer
from studio.training.checkpoint import has_checkpoint
from studio.training.distributed import joined
from studio.training.events import Progress
from studio.training.ranks import Ranks
from studio.training.run import TrainingRun
from studio.training.settings import Budget, TrainingSettings

NETWORK = UNetConfig(
    in_channels=1,
    out_channels=1,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    block_out_channels=(8, 16),
    layers_per_block=1,
    norm_num_groups=4,
    attention_head_dim=8,
    num_class_embeds=4,
)
_CHANCE = np.random.default_rng(0)
PICTURES = ImageSet(
    "noise",
    _CHANCE.integers(0, 256, (90, 8, 8, 1), dtype=np.uint8),
    labels=_CHANCE.integers(0, 3, 90),
    class_names=("a", "b", "c"),
)
BATCH_SIZE = 12
UNEVEN_BATCH_SIZE = 11
PLANNED_STEPS = 60


def make_run(folder: Path, how: list[str], ranks: Ranks) -> TrainingRun:
    """A small U-Net with attention that learns noise of three classes."""
    size = UNEVEN_BATCH_SIZE if "uneven" in how else BATCH_SIZE
    settings = TrainingSettings(
        budget=Budget(minutes=0.2) if "minutes" in how else Budget(images=PLANNED_STEPS * size),
        batch_size=size,
        horizontal_flips=True,
        warmup_images=10 * size,
        ema_halflife_images=20 * size,
        sample_count=3,
        sample_steps=2,
        sample_rows=6,
        checkpoint_seconds=1e6,
        validation_pictures=16,
        quality_pictures=0,
        threads=1,
    )
    device = devices.choose_device("cpu")
    if has_checkpoint(folder):
        return TrainingRun.resume(folder, PICTURES, device, ranks=ranks)
    run = TrainingRun.create(PICTURES, make_schedule("cosine", 100), settings, NETWORK, device, folder, ranks=ranks)
    # Nobody may find the first checkpoint of the run that it is about to make itself.
    ranks.any(False)
    return run


def train(run: TrainingRun, steps: int, how: list[str]) -> None:
    """Train until `steps` are done, standing after every step."""
    report.PROGRESS_SECONDS = 0.0
    events = trainer.train(run)
    half = steps // 2
    while run.step < steps and (event := next(events, None)) is not None:
        one_that_is_asked = run.step >= half and run.ranks.index == 1
        if "vanish" in how and one_that_is_asked:
            os.kill(os.getpid(), signal.SIGKILL)
        # Rows and measurements are events of process 0 alone.
        if isinstance(event, Progress) and run.ranks.any("stop" in how and one_that_is_asked):
            break
    events.close()


def main(folder: Path, steps: int, how: list[str]) -> int:
    devices._cpu_has_bfloat16 = lambda: False
    try:
        with joined("cpu") as (ranks, _):
            torch.set_num_threads(1)
            run = make_run(folder, how, ranks)
            train(run, steps, how)
            # What every process has, not only the one that writes.
            torch.save([parameter.detach() for parameter in run.parameters], folder / f"weights-{ranks.index}.pt")
    except StudioError as error:
        print(f"process {os.environ.get('RANK', '0')}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
