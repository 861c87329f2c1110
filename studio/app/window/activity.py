"""What a running job says about how far it is, in words for the status bar. No Qt."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Activity:
    """How far a job is. `fraction` is in [0, 1], None when unknown; `speed` and `left` are '' when unknown."""

    text: str = ""
    fraction: float | None = None
    speed: str = ""
    left: str = ""


def read_activity(event: object) -> Activity | None:
    """The activity an event tells of; None when it tells of none."""
    name = type(event).__name__
    module = sys.modules.get(type(event).__module__)
    if module is None:
        return None
    reader = _READERS.get((module.__name__, name))
    return reader(event) if reader else None


def clock(seconds: float) -> str:
    """Seconds as people read them: 0:41, 12:05, 1:02:05."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: "1 picture", "60,000 pictures"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _training(event) -> Activity:
    left = "" if event.seconds_left is None else clock(event.seconds_left)
    speed = f"{event.pictures_per_second:,.0f}" if event.pictures_per_second else ""
    return Activity(f"step {event.step:,}", event.fraction, speed, left)


def _import(event) -> Activity:
    fraction = event.done / event.total if event.total else None
    of = f"{event.done:,} of {event.total:,}" if event.total else f"{event.done:,}" if event.done else ""
    return Activity(f"{event.message} {of}".rstrip(), fraction)


def _denoising(event) -> Activity:
    return Activity(f"step {event.index + 1} of {event.total}", (event.index + 1) / event.total)


def _preparing(event) -> Activity:
    return Activity(event.part)


_READERS = {
    ("studio.training.events", "Progress"): _training,
    ("studio.data.progress", "ImportProgress"): _import,
    ("studio.app.jobs", "StepTaken"): _denoising,
    ("studio.app.jobs", "Preparing"): _preparing,
}
