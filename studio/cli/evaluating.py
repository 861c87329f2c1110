"""The command `evaluate`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.inspecting import read_pictures
from studio.cli.progress import ProgressLine, finished
from studio.cli.sampling import load_model, make_pictures, sampling_request, source_picture
from studio.errors import StorageError

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet


def evaluate(arguments: argparse.Namespace) -> int:
    """Judge pictures, made by a model or elsewhere, by the data that the model was trained on."""
    from studio.evaluation import evaluate as judge

    if arguments.save is not None and arguments.save.suffix == ".npz" and arguments.save.exists():
        raise StorageError(f"{arguments.save} exists already.", "Choose another name, or remove it first.")
    judged = _pictures_of(arguments.model, arguments) or _made_by_the_model(arguments)
    data = _like(judged, arguments.data, arguments)
    held_out = None if arguments.held_out is None else _like(judged, arguments.held_out, arguments)
    # A number stands for the class that a picture was made for only where both speak of the same classes.
    labels = judged.labels if judged.class_names == data.class_names else None
    with ProgressLine(arguments.json) as line:
        report = finished(
            judge(judged.images, data, labels=labels, held_out=held_out, seed=arguments.seed),
            lambda item: line.show(item.stage, item.fraction),
        )
    print(json.dumps(report.to_json()) if arguments.json else report.to_text())
    return EXIT_DONE


def _pictures_of(path: Path, arguments: argparse.Namespace) -> ImageSet | None:
    """The pictures that were made elsewhere and lie at `path`; None when there is a model."""
    if arguments.exact or not (path.is_dir() or path.suffix.lower() == ".npz"):
        return None
    return read_pictures(path, None, quiet=arguments.json).image_set


def _made_by_the_model(arguments: argparse.Namespace) -> ImageSet:
    """As many pictures of the model as are asked for, and the class that each was made for."""
    import numpy as np

    from studio.data.image_set import ImageSet
    from studio.generation.export import save_pictures
    from studio.generation.plan import labels_for
    from studio.networks.devices import choose_device

    device = choose_device(arguments.device)
    model = load_model(arguments)
    request = sampling_request(arguments)
    source = source_picture(arguments, model)
    labels = labels_for(model, request, range(request.first, request.first + request.count))
    pictures = make_pictures(model, request, device, source, quiet=arguments.json)
    if arguments.save is not None:
        save_pictures(pictures, arguments.save)
    if labels is None or request.without_class:
        return ImageSet(model.name, pictures)
    return ImageSet(model.name, pictures, np.array(labels, dtype=np.int64), model.class_names)


def _like(judged: ImageSet, path: Path, arguments: argparse.Namespace) -> ImageSet:
    """The pictures in `path`, brought to the size of the judged ones; where that is no square they must have it."""
    side = judged.height if judged.height == judged.width else None
    return read_pictures(path, side, channels=judged.channels, quiet=arguments.json).image_set
