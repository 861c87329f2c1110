"""Whether what a training has left on the disk is whole, agrees with itself and can be gone on with."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from studio.data.importing import load_images
from studio.errors import ModelFileError
from studio.library.tensors import read_tensors
from studio.networks.devices import choose_device
from studio.training.checkpoint import has_checkpoint, read_checkpoint
from studio.training.metrics_log import read_metrics, whole_line
from studio.training.report import MOST_STRETCHED
from studio.training.run import TrainingRun
from studio.training.run_folder import METRICS_NAME, SAMPLES_NAME
from studio.training.wall import row_paths


@dataclass
class Findings:
    """What was found in a run's folder.

    problems: a sentence for everything that is wrong. step: that of the newest checkpoint, None without one.
    lost_seconds: training time that is known to have been done and cannot be gone on from.
    corrupt: how many checkpoint files cannot be read. half_written: temporary files, before they were cleared away.
    """

    problems: list[str] = field(default_factory=list)
    step: int | None = None
    lost_seconds: float = 0.0
    corrupt: int = 0
    half_written: tuple[str, ...] = ()


def examine_run(folder: Path, data: Path, *, announced_step: int | None, interval: float) -> Findings:
    """Read every file of the run in `folder`, resume it, and look again.

    announced_step: the newest checkpoint that the training has told of. interval: seconds between two checkpoints.
    """
    found = Findings(half_written=half_written(folder))
    for path in sorted(folder.rglob("*.safetensors")):
        if path.name.startswith("."):
            continue
        try:
            file = read_tensors(path)
            if not all(bool(tensor.isfinite().all()) for tensor in file.tensors.values()):
                found.problems.append(f"{path.name} holds numbers that are not finite")
        except ModelFileError as error:
            found.corrupt += 1
            found.problems.append(f"corrupt: {error}")
    if not has_checkpoint(folder):
        if announced_step is not None:
            found.problems.append(f"the checkpoint of step {announced_step} is gone")
        return found

    checkpoint, path = read_checkpoint(folder)
    found.step = checkpoint.step
    if announced_step is not None and checkpoint.step < announced_step:
        found.problems.append(f"{path.name} is of step {checkpoint.step}, but step {announced_step} was saved")
    _check_metrics_before(folder, checkpoint.seconds, interval, found)

    run = TrainingRun.resume(folder, load_images(data).image_set, choose_device("cpu"))
    _check_resumed(run, checkpoint.step, found)
    return found


def half_written(folder: Path) -> tuple[str, ...]:
    """The names of all temporary files and folders in `folder`."""
    found = [path for path in folder.rglob("*") if path.name.endswith(".part") or ".half" in path.name]
    return tuple(sorted(str(path.relative_to(folder)) for path in found))


def _check_metrics_before(folder: Path, saved_seconds: float, interval: float, found: Findings) -> None:
    """At most the last line may be torn, and what came after the checkpoint may be no more than one interval.

    On a disk so slow that writing takes more than a twentieth of it, the interval is stretched, see `Report`.
    """
    path = folder / METRICS_NAME
    if not path.exists():
        return
    texts = path.read_text(encoding="utf-8", errors="replace").split("\n")
    torn = [number for number, text in enumerate(texts[:-1]) if text and whole_line(text) is None]
    if torn:
        found.problems.append(f"line {torn[0] + 1} of {len(texts)} in {path.name} is torn")
    lines = [(line["seconds"], "event" not in line) for line in read_metrics(path)]
    # Rows and measurements take time as well, but what they took nobody has to train again.
    trained = [(later, later - earlier) for (earlier, _), (later, progress) in itertools.pairwise(lines) if progress]
    found.lost_seconds = sum(gap for seconds, gap in trained if seconds > saved_seconds)
    # A gap may hold a step and the writing of a checkpoint, however slow the disk; it may be the first and the last.
    longest = max((gap for _, gap in trained), default=0.0)
    if found.lost_seconds > MOST_STRETCHED * interval + 2 * longest:
        found.problems.append(f"{found.lost_seconds:.2f} s were lost, with a checkpoint every {interval:g} s")


def _check_resumed(run: TrainingRun, step: int, found: Findings) -> None:
    folder = run.folder
    if run.step != step:
        found.problems.append(f"resumed at step {run.step} from a checkpoint of step {step}")
    left = half_written(folder)
    if left:
        found.problems.append(f"half-written files stay: {', '.join(left)}")
    lines = list(read_metrics(folder / METRICS_NAME)) if (folder / METRICS_NAME).exists() else []
    logged = sum(len(line["losses"]) for line in lines if "event" not in line)
    if logged != step:
        found.problems.append(f"metrics tell {logged} losses of {step} steps")
    steps = [line["step"] for line in lines]
    if steps != sorted(steps) or (steps and steps[-1] > step):
        found.problems.append(f"metrics are out of order or tell of steps after {step}")
    rows = {_step_of_row(path) for path in row_paths(folder / SAMPLES_NAME)}
    told = {line["step"] for line in lines if line.get("event") == "samples"}
    if max(rows, default=0) > step:
        found.problems.append(f"a row of step {max(rows)} stays behind after step {step}")
    if told - rows:
        found.problems.append(f"metrics tell of rows that are not there: {sorted(told - rows)[:5]}")
    for path in (folder / SAMPLES_NAME).glob("*.png"):
        try:
            with Image.open(path) as image:
                np.asarray(image)
        except (OSError, ValueError) as error:
            found.problems.append(f"{path.name} cannot be read: {error}")
    for path in folder.glob("*.json"):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            found.problems.append(f"{path.name} is no JSON: {error}")


def _step_of_row(path: Path) -> int:
    return int(path.name.split("-")[1].split(".")[0])
