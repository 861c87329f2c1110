"""metrics.jsonl of a run: one line of JSON for each event, in order, with the loss of every step.

Lines are only appended; a crash leaves at most a torn last one, which readers pass over. What is a picture is not in
here: a row of the wall is a file of its own (see `wall`), its line only says that it is there.

A line has the keys event, step, images_seen and seconds, and what its event adds. One without "event" is a Progress.
"""

from __future__ import annotations

import json
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

    def append(self, event: LoggedEvent) -> None:
        """Add a line. Raises StorageError."""
        text = json.dumps(line_of(event), separators=(",", ":")) + "\n"
        try:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write("\n" + text if self._torn else text)
            self._torn = False
        except OSError as error:
            # Half of the line may be there: the next one must not be glued to it.
            self._torn = True
            raise files.storage_error(error, self.path) from error

    def keep_until(self, images_seen: int) -> None:
        """Drop all lines written after `images_seen` pictures, and a torn one. Raises StorageError."""
        if self.path.exists():
            kept = [line for line in read_metrics(self.path) if line["images_seen"] <= images_seen]
            text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in kept)
            files.write_text(self.path, text)


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
