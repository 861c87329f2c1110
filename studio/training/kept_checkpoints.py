"""Checkpoints that stay, spread over a run, so that it can be gone back to them: `branch_run` makes a new run there.

They are second names of the checkpoint files, so that keeping one writes nothing. When there are too many, those go
that leave the smallest gap; the first and the newest stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studio import files
from studio.errors import StorageError
from studio.training.checkpoint import (
    FILE_NAME,
    give_second_name,
    has_checkpoint,
    read_checkpoint_file,
    write_checkpoint,
)
from studio.training.events import Marked, MarkKind
from studio.training.metrics_log import line_of, lines_until
from studio.training.run_facts import own_header
from studio.training.run_folder import (
    CONFIG_NAME,
    KEPT_NAME,
    METRICS_NAME,
    SAMPLES_NAME,
    kept_path,
    kept_paths,
    read_config,
    write_description,
)
from studio.training.wall import copy_rows_until

MOST_BYTES = 512 * 2**20
"""What the kept checkpoints of one run may take together; the newest and the first are kept whatever they take."""

COST_SHARE = 0.02
"""The largest share of training time that writing checkpoints only to keep them may take."""


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint that stays. step, images_seen, seconds: how far the run had come.

    loss: the mean of the last steps before it. validation_loss: the last measured before it. None where unknown.
    """

    path: Path
    step: int
    images_seen: int
    seconds: float
    loss: float | None = None
    validation_loss: float | None = None


def kept_checkpoints(folder: Path) -> tuple[KeptCheckpoint, ...]:
    """The checkpoints that stay in the run's `folder`, oldest first. Files that are none are passed over."""
    return tuple(kept for path in kept_paths(folder) if (kept := _described(path)) is not None)


def nearest_kept(kept: Sequence[KeptCheckpoint], step: int) -> KeptCheckpoint | None:
    """The one that is fewest steps away from `step`; None when there is none."""
    return min(kept, key=lambda checkpoint: abs(checkpoint.step - step), default=None)


def keep_checkpoint(folder: Path, step: int, most: int, most_bytes: int = MOST_BYTES) -> None:
    """Let the newest checkpoint in `folder`, which is that of `step`, stay; let others go when that is too much.

    most: how many may stay. Raises StorageError.
    """
    path = kept_path(folder, step)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise files.storage_error(error, path.parent) from error
    give_second_name(folder / FILE_NAME, path)
    _thin(folder, most, most_bytes)


def drop_kept_after(folder: Path, step: int) -> None:
    """Remove the checkpoints of a future that a run which was taken back does not remember."""
    for path in kept_paths(folder):
        if _step_of(path) > step:
            path.unlink(missing_ok=True)


def branch_run(folder: Path, kept: KeptCheckpoint, new_folder: Path) -> Path:
    """Make a run in `new_folder` that stands where the run in `folder` stood at `kept`; returns `new_folder`.

    It has the losses, rows and checkpoints up to there and can be resumed. The run in `folder` stays as it is.
    Raises ModelFileError when the checkpoint cannot be read, StorageError when `new_folder` holds a run already or
    cannot be written.
    """
    if has_checkpoint(new_folder):
        raise StorageError(f"{new_folder} holds a run already.", "Choose another folder.")
    checkpoint = read_checkpoint_file(kept.path)
    mark = Marked(
        MarkKind.BRANCHED,
        checkpoint.step,
        checkpoint.images_seen,
        checkpoint.seconds,
        "branched",
        f"This run went back to step {checkpoint.step:,} of “{folder.name}”, which is still there.",
    )
    changes = (*checkpoint.changes, line_of(mark))
    config = read_config(folder) | {
        "settings": checkpoint.settings.to_json(),
        "branch_of": folder.name,
        "branch_step": checkpoint.step,
        "changes": list(changes),
    }
    # When it began is when it branched off.
    config.pop("began", None)
    try:
        new_folder.mkdir(parents=True, exist_ok=True)
        copy_rows_until(folder / SAMPLES_NAME, checkpoint.step, new_folder / SAMPLES_NAME)
        earlier = [path for path in kept_paths(folder) if _step_of(path) <= checkpoint.step]
        if earlier:
            (new_folder / KEPT_NAME).mkdir(exist_ok=True)
    except OSError as error:
        raise files.storage_error(error, new_folder) from error
    for path in earlier:
        give_second_name(path, kept_path(new_folder, _step_of(path)))
    lines = lines_until(folder / METRICS_NAME, checkpoint.images_seen) if (folder / METRICS_NAME).exists() else []
    files.write_text(
        new_folder / METRICS_NAME, "".join(lines) + json.dumps(line_of(mark), separators=(",", ":")) + "\n"
    )
    (new_folder / CONFIG_NAME).unlink(missing_ok=True)
    write_description(new_folder, config)
    # Last, so that a folder with a checkpoint in it is a whole run.
    write_checkpoint(new_folder, replace(checkpoint, changes=changes))
    return new_folder


def _described(path: Path) -> KeptCheckpoint | None:
    header = own_header(path)
    try:
        points = header["losses"]["points"]
        validation = header.get("validation_loss")
        return KeptCheckpoint(
            path,
            int(header["step"]),
            int(header["images_seen"]),
            float(header["seconds"]),
            float(points[-1][1]) if points else None,
            None if validation is None else float(validation),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return None


def _thin(folder: Path, most: int, most_bytes: int) -> None:
    paths = list(kept_paths(folder))
    sizes = {path: path.stat().st_size for path in paths}
    while len(paths) > max(most, 1) or (len(paths) > 2 and sum(sizes[path] for path in paths) > most_bytes):
        path = paths[_least_missed([_step_of(path) for path in paths])]
        path.unlink(missing_ok=True)
        paths.remove(path)


def _least_missed(steps: Sequence[int]) -> int:
    """Which of the ascending `steps` may go, neither the first nor the last: as its neighbours are then closest.

    Measured in square roots: as the rows of the wall, they lie closer together where the run changes faster.
    """
    if len(steps) <= 2:
        return 0
    roots = [step**0.5 for step in steps]
    return min(range(1, len(steps) - 1), key=lambda number: roots[number + 1] - roots[number - 1])


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
