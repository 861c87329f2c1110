"""Folders of runs written by hand: what another process would have left at some moment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from studio.training.events import Marked, MarkKind, Progress, QualityMeasured, SamplesDrawn, Validated
from studio.training.metrics_log import LoggedEvent, line_of
from studio.training.wall import write_row

BATCH = 10


def text_of(event: LoggedEvent) -> str:
    """The line of an event, as the log holds it."""
    return json.dumps(line_of(event), separators=(",", ":")) + "\n"


def progress(step: int, *losses: float, levels: bool = False) -> Progress:
    """A Progress that ends at `step`, a second a step."""
    return Progress(
        step=step,
        images_seen=step * BATCH,
        losses=losses or (1.0 / step,),
        seconds=float(step),
        seconds_left=None,
        pictures_per_second=10.0,
        fraction=step / 100,
        learning_rate=1e-3,
        level_losses=(0.5, None, 0.25) if levels else (),
        level_counts=(2, 0, 4) if levels else (),
    )


def validated(step: int, loss: float) -> Validated:
    return Validated(step, step * BATCH, float(step), loss, 2 * loss, (loss, None), held_out=True)


def quality(step: int, distance: float) -> QualityMeasured:
    nothing = np.zeros((0, 2, 2, 1), np.uint8)
    return QualityMeasured(step, step * BATCH, float(step), distance, 0.5, 0.125, 16, nothing, nothing, (1.0, 2.0), 0.3)


def mark(step: int, kind: MarkKind, text: str = "") -> Marked:
    return Marked(kind, step, step * BATCH, float(step), text, f"{text} because of something")


def drawn(step: int, count: int = 3) -> SamplesDrawn:
    """A row whose pictures are 2 × 2 and all of the grey `step`."""
    pictures = np.full((count, 2, 2, 1), step, np.uint8)
    return SamplesDrawn(step, step * BATCH, float(step), pictures, 7, tuple(range(count)), None)


def make_run(folder: Path, *events: LoggedEvent, settings: dict | None = None, rows: bool = True) -> Path:
    """A run folder with these events in its log, and the rows among them in their files."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"seed": 7, "batch_size": BATCH, "budget": {"images": 100 * BATCH, "minutes": None}} | (settings or {})
    (folder / "settings.json").write_text(json.dumps(content), encoding="utf-8")
    config = {
        "data": {"name": "Squares", "count": 50, "class_names": []},
        "network": {"network": "unet", "block_out_channels": [8, 16]},
        "schedule": {"kind": "cosine", "options": {"offset": 0.008}, "beta": [0.1, 0.2, 0.3]},
        "shape": [1, 2, 2],
        "parameter_count": 1234,
        "device": "CPU",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "metrics.jsonl").write_text("", encoding="utf-8")
    append(folder, *events, rows=rows)
    return folder


def append(folder: Path, *events: LoggedEvent, rows: bool = True) -> None:
    """Write more lines, as the process that trains does."""
    for event in events:
        if rows and isinstance(event, SamplesDrawn):
            write_row(folder / "samples", event.step, event.pictures)
    with (folder / "metrics.jsonl").open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(map(text_of, events))
