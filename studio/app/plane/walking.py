"""Walks from noise to the pictures: those that are shown, and how many of many more end in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from PySide6.QtCore import QObject, Signal

from studio.app.plane.idle_work import IdleWork
from studio.diffusion import PictureNoise
from studio.diffusion.plane import Walk, pixel_plane, share_inside, walk_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.app.plane.pictures import Point
    from studio.data.painting import Regions
    from studio.diffusion import Denoiser, NoiseSchedule

SHOWN_WALKS = 24
COUNTED_WALKS = 500
WALK_STEPS = 50
WALK_SEED = 20


@dataclass(frozen=True, eq=False)
class Walking:
    """Who says where to go, on which schedule, and where the clusters are."""

    denoiser: Denoiser
    schedule: NoiseSchedule
    regions: Regions
    dtype: torch.dtype


class PlaneWalks(QObject):
    """Walks over two-pixel pictures, taken a few steps at a time while nothing else happens."""

    changed = Signal()
    """Other walks, or their share became known."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._work = IdleWork(self)
        self._waiting: tuple[Callable[[], Walking | None], int] | None = None
        self._added: tuple[Point, ...] = ()
        self.walk: Walk | None = None
        self.share_inside: float | None = None

    @property
    def added(self) -> tuple[Point, ...]:
        """Where walks were begun by hand."""
        return self._added

    def set_added(self, points: tuple[Point, ...]) -> None:
        self._added = tuple((float(x), float(y)) for x, y in points)

    @property
    def starts(self) -> NDArray[np.float64]:
        """The pure noise that shown walks begin with, (N, 2): the first of those that are counted, then the added."""
        return np.concatenate([_drawn_starts(), np.array(self._added, float).reshape(-1, 2)])

    def begin(self, walking: Callable[[], Walking | None], after_ms: int) -> None:
        """Walk anew once somebody looks, `after_ms` after the last call. `walking` is asked only then; None from it
        leaves no walks."""
        self.share_inside = None
        self._waiting = walking, after_ms
        self._work.drop()

    def look(self) -> None:
        """Somebody looks at the walks: take those that are to be taken."""
        if self._waiting is not None:
            (walking, after_ms), self._waiting = self._waiting, None
            self._work.begin(self._walks(walking()), after_ms)

    def show(self, walk: Walk) -> None:
        """Show walks that were taken elsewhere."""
        self._work.drop()
        self._waiting = None
        self.walk, self.share_inside = walk, None
        self.changed.emit()

    def finish(self) -> None:
        """Do at once what is left to do."""
        self.look()
        self._work.finish()

    def _walks(self, walking: Walking | None) -> Iterator[object]:
        if walking is None:
            self.walk = None
            self.changed.emit()
            return
        how = {"seed": WALK_SEED, "steps": WALK_STEPS, "dtype": walking.dtype}
        for walked in walk_steps(walking.denoiser, walking.schedule, pixel_plane(), starts=self.starts, **how):
            yield walked
        self.walk = walked
        self.changed.emit()
        for walked in walk_steps(walking.denoiser, walking.schedule, pixel_plane(), count=COUNTED_WALKS, **how):
            yield walked
        self.share_inside = share_inside(walked.ends, walking.regions.centres, walking.regions.reaches)
        self.changed.emit()


@cache
def _drawn_starts() -> NDArray[np.float64]:
    drawn = PictureNoise(WALK_SEED, range(SHOWN_WALKS), (1, 1, 2)).initial().reshape(-1, 2).numpy()
    return drawn.astype(np.float64)
