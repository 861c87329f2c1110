"""Following a run that another process trains: its folder is read again and again, and tells what a local run would.

The writer may be the command line, a job of many processes on a cluster, or another window; nothing is asked of it but
that it writes its log as `metrics_log` does. Its disk may lag, its last line may be torn, a row of the wall may be
announced before it can be read, and the whole log may be written anew when the run goes back to a checkpoint. No torch.
"""

from __future__ import annotations

import json
import time
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import DataError
from studio.training.event_lines import budget_share, event_of, merged
from studio.training.events import (
    CheckpointSaved,
    Marked,
    MarkKind,
    Progress,
    QualityMeasured,
    SamplesDrawn,
    TrainingEvent,
    TrainingStarted,
)
from studio.training.metrics_log import whole_line
from studio.training.pairs import with_pairs
from studio.training.row_reading import read_row
from studio.training.run_facts import RunFacts, own_header, read_facts, read_json
from studio.training.run_folder import KEPT_NAME, METRICS_NAME, SAMPLES_NAME, SETTINGS_NAME
from studio.training.runs import CHECKPOINT_NAMES, ENDED_NAME, is_run, modified
from studio.training.wall import row_paths

MOST_BYTES = 1 << 19
"""A poll reads at most so much of the log: it must stay a short job."""

MOST_PROGRESS = 200
"""A poll that catches up with a long log tells at most so many Progress: neighbours are told as one."""

ROW_PATIENCE_SECONDS = 60.0
"""A row of the wall that was announced is waited for so long; on a shared disk a file may come after its line."""

_SIGNATURE_BYTES = 256
_Told = tuple[int, int]
"""What is remembered of a line: the pictures seen, and a checksum by which it is known again in a log written anew."""


@dataclass(frozen=True)
class _AwaitedRow:
    line: Mapping[str, Any]
    since: float


