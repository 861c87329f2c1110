"""What remains of the losses: a curve that never grows beyond a fixed size, and a log that keeps every one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio import files
from studio.training.events import Progress

MAXIMUM_POINTS = 512


@dataclass
class LossHistory:
    """The mean loss of equal stretches of a run. When there are too many, neighbours are merged: nothing is dropped.

    points: [images_seen at the end of the stretch, mean loss] of each finished stretch, oldest first.
    stretch: steps in each.
    """

    points: list[list[float]] = field(default_factory=list)
    stretch: int = 1
    _sum: float = 0.0
    _count: int = 0

    def add(self, images_seen: int, loss: float) -> None:
        """Append the loss of one step, after which `images_seen` pictures had been shown."""
        self._sum += loss
        self._count += 1
        if self._count < self.stretch:
            return
        self.points.append([images_seen, self._sum / self._count])
        self._sum, self._count = 0.0, 0
        if len(self.points) == MAXIMUM_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [[later[0], (earlier[1] + later[1]) / 2] for earlier, later in pairs]
            self.stretch *= 2

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` goes on exactly where this history stood."""
        return {"points": self.points, "stretch": self.stretch, "sum": self._sum, "count": self._count}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LossHistory:
        """The history that `to_json` wrote. Raises KeyError, TypeError or ValueError when it is none."""
        points = [[int(images_seen), float(loss)] for images_seen, loss in values["points"]]
        return cls(points, int(values["stretch"]), float(values["sum"]), int(values["count"]))


class MetricsLog:
    """metrics.jsonl of a run: one line of JSON for each Progress, in order, with the loss of every step.

    Lines are appended; a crash leaves at most a torn last one, which readers pass over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._torn = False

    def append(self, progress: Progress) -> None:
        """Add a line. Raises StorageError."""
        line = {
            "step": progress.step,
            "images_seen": progress.images_seen,
            "seconds": round(progress.seconds, 3),
            "learning_rate": progress.learning_rate,
            # Six digits are what float32 knows; more would only make the file longer.
            "losses": [float(f"{loss:.6g}") for loss in progress.losses],
        }
        text = json.dumps(line, separators=(",", ":")) + "\n"
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
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("images_seen"), int):
                yield line
