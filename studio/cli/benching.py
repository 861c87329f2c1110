"""The command `bench`: how fast, and how good, against other programs on this computer."""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.inspecting import read_pictures
from studio.cli.progress import ProgressLine
from studio.errors import SettingsError

if TYPE_CHECKING:
    from studio.benchmarks.contender import Contender
    from studio.benchmarks.quality import Judged
    from studio.benchmarks.speed import SpeedReport
    from studio.data.image_set import ImageSet
    from studio.networks.devices import Device
    from studio.networks.unet_config import UNetConfig

_SPEED_CHANNELS = ((32, 64, 64), (64, 128, 128, 256))
"""A network such as one trains on a CPU, and that of the diffusion course; both are built by both programs."""


def bench(arguments: argparse.Namespace) -> int:
    """Run what was asked for and print the figures."""
    from studio.networks.devices import choose_device

    device = choose_device(arguments.device)
    image_set = read_pictures(arguments.data, None, quiet=arguments.json).image_set
    result: dict[str, Any] = {"device": device.label, "data": image_set.name}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what in ("speed", "all"):
            result["speed"] = [
                _speed(arguments, image_set, device, Path(folder), channels) for channels in _SPEED_CHANNELS
            ]
        if arguments.what in ("quality", "all"):
            result["quality"] = _quality(arguments, image_set, device, Path(folder))
    if arguments.json:
        print(json.dumps(result, indent=2))
    return EXIT_DONE


def _speed(
    arguments: argparse.Namespace, image_set: ImageSet, device: Device, folder: Path, channels: tuple[int, ...]
) -> dict[str, Any]:
    """Race the studio against a plain loop of diffusers on one network."""
    from studio.benchmarks.contender import padded
    from studio.benchmarks.diffusers_loop import DiffusersLoop
    from studio.benchmarks.speed import SpeedReport, race
    from studio.benchmarks.studio_loop import StudioLoop, plain_settings
    from studio.data.image_set import ImageSet

    network = _network(channels, image_set.channels)
    # Both see the very same pictures, padding and all.
    pictures = ImageSet(image_set.name, padded(image_set.images, 2 ** (len(channels) - 1)))
    other = DiffusersLoop(
        pictures.images, network, learning_rate=arguments.rate, beta_schedule="linear", device=device.kind
    )
    ours = StudioLoop(
        pictures,
        plain_settings(other.batch_size, arguments.rate),
        network,
        device,
        folder / "-".join(map(str, channels)),
        "linear",
    )
    # The same weights to begin with: the curves then differ by the draws alone.
    ours.run.network.load_state_dict(other.model.state_dict())
    _say(arguments, f"\nThe same network ({', '.join(map(str, channels))}), data and batch of {other.batch_size}")
    _say(arguments, f"  {'turn':>4}  {ours.name:>18}  {other.name:>18}  ratio")
    with ProgressLine(arguments.json) as line:
        for number, item in enumerate(race(ours, other, turns=arguments.turns, steps=arguments.steps), 1):
            if isinstance(item, SpeedReport):
                report = item
                continue
            _say(arguments, f"  {number:>4}  {item.studio:>11,.1f} pic/s  {item.other:>11,.1f} pic/s  {item.ratio:.2f}")
            line.show("racing", number / arguments.turns, "")
    _show_speed(arguments, report)
    return _speed_json(report, channels)


def _network(channels: tuple[int, ...], picture_channels: int) -> UNetConfig:
    import dataclasses

    from studio.benchmarks.diffusers_loop import COURSE_NETWORK

    levels = len(channels)
    attending = 1 if levels < len(COURSE_NETWORK.block_out_channels) else 2
    down = ("DownBlock2D",) * (levels - attending) + ("AttnDownBlock2D",) * attending
    return dataclasses.replace(
        COURSE_NETWORK,
        in_channels=picture_channels,
        out_channels=picture_channels,
        block_out_channels=channels,
        layers_per_block=1 if levels < len(COURSE_NETWORK.block_out_channels) else 2,
        down_block_types=down,
        up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(down)),
    )


def _show_speed(arguments: argparse.Namespace, report: SpeedReport) -> None:
    _say(arguments, f"  median ratio {report.ratio:.2f}")
    _say(arguments, f"  {'step':>6}  {'loss, studio':>12}  {'loss, diffusers':>15}")
    for point in report.curve:
        _say(arguments, f"  {point.step:>6}  {point.studio:>12.4f}  {point.other:>15.4f}")
    _say(
        arguments,
        f"  at the end the studio's loss differs by {report.last_difference:+.1%}; one standard error of that "
        f"difference is {report.scatter:.1%}",
    )


