"""The command `compare`: runs from the same noise as a labelled sheet, a film, or arrays."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.progress import ProgressLine
from studio.cli.sampling import load_model, sampling_request
from studio.errors import ModelFileError, SettingsError

if TYPE_CHECKING:
    from studio.diffusion.run import ReverseRun
    from studio.diffusion.trace import Trace
    from studio.generation.comparison import Axis, AxisKind, Comparison, Value
    from studio.generation.comparison_export import Album, View
    from studio.generation.plan import PictureModel
    from studio.networks.devices import Device

_KINDS = (".png", ".gif", ".webp", ".mp4", ".npz", ".csv")
_ON, _OFF = ("on", "yes", "true"), ("off", "no", "false")


def compare(arguments: argparse.Namespace) -> int:
    """Make every cell of a comparison, and write what the suffix of --out names."""
    from studio.generation.comparison import Comparison
    from studio.generation.comparison_export import View, comparison_table
    from studio.generation.comparison_run import Alignment
    from studio.generation.export import refuse_existing
    from studio.networks.devices import choose_device

    _check(arguments)
    refuse_existing(arguments.out, arguments.overwrite)
    device = choose_device(arguments.device)
    model = load_model(arguments)
    checkpoints: dict[str, PictureModel] = {}
    rows = parse_axis(arguments.rows, model, checkpoints)
    columns = None if arguments.columns is None else parse_axis(arguments.columns, model, checkpoints)
    comparison = Comparison(sampling_request(arguments), rows, columns, arguments.equal_cost)
    album = _made(model, comparison, device, checkpoints, arguments)
    _write(album, View(arguments.show, Alignment(arguments.align), difference=arguments.difference), arguments)
    table = comparison_table(album)
    if arguments.json:
        print(json.dumps({"cells": [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)],
                          "out": str(arguments.out)}))  # fmt: skip
    else:
        seconds = sum(album.seconds.values())
        print(
            f"{len(comparison.cells)} cells, {sum(album.calls):,} model calls in {seconds:.1f} s on {device.label}, "
            f"written to {arguments.out}"
        )
    return EXIT_DONE


def parse_axis(text: str, model: PictureModel, checkpoints: dict[str, PictureModel]) -> Axis:
    """The axis that "kind=value,value,…" asks for. Models of a checkpoint axis are read into `checkpoints`: files, and
    folders of runs, each of which gives its averaged and its raw weights.

    Raises SettingsError when it cannot be understood, ModelFileError when a model cannot be read.
    """
    from studio.generation.comparison import Axis, AxisKind

    name, mark, listed = text.partition("=")
    kinds = [kind.value for kind in AxisKind]
    if not mark or name not in kinds:
        raise SettingsError(f"{text!r} does not say what to compare.", f"Write KIND=A,B,… with {', '.join(kinds)}.")
    kind = AxisKind(name)
    words = [word.strip() for word in listed.split(",") if word.strip()]
    if kind is AxisKind.CHECKPOINT:
        for word in words:
            checkpoints.update(_checkpoints(Path(word)))
        return Axis(kind, tuple(checkpoints))
    return Axis(kind, tuple(_value(kind, word, model.class_names) for word in words))


def _value(kind: AxisKind, word: str, class_names: tuple[str, ...]) -> Value:
    from studio.generation.comparison import NO_CLASS, AxisKind

    try:
        if kind in (AxisKind.STEPS, AxisKind.SEED):
            return int(word)
        if kind in (AxisKind.ETA, AxisKind.GUIDANCE):
            return float(word)
    except ValueError:
        raise SettingsError(f"{kind} cannot be {word!r}.", "It must be a number.") from None
    if kind is AxisKind.CLIP:
        if word not in (*_ON, *_OFF):
            raise SettingsError(f"clip cannot be {word!r}.", "Write on or off.")
        return word in _ON
    if kind is AxisKind.CLASS and word == "none" and word not in class_names:
        return NO_CLASS
    return word


def _checkpoints(path: Path) -> dict[str, PictureModel]:
    from studio.library.bundle import load_bundle

    if path.is_dir():
        from studio.training.checkpoint_models import averaged_and_raw

        return {f"{path.name}, {which}": bundle for which, bundle in averaged_and_raw(path).items()}
    if not path.exists():
        raise ModelFileError(f"There is no model {path}.", "Name model files, or folders of runs.")
    return {path.stem: load_bundle(path)}


def _check(arguments: argparse.Namespace) -> None:
    if arguments.init is not None or arguments.mask is not None or arguments.strength is not None:
        raise SettingsError("A comparison begins with noise, not with a picture.", "Leave --init and --mask out.")
    if arguments.out.suffix.lower() not in _KINDS:
        raise SettingsError(f"{arguments.out.name} has no suffix known here.", f"Choose {', '.join(_KINDS)}.")


def _made(
    model: PictureModel,
    comparison: Comparison,
    device: Device,
    checkpoints: dict[str, PictureModel],
    arguments: argparse.Namespace,
) -> Album:
    from studio.generation.comparison_export import Album
    from studio.generation.comparison_run import CellBegun, CellDone, CellStep, ComparisonPlanned
    from studio.generation.comparison_run import compare as make

    runs: tuple[ReverseRun, ...] = ()
    traces: dict[int, Trace] = {}
    seconds: dict[int, float] = {}
    count = len(comparison.cells)
    with ProgressLine(arguments.json) as line:
        for event in make(model, comparison, device, checkpoints=checkpoints):
            if isinstance(event, ComparisonPlanned):
                runs = event.runs
            elif isinstance(event, CellBegun):
                traces[event.cell.index] = event.trace
            elif isinstance(event, CellStep):
                share = (event.cell.index + event.done / event.total) / count
                line.show("comparing", share, f"cell {event.cell.index + 1} of {count}: {event.cell.label}")
            elif isinstance(event, CellDone):
                seconds[event.cell.index] = event.seconds
        line.show("comparing", 1.0, f"{count} cells", now=True)
    return Album(comparison, runs, traces, seconds, model.name)


def _write(album: Album, view: View, arguments: argparse.Namespace) -> None:
    from studio.generation.comparison_export import comparison_arrays, comparison_table, film_images, sheet_image
    from studio.generation.export import save_image
    from studio.generation.films import write_film
    from studio.generation.numbers import write_arrays, write_table

    out, overwrite = arguments.out, arguments.overwrite
    match out.suffix.lower():
        case ".npz":
            write_arrays(out, comparison_arrays(album), overwrite=overwrite)
        case ".csv":
            write_table(out, comparison_table(album), overwrite=overwrite)
        case ".png":
            save_image(sheet_image(album, view), out, overwrite=overwrite)
        case _:
            write_film(film_images(album, view), out, fps=arguments.fps, overwrite=overwrite)
