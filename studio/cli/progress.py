"""What a command shows while it works: one line that renews itself on a terminal, or one JSON object a line."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from studio.training.events import TrainingEvent

Item = TypeVar("Item")
Result = TypeVar("Result")

_BAR_WIDTH = 24
_SMOOTHING = 0.98


class ProgressLine:
    """A line on stderr that is overwritten in place; on a pipe it prints a line every ten seconds instead."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._interval = 0.1 if self._terminal else 10.0
        self._shown_at = 0.0 if self._terminal else time.monotonic()
        self._dirty = False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def show(self, what: str, fraction: float | None, detail: str = "", *, now: bool = False) -> None:
        """Renew the line when it is due, or `now`. `fraction` is in [0, 1], None when unknown."""
        moment = time.monotonic()
        if self._quiet or (not now and moment - self._shown_at < self._interval):
            return
        self._shown_at = moment
        bar = "" if fraction is None else f"{_bar(fraction)} {fraction:4.0%}  "
        text = f"{bar}{what}  {detail}".rstrip()
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[2K{text[:width]}")
            self._dirty = True
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the line as it is and go to the next."""
        if self._dirty:
            self._dirty = False
            sys.stderr.write("\n")
            sys.stderr.flush()


def finished(work: Generator[Item, None, Result], show: Callable[[Item], None]) -> Result:
    """`work` run to its end, each thing that it tells handed to `show`; what it returns."""
    while True:
        try:
            item = next(work)
        except StopIteration as end:
            return end.value
        show(item)


class TrainingReporter:
    """Shows the events of a training run as a progress line, or as JSON lines on stdout."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._line = ProgressLine(quiet=as_json)
        self._loss: float | None = None
        self._steps = 0

    def show(self, event: TrainingEvent) -> None:
        """Take in one event. Pictures are left out of JSON; they lie in the run's folder."""
        from studio.training.events import Marked, Progress, TrainingFinished, TrainingStarted

        if isinstance(event, Progress):
            for loss in event.losses:
                self._steps += 1
                # A bias-corrected average: early on it is the mean of all losses so far.
                weight = max(1 - _SMOOTHING, 1 / self._steps)
                self._loss = loss if self._loss is None else self._loss + weight * (loss - self._loss)
        if self._as_json:
            print(json.dumps(_facts(event, self._loss)), flush=True)
        elif isinstance(event, TrainingStarted):
            print(
                f"Training {event.parameter_count:,} parameters on {event.image_count:,} pictures, "
                f"{event.device}, {event.precision}.",
                file=sys.stderr,
            )
        elif isinstance(event, Progress):
            speed = "" if event.pictures_per_second is None else f"{event.pictures_per_second:.0f} pictures/s  "
            left = "" if event.seconds_left is None else f"{_duration(event.seconds_left)} left"
            loss = "" if self._loss is None else f"loss {self._loss:.4f}  "
            self._line.show(f"step {event.step:,}", event.fraction, f"{loss}{speed}{left}", now=event.fraction >= 1)
        elif isinstance(event, Marked):
            self._line.close()
            print(event.detail or event.text, file=sys.stderr)
        elif isinstance(event, TrainingFinished):
            self._line.close()

    def wrote(self, path: Path) -> None:
        """Say where the finished model lies."""
        if self._as_json:
            print(json.dumps({"event": "ModelWritten", "path": str(path)}), flush=True)
        else:
            print(f"The model is in {path}", file=sys.stderr)

    def close(self) -> None:
        self._line.close()


def _facts(event: TrainingEvent, smoothed_loss: float | None) -> dict[str, object]:
    facts: dict[str, object] = {"event": type(event).__name__}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if field.name not in ("bundle", "losses") and not hasattr(value, "dtype"):
            facts[field.name] = str(value) if isinstance(value, Path) else value
    if smoothed_loss is not None:
        facts["loss"] = smoothed_loss
    return facts


def _bar(fraction: float) -> str:
    full = round(max(0.0, min(1.0, fraction)) * _BAR_WIDTH)
    return "█" * full + "░" * (_BAR_WIDTH - full)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
