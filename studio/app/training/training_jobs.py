"""The jobs behind the training stage: begin a run, take one up again, go on with one, keep or drop what it made.

No Qt; torch is imported inside, in the background thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.app import jobs
from studio.app.training import run_folders
from studio.data.image_set import ImageSet

if TYPE_CHECKING:
    from studio.diffusion.schedule import NoiseSchedule
    from studio.library.bundle import ModelBundle
    from studio.networks.config import NetworkConfig
    from studio.networks.devices import Device
    from studio.training.events import SamplesDrawn, TrainingEvent
    from studio.training.kept_checkpoints import KeptCheckpoint
    from studio.training.run import TrainingRun
    from studio.training.settings import Budget, TrainingSettings


@dataclass(frozen=True, eq=False)
class RunReady:
    """A run is made and about to train. rows, raw_rows: (step, pictures) of the wall from before, oldest first; from
    the averaged weights, and from the raw ones where they were drawn too."""

    run: TrainingRun
    image_set: ImageSet
    rows: tuple[tuple[int, np.ndarray], ...] = field(default=(), repr=False)
    raw_rows: tuple[tuple[int, np.ndarray], ...] = field(default=(), repr=False)


@dataclass(frozen=True, eq=False)
class KeptModel:
    """A model that was written to the user's library."""

    bundle: ModelBundle
    path: Path


def begin(
    image_set: ImageSet,
    schedule: NoiseSchedule,
    settings: TrainingSettings,
    network_config: NetworkConfig,
    device: Device | None,
    *,
    tensorboard: bool = False,
) -> Iterator[RunReady | TrainingEvent]:
    """A new run in a folder of its own; returns the TrainingFinished. Raises StudioError.

    tensorboard: write event files for TensorBoard as well, whenever this run trains.
    """
    from studio.networks.devices import choose_device
    from studio.training.run import TrainingRun
    from studio.training.run_folder import new_run_folder

    folder = new_run_folder(image_set.name)
    chosen = device or choose_device()
    run = TrainingRun.create(image_set, schedule, settings, network_config, chosen, folder)
    run_folders.store_pictures(folder, image_set)
    yield RunReady(run, image_set)
    return (yield from _trained(run, tensorboard=tensorboard))


def take_up(
    folder: Path, image_set: ImageSet | None, device: Device | None, budget: Budget | None = None
) -> Iterator[RunReady | TrainingEvent]:
    """The run in `folder` from its last checkpoint on; without `image_set` on the pictures kept beside it.

    budget: what it is to take in all from now on; None for what it was to take before.

    Returns the TrainingFinished. Raises StudioError.
    """
    from studio.networks.devices import choose_device
    from studio.training.run import TrainingRun
    from studio.training.run_folder import SAMPLES_NAME
    from studio.training.wall import read_raw_rows, read_rows

    pictures = image_set if image_set is not None else run_folders.stored_pictures(folder)
    run = TrainingRun.resume(folder, pictures, device or choose_device(), budget)
    run_folders.mark_going_on(folder)
    rows, raw_rows = read_rows(folder / SAMPLES_NAME, run.shape), read_raw_rows(folder / SAMPLES_NAME, run.shape)
    yield RunReady(run, pictures, tuple(rows), tuple(raw_rows))
    return (yield from _trained(run))


def branch_off(
    folder: Path, kept: KeptCheckpoint, image_set: ImageSet | None, device: Device | None
) -> Iterator[RunReady | TrainingEvent]:
    """A new run from a checkpoint that the run in `folder` keeps; that one stays and is done.

    Returns the TrainingFinished. Raises StudioError.
    """
    from studio.training.checkpoint import give_second_name
    from studio.training.kept_checkpoints import branch_run
    from studio.training.run_folder import new_run_folder

    pictures = image_set if image_set is not None else run_folders.stored_pictures(folder)
    new_folder = branch_run(folder, kept, new_run_folder(pictures.name))
    if (folder / run_folders.PICTURES_NAME).is_file():
        give_second_name(folder / run_folders.PICTURES_NAME, new_folder / run_folders.PICTURES_NAME)
    # Nobody is asked at the next start whether to go on with a run that was left on purpose.
    run_folders.mark_ended(folder, None)
    return (yield from take_up(new_folder, pictures, device))


def go_on(run: TrainingRun, image_set: ImageSet) -> Iterator[RunReady | TrainingEvent]:
    """The same run, still in memory, from where it was stopped; returns the TrainingFinished."""
    run_folders.mark_going_on(run.folder)
    yield RunReady(run, image_set)
    return (yield from _trained(run))


def keep_model(run: TrainingRun, path: Path) -> Iterator[SamplesDrawn]:
    """Write the averaged weights as they are now to `path`, and close the run; returns a KeptModel.

    A last row of the wall is drawn where the newest is older than the weights: it is the model's preview.
    """
    from studio.training.trainer import draw_samples

    if run.drawn_step != run.step:
        yield draw_samples(run)
    bundle = run.bundle()
    bundle.save(path)
    run_folders.mark_ended(run.folder, path)
    return KeptModel(bundle, path)


def drop(run: TrainingRun) -> Iterator[object]:
    """Remove everything a stopped run has written."""
    yield from ()
    run_folders.forget_extras(run.folder)
    run.discard()


def _trained(run: TrainingRun, *, tensorboard: bool = False) -> Iterator[TrainingEvent]:
    from studio.training.tensorboard_log import mirrored

    return (yield from mirrored(jobs.train_run(run), run.folder, run.settings.to_json(), wanted=tensorboard))
