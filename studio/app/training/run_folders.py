"""What lies beside a run's checkpoint so that it can be taken up again in another session: its pictures, and its end.

No torch here: unfinished runs are looked for while the window opens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studio import files
from studio.data.image_set import ImageSet
from studio.errors import DataError
from studio.paths import user_folder
from studio.training.runs import CHECKPOINT_NAMES, ENDED_NAME, PICTURES_NAME, RunStatus, summarize

MOST_PICTURE_BYTES = 256 * 1024 * 1024
"""Larger sets are not copied into the run's folder; to resume, the person opens them again."""


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that was broken off before its budget was spent.

    title: of its pictures. step, seconds: how far it came. fraction: of its budget, in [0, 1). has_pictures: whether
    `stored_pictures` has them.
    """

    folder: Path
    title: str
    step: int
    seconds: float
    fraction: float
    has_pictures: bool


def find_unfinished() -> UnfinishedRun | None:
    """The newest run among the user's own that can go on, or None."""
    try:
        folders = [path for path in user_folder("runs").iterdir() if path.is_dir()]
    except OSError:
        return None
    for folder in sorted(folders, key=lambda path: path.name, reverse=True):
        run = _unfinished(folder)
        if run is not None:
            return run
    return None


def store_pictures(folder: Path, image_set: ImageSet) -> None:
    """Keep the pictures of a run in its folder, unless they are too many. Raises StorageError."""
    if image_set.images.nbytes > MOST_PICTURE_BYTES:
        return
    labels = np.zeros(0, np.int64) if image_set.labels is None else image_set.labels
    with files.atomic_write(folder / PICTURES_NAME) as file:
        np.savez(
            file,
            images=image_set.images,
            labels=labels,
            class_names=np.array(image_set.class_names, dtype=np.str_),
            name=np.array(image_set.name),
        )


def stored_pictures(folder: Path) -> ImageSet:
    """The pictures that `store_pictures` kept. Raises DataError when they are not there or damaged."""
    try:
        with np.load(folder / PICTURES_NAME, allow_pickle=False) as stored:
            labels = stored["labels"]
            return ImageSet(
                name=str(stored["name"]),
                images=stored["images"],
                labels=labels if len(labels) else None,
                class_names=tuple(str(name) for name in stored["class_names"]) if len(labels) else (),
            )
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(
            "The pictures of this run were not kept beside it.", "Open the same pictures again, then resume."
        ) from error


def mark_ended(folder: Path, model: Path | None) -> None:
    """Note that this run is done, so that it is not offered again. Raises StorageError."""
    content = {"model": None if model is None else str(model)}
    files.write_text(folder / ENDED_NAME, json.dumps(content) + "\n")


def mark_going_on(folder: Path) -> None:
    """Take back `mark_ended`."""
    (folder / ENDED_NAME).unlink(missing_ok=True)


def forget_extras(folder: Path) -> None:
    """Remove what this module put into a run's folder."""
    for name in (PICTURES_NAME, ENDED_NAME):
        (folder / name).unlink(missing_ok=True)


def _unfinished(folder: Path) -> UnfinishedRun | None:
    run = summarize(folder)
    # One that seems to be running may have been killed a moment ago, together with the window.
    if run is None or run.status not in (RunStatus.RUNNING, RunStatus.INTERRUPTED) or not run.fraction > 0.0:
        return None
    if not any((folder / name).is_file() for name in CHECKPOINT_NAMES):
        return None
    return UnfinishedRun(folder, run.title, run.step, run.seconds, run.fraction, run.has_pictures)
