"""A recorded reverse run as the screen shows it: pictures, thumbnails and the measures drawn under the film strip.

GUI thread only. Nothing here calls a model: everything is read from the Trace, on demand, and kept in small caches.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from studio.app.imaging import picture_image, signed_image
from studio.app.microscope.step_equation import shown_time

if TYPE_CHECKING:
    import torch
    from PySide6.QtGui import QImage

    from studio.diffusion.step import Step
    from studio.diffusion.trace import Trace

NOISE_LIMIT = 3.0
"""Predicted noise is coloured from −3 to +3: unit Gaussian noise rarely leaves that."""

PART_LIMIT = 1.0
"""What is taken off and what is added share −1 to +1, so that faint means small."""

# A step of a large batch holds tens of megabytes, and the trace tells it again in milliseconds.
_STEPS_KEPT = 4
_THUMBNAILS_KEPT = 3000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class FilmKind(StrEnum):
    """What the film strip shows."""

    Z = "z"
    EPSILON = "eps"
    X0 = "x0"


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


class Measures:
    """Numbers per recorded step, growing with the run.

    `rms[kind]` is (steps, N): the root mean square over a picture's values of z_t, ε̂ and x̂0 (the norm divided by the
    root of the number of values, so that it compares over sizes). `snr_db` is (steps,): the signal to noise ratio of
    z_t in decibels by the schedule. `beyond(picture)` is (steps,): the share (0..1) of x̂0 values outside the picture
    range; of a clipped run only the share in the whole batch before clipping is known, the same for every picture.
    """

    def __init__(self) -> None:
        self._rms: dict[FilmKind, list[np.ndarray]] = {kind: [] for kind in FilmKind}
        self._snr_db: list[float] = []
        self._beyond: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._snr_db)

    def share(self, other: Measures, count: int) -> None:
        """Take over the first `count` steps of another run, which this one shares."""
        for kind, values in self._rms.items():
            values[:] = other._rms[kind][:count]
        self._snr_db[:] = other._snr_db[:count]
        self._beyond[:] = other._beyond[:count]

    def add(self, step: Step, snr: float, *, clipped: bool) -> None:
        for kind, values in ((FilmKind.Z, step.z_t), (FilmKind.EPSILON, step.eps), (FilmKind.X0, step.x0)):
            self._rms[kind].append(values.detach().flatten(1).square().mean(1).sqrt().numpy().astype(np.float32))
        self._snr_db.append(10.0 * float(np.log10(max(snr, 1e-30))))
        if clipped:
            beyond = np.full(step.x0.shape[0], step.clipped_share, dtype=np.float32)
        else:
            beyond = (step.x0.detach().flatten(1).abs() > 1.0).float().mean(1).numpy().astype(np.float32)
        self._beyond.append(beyond)

    def rms(self, kind: FilmKind, picture: int) -> np.ndarray:
        return np.array([values[picture] for values in self._rms[kind]], dtype=np.float32)

    @property
    def snr_db(self) -> np.ndarray:
        return np.array(self._snr_db, dtype=np.float32)

    def beyond(self, picture: int) -> np.ndarray:
        return np.array([values[picture] for values in self._beyond], dtype=np.float32)


class Frames:
    """The positions of a Trace: its recorded steps, then, when it is complete, the finished picture.

    parent: the Frames of the trace that this one branches from, whose measures of the shared steps are taken over.
    """

    def __init__(self, trace: Trace, parent: Frames | None = None) -> None:
        self.trace = trace
        self.measures = Measures()
        if parent is not None:
            parent.refresh()
            self.measures.share(parent.measures, trace.first)
        self._times = (*(shown_time(t) for t, _ in trace.pairs), shown_time(trace.pairs[-1][1]))
        self._steps: _Cache[int, Step] = _Cache(_STEPS_KEPT)
        self._thumbnails: _Cache[tuple[int, FilmKind, int], QImage] = _Cache(_THUMBNAILS_KEPT)

    @property
    def step_count(self) -> int:
        """Recorded steps that have been taken in by `refresh`."""
        return len(self.measures)

    @property
    def count(self) -> int:
        """Positions that can be shown: the recorded steps, and what the last of them led to."""
        return self.step_count + 1 if self.step_count else 0

    @property
    def picture_count(self) -> int:
        return self.trace.shape[0]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(C, H, W)"""
        return self.trace.shape[1:]

    def refresh(self) -> None:
        """Takes in the steps recorded since the last time."""
        for index in range(self.step_count, len(self.trace)):
            step = self._recorded(index)
            clipped = self.trace.run.thresholding.acts
            self.measures.add(step, float(self.trace.schedule.snr[step.t]), clipped=clipped)

    def step(self, position: int) -> Step:
        """The step at a position; the position after the last step still tells how that step came to its result."""
        # The background may have recorded more by now; what was taken in by `refresh` holds together.
        return self._recorded(min(position, self.step_count - 1))

    def _recorded(self, index: int) -> Step:
        return self._steps.get(index, lambda: self.trace.frame(index))

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
        """z at a position, float32 (N, C, H, W)."""
        step = self.step(position)
        return step.z_s if self.is_result(position) else step.z_t

    def values(self, position: int, kind: FilmKind) -> torch.Tensor:
        """z, ε̂ or x̂0 at a position, float32 (N, C, H, W); past the last step ε̂ and x̂0 are the last step's."""
        if kind is FilmKind.Z:
            return self.state(position)
        step = self.step(position)
        return step.eps if kind is FilmKind.EPSILON else step.x0

    def _of_one(self, position: int, kind: FilmKind, picture: int) -> torch.Tensor:
        """`values` of one picture, float32 (C, H, W), without telling the others."""
        step = self.trace.frame(min(position, self.step_count - 1), picture)
        if kind is FilmKind.Z:
            return (step.z_s if self.is_result(position) else step.z_t)[0]
        return (step.eps if kind is FilmKind.EPSILON else step.x0)[0]

    def pictures(self, position: int) -> np.ndarray:
        """The whole batch at a position, uint8 (N, H, W, C)."""
        return _to_pictures(self.state(position))

    def thumbnail(self, position: int, kind: FilmKind, picture: int) -> QImage:
        """One picture at its own size, one pixel a value; coloured for ε̂."""
        return self._thumbnails.get(
            (position, kind, picture), lambda: self._image(self._of_one(position, kind, picture), kind)
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
