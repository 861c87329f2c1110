"""The command `train`."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE, EXIT_INTERRUPTED
from studio.cli.inspecting import read_prepared
from studio.cli.interruption import Interruption
from studio.cli.progress import TrainingReporter
from studio.cli.scheduling import noise_schedule
from studio.errors import SettingsError

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet
    from studio.networks.devices import Device
    from studio.training.events import TrainingEvent
    from studio.training.ranks import Ranks
    from studio.training.run import TrainingRun
    from studio.training.settings import Budget


def train(arguments: argparse.Namespace) -> int:
    """Train a model on the data, alone or as one of several processes; Ctrl+C keeps the work so far."""
    from studio.training.distributed import joined

    _check_target(arguments)
    with joined(arguments.device) as (ranks, device):
        code = _train(arguments, device, ranks)
        # torchrun ends all others as soon as one of them leaves with anything but 0, though it may still be writing.
        ranks.any(False)
        return code


def _train(arguments: argparse.Namespace, device: Device, ranks: Ranks) -> int:
    from studio.training import trainer
    from studio.training.distributed import one_of_each_machine_first
    from studio.training.events import TrainingFinished
    from studio.training.run import TrainingRun
    from studio.training.run_folder import discard_run
    from studio.training.tensorboard_log import mirrored

    speaks = ranks.index == 0
    with one_of_each_machine_first(ranks):
        imported = read_prepared(arguments, name=arguments.name, quiet=arguments.json or not speaks)
    if imported.report.skipped and speaks and not arguments.json:
        print(imported.report.to_text(), file=sys.stderr)
    folder = arguments.out.with_suffix(".run")
    if arguments.resume:
        if arguments.from_step is not None and speaks:
            _go_back(folder, arguments.from_step)
        ranks.any(False)
        run = TrainingRun.resume(folder, imported.image_set, device, _budget(arguments), ranks=ranks)
    else:
        if arguments.overwrite and speaks:
            discard_run(folder)
        # Nobody may find the run of before, nor the first checkpoint of this one.
        ranks.any(False)
        run = _new_run(arguments, imported.image_set, device, folder, ranks)
        ranks.any(False)
    if not speaks:
        return _follow(run)
    reporter = TrainingReporter(as_json=arguments.json)
    finished = False
    told = mirrored(trainer.train(run), folder, run.settings.to_json(), wanted=arguments.tensorboard)
    with contextlib.closing(reporter), contextlib.closing(told) as events, Interruption() as interruption:
        for event in events:
            reporter.show(event)
            if isinstance(event, TrainingFinished):
                event.bundle.save(arguments.out)
                reporter.wrote(arguments.out)
                finished = True
            elif _stops(event, run, interruption):
                break
    if finished:
        return EXIT_DONE
    print(f"Stopped. The work so far is kept in {folder}; add --resume to go on.", file=sys.stderr)
    return EXIT_INTERRUPTED


def _go_back(folder: Path, step: int) -> None:
    """Put a run that stands at the kept checkpoint nearest to `step` into `folder`, and the one of before beside it."""
    from studio import files
    from studio.training.kept_checkpoints import branch_run, kept_checkpoints, nearest_kept
    from studio.training.run_folder import discard_run

    if nearest_kept(kept_checkpoints(folder), step) is None:
        raise SettingsError(f"No checkpoint was kept in {folder}.", "Resume the last one, without --from-step.")
    number = 1
    while (before := folder.with_name(f"{folder.stem} before {number}{folder.suffix}")).exists():
        number += 1
    try:
        folder.rename(before)
    except OSError as error:
        raise files.storage_error(error, before) from error
    kept = nearest_kept(kept_checkpoints(before), step)
    try:
        branch_run(before, kept, folder)
    except BaseException:
        # Half of a branch has no checkpoint yet and is no run: the one of before takes its place again.
        discard_run(folder)
        if not folder.exists():
            before.rename(folder)
        raise
    print(f"Going on from step {kept.step:,}. The run of before is in {before}", file=sys.stderr)


def _follow(run: TrainingRun) -> int:
    """Take part in the training of process 0, which speaks and writes for all."""
    from studio.training import trainer

    with contextlib.closing(trainer.train(run)) as events, Interruption() as interruption:
        stopped = any(_stops(event, run, interruption) for event in events)
    return EXIT_INTERRUPTED if stopped else EXIT_DONE


def _stops(event: TrainingEvent, run: TrainingRun, interruption: Interruption) -> bool:
    """Whether somebody asked this process to stop, or any other one."""
    from studio.training.events import Progress

    if run.ranks.count == 1:
        return interruption.asked
    # The one event that comes to all processes at the same step.
    return isinstance(event, Progress) and run.ranks.any(interruption.asked)


def _new_run(
    arguments: argparse.Namespace, image_set: ImageSet, device: Device, folder: Path, ranks: Ranks | None = None
) -> TrainingRun:
    from studio.training.presets import preset
    from studio.training.run import TrainingRun
    from studio.training.settings import ALGORITHM_20_1

    shape = (image_set.channels, image_set.height, image_set.width)
    settings, network_config = preset(arguments.preset, shape, class_count=_class_count(arguments, image_set))
    if arguments.algorithm_20_1:
        settings = dataclasses.replace(ALGORITHM_20_1, budget=settings.budget)
    wishes = {
        "budget": _budget(arguments),
        "seed": arguments.seed,
        "parameterization": arguments.predict,
        "loss_weighting": arguments.loss_weight,
        "class_dropout": arguments.class_dropout,
    }
    settings = dataclasses.replace(settings, **{name: wish for name, wish in wishes.items() if wish is not None})
    return TrainingRun.create(image_set, noise_schedule(arguments), settings, network_config, device, folder, ranks)


def _class_count(arguments: argparse.Namespace, image_set: ImageSet) -> int | None:
    """How many classes the network shall know; None for none. The book's algorithm knows none unless asked to."""
    from studio.training.presets import class_count_for

    wished = not arguments.algorithm_20_1 if arguments.classes is None else arguments.classes
    count = class_count_for(image_set) if wished else None
    if arguments.classes and count is None:
        raise SettingsError("These pictures have no classes to learn.", "Put each class into a folder of its own.")
    return count


def _budget(arguments: argparse.Namespace) -> Budget | None:
    from studio.training.settings import Budget

    if arguments.minutes is None and arguments.images is None:
        return None
    return Budget(images=arguments.images, minutes=arguments.minutes)


def _check_target(arguments: argparse.Namespace) -> None:
    """Refuse a place for the model that cannot work, before minutes are spent on it."""
    out = arguments.out
    if arguments.from_step is not None and not arguments.resume:
        raise SettingsError("--from-step goes back in a run that is there.", "Add --resume.")
    if out.suffix != ".safetensors":
        raise SettingsError(f"{out} is not a name for a model.", "Give it the ending .safetensors.")
    if out.is_dir():
        raise SettingsError(f"{out} is a folder.", "Name a file in it that ends in .safetensors.")
    if out.exists() and not (arguments.resume or arguments.overwrite):
        raise SettingsError(f"{out} exists already.", "Choose another name, or add --resume or --overwrite.")
