"""What a run's metrics.jsonl tells of the time before it was taken up again: events as they were, without pictures.

No Qt, no torch: read in the background, while the window shows other things.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from studio.training.events import Marked, MarkKind, Progress, QualityMeasured, Validated
from studio.training.metrics_log import read_metrics

LINES_A_TURN = 2000
"""How many lines are read before the background looks whether something else is wanted."""

PastEvent = Progress | Validated | QualityMeasured | Marked

_NO_PICTURES = np.zeros((0, 1, 1, 1), dtype=np.uint8)


def read_past(path: Path, images_seen: int) -> Iterator[int]:
    """A job that reads the log of a run up to `images_seen` pictures; yields how many lines it has read so far.

    Returns tuple[PastEvent, ...], oldest first; nothing where there is no log. Lines that are none of ours are passed
    over: a log that cannot be drawn must not keep a training from going on.
    """
    events: list[PastEvent] = []
    try:
        for number, line in enumerate(read_metrics(path), start=1):
            if line["images_seen"] <= images_seen:
                event = event_of(line)
                if event is not None:
                    events.append(event)
            if number % LINES_A_TURN == 0:
                yield number
    except OSError:
        pass
    return tuple(events)


def event_of(line: dict[str, Any]) -> PastEvent | None:
    """The event that `metrics_log.line_of` wrote as this line; None for a row of the wall and what is unknown."""
    try:
        place = {name: line[name] for name in ("step", "images_seen", "seconds")}
        match line.get("event"):
            case None:
                return Progress(
                    **place,
                    losses=tuple(np.nan if loss is None else loss for loss in line["losses"]),
                    seconds_left=None,
                    pictures_per_second=line.get("pictures_per_second"),
                    fraction=line.get("fraction", 0.0),
                    learning_rate=line.get("learning_rate", 0.0),
                    level_losses=tuple(line.get("level_losses", ())),
                    level_counts=tuple(line.get("level_counts", ())),
                )
            case "validated":
                return Validated(
                    **place,
                    loss=line["loss"],
                    raw_loss=line["raw_loss"],
                    level_losses=tuple(line["level_losses"]),
                    held_out=line["held_out"],
                )
            case "quality":
                return QualityMeasured(
                    **place,
                    distance=line["distance"],
                    floor=line["floor"],
                    copied=line["copied"],
                    pictures=line["pictures"],
                    examples=_NO_PICTURES,
                    nearest=_NO_PICTURES,
                    nearest_distances=tuple(line["nearest_distances"]),
                    copy_threshold=line["copy_threshold"],
                )
            case "mark":
                return Marked(MarkKind(line["kind"]), **place, text=line["text"], detail=line.get("detail", ""))
    except (KeyError, TypeError, ValueError):
        return None
    return None