def _speed_json(report: SpeedReport, channels: tuple[int, ...]) -> dict[str, Any]:
    return {
        "channels": list(channels),
        "ratio": report.ratio,
        "turns": [[turn.studio, turn.other] for turn in report.turns],
        "curve": [[point.step, point.studio, point.other] for point in report.curve],
        "last_difference": report.last_difference,
        "scatter": report.scatter,
    }


def _quality(arguments: argparse.Namespace, image_set: ImageSet, device: Device, folder: Path) -> list[dict[str, Any]]:
    """The same minutes for each, one after the other; then pictures, distances and a sheet."""
    from studio.benchmarks.quality import side_by_side

    held_out = None
    if arguments.held_out is not None:
        held_out = read_pictures(arguments.held_out, None, channels=image_set.channels, quiet=True).image_set
    judged = list(_judged(arguments, image_set, held_out, device, folder))
    best = judged[0].distance
    _say(arguments, f"\n{arguments.minutes:g} minutes each, {arguments.count:,} pictures of 20 steps")
    for one in judged:
        _say(
            arguments,
            f"  {one.name:<32} {one.distance:8.2f} ± {2 * one.error:.2f}  {one.distance / best:5.1f} ×  "
            f"{one.images_seen:>8,} pictures seen  {one.settings}",
        )
    _say(arguments, f"  {'real pictures':<32} {judged[0].floor:8.2f}")
    if arguments.sheet is not None:
        side_by_side(judged, arguments.sheet)
        _say(arguments, f"  side by side in {arguments.sheet}")
    return [
        {
            "name": one.name,
            "settings": one.settings,
            "seconds": one.seconds,
            "images_seen": one.images_seen,
            "distance": one.distance,
            "standard_error": one.error,
            "floor": one.floor,
            "times_the_studio": one.distance / best,
        }
        for one in judged
    ]


def _judged(
    arguments: argparse.Namespace, image_set: ImageSet, held_out: ImageSet | None, device: Device, folder: Path
) -> Iterator[Judged]:
    from studio.benchmarks.denoising_diffusion_pytorch_loop import DenoisingDiffusionPytorchLoop
    from studio.benchmarks.diffusers_loop import DiffusersLoop
    from studio.benchmarks.quality import Judged, judge, train_for

    for words, classes in (("Diffusion Studio", True), ("Diffusion Studio, no classes", False)):
        if classes or image_set.labels is not None:
            yield _studio_judged(arguments, image_set, held_out, device, folder, words, classes=classes)
    for make in (DiffusersLoop, DenoisingDiffusionPytorchLoop):
        try:
            loop: Contender = make(image_set.images)
        except SettingsError as error:
            _say(arguments, f"  left out: {error.what} {error.remedy}")
            continue
        steps, seconds = 0, 0.0
        with ProgressLine(arguments.json) as line:
            for steps, seconds in train_for(loop, 60 * arguments.minutes):
                line.show(f"training {loop.name}", seconds / (60 * arguments.minutes), f"step {steps:,}")
        pictures = loop.pictures(arguments.count, 20, seed=1)
        yield Judged(
            loop.name,
            loop.settings,
            seconds,
            steps,
            steps * loop.batch_size,
            pictures,
            *judge(pictures, image_set, held_out),
        )


def _studio_judged(
    arguments: argparse.Namespace,
    image_set: ImageSet,
    held_out: ImageSet | None,
    device: Device,
    folder: Path,
    words: str,
    *,
    classes: bool,
) -> Judged:
    """The run that the window would make, with its rows, checkpoints and validation, in the same minutes."""
    from studio.benchmarks.quality import Judged, judge
    from studio.benchmarks.studio_loop import usual
    from studio.generation.request import SamplingRequest
    from studio.generation.sampling import make_pictures
    from studio.training.events import Progress
    from studio.training.trainer import train

    run = usual(image_set, arguments.minutes, device, folder / words, classes=classes)
    with ProgressLine(arguments.json) as line, contextlib.closing(train(run)) as events:
        for event in events:
            if isinstance(event, Progress):
                line.show(f"training {words}", event.fraction, f"step {event.step:,}")
    request = SamplingRequest(count=arguments.count, sampler="ddim", steps=20, seed=1)
    pictures = make_pictures(run.bundle(), request, device, batch_size=250)
    settings = f"{run.parameter_count:,} parameters, preset good, {run.precision}"
    return Judged(
        words,
        settings,
        run.seconds,
        run.step,
        run.images_seen,
        pictures,
        *judge(pictures, image_set, held_out),
    )


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.json:
        print(text, flush=True)
