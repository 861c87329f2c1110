"""The folders of training runs on disk, looked at from outside: which there are, what they are, and how far they came.

Nothing here writes, nothing needs torch, and nothing trusts what it reads: a folder may be half written by a process
that still trains, torn by a crash, from another version, or no run at all. Only the ends of long logs are read, so that
hundreds of runs are listed in the blink of an eye; `run_curves` reads one of them as a whole.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from studio.training.run_facts import RunFacts, read_facts, read_json
from studio.training.run_folder import (
    CHECKPOINT_NAME,
    METRICS_NAME,
    PREVIOUS_NAME,
    SAMPLES_NAME,
    SETTINGS_NAME,
    TITLE_NAME,
)
from studio.training.wall import row_paths

ENDED_NAME = "ended.json"
PICTURES_NAME = "pictures.npz"
CHECKPOINT_NAMES = (CHECKPOINT_NAME, PREVIOUS_NAME)

LIVE_SECONDS = 60.0
"""A run that nobody has ended and whose log grew within so many seconds is being trained by somebody."""

SMOOTHING_SHARE = 0.08
"""The loss of a list is the mean over this last share of the pictures seen."""

_TAIL_BYTES = 1 << 16
_SEARCH_BYTES = 1 << 20
_KIND_PREFIX = b'{"event":"'


class RunStatus(StrEnum):
    """Where a run stands. RUNNING: somebody writes to it now. FINISHED: its budget is spent. STOPPED: a person ended
    it before. INTERRUPTED: it broke off and can go on. UNUSABLE: it broke off before its first checkpoint."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    UNUSABLE = "no checkpoint"


@dataclass(frozen=True)
class RunSummary:
    """One line of a list of runs.

    title: what a person called it, or else its data. data_name: '' where it is not known.
    began, changed: seconds since 1970; changed is when its log was written last.
    step, images_seen, seconds: how far it came. fraction: of its budget, in [0, 1].
    loss: the mean squared error of the predicted noise, over the last SMOOTHING_SHARE of the run as far as the end of
        its log tells; validation, distance, copied: the newest of each. All None where there is none.
    model: the model file that was kept from it, where it still exists. newest_row: the newest row of its wall.
    has_pictures: those it trains on lie in its folder. settings: as plain JSON values.
    """

    folder: Path
    title: str
    data_name: str
    began: float
    changed: float
    step: int
    images_seen: int
    seconds: float
    fraction: float
    status: RunStatus
    loss: float | None
    validation: float | None
    distance: float | None
    copied: float | None
    model: Path | None
    newest_row: Path | None
    has_pictures: bool
    facts: RunFacts = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def can_go_on(self) -> bool:
        """It has a checkpoint, and nobody trains it now."""
        return self.status not in (RunStatus.RUNNING, RunStatus.UNUSABLE)


def is_run(folder: Path | str) -> bool:
    """Whether `folder` is that of a training run."""
    folder = Path(folder)
    return (folder / SETTINGS_NAME).is_file() and (
        (folder / METRICS_NAME).is_file() or any((folder / name).is_file() for name in CHECKPOINT_NAMES)
    )


def find_runs(*roots: Path | str, now: float | None = None) -> tuple[RunSummary, ...]:
    """The runs among `roots` and the folders right inside them, the newest first, each once.

    What is no run, and what cannot be read, is passed over. now: seconds since 1970, to tell who is running.
    """
    return tuple(sorted(iterate_runs(*roots, now=now), key=lambda run: (-run.began, str(run.folder))))


def iterate_runs(*roots: Path | str, now: float | None = None) -> Iterator[RunSummary]:
    """The same one by one, in no order."""
    for folder in candidates(*roots):
        summary = summarize(folder, now=now)
        if summary is not None:
            yield summary


def candidates(*roots: Path | str) -> Iterator[Path]:
    """The folders among `roots` and right inside them that are those of runs, each once."""
    seen: set[Path] = set()
    for folder in _folders(roots):
        if is_run(folder):
            real = folder.resolve()
            if real not in seen:
                seen.add(real)
                yield folder


def summarize(folder: Path | str, *, now: float | None = None) -> RunSummary | None:
    """What a list says about the run in `folder`; None when it is no run."""
    folder = Path(folder)
    if not is_run(folder):
        return None
    now = time.time() if now is None else now
    settings = read_json(folder / SETTINGS_NAME)
    facts = read_facts(folder)
    log = _LogEnd(folder / METRICS_NAME)
    last = log.last
    rows = row_paths(folder / SAMPLES_NAME)
    ended = _ended(folder)
    fraction = _fraction(last, log.seconds, settings)
    changed = log.changed or modified(folder / SETTINGS_NAME)
    validated, quality = log.newest("validated"), log.newest("quality")
    return RunSummary(
        folder=folder,
        title=_title(folder, facts),
        data_name=facts.data_name or _name_of(folder),
        began=_began(folder, facts, changed, log.seconds),
        changed=changed,
        step=int(_number(last.get("step"))),
        images_seen=int(_number(last.get("images_seen"))),
        seconds=log.seconds,
        fraction=fraction,
        status=_status(folder, fraction, ended, changed, now),
        loss=log.smoothed_loss(),
        validation=_measured(validated, "loss"),
        distance=_measured(quality, "distance"),
        copied=_measured(quality, "copied"),
        model=_model(folder, ended),
        newest_row=rows[-1] if rows else None,
        has_pictures=(folder / PICTURES_NAME).is_file(),
        facts=facts,
        settings=settings,
    )


