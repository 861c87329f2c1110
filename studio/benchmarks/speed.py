"""Pictures a second of two loops on the same network, turn by turn, and whether they learn the same."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from studio.benchmarks.contender import Contender


@dataclass(frozen=True)
class Turn:
    """One turn of both: pictures a second of each."""

    studio: float
    other: float

    @property
    def ratio(self) -> float:
        """How many times as fast the studio was."""
        return self.studio / self.other


@dataclass(frozen=True)
class CurvePoint:
    """Mean losses of both over the same stretch of steps, which ends after `step`."""

    step: int
    studio: float
    other: float


@dataclass(frozen=True)
class SpeedReport:
    """turns: in order. curve: the two loss curves in equal stretches. scatter: the standard error of the last point's
    difference, relative to it."""

    turns: tuple[Turn, ...]
    curve: tuple[CurvePoint, ...]
    scatter: float

    @property
    def ratio(self) -> float:
        """The median over the turns."""
        return statistics.median(turn.ratio for turn in self.turns)

    @property
    def last_difference(self) -> float:
        """How far the curves are apart at their end, relative to the other's."""
        last = self.curve[-1]
        return last.studio / last.other - 1.0


def race(
    studio: Contender, other: Contender, *, turns: int, steps: int, warm_up: int = 3, stretches: int = 8
) -> Iterator[Turn | SpeedReport]:
    """Let both take `steps` steps in each of `turns` turns, the first of each turn by lot of its parity; yields every
    Turn, and the SpeedReport last."""
    for contender in (studio, other):
        for _ in range(warm_up):
            contender.step()
    done: list[Turn] = []
    losses: dict[str, list[float]] = {studio.name: [], other.name: []}
    for number in range(turns):
        pair = (studio, other) if number % 2 == 0 else (other, studio)
        speeds = {}
        for contender in pair:
            began = time.perf_counter()
            for _ in range(steps):
                losses[contender.name].append(contender.step())
            speeds[contender.name] = steps * contender.batch_size / (time.perf_counter() - began)
        done.append(Turn(speeds[studio.name], speeds[other.name]))
        yield done[-1]
    yield SpeedReport(tuple(done), *_compared(losses[studio.name], losses[other.name], stretches))


def _compared(studio: list[float], other: list[float], stretches: int) -> tuple[tuple[CurvePoint, ...], float]:
    length = max(2, len(studio) // stretches)
    points = []
    for end in range(length, len(studio) + 1, length):
        points.append(
            CurvePoint(end, statistics.fmean(studio[end - length : end]), statistics.fmean(other[end - length : end]))
        )
    end = points[-1].step
    errors = [statistics.stdev(losses[end - length : end]) / length**0.5 for losses in (studio, other)]
    return tuple(points), (errors[0] ** 2 + errors[1] ** 2) ** 0.5 / points[-1].other
