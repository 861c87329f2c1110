"""The files of a run: what they are called, what describes the run, and how all of it is removed again.

    settings.json                     the TrainingSettings in force
    config.json                       all that is needed to make the run again, and what it was made with
    checkpoint.safetensors            all state as of the last checkpoint; the one before it lies beside it
    checkpoints/step-XXXXXXXX.safetensors     those that stay, see kept_checkpoints
    metrics.jsonl                     every event, see metrics_log
    samples/step-XXXXXXXX.png         rows of the sample wall, see wall
    samples/pairs-XXXXXXXX.png        samples and the training pictures nearest to them, see pairs
    title.json                        what a person calls the run
    tensorboard/                      event files, see tensorboard_log

No torch here: runs are listed before it is loaded.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio import files, paths
from studio.training.wall import pairs_paths, raw_row_paths, row_paths

CHECKPOINT_NAME = "checkpoint.safetensors"
PREVIOUS_NAME = "checkpoint.previous.safetensors"
METRICS_NAME = "metrics.jsonl"
SETTINGS_NAME = "settings.json"
CONFIG_NAME = "config.json"
SAMPLES_NAME = "samples"
KEPT_NAME = "checkpoints"

TITLE_NAME = "title.json"
TENSORBOARD_NAME = "tensorboard"

CONFIG_FORMAT = 1

_OWN_FILES = (CHECKPOINT_NAME, PREVIOUS_NAME, METRICS_NAME, SETTINGS_NAME, CONFIG_NAME)
_KEPT_PATTERN = re.compile(r"step-(\d{8,})\.safetensors")


def write_description(folder: Path, config: Mapping[str, Any]) -> None:
    """Write settings.json and config.json; `config` names the settings under "settings".

    What a config from before says of when the run began and what it branched off stays. Raises StorageError.
    """
    before = read_config(folder)
    lasting = {key: before[key] for key in ("began", "branch_of", "branch_step") if key in before}
    content = {"format": CONFIG_FORMAT, "began": round(time.time(), 3), "branch_of": ""} | dict(config) | lasting
    files.write_text(folder / SETTINGS_NAME, json.dumps(config["settings"], indent=2) + "\n")
    files.write_text(folder / CONFIG_NAME, json.dumps(content, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json says; empty when it is missing or damaged."""
    try:
        content = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def kept_paths(folder: Path) -> tuple[Path, ...]:
    """The files of the checkpoints that stay, oldest first."""
    kept = folder / KEPT_NAME
    if not kept.is_dir():
        return ()
    matches = ((_KEPT_PATTERN.fullmatch(path.name), path) for path in kept.iterdir())
    return tuple(path for _, path in sorted((int(match[1]), path) for match, path in matches if match))


def kept_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` stays, if it does."""
    return folder / KEPT_NAME / f"step-{step:08d}.safetensors"


def discard_run(folder: Path) -> None:
    """Remove the files of the run in `folder`, and the folder too when nothing else is in it."""
    samples = folder / SAMPLES_NAME
    for path in (
        *row_paths(samples),
        *raw_row_paths(samples),
        *pairs_paths(samples),
        *kept_paths(folder),
        *(folder / TENSORBOARD_NAME).glob("events.out.tfevents.*"),
        *(folder / name for name in (*_OWN_FILES, TITLE_NAME)),
    ):
        path.unlink(missing_ok=True)
    remove_leftovers(folder)
    for emptied in (samples, folder / KEPT_NAME, folder / TENSORBOARD_NAME, folder):
        with contextlib.suppress(OSError):
            emptied.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed while writing left half-written."""
    ours = {f".{name}" for name in _OWN_FILES}
    for place, prefixes in (
        (folder, ours),
        (folder / SAMPLES_NAME, {".step-", ".pairs-"}),
        (folder / KEPT_NAME, {".step-"}),
    ):
        for path in place.glob(".*.part"):
            if any(path.name.startswith(prefix) for prefix in prefixes):
                path.unlink(missing_ok=True)


def new_run_folder(name: str) -> Path:
    """A folder for a new run among the user's own, named after its data and the time. It is not made yet."""
    words = re.sub(r"[^\w-]+", "-", name).strip("-")[:40] or "run"
    stem = f"{time.strftime('%Y-%m-%d %H.%M.%S')} {words}"
    folder = paths.user_folder("runs") / stem
    number = 2
    while folder.exists():
        folder = folder.with_name(f"{stem} {number}")
        number += 1
    return folder
