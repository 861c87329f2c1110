"""The command `evaluate`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.inspecting import read_pictures
from studio.cli.progress import ProgressLine
from studio.cli.sampling import exhaust, load_model, sampling_request, source_picture
from studio.errors import StorageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.data.image_set import ImageSet
    from studio.evaluation.progress import EvaluationProgress

Result = TypeVar("Result")


def evaluate(arguments: argparse.Namespace) -> int:
    """Judge pictures, made by a model or elsewhere, by the data that the model was trained on."""
    from studio.evaluation import evaluate as judge

    if arguments.save is not None and arguments.save.suffix == ".npz" and arguments.save.exists():
        raise StorageError(f"{arguments.save} exists already.", "Choose another name, or remove it first.")
    if _holds_pictures(arguments.model):
        judged = read_pictures(arguments.model, None, quiet=arguments.json).image_set
        pictures, labels, side, channels = judged.images, judged.labels, _side(judged.images.shape), judged.channels
    else:
        pictures, labels = _made_by_the_model(arguments)
        side, channels = _side(pictures.shape), pictures.shape[3]
    data = read_pictures(arguments.data, side, channels=channels, quiet=arguments.json).image_set
    held_out = None
    if arguments.held_out is not None:
        held_out = read_pictures(arguments.held_out, side, channels=channels, quiet=arguments.json).image_set
    if _holds_pictures(arguments.model):
        labels = _same_classes(labels, judged, data)
    with ProgressLine(arguments.json) as line:
        report = _exhausted(judge(pictures, data, labels=labels, held_out=held_out, seed=arguments.seed), line)
    print(json.dumps(report.to_json()) if arguments.json else report.to_text())
    return EXIT_DONE


def _made_by_the_model(arguments: argparse.Namespace) -> tuple[NDArray[np.uint8], NDArray[np.int64] | None]:
    """As many pictures of the model as are asked for, and the class that each was made for."""
    import numpy as np

    from studio.generation.export import save_pictures
    from studio.generation.plan import labels_for
    from studio.generation.sampling import sample_pictures
    from studio.networks.devices import choose_device

    device = choose_device(arguments.device)
    model = load_model(arguments)
    request = sampling_request(arguments)
    source = source_picture(arguments, model)
    labels = labels_for(model, request, range(request.first, request.first + request.count))
    with ProgressLine(arguments.json) as line:
        pictures = exhaust(sample_pictures(model, request, device, source=source), line)
    if arguments.save is not None:
        save_pictures(pictures, arguments.save)
    if labels is None or request.without_class:
        return pictures, None
    return pictures, np.array(labels, dtype=np.int64)


def _holds_pictures(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() == ".npz"


def _side(shape: tuple[int, ...]) -> int | None:
    """The side of square pictures, to bring the data to; others must have their size already."""
    return shape[1] if shape[1] == shape[2] else None


def _same_classes(labels: NDArray[np.int64] | None, judged: ImageSet, data: ImageSet) -> NDArray[np.int64] | None:
    # Folders named after classes say for what class a picture was made, when they are the classes of the data.
    return labels if labels is not None and judged.class_names == data.class_names else None


def _exhausted(progress: Generator[EvaluationProgress, None, Result], line: ProgressLine) -> Result:
    while True:
        try:
            item = next(progress)
        except StopIteration as end:
            return end.value
        line.show(item.stage, item.fraction)
