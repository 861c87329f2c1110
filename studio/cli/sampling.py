"""The commands `sample` and `trace`, and what making pictures asks of the command line."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.inspecting import read_pictures
from studio.cli.progress import ProgressLine, finished
from studio.errors import SettingsError, StorageError

if TYPE_CHECKING:
    import numpy as np

    from studio.generation.exact_model import ExactModel
    from studio.generation.plan import PictureModel
    from studio.generation.request import SamplingRequest
    from studio.generation.sampling import SamplingProgress
    from studio.generation.source import SourcePicture
    from studio.library.bundle import ModelBundle
    from studio.networks.devices import Device


def sample(arguments: argparse.Namespace) -> int:
    """Make pictures with a model, into a folder or one file."""
    from studio.generation.export import save_pictures
    from studio.networks.devices import choose_device

    device = choose_device(arguments.device)
    model = load_model(arguments)
    request = sampling_request(arguments)
    source = source_picture(arguments, model)
    started = time.perf_counter()
    pictures = make_pictures(model, request, device, source, quiet=arguments.json)
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


def trace(arguments: argparse.Namespace) -> int:
    """Record every step of a reverse run into one file that the studio opens again."""
    from studio.diffusion.trace import Trace
    from studio.generation.plan import plan
    from studio.generation.trace_file import save_traces
    from studio.networks.devices import choose_device

    if arguments.out.exists() and not arguments.overwrite:
        raise StorageError(f"{arguments.out} exists already.", "Choose another name, or add --overwrite.")
    device = choose_device(arguments.device)
    model = load_model(arguments)
    planned = plan(model, sampling_request(arguments), source_picture(arguments, model))
    recorded = Trace(planned.run)
    with ProgressLine(arguments.json) as line:
        for step in recorded.steps(model.denoiser(device), planned.z, device=device.name):
            share = (step.index + 1) / step.total
            line.show("denoising", share, f"step {step.index + 1:,} of {step.total:,}", now=share >= 1)
    save_traces(
        arguments.out,
        recorded,
        model_hash=model.content_hash,
        model_name=model.name,
        overwrite=arguments.overwrite,
    )
    facts: dict[str, Any] = {
        "steps": len(recorded),
        "pictures": recorded.shape[0],
        "model_calls": planned.run.model_calls(),
        "bytes": arguments.out.stat().st_size,
        "out": str(arguments.out),
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        print(
            f"{facts['steps']} steps of {facts['pictures']} pictures, {facts['model_calls']} model calls, "
            f"{facts['bytes'] / 2**20:.1f} MB, written to {arguments.out}"
        )
    return EXIT_DONE


def sampling_request(arguments: argparse.Namespace) -> SamplingRequest:
    """What the sampling options of the command line ask for. Raises SettingsError."""
    from studio.diffusion.samplers import SAMPLERS
    from studio.generation.request import SamplingRequest

    lowest, highest = arguments.guidance_interval
    thresholding, quantile = ("clip", 0.995) if arguments.clip else ("none", 0.995)
    if arguments.dynamic_threshold is not None:
        thresholding, quantile = "dynamic", arguments.dynamic_threshold
    return SamplingRequest(
        count=arguments.count,
        sampler=arguments.sampler,
        steps=arguments.steps or SAMPLERS[arguments.sampler].usual_steps,
        seed=arguments.seed,
        eta=arguments.eta,
        variance=arguments.variance,
        spacing=arguments.spacing,
        thresholding=thresholding,
        quantile=quantile,
        class_name=arguments.class_name,
        without_class=arguments.no_class,
        guidance=arguments.guidance,
        guidance_from=lowest,
        guidance_to=highest,
        variation_seed=arguments.variation_seed,
        variation_radius=arguments.variation,
        strength=_strength(arguments),
        resamplings=arguments.resamplings,
    )


def source_picture(arguments: argparse.Namespace, model: PictureModel) -> SourcePicture | None:
    """The picture to begin with, of the model's size; None when none was named. Raises DataError, SettingsError."""
    from studio.generation.source import load_source

    if arguments.init is None:
        for option, given in (("--mask", arguments.mask), ("--strength", arguments.strength)):
            if given is not None:
                raise SettingsError(f"{option} needs a picture to work on.", "Name it with --init.")
        return None
    return load_source(arguments.init, arguments.mask, model.shape)


def load_model(arguments: argparse.Namespace) -> ModelBundle | ExactModel:
    """The model in a file, the starter model of that name, or with --exact the data set in the place of a model.

    Raises ModelFileError, DataError.
    """
    if arguments.exact:
        from studio.diffusion.schedule import cosine
        from studio.generation.exact_model import ExactModel

        return ExactModel(read_pictures(arguments.model, None, quiet=arguments.json).image_set, cosine())
    from studio.library.bundle import load_bundle

    return load_bundle(_model_path(arguments.model))


def make_pictures(
    model: PictureModel, request: SamplingRequest, device: Device, source: SourcePicture | None, *, quiet: bool
) -> np.ndarray:
    """The pictures of `request`, uint8 (N, H, W, C), showing how far they are. Raises as `sample_pictures`."""
    from studio.generation.sampling import sample_pictures

    def show(item: SamplingProgress) -> None:
        line.show("denoising", item.fraction, f"{item.done:,} of {item.total:,} pictures", now=item.fraction >= 1)

    with ProgressLine(quiet) as line:
        return finished(sample_pictures(model, request, device, source=source), show)


def _strength(arguments: argparse.Namespace) -> float:
    if arguments.strength is not None:
        return arguments.strength
    # What is painted over shall be made anew, the rest stays by itself; without a mask all of it shall be kept in mind.
    return 1.0 if arguments.mask is not None or arguments.init is None else 0.6


def _model_path(model: Path) -> Path:
    """`model` itself, or the file of the starter model of that name."""
    from studio.library.starter import starter_models

    if not model.exists():
        for starter in starter_models():
            if str(model) == starter.id:
                return starter.path
    return model
