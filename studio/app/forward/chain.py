"""The Markov chain in the background: the walk that is shown, and the many chains that are measured. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from studio.app.mailbox import LatestFrame
from studio.diffusion import PictureNoise, markov_chain
from studio.diffusion.forward import whole_chain
from studio.diffusion.forward_moments import ForwardMoments, measure_chains

if TYPE_CHECKING:
    from studio.diffusion import NoiseSchedule

MOST_KEPT_VALUES = 16_000_000
"""Up to here noise is kept for the next walk, and states in single precision."""

_OBEDIENCE = 32
"""Steps between two looks at whether the job was cancelled."""

_MOST_CHAINS, _FEWEST_CHAINS = 256, 16
CHAINS_IN_PASSING = 64
"""So many chains are measured while something else runs, which waits for them."""

_CHAINS_A_BATCH = (8, 64)
_VALUES_A_STEP = 16_384
_VALUES_IN_ALL = 4e8


@dataclass(frozen=True, eq=False)
class ChainWalk:
    """A Markov chain from x to z_T.

    states: (T + 1, C, H, W), float32 or, when they are many, float16; states[0] is the picture. noise: float32
    (T or more, C, H, W), kept for another walk with the same noise; None when that would take too much memory.
    """

    schedule: NoiseSchedule
    source: PictureNoise
    states: torch.Tensor = field(repr=False)
    noise: torch.Tensor | None = field(repr=False)

    def state(self, t: int) -> torch.Tensor:
        """z_t, float32 (1, C, H, W); t 0-based, −1 is the picture."""
        return self.states[t + 1 : t + 2].float()

    def added(self, t: int) -> torch.Tensor:
        """ε_t, the fresh noise of the step to z_t, float32 (1, C, H, W)."""
        return self.source.at(t)


@dataclass(frozen=True, eq=False)
class MeasuredChains:
    """All chains measured so far. key: what they belong to."""

    key: object
    moments: ForwardMoments


def walk_job(
    schedule: NoiseSchedule, x: torch.Tensor, source: PictureNoise, known: torch.Tensor | None
) -> Iterator[object]:
    """Walk from x (1, C, H, W) with the fresh noise of `source`; returns the ChainWalk.

    known: the noise of an earlier walk with the same source, which may be of another length.
    """
    steps, values = schedule.step_count, x[0].numel()
    if steps * values > MOST_KEPT_VALUES:
        return (yield from _frugal_walk(schedule, x, source))
    known = torch.empty((0, *x.shape[1:])) if known is None else known
    if len(known) < steps:
        missing = []
        for t in range(len(known), steps):
            missing.append(source.at(t))
            if t % _OBEDIENCE == 0:
                yield None
        known = torch.cat((known, *missing))
    return ChainWalk(schedule, source, whole_chain(schedule, x[0], known[:steps]), known)


def _frugal_walk(schedule: NoiseSchedule, x: torch.Tensor, source: PictureNoise) -> Iterator[object]:
    """Walk without keeping the noise, and with states in half precision, which no eye can tell."""
    states = torch.empty((schedule.step_count + 1, *x.shape[1:]), dtype=torch.float16)
    states[0] = x[0]
    for t, z in enumerate(markov_chain(schedule, x, source.at)):
        states[t + 1] = z[0]
        if t % _OBEDIENCE == 0:
            yield None
    return ChainWalk(schedule, source, states, None)


def chain_count(schedule: NoiseSchedule, values: int) -> int:
    """How many chains are measured for pictures of so many values: fewer where they are long and large."""
    count = int(_VALUES_IN_ALL / (schedule.step_count * values))
    return max(_FEWEST_CHAINS, min(count // 8 * 8, _MOST_CHAINS))


def batch_size(values: int) -> int:
    """How many chains of pictures of so many values are run side by side."""
    low, high = _CHAINS_A_BATCH
    return max(low, min(_VALUES_A_STEP // values, high))


def measure_job(
    key: object, schedule: NoiseSchedule, x: torch.Tensor, seed: int, before: ForwardMoments | None, count: int
) -> Iterator[object]:
    """Run and measure chains, some side by side, until there are `count` of the seed; shows MeasuredChains meanwhile.

    before: what was measured of them already.
    """
    moments = before
    while (done := 0 if moments is None else moments.chains) < count:
        size = min(batch_size(x[0].numel()), count - done)
        for t, measured in enumerate(measure_chains(schedule, x, seed, done, size)):
            if measured is not None:
                moments = measured if moments is None else moments + measured
                yield LatestFrame(MeasuredChains(key, moments))
            elif t % _OBEDIENCE == 0:
                yield None
