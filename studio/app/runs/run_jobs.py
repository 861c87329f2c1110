"""The jobs behind the Runs page: look for runs, read one as a whole, take its model or its recipe. No Qt.

torch is imported inside, in the background thread, and only where a model or a recipe is asked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from studio.app.runs.run_files import attached_folders, empty_trash, runs_folder
from studio.errors import DataError
from studio.training.row_reading import read_row_file
from studio.training.run_curves import RunCurves, read_curves
from studio.training.run_facts import read_json
from studio.training.run_folder import METRICS_NAME, SETTINGS_NAME
from studio.training.runs import RunStatus, RunSummary, candidates, summarize

if TYPE_CHECKING:
    from studio.library.bundle import ModelBundle
    from studio.networks.config import NetworkConfig
    from studio.training.settings import TrainingSettings

THUMBNAILS = 4
_PATIENCE_SECONDS = 0.1
_SIGNED = (METRICS_NAME, SETTINGS_NAME, "title.json", "ended.json", "checkpoint.safetensors", "samples", "config.json")

Signature = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RunEntry:
    """A run as the list shows it. thumbnail: the first pictures of its newest row, uint8 (N, H, W, C), or None.

    signature: changes whenever something that is shown may have changed.
    """

    summary: RunSummary
    thumbnail: np.ndarray | None = field(repr=False)
    signature: Signature = field(repr=False)


@dataclass(frozen=True, eq=False)
class RunDetail:
    """What the comparison of runs shows of one: its curves, and its newest row, uint8 (N, H, W, C), or None.

    row_step: after how many steps the row was drawn. signature: of the entry it belongs to.
    """

    folder: Path
    curves: RunCurves
    row: np.ndarray | None = field(repr=False)
    row_step: int
    signature: Signature = field(repr=False)


def scan(known: Mapping[Path, RunEntry], *, clean: bool = False) -> Iterator[object]:
    """Look for runs; returns the RunEntry of each, newest first. What did not change since `known` is not read again.

    clean: first remove for good what earlier sessions put aside.
    """
    if clean:
        empty_trash()
    entries: list[RunEntry] = []
    since = time.monotonic()
    for folder in candidates(runs_folder(), *attached_folders()):
        signature = signature_of(folder)
        entry = known.get(folder)
        # Nothing is written when a run dies: only the clock tells.
        if entry is None or entry.signature != signature or entry.summary.status is RunStatus.RUNNING:
            summary = summarize(folder)
            if summary is None:
                continue
            thumbnail = None if entry is None or entry.signature != signature else entry.thumbnail
            entry = RunEntry(summary, _thumbnail(summary) if thumbnail is None else thumbnail, signature)
        entries.append(entry)
        # Seldom: whatever goes in between, such as loading torch, holds this job up as a whole.
        if time.monotonic() - since > _PATIENCE_SECONDS:
            yield None
            since = time.monotonic()
    return tuple(sorted(entries, key=lambda entry: (-entry.summary.began, str(entry.summary.folder))))


def look_into(folder: Path) -> Iterator[object]:
    """The runs in one folder, or the one that it is; returns the RunEntry of each. Raises DataError without any."""
    entries: list[RunEntry] = []
    for each in candidates(folder):
        summary = summarize(each)
        if summary is not None:
            entries.append(RunEntry(summary, _thumbnail(summary), signature_of(each)))
        yield None
    if not entries:
        raise DataError(
            f"{folder.name} is not the folder of a training run.",
            "A run's folder holds settings.json and metrics.jsonl.",
        )
    return tuple(entries)


def read_details(entries: tuple[RunEntry, ...]) -> Iterator[RunDetail]:
    """Read the curves and the newest row of each."""
    for entry in entries:
        summary = entry.summary
        row = None if summary.newest_row is None else read_row_file(summary.newest_row, summary.facts.shape)
        step = 0 if summary.newest_row is None else int(summary.newest_row.stem.rpartition("-")[2])
        yield RunDetail(summary.folder, read_curves(summary.folder), row, step, entry.signature)


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a run was told to do, for a new one."""

    settings: TrainingSettings
    network: NetworkConfig | None


def read_recipe(summary: RunSummary) -> Iterator[object]:
    """The settings and the network of a run; returns a Recipe. Raises StudioError when they cannot be read."""
    from studio.networks.config import network_from_json
    from studio.training.settings import TrainingSettings

    yield None
    content = read_json(summary.folder / SETTINGS_NAME)
    if not content:
        raise DataError("The settings of this run cannot be read.", "Choose another run.")
    network = None if summary.facts.network is None else network_from_json(summary.facts.network)
    return Recipe(TrainingSettings.from_json(content), network)


@dataclass(frozen=True, eq=False)
class TakenModel:
    """A model from a run, and the file in which it lies."""

    bundle: ModelBundle
    path: Path


def take_model(summary: RunSummary, path: Path) -> Iterator[object]:
    """The averaged weights of a run's newest checkpoint, written to `path`; its kept model where there is one and
    nothing was trained after it. Returns a TakenModel. Raises StudioError."""
    from studio.library.bundle import load_bundle

    yield None
    if summary.model is not None and summary.status in (RunStatus.FINISHED, RunStatus.STOPPED):
        return TakenModel(load_bundle(summary.model), summary.model)
    from studio.training.checkpoint_models import averaged_and_raw

    bundle = averaged_and_raw(summary.folder)["averaged"]
    bundle.save(path)
    return TakenModel(bundle, path)


def signature_of(folder: Path) -> Signature:
    """Sizes and times of what a list shows of a run; a few calls to the file system, nothing is read."""
    numbers: list[int] = []
    for name in _SIGNED:
        try:
            status = os.stat(folder / name)
        except OSError:
            numbers.append(-1)
        else:
            numbers += (status.st_size, status.st_mtime_ns)
    return tuple(numbers)


def _thumbnail(summary: RunSummary) -> np.ndarray | None:
    row = None if summary.newest_row is None else read_row_file(summary.newest_row, summary.facts.shape)
    return None if row is None else row[:THUMBNAILS]