class _LogEnd:
    """The last lines of a metrics.jsonl, parsed from the end on only as far as somebody asks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.changed = modified(path)
        self._end = self._read(_TAIL_BYTES)
        self._more: bytes | None = None
        self.last: Mapping[str, Any] = next(self._progress(), None) or next(self._backwards(), {})
        """The newest Progress, or any newest line where there is none; empty without either."""
        newest = next(self._backwards(), {})
        self.seconds = max(_number(self.last.get("seconds")), _number(newest.get("seconds")))
        """Training time so far: what is measured after the last step uses up the rest of a budget in minutes."""

    def smoothed_loss(self) -> float | None:
        """The mean over the last SMOOTHING_SHARE of the pictures, as far as these lines reach; None without any."""
        since = (1.0 - SMOOTHING_SHARE) * _number(self.last.get("images_seen"))
        total, count = 0.0, 0
        for line in self._progress():
            if _number(line.get("images_seen")) <= since:
                break
            if isinstance(line.get("losses"), list):
                losses = [loss for loss in line["losses"] if isinstance(loss, int | float) and math.isfinite(loss)]
                total, count = total + sum(losses), count + len(losses)
        return total / count if count else None

    def _backwards(self) -> Iterator[dict[str, Any]]:
        """Whole lines, the newest first."""
        lines = (_whole(text) for text in reversed(self._end.splitlines()))
        return (line for line in lines if line is not None)

    def _progress(self) -> Iterator[dict[str, Any]]:
        return (line for line in self._backwards() if "event" not in line)

    def newest(self, kind: str) -> Mapping[str, Any] | None:
        """The newest whole line of an event, within the last megabyte."""
        prefix = _KIND_PREFIX + kind.encode() + b'"'
        found = _last_with(self._end, prefix)
        if found is None and len(self._end) == _TAIL_BYTES:
            if self._more is None:
                self._more = self._read(_SEARCH_BYTES)
            found = _last_with(self._more, prefix)
        return found

    def _read(self, most: int) -> bytes:
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - most))
                return file.read(most)
        except OSError:
            return b""


def _last_with(content: bytes, prefix: bytes) -> Mapping[str, Any] | None:
    place = content.rfind(prefix)
    while place >= 0:
        line = _whole(content[place : content.find(b"\n", place) if b"\n" in content[place:] else len(content)])
        if line is not None:
            return line
        place = content.rfind(prefix, 0, place)
    return None


def _whole(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("images_seen"), int) else None


def _folders(roots: Iterable[Path | str]) -> Iterator[Path]:
    for root in map(Path, roots):
        yield root
        try:
            inside = sorted(root.iterdir())
        except OSError:
            continue
        yield from (folder for folder in inside if folder.is_dir() and not folder.name.startswith("."))


def _title(folder: Path, facts: RunFacts) -> str:
    given = read_json(folder / TITLE_NAME).get("title")
    if isinstance(given, str) and given.strip():
        return given.strip()
    return facts.data_name or _name_of(folder)


def _name_of(folder: Path) -> str:
    """What a folder's name says: "2026-11-24 11.10.05 digits" from the window, "digits.run" from the command line."""
    if _time_in(folder) is not None:
        return folder.name.split(" ", 2)[-1].replace("-", " ")
    return folder.name.removesuffix(".run")


def _time_in(folder: Path) -> float | None:
    try:
        return time.mktime(time.strptime(folder.name[:19], "%Y-%m-%d %H.%M.%S"))
    except (ValueError, OverflowError):
        return None


def _began(folder: Path, facts: RunFacts, changed: float, seconds: float) -> float:
    # Without a word about it: as long before its last sign of life as it has trained.
    return facts.began or _time_in(folder) or changed - seconds


def _ended(folder: Path) -> Mapping[str, Any] | None:
    path = folder / ENDED_NAME
    return read_json(path) if path.exists() else None


def _model(folder: Path, ended: Mapping[str, Any] | None) -> Path | None:
    kept = (ended or {}).get("model")
    candidates = [Path(kept)] if isinstance(kept, str) and kept else []
    if folder.suffix == ".run":
        candidates.append(folder.with_suffix(".safetensors"))
    with contextlib.suppress(OSError):
        return next((path for path in candidates if path.is_file()), None)
    return None


def _status(folder: Path, fraction: float, ended: Mapping[str, Any] | None, changed: float, now: float) -> RunStatus:
    if fraction >= 1.0:
        return RunStatus.FINISHED
    if ended is not None:
        return RunStatus.STOPPED
    # The clocks of two computers that share a disk differ by some seconds.
    if abs(now - changed) < LIVE_SECONDS:
        return RunStatus.RUNNING
    has_checkpoint = any((folder / name).is_file() for name in CHECKPOINT_NAMES)
    return RunStatus.INTERRUPTED if has_checkpoint else RunStatus.UNUSABLE


def _fraction(last: Mapping[str, Any], seconds: float, settings: Mapping[str, Any]) -> float:
    """Of the budget as it is now: it may have been made longer since the last line."""
    budget = settings.get("budget")
    with contextlib.suppress(TypeError, ZeroDivisionError, AttributeError, KeyError):
        if budget["images"]:
            return min(1.0, _number(last.get("images_seen")) / float(budget["images"]))
        return min(1.0, seconds / (60.0 * float(budget["minutes"])))
    return min(1.0, max(0.0, _number(last.get("fraction"))))


def _measured(line: Mapping[str, Any] | None, key: str) -> float | None:
    value = None if line is None else line.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def modified(path: Path) -> float:
    """When a file was written last, in seconds since 1970; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