class RunFollower:
    """The newest state of a run's folder, poll by poll; owns no file between two of them.

    facts, settings: as the folder told them when it was opened first; settings are plain JSON values.
    """

    def __init__(self, folder: Path | str, *, now: Any = time.monotonic) -> None:
        """Raises DataError when `folder` is not that of a run."""
        self.folder = Path(folder)
        if not is_run(self.folder):
            raise DataError(
                f"{self.folder} is not the folder of a training run.",
                f"Choose a folder that holds {SETTINGS_NAME} and {METRICS_NAME}.",
            )
        self._now = now
        self.facts: RunFacts = read_facts(self.folder)
        self.settings: Mapping[str, Any] = read_json(self.folder / SETTINGS_NAME)
        self.more = True
        self._begun = False
        self._offset = 0
        self._signature = b""
        self._told: list[_Told] = []
        self._last: Mapping[str, Any] = {}
        self._seconds = 0.0
        self._rows: deque[_AwaitedRow] = deque()
        self._row_lines = 0
        self._loose_rows: set[Path] = set()
        self._checkpoints: dict[Path, int] = {}
        # How long ago it was written last when nobody had looked at it yet; clocks of two computers may disagree.
        age = time.time() - (modified(self.folder / METRICS_NAME) or time.time())
        self._grown_at = now() - max(0.0, age)
        self._caught_up = False
        self._rewritten: int | None = None

    @property
    def quiet_seconds(self) -> float:
        """How long nothing was written, by this computer's clock."""
        return self._now() - self._grown_at

    @property
    def fraction(self) -> float:
        """Of the budget, as the newest line says."""
        told = self._last.get("fraction")
        fraction = float(told) if isinstance(told, int | float) else 0.0
        # What is measured after the last step uses up the rest of a budget in minutes.
        return max(fraction, budget_share(self.settings, int(self._last.get("images_seen", 0)), self._seconds))

    @property
    def finished(self) -> bool:
        """Its budget is spent, or somebody has ended it."""
        return self.fraction >= 1.0 or (self.folder / ENDED_NAME).exists()

    @property
    def seconds(self) -> float:
        """Training time so far, as the newest line says."""
        seconds = self._last.get("seconds")
        return float(seconds) if isinstance(seconds, int | float) else 0.0

    def poll(self) -> list[TrainingEvent]:
        """All that was written since the last poll, oldest first; the first one begins with a TrainingStarted at step
        0 and tells the run from its beginning.

        `more` is True afterwards when it stopped because there is much to read: poll again at once. When the log was
        written anew, a Marked of the kind ROLLED_BACK says from where on what was told is void, and what stands there
        now follows. Never raises for what it finds: a folder that is gone tells nothing.
        """
        events: list[TrainingEvent] = []
        if not self._begun:
            self._begun = True
            events.append(self._started())
        before = len(events)
        for line in self._new_lines():
            events += self._events_of(line)
        if not self.more:
            events += self._loose()
        events += self._rows_that_came()
        events += self._new_checkpoints()
        if len(events) > before and self._caught_up:
            self._grown_at = self._now()
        self._caught_up = not self.more
        return _thinned(events)

    def _started(self) -> TrainingStarted:
        facts = self.facts
        return TrainingStarted(
            device=facts.device or "another process",
            precision=facts.precision,
            parameter_count=facts.parameters or 0,
            image_count=facts.data_count or 0,
            step=0,
            images_seen=0,
            seconds=0.0,
            fraction=0.0,
        )

    # The log

    def _new_lines(self) -> list[dict[str, Any]]:
        content = self._read()
        end = content.rfind(b"\n") + 1
        self.more = len(content) == MOST_BYTES and end > 0
        if end == 0:
            return []
        whole = content[:end]
        self._offset += end
        self._signature = (self._signature + whole)[-_SIGNATURE_BYTES:]
        lines = (whole_line(text.decode("utf-8", "replace")) for text in whole.splitlines())
        return [line for line in lines if line is not None]

    def _read(self) -> bytes:
        """What stands behind what was read before; the log from its beginning when that is not there any more."""
        try:
            with (self.folder / METRICS_NAME).open("rb") as file:
                file.seek(self._offset - len(self._signature))
                if file.read(len(self._signature)) != self._signature:
                    self._offset, self._signature, self._rewritten = 0, b"", 0
                    file.seek(0)
                return file.read(MOST_BYTES)
        except OSError:
            return b""

    def _events_of(self, line: Mapping[str, Any]) -> list[TrainingEvent]:
        told: _Told = (line["images_seen"], zlib.crc32(json.dumps(line).encode()))
        events: list[TrainingEvent] = []
        if self._rewritten is not None:
            place = self._rewritten
            if place < len(self._told) and self._told[place] == told:
                self._rewritten += 1
                self._last = line if "event" not in line else self._last
                return []
            if place < len(self._told):
                events += self._cut(place, line)
            self._rewritten = None
        self._told.append(told)
        if "event" not in line:
            self._last = line
        seconds = line.get("seconds")
        self._seconds = float(seconds) if isinstance(seconds, int | float) else self._seconds
        if line.get("event") == "samples":
            self._row_lines += 1
            self._rows.append(_AwaitedRow(line, self._now()))
            return events
        event = event_of(line, self.settings, self.facts.shape)
        if isinstance(event, QualityMeasured):
            event = with_pairs(event, self.folder / SAMPLES_NAME, self.facts.shape)
        return events if event is None else [*events, event]

    def _cut(self, place: int, line: Mapping[str, Any]) -> list[TrainingEvent]:
        """What was told beyond `place` is void; `line` is what stands there now."""
        images_seen = self._told[place - 1][0] if place else 0
        del self._told[place:]
        self._rows = deque(row for row in self._rows if row.line["images_seen"] <= images_seen)
        if line.get("kind") == MarkKind.ROLLED_BACK.value:
            return []
        step, seconds = (self._last.get(key, 0) if place else 0 for key in ("step", "seconds"))
        detail = "The process that trains went back to an earlier state; its log was written anew."
        return [Marked(MarkKind.ROLLED_BACK, int(step), images_seen, float(seconds), "went back", detail)]

    # The wall

    def _rows_that_came(self) -> list[TrainingEvent]:
        events: list[TrainingEvent] = []
        while self._rows:
            row = self._rows[0]
            drawn = self._drawn(row.line)
            if drawn is None and self._now() - row.since < ROW_PATIENCE_SECONDS:
                break
            self._rows.popleft()
            events += [] if drawn is None else [drawn]
        return events

    def _drawn(self, line: Mapping[str, Any]) -> SamplesDrawn | None:
        step = int(line.get("step", 0))
        pictures = read_row(self.folder / SAMPLES_NAME, step, self.facts.shape)
        if pictures is None:
            return None
        raw = read_row(self.folder / SAMPLES_NAME, step, self.facts.shape, raw=True) if line.get("raw") else None
        numbers, labels = line.get("picture_numbers"), line.get("labels")
        count = len(pictures)
        return SamplesDrawn(
            step,
            int(line["images_seen"]),
            float(line.get("seconds") or 0.0),
            pictures,
            int(line.get("seed") or 0),
            tuple(numbers) if isinstance(numbers, list) and len(numbers) == count else tuple(range(count)),
            tuple(labels) if isinstance(labels, list) and len(labels) == count else None,
            raw if raw is not None and raw.shape == pictures.shape else None,
        )

    def _loose(self) -> list[TrainingEvent]:
        """Rows of a log that does not mention its rows, as older versions wrote it: told by their files alone."""
        if self._row_lines or not self._last:
            return []
        new = [path for path in row_paths(self.folder / SAMPLES_NAME) if path not in self._loose_rows]
        events: list[TrainingEvent] = []
        step, batch = int(self._last.get("step") or 0), int(self.settings.get("batch_size") or 1)
        for path in new:
            row_step = int(path.stem.rpartition("-")[2])
            share = row_step / step if step else 0.0
            if share > 1.0:
                continue
            line = {"step": row_step, "images_seen": row_step * batch, "seconds": share * self.seconds,
                    "seed": self.settings.get("seed")}  # fmt: skip
            drawn = self._drawn(line)
            if drawn is not None:
                self._loose_rows.add(path)
                events.append(drawn)
        return events

    # Checkpoints

    def _new_checkpoints(self) -> list[TrainingEvent]:
        newest = self.folder / CHECKPOINT_NAMES[0]
        try:
            kept = [path for path in (self.folder / KEPT_NAME).iterdir() if path.suffix == ".safetensors"]
        except OSError:
            kept = []
        events: list[TrainingEvent] = []
        for path in (*sorted(kept), newest):
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue
            if self._checkpoints.get(path) == changed:
                continue
            header = own_header(path)
            if isinstance(header.get("step"), int) and isinstance(header.get("images_seen"), int):
                self._checkpoints[path] = changed
                seconds = float(header.get("seconds") or 0.0)
                saved = CheckpointSaved(path, header["step"], header["images_seen"], seconds, path is not newest)
                events.append(saved)
                if self.facts.parameters is None:
                    self.facts = read_facts(self.folder)
        return events


def _thinned(events: Sequence[TrainingEvent]) -> list[TrainingEvent]:
    """The same events with neighbouring Progress merged where there are more than MOST_PROGRESS of them."""
    count = sum(isinstance(event, Progress) for event in events)
    stride = -(-count // MOST_PROGRESS)
    if stride <= 1:
        return list(events)
    thinned: list[TrainingEvent] = []
    waiting: list[Progress] = []
    for event in events:
        if isinstance(event, Progress):
            waiting.append(event)
            if len(waiting) < stride:
                continue
            thinned.append(merged(waiting))
            waiting = []
        else:
            # Other events stand between the progress before and after them.
            thinned += [merged(waiting)] if waiting else []
            waiting = []
            thinned.append(event)
    return [*thinned, merged(waiting)] if waiting else thinned
