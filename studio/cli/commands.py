"""What each command does: the same calls that the window makes, on the same objects."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.interruption import Interruption
from studio.cli.progress import ProgressLine, TrainingReporter
from studio.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np

    from studio.data.image_set import ImageSet
    from studio.data.importing import ImportResult
    from studio.generation.sampling import SamplingProgress
    from studio.networks.devices import Device
    from studio.training.run import TrainingRun
    from studio.training.settings import Budget

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def _inspect(arguments: argparse.Namespace) -> int:
    result = _import(arguments.data, arguments.size, quiet=arguments.json)
    if arguments.json:
        print(json.dumps(result.report.to_json(), indent=2))
    else:
        print(result.report.to_text())
    return EXIT_DONE


def _import(data: Path, size: int | None, *, name: str | None = None, quiet: bool) -> ImportResult:
    from studio.data.importing import ImportResult, import_images

    with ProgressLine(quiet) as line:
        for item in import_images([data], size=size, name=name):
            if isinstance(item, ImportResult):
                return item
            line.show(f"reading {item.path}", item.done / item.total if item.total else None, f"{item.done:,} read")
    raise AssertionError("an import ends with a result")


def _train(arguments: argparse.Namespace) -> int:
    from studio.networks.devices import choose_device
    from studio.training.events import TrainingFinished
    from studio.training.run import TrainingRun, discard_run
    from studio.training.trainer import train

    _check_target(arguments)
    device = choose_device(arguments.device)
    imported = _import(arguments.data, arguments.size, name=arguments.name, quiet=arguments.json)
    if imported.report.skipped and not arguments.json:
        print(imported.report.to_text(), file=sys.stderr)
    folder = arguments.out.with_suffix(".run")
    if arguments.resume:
        run = TrainingRun.resume(folder, imported.image_set, device, _budget(arguments))
    else:
        if arguments.overwrite:
            discard_run(folder)
        run = _new_run(arguments, imported.image_set, device, folder)
    reporter = TrainingReporter(as_json=arguments.json)
    finished = False
    with contextlib.closing(reporter), contextlib.closing(train(run)) as events, Interruption() as interruption:
        for event in events:
            reporter.show(event)
            if isinstance(event, TrainingFinished):
                event.bundle.save(arguments.out)
                reporter.wrote(arguments.out)
                finished = True
            elif interruption.asked:
                break
    if finished:
        return EXIT_DONE
    print(f"Stopped. The work so far is kept in {folder}; add --resume to go on.", file=sys.stderr)
    return EXIT_INTERRUPTED


def _new_run(arguments: argparse.Namespace, image_set: ImageSet, device: Device, folder: Path) -> TrainingRun:
    from studio.diffusion.schedule import make_schedule
    from studio.training.presets import preset
    from studio.training.run import TrainingRun
    from studio.training.settings import ALGORITHM_20_1

    shape = (image_set.channels, image_set.height, image_set.width)
    settings, network_config = preset(arguments.preset, shape)
    changes: dict[str, object] = {}
    if arguments.algorithm_20_1:
        changes["budget"] = settings.budget
        settings = ALGORITHM_20_1
    budget = _budget(arguments)
    if budget is not None:
        changes["budget"] = budget
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    schedule = make_schedule(arguments.schedule, 1000)
    return TrainingRun.create(
        image_set, schedule, dataclasses.replace(settings, **changes), network_config, device, folder
    )


def _budget(arguments: argparse.Namespace) -> Budget | None:
    from studio.training.settings import Budget

    if arguments.minutes is None and arguments.images is None:
        return None
    return Budget(images=arguments.images, minutes=arguments.minutes)


def _sample(arguments: argparse.Namespace) -> int:
    from studio.generation.export import save_pictures
    from studio.generation.sampling import SamplingRequest, sample_pictures
    from studio.library.bundle import load_bundle
    from studio.networks.devices import choose_device

    device = choose_device(arguments.device)
    bundle = load_bundle(_model_path(arguments.model))
    request = SamplingRequest(
        count=arguments.count,
        sampler=arguments.sampler,
        steps=arguments.steps or (None if arguments.sampler == "ddpm" else 50),
        seed=arguments.seed,
        clip=arguments.clip,
    )
    started = time.perf_counter()
    with ProgressLine(arguments.json) as line:
        pictures = _exhaust(sample_pictures(bundle, request, device), line)
    seconds = time.perf_counter() - started
    save_pictures(pictures, arguments.out, overwrite=arguments.overwrite)
    facts = {
        "pictures": len(pictures),
        "shape": list(pictures.shape[1:]),
        "sampler": request.to_json(),
        "device": device.name,
        "seconds": round(seconds, 3),
        "out": str(arguments.out),
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        print(f"{len(pictures)} pictures in {seconds:.1f} s on {device.label}, written to {arguments.out}")
    return EXIT_DONE


def _exhaust(progress: Iterator[SamplingProgress], line: ProgressLine) -> np.ndarray:
    """Run a sampling generator to its end, showing how far it is; returns its pictures."""
    while True:
        try:
            item = next(progress)
        except StopIteration as end:
            return end.value
        line.show("denoising", item.fraction, f"{item.done:,} of {item.total:,} pictures", now=item.fraction >= 1)


def _model_path(model: Path) -> Path:
    """`model` itself, or the file of the starter model of that name."""
    from studio.library.starter import starter_models

    if not model.exists():
        for starter in starter_models():
            if str(model) == starter.id:
                return starter.path
    return model


def _check_target(arguments: argparse.Namespace) -> None:
    """Refuse a place for the model that cannot work, before minutes are spent on it."""
    out = arguments.out
    if out.suffix != ".safetensors":
        raise SettingsError(f"{out} is not a name for a model.", "Give it the ending .safetensors.")
    if out.is_dir():
        raise SettingsError(f"{out} is a folder.", "Name a file in it that ends in .safetensors.")
    if out.exists() and not (arguments.resume or arguments.overwrite):
        raise SettingsError(f"{out} exists already.", "Choose another name, or add --resume or --overwrite.")


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"inspect": _inspect, "train": _train, "sample": _sample}
"""The function behind each command that needs no screen."""
