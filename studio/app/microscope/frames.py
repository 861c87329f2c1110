"""A recorded reverse run as the screen shows it: pictures, thumbnails and the measures drawn under the film strip.

GUI thread only. Nothing here calls a model: everything is read from the Trace, on demand, and kept in small caches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from studio.app.imaging import picture_image, signed_image
from studio.app.microscope.measures import FilmKind, Measures, taken_by
from studio.app.microscope.step_equation import shown_time

if TYPE_CHECKING:
    import torch
    from PySide6.QtGui import QImage

    from studio.diffusion.run import ReverseRun
    from studio.diffusion.step import Step
    from studio.diffusion.trace import Trace

NOISE_LIMIT = 3.0
"""Predicted noise is coloured from −3 to +3: unit Gaussian noise rarely leaves that."""

PART_LIMIT = 1.0
"""What is taken off and what is added share −1 to +1, so that faint means small."""

_STEPS_KEPT = 64
_THUMBNAILS_KEPT = 3000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Cache(Generic[K, V]):
    """The `limit` most recently used values."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = make()
        if len(self._values) > self._limit:
            self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        self._values.clear()


class Frames:
    """The positions of a Trace: its recorded steps, then, when it is complete, the finished picture.

    parent: the Frames of the trace that this one branches from, whose measures of the shared steps are taken over.
    """

    def __init__(self, trace: Trace, parent: Frames | None = None) -> None:
        self.trace = trace
        self.measures = Measures(trace, None if parent is None else parent.measures)
        self._taken = 0
        self._times = (*(shown_time(t) for t, _ in trace.pairs), shown_time(trace.pairs[-1][1]))
        # Of one picture each: a step of a large batch holds tens of megabytes.
        self._steps: _Cache[tuple[int, int], Step] = _Cache(_STEPS_KEPT)
        # The batch is read for every move of the playhead: in place, its large blocks do not tear the heap apart.
        self._scratch: np.ndarray | None = None
        self._thumbnails: _Cache[tuple[int, FilmKind, int], QImage] = _Cache(_THUMBNAILS_KEPT)

    @property
    def step_count(self) -> int:
        """Recorded steps that have been taken in by `refresh`."""
        return self._taken

    @property
    def count(self) -> int:
        """Positions that can be shown: the recorded steps, and what the last of them led to."""
        return self._taken + 1 if self._taken else 0

    @property
    def picture_count(self) -> int:
        return self.trace.shape[0]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        return self.trace.shape[1:]

    def refresh(self) -> None:
        """Takes in the steps recorded since the last time."""
        self._taken = self.measures.taken = len(self.trace)

    def step(self, position: int, picture: int) -> Step:
        """The step of one picture, a batch of one, at a position; the position after the last step still tells how
        that step came to its result."""
        # The background may have recorded more by now; what was taken in by `refresh` holds together.
        index = min(position, self._taken - 1)
        return self._steps.get((index, picture), lambda: self.trace.frame(index, picture))

    def run(self, position: int) -> ReverseRun:
        """By whose rules the step at a position was taken: of the steps that a branch shares, its parent's."""
        return taken_by(self.trace, min(position, self._taken - 1))

    def is_result(self, position: int) -> bool:
        """Whether the position is past the last recorded step, where its result is shown."""
        return position >= self.step_count

    def time(self, position: int) -> int:
        """The moment as a person reads it: T..1, 0 for the finished picture."""
        if self.is_result(position) and self.step_count:
            return shown_time(self.trace.times[self.step_count - 1][1])
        return self._times[position]

    @property
    def planned_count(self) -> int:
        """How many positions there will be once the run is complete."""
        return len(self._times)

    def nearest(self, time: int, position: int) -> int:
        """The position whose moment is nearest to `time` (T..0); of several the one nearest to `position`."""
        return min(range(self.count), default=0, key=lambda k: (abs(self.time(k) - time), abs(k - position)))

    @property
    def planned_times(self) -> tuple[int, ...]:
        """The moments of all positions there will be once the run is complete."""
        return self._times

    def state(self, position: int) -> torch.Tensor:
        """z of the whole batch at a position, float32 (N, C, H, W)."""
        return self.trace.state(position)

    def values(self, position: int, kind: FilmKind, picture: int) -> torch.Tensor:
        """z, ε̂ or x̂0 of one picture at a position, float32 (C, H, W); past the last step ε̂ and x̂0 are the last
        step's."""
        step = self.step(position, picture)
        if kind is FilmKind.Z:
            return (step.z_s if self.is_result(position) else step.z_t)[0]
        return (step.eps if kind is FilmKind.EPSILON else step.x0)[0]

    def pictures(self, position: int, shrink: int = 1) -> np.ndarray:
        """The whole batch at a position, uint8 (N, H, W, C), or (N, H // shrink, W // shrink, C) by averaging."""
        state = self.state(position).numpy()
        if self._scratch is None:
            self._scratch = np.empty_like(state)
        levels = _levels(state, self._scratch)
        if shrink > 1:
            # Only now: what a pixel shows is what is averaged.
            levels = np.rint(_mean_of_blocks(levels, shrink))
        return np.ascontiguousarray(levels.transpose(0, 2, 3, 1), dtype=np.uint8)

    def thumbnail(self, position: int, kind: FilmKind, picture: int) -> QImage:
        """One picture at its own size, one pixel a value; coloured for ε̂."""
        return self._thumbnails.get(
            (position, kind, picture), lambda: self._image(self.values(position, kind, picture), kind)
        )

    def forget_images(self) -> None:
        """The theme changed: noise maps have other colours now."""
        self._thumbnails.clear()

    @staticmethod
    def _image(values: torch.Tensor, kind: FilmKind) -> QImage:
        if kind is FilmKind.EPSILON:
            return noise_image(values, NOISE_LIMIT)
        return tensor_image(values)


def tensor_image(values: torch.Tensor) -> QImage:
    """A float (C, H, W) picture in [-1, 1] as an image of its own size; values outside are shown as the limits."""
    return picture_image(_to_pictures(values.detach().unsqueeze(0))[0])


def noise_image(values: torch.Tensor, limit: float) -> QImage:
    """Signed float (C, H, W) values through the theme's noise colours, from −limit to +limit."""
    return signed_image(values.detach().permute(1, 2, 0).numpy(), limit)


def _to_pictures(values: torch.Tensor) -> np.ndarray:
    # Imported late: it brings torch, and the window opens before that.
    from studio.data.pixels import to_pictures

    return to_pictures(values)


def _levels(values: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Values in [-1, 1] as whole levels 0..255 in `out`, both float32 of one shape: `data.pixels.to_pictures` without
    new memory, which a test holds it to."""
    np.add(values, 1.0, out=out)
    np.multiply(out, 127.5, out=out)
    # Of a number and not-a-number fmax takes the number.
    np.fmax(out, 0.0, out=out)
    np.rint(out, out=out)
    return np.minimum(out, 255.0, out=out)


def _mean_of_blocks(values: np.ndarray, side: int) -> np.ndarray:
    """The means of side × side blocks of the last two axes; what is left over at the ends is left out."""
    rows, columns = values.shape[-2] // side * side, values.shape[-1] // side * side
    # Sums of slices are ten times as fast as the mean over axes of a few values each.
    sums = sum(values[..., first:rows:side, :columns] for first in range(side))
    return np.asarray(sum(sums[..., first::side] for first in range(side)) / side**2)
