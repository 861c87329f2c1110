"""metrics.jsonl of a run: one line of JSON for each event, in order, with the loss of every step.

Lines are only appended; a crash leaves at most a torn last one, which readers pass over. What is a picture is not in
here: a row of the wall is a file of its own (see `wall`), its line only says that it is there.

A line has the keys event, step, images_seen and seconds, and what its event adds. One without "event" is a Progress.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio import files
from studio.training.events import Marked, Progress, QualityMeasured, SamplesDrawn, Validated

LoggedEvent = Progress | Validated | SamplesDrawn | QualityMeasured | Marked


class MetricsLog:
    """The log of one run, to be appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._torn = False
        self._unwritten: list[str] = []

    def append(self, event: LoggedEvent) -> None:
        """Add a line. Raises StorageError; what could not be written is then written first the next time."""
        self._unwritten.append(json.dumps(line_of(event), separators=(",", ":")) + "\n")
        text = "".join(self._unwritten)
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write("\n" + text if self._torn else text)
        except OSError as error:
            # Some of it may be there: what comes next must not be glued to half a line.
            self._torn = True
            raise files.storage_error(error, self.path) from error
        self._torn = False
        self._unwritten.clear()

    def sync(self) -> None:
        """Wait until all lines are on the disk itself, safe from a power cut. Raises StorageError."""
        try:
            with self.path.open("ab") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise files.storage_error(error, self.path) from error

    def keep_until(self, images_seen: int) -> None:
        """Drop all lines written after `images_seen` pictures, and a torn one. Raises StorageError."""
        self._unwritten.clear()
        if self.path.exists():
            kept = lines_until(self.path, images_seen)
            files.write_text(self.path, "".join(kept))
            self._torn = False


def lines_until(path: Path | str, images_seen: int) -> list[str]:
    """The whole lines of a metrics.jsonl that were written up to `images_seen` pictures, as text."""
    kept = (line for line in read_metrics(path) if line["images_seen"] <= images_seen)
    return [json.dumps(line, separators=(",", ":")) + "\n" for line in kept]


def read_metrics(path: Path | str) -> Iterator[dict[str, Any]]:
    """The lines of a metrics.jsonl that are whole, oldest first."""
    with Path(path).open(encoding="utf-8", errors="replace") as file:
        for text in file:
            line = whole_line(text)
            if line is not None:
                yield line


def whole_line(text: str) -> dict[str, Any] | None:
    """The line that `text` is, or None when it is torn or none of ours."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("images_seen"), int) else None


def line_of(event: LoggedEvent) -> dict[str, Any]:
    """The event as plain JSON values, without its pictures."""
    place = {"step": event.step, "images_seen": event.images_seen, "seconds": round(event.seconds, 3)}
    match event:
        case Progress():
            return place | {
                "learning_rate": event.learning_rate,
                "losses": [_short(loss) for loss in event.losses],
                "fraction": round(event.fraction, 6),
                "pictures_per_second": _short(event.pictures_per_second),
                "level_losses": [_short(loss) for loss in event.level_losses],
                "level_counts": list(event.level_counts),
            }
        case Validated():
            return (
                {"event": "validated"}
                | place
                | {
                    "loss": _short(event.loss),
                    "raw_loss": _short(event.raw_loss),
                    "level_losses": [_short(loss) for loss in event.level_losses],
                    "held_out": event.held_out,
                }
            )
        case SamplesDrawn():
            return (
                {"event": "samples"}
                | place
                | {
                    "seed": event.seed,
                    "picture_numbers": list(event.picture_numbers),
                    "labels": None if event.labels is None else list(event.labels),
                    "raw": event.raw_pictures is not None,
                }
            )
        case QualityMeasured():
            return (
                {"event": "quality"}
                | place
                | {
                    "distance": _short(event.distance),
                    "floor": _short(event.floor),
                    "copied": _short(event.copied),
                    "pictures": event.pictures,
                    "nearest_distances": [_short(distance) for distance in event.nearest_distances],
                    "copy_threshold": _short(event.copy_threshold),
                }
            )
        case Marked():
            return {"event": "mark"} | place | {"kind": str(event.kind), "text": event.text, "detail": event.detail}


def _short(value: float | None) -> float | None:
    """Six digits are what float32 knows; more would only make the file longer."""
    return None if value is None else float(f"{value:.6g}")
