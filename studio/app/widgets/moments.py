"""The moments of a run that the sample wall keeps: many at first, thinned out as the run grows long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Moment:
    """The same seeds drawn once more: uint8 pictures (N, H, W, C) after `step` steps and `seconds` of training.

    pictures: of the averaged weights. raw: the same of the weights as they are, None where they were not drawn.
    """

    step: int
    images_seen: int
    seconds: float
    pictures: NDArray[np.uint8] = field(repr=False)
    raw: NDArray[np.uint8] | None = field(default=None, repr=False)


class WallView(StrEnum):
    """Whose pictures a wall shows."""

    RAW = "raw"
    AVERAGED = "averaged"
    BOTH = "both"


def seen_as(moment: Moment, view: WallView) -> Moment | None:
    """The moment with the pictures of a view: both stand beside each other, raw first. None where raw ones lack."""
    if view is WallView.AVERAGED:
        return moment
    if moment.raw is None or moment.raw.shape != moment.pictures.shape:
        return None
    if view is WallView.RAW:
        return replace(moment, pictures=moment.raw)
    both = np.stack([moment.raw, moment.pictures], axis=1).reshape(-1, *moment.pictures.shape[1:])
    return replace(moment, pictures=both)


def columns_of(names: Sequence[str], view: WallView) -> tuple[str, ...]:
    """What stands above the columns of a view: of both, the name above the raw one."""
    if view is not WallView.BOTH:
        return tuple(names)
    return tuple(words for name in names for words in (name, "EMA"))


def thin_out(moments: Sequence[Moment], maximum: int) -> tuple[Moment, ...]:
    """At most `maximum` of the moments, spread geometrically in step: close together early, when much changes.

    The first and the newest always stay. Order is kept. `maximum` must be at least 2.
    """
    if maximum < 2:
        raise ValueError("a wall keeps at least the first and the newest moment")
    kept = list(moments)
    while len(kept) > maximum:
        steps = np.log1p([moment.step for moment in kept])
        # Leaving moment i out makes one gap of two; the smallest such gap is missed least.
        gaps = steps[2:] - steps[:-2]
        del kept[1 + int(np.argmin(gaps))]
    return tuple(kept)


def clock(seconds: float) -> str:
    """Seconds as a clock shows them: 0:41, 12:05, 1:02:45."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"
