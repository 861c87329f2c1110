"""What a run's metrics.jsonl tells of the time before it was taken up again: events as they were.

No Qt, no torch: read in the background, while the window shows other things.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.training.event_lines import event_of
from studio.training.events import Marked, Progress, QualityMeasured, Validated
from studio.training.metrics_log import read_metrics
from studio.training.pairs import with_pairs
from studio.training.run_facts import read_facts
from studio.training.run_folder import SAMPLES_NAME

LINES_A_TURN = 2000
"""How many lines are read before the background looks whether something else is wanted."""

PastEvent = Progress | Validated | QualityMeasured | Marked


def read_past(path: Path, images_seen: int) -> Iterator[int]:
    """A job that reads the log of a run up to `images_seen` pictures; yields how many lines it has read so far.

    Returns tuple[PastEvent, ...], oldest first; nothing where there is no log. Lines that are none of ours are passed
    over: a log that cannot be drawn must not keep a training from going on.
    """
    events: list[PastEvent] = []
    shape = read_facts(path.parent).shape
    try:
        for number, line in enumerate(read_metrics(path), start=1):
            if line["images_seen"] <= images_seen:
                event = event_of(line, {})
                if isinstance(event, QualityMeasured):
                    event = with_pairs(event, path.parent / SAMPLES_NAME, shape)
                if event is not None:
                    events.append(event)
            if number % LINES_A_TURN == 0:
                yield number
    except OSError:
        pass
    return tuple(events)
