"""The way back from the lines of a log to the events that they were: `event_of` undoes `metrics_log.line_of`.

What a line does not hold (pictures, how long it will take) is empty or estimated; foreign lines give nothing. No torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from studio.training.events import Marked, MarkKind, Progress, QualityMeasured, Validated


def event_of(
    line: Mapping[str, Any], settings: Mapping[str, Any], shape: tuple[int, int, int] | None = None
) -> Progress | Validated | QualityMeasured | Marked | None:
    """The event that a line of metrics.jsonl tells; None for a row of the wall, whose pictures are not in it, and for
    what is unknown or damaged.

    settings: of the run as plain JSON values, for the time left. shape: (C, H, W) of its pictures, which are missing.
    """
    try:
        match line.get("event"):
            case None:
                return _progress(line, settings)
            case "validated":
                return _validated(line)
            case "quality":
                return _quality(line, shape)
            case "mark":
                place = _place(line)
                return Marked(MarkKind(line["kind"]), *place, str(line.get("text", "")), str(line.get("detail", "")))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return None


def merged(progresses: Sequence[Progress]) -> Progress:
    """Neighbouring Progress, oldest first and at least one, told as one: all their losses, and the mean by noise level
    weighted by pictures."""
    last = progresses[-1]
    if len(progresses) == 1:
        return last
    measured = [p for p in progresses if p.level_counts and len(p.level_counts) == len(p.level_losses)]
    bands = len(measured[-1].level_counts) if measured else 0
    measured = [p for p in measured if len(p.level_counts) == bands]
    counts = [sum(p.level_counts[band] for p in measured) for band in range(bands)]
    sums = [sum((p.level_losses[band] or 0.0) * p.level_counts[band] for p in measured) for band in range(bands)]
    return Progress(
        step=last.step,
        images_seen=last.images_seen,
        losses=tuple(loss for progress in progresses for loss in progress.losses),
        seconds=last.seconds,
        seconds_left=last.seconds_left,
        pictures_per_second=last.pictures_per_second,
        fraction=last.fraction,
        learning_rate=last.learning_rate,
        level_losses=tuple(total / count if count else None for total, count in zip(sums, counts, strict=True)),
        level_counts=tuple(counts),
    )


def seconds_left(settings: Mapping[str, Any], images_seen: int, seconds: float, speed: float | None) -> float | None:
    """What remains of the budget in `settings`: exact for minutes, an estimate for pictures, None without a base."""
    budget = settings.get("budget")
    if not isinstance(budget, Mapping):
        return None
    minutes, images = budget.get("minutes"), budget.get("images")
    if isinstance(minutes, int | float):
        return max(0.0, 60.0 * minutes - seconds)
    if isinstance(images, int) and speed:
        return max(0, images - images_seen) / speed
    return None


def budget_share(settings: Mapping[str, Any], images_seen: int, seconds: float) -> float:
    """The share of the budget in `settings` that is used up, in [0, 1]; 0 where it cannot be known."""
    budget = settings.get("budget")
    if isinstance(budget, Mapping):
        if isinstance(budget.get("images"), int) and budget["images"]:
            return min(1.0, images_seen / budget["images"])
        if isinstance(budget.get("minutes"), int | float) and budget["minutes"]:
            return min(1.0, seconds / (60.0 * budget["minutes"]))
    return 0.0


def _progress(line: Mapping[str, Any], settings: Mapping[str, Any]) -> Progress:
    step, images_seen, seconds = _place(line)
    speed = _optional(line.get("pictures_per_second"))
    fraction = _optional(line.get("fraction"))
    return Progress(
        step=step,
        images_seen=images_seen,
        losses=tuple(math.nan if loss is None else float(loss) for loss in line.get("losses") or ()),
        seconds=seconds,
        seconds_left=seconds_left(settings, images_seen, seconds, speed),
        pictures_per_second=speed,
        fraction=budget_share(settings, images_seen, seconds) if fraction is None else fraction,
        learning_rate=float(line.get("learning_rate") or 0.0),
        level_losses=_levels(line.get("level_losses")),
        level_counts=tuple(int(count) for count in line.get("level_counts") or ()),
    )


def _validated(line: Mapping[str, Any]) -> Validated:
    raw_loss = _optional(line.get("raw_loss"))
    loss = float(line["loss"])
    return Validated(
        *_place(line),
        loss=loss,
        raw_loss=loss if raw_loss is None else raw_loss,
        level_losses=_levels(line.get("level_losses")),
        held_out=bool(line.get("held_out")),
    )


def _quality(line: Mapping[str, Any], shape: tuple[int, int, int] | None) -> QualityMeasured:
    channels, height, width = shape or (1, 1, 1)
    nothing = np.zeros((0, height, width, channels), dtype=np.uint8)
    return QualityMeasured(
        *_place(line),
        distance=_optional(line.get("distance")),
        floor=_optional(line.get("floor")),
        copied=_optional(line.get("copied")),
        pictures=int(line.get("pictures") or 0),
        examples=nothing,
        nearest=nothing,
        nearest_distances=tuple(float(distance) for distance in line.get("nearest_distances") or ()),
        copy_threshold=_optional(line.get("copy_threshold")),
    )


def _place(line: Mapping[str, Any]) -> tuple[int, int, float]:
    return int(line["step"]), int(line["images_seen"]), float(line["seconds"])


def _levels(value: object) -> tuple[float | None, ...]:
    return tuple(_optional(each) for each in value) if isinstance(value, list) else ()


def _optional(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]
