"""The numbers drawn under the film strip, one a recorded step, of one picture at a time.

Nothing here calls a model: all is worked out from what was recorded, in slices short enough for the GUI thread. A step
of one picture is read and measured in a fraction of a millisecond, so only the picture that is looked at is measured.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from studio.data.image_set import ImageSet
    from studio.diffusion.run import ReverseRun
    from studio.diffusion.step import Step
    from studio.diffusion.trace import Trace

_LEAST_SNR = 1e-30


class FilmKind(StrEnum):
    """What the film strip shows."""

    Z = "z"
    EPSILON = "eps"
    X0 = "x0"


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of the x̂0 of each of a picture's steps the nearest picture of a data set.

    distances: float64 (steps,), root mean square difference a value, in levels (0..255). indices: int64 (steps,).
    """

    image_set: ImageSet
    distances: np.ndarray
    indices: np.ndarray


@dataclass(eq=False)
class _OfPicture:
    """What is known of one picture: NaN where it is not yet. All arrays are (steps of the run,)."""

    rms: dict[FilmKind, np.ndarray]
    beyond: np.ndarray
    cosine: np.ndarray
    measured: int = 0
    compared: int = 0
    nearest: Nearest | None = None

    @classmethod
    def empty(cls, steps: int) -> _OfPicture:
        def unknown() -> np.ndarray:
            return np.full(steps, np.nan, dtype=np.float32)

        return cls({kind: unknown() for kind in FilmKind}, unknown(), unknown())


@dataclass(eq=False)
class Measures:
    """Numbers per recorded step, growing with the run.

    parent: the measures of the trace that this one branches from, from which those of the shared steps are taken over.
    """

    trace: Trace
    parent: Measures | None = None
    taken: int = 0
    """How many recorded steps there are; `advance` works them out."""
    _pictures: dict[int, _OfPicture] = field(default_factory=dict, init=False)

    def rms(self, kind: FilmKind, picture: int) -> np.ndarray:
        """(taken,): the root mean square over the picture's values of z_t, ε̂ or x̂0, which is the norm divided by the
        root of the number of values, so that it compares over sizes. NaN where not measured yet, as everywhere here."""
        return self._of(picture).rms[kind][: self.taken]

    @property
    def snr_db(self) -> np.ndarray:
        """(taken,): the signal to noise ratio of z_t by the schedule, 10 log10(α/(1−α)), in decibels."""
        snr = self.trace.schedule.snr[[t for t, _ in self.trace.pairs[: self.taken]]]
        return np.asarray(10.0 * np.log10(np.maximum(snr, _LEAST_SNR)), dtype=np.float32)

    def beyond(self, picture: int) -> np.ndarray:
        """(taken,): the share (0..1) of x̂0 values outside the picture range; of a clipped run only the share in the
        whole batch before clipping is known, the same for every picture."""
        return self._of(picture).beyond[: self.taken]

    def cosine(self, picture: int) -> np.ndarray:
        """(taken,): the cosine between ε̂ and the direction that leads from the picture the run ended with to z_t,
        (z_t − √α_t x) / √(1−α_t), which is what ε̂ should have been; NaN before the run is complete."""
        return self._of(picture).cosine[: self.taken]

    def nearest(self, picture: int) -> Nearest | None:
        """What was found by `NearestSearch`; None before."""
        return self._of(picture).nearest

    def set_nearest(self, picture: int, nearest: Nearest | None) -> None:
        self._of(picture).nearest = nearest

    def forget_nearest(self) -> None:
        """Other training pictures were opened."""
        for known in self._pictures.values():
            known.nearest = None

    def is_measured(self, picture: int) -> bool:
        """Nothing is left for `advance`."""
        known = self._of(picture)
        return known.measured == self.taken and (not self._is_complete or known.compared == self.taken)

    def advance(self, picture: int, seconds: float = math.inf) -> bool:
        """Work out more of one picture's measures, for about so long; whether all are known now."""
        end = time.perf_counter() + seconds
        known = self._of(picture)
        final = self.trace.frame(self.taken - 1, picture).z_s if self._is_complete and self.taken else None
        while not self.is_measured(picture) and time.perf_counter() < end:
            index = min(known.measured, known.compared) if final is not None else known.measured
            step = self.trace.frame(index, picture)
            if index == known.measured:
                self._measure(known, step)
                known.measured += 1
            if final is not None and index == known.compared:
                known.cosine[index] = _cosine(step, final, self.trace.schedule.alpha_bar_at(step.t))
                known.compared += 1
        return self.is_measured(picture)

    @property
    def _is_complete(self) -> bool:
        return self.taken == len(self.trace.pairs)

    def _of(self, picture: int) -> _OfPicture:
        known = self._pictures.get(picture)
        if known is None:
            known = self._pictures[picture] = _OfPicture.empty(len(self.trace.pairs))
            self._take_over(known, picture)
        return known

    def _take_over(self, known: _OfPicture, picture: int) -> None:
        if self.parent is None or picture not in self.parent._pictures:
            return
        shared = self.parent._pictures[picture]
        count = min(self.trace.first, shared.measured)
        for kind in FilmKind:
            known.rms[kind][:count] = shared.rms[kind][:count]
        known.beyond[:count] = shared.beyond[:count]
        known.measured = count

    def _measure(self, known: _OfPicture, step: Step) -> None:
        for kind, values in ((FilmKind.Z, step.z_t), (FilmKind.EPSILON, step.eps), (FilmKind.X0, step.x0)):
            known.rms[kind][step.index] = _rms(values)
        if taken_by(self.trace, step.index).thresholding.acts:
            known.beyond[step.index] = step.clipped_share
        else:
            known.beyond[step.index] = float((np.abs(_values(step.x0)) > 1.0).mean())


def taken_by(trace: Trace, index: int) -> ReverseRun:
    """The run by whose rules a step was taken: of the steps that a branch shares, its parent's."""
    while index < trace.first and trace.parent is not None:
        trace = trace.parent
    return trace.run


def _values(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().reshape(-1)


def _rms(tensor: torch.Tensor) -> float:
    values = _values(tensor)
    return math.sqrt(float(np.dot(values, values)) / values.size)


def _cosine(step: Step, final: torch.Tensor, alpha_bar: float) -> float:
    """Of ε̂ with z_t − √α_t x, whose length does not matter."""
    eps, true = _values(step.eps), _values(step.z_t) - math.sqrt(alpha_bar) * _values(final)
    length = math.sqrt(float(np.dot(eps, eps))) * math.sqrt(float(np.dot(true, true)))
    return float(np.dot(eps, true)) / length if length > 0.0 and math.isfinite(length) else math.nan
