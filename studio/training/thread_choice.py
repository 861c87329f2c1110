"""How many threads torch computes with on a CPU, found by trying, again and again.

More threads are faster on an idle computer and far slower beside a busy neighbour: torch's helper threads spin while
they wait for one that does not get its core. Measured on two cores: idle 694 to 769 pictures/s with two threads, 490
with one; beside one process that keeps a core busy 159 to 235 with two, 463 to 490 with one. Nothing but the clock can
tell which it is, and it changes while a training runs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

import torch

from studio.networks.devices import usable_cores
from studio.training.settings import TrainingSettings

COST_SHARE = 0.015
"""The largest share of the time that may be lost to trying counts that turn out slower."""

_STEPS = 3
"""Steps of each count in a trial; the first is not counted, the threads are still being started."""
_ROUNDS = 2
_HYSTERESIS = 0.05
"""Another count must be faster by so much."""
_HOPELESS = 1.6
"""A count whose step takes so many times as long as the best one's is not tried further."""
_FALL = 1.3
"""Steps that take so many times as long as at the trial are a reason for another."""
_RECENT_SECONDS = 2.0
_SHORTEST_PAUSE = 5.0
_USUAL_PAUSE = 15.0
_LONGEST_PAUSE = 120.0


class ThreadChooser:
    """Which number of threads to use for the next step, given how long the steps took so far. Knows no clock.

    At the beginning every candidate is tried for a few steps, in turn. After that the fastest is used, until steps take
    much longer than they did, or until enough time went by that another trial costs no more than COST_SHARE of it.

    threads: for the next step. chosen: the count that was found best; None before the first trial has ended.
    """

    def __init__(self, cores: int, present: int | None = None) -> None:
        """cores: how many there are to use. present: the count that is tried first; all of them when None."""
        self.candidates = _candidates(cores)
        self.chosen: int | None = None
        self.tried_seconds = 0.0
        first = present if present in self.candidates else self.candidates[-1]
        self._queue: deque[int] = deque()
        self._measured: dict[int, list[float]] = {}
        self._steps_left = 0
        self._since = 0.0
        self._lost = 0.0
        self._fallen = False
        self._reference = 0.0
        self._recent: deque[float] = deque()
        self.threads = first
        if len(self.candidates) == 1:
            self.chosen = first
        else:
            self._begin_trial(first)

    @property
    def trying(self) -> bool:
        """Whether the next step belongs to a trial."""
        return self._steps_left > 0

    def best_seconds(self) -> float | None:
        """The seconds of a step with the count that is best so far; None before anything was measured."""
        if not self._measured:
            return None
        return min(_typical(times) for times in self._measured.values() if times)

    def add(self, seconds: float) -> None:
        """Take note of a step that was made with `threads`, and decide on the next one's."""
        if len(self.candidates) == 1 or seconds <= 0.0:
            return
        if self.trying:
            self._add_to_trial(seconds)
        else:
            self._add_to_training(seconds)

    def _add_to_training(self, seconds: float) -> None:
        self._since += seconds
        self._recent.append(seconds)
        while len(self._recent) > 3 and sum(self._recent) - self._recent[0] > _RECENT_SECONDS:
            self._recent.popleft()
        now = _typical(self._recent)
        full = sum(self._recent) >= min(_RECENT_SECONDS, self._since)
        fallen = full and len(self._recent) >= 3 and now > _FALL * self._reference
        # What a trial cost the last time is what the next one will cost.
        pause = max(_USUAL_PAUSE, min(_LONGEST_PAUSE, self._lost / COST_SHARE))
        if (fallen and self._since >= max(_SHORTEST_PAUSE, 0.25 * pause)) or self._since >= pause:
            self._fallen = fallen
            self._begin_trial(self.threads)

    def _begin_trial(self, present: int) -> None:
        others = [count for count in self.candidates if count != present]
        near = others
        if self.chosen is not None and not self._fallen:
            # Now and then the neighbours of the count in use are enough; all are tried when something has changed.
            place = self.candidates.index(present)
            near = [*self.candidates[max(0, place - 1) : place], *self.candidates[place + 1 : place + 2]]
        self._queue = deque([present, *near] * _ROUNDS)
        self._measured = {}
        self._trial: list[tuple[int, float]] = []
        self._next_in_trial()

    def _next_in_trial(self) -> None:
        best = self.best_seconds()
        while self._queue:
            count = self._queue.popleft()
            times = self._measured.get(count)
            if times and best is not None and _typical(times) > _HOPELESS * best:
                continue
            changed = count != self.threads
            self.threads = count
            self._steps_left = _STEPS if changed or not times else _STEPS - 1
            return
        self._end_trial()

    def _add_to_trial(self, seconds: float) -> None:
        self.tried_seconds += seconds
        self._trial.append((self.threads, seconds))
        first = self._steps_left == _STEPS
        self._steps_left -= 1
        if not first:
            self._measured.setdefault(self.threads, []).append(seconds)
            best = self.best_seconds()
            if best is not None and seconds > _HOPELESS * best and len(self._measured) > 1:
                # One such step may be an accident; the next round tells, if there is one.
                self._steps_left = 0
        if self._steps_left == 0:
            self._next_in_trial()

    def _end_trial(self) -> None:
        typical = {count: _typical(times) for count, times in self._measured.items() if times}
        best = min(typical, key=lambda count: typical[count])
        present = self.chosen
        if present in typical and typical[best] > (1.0 - _HYSTERESIS) * typical[present]:
            best = present
        self.chosen = self.threads = best
        self._reference = typical[best]
        self._lost = sum(max(0.0, seconds - self._reference) for _, seconds in self._trial)
        self._since = 0.0
        self._recent.clear()
        self._fallen = False
        self._steps_left = 0


class ThreadChoice:
    """Sets torch's thread count round the steps of a training, in the thread that trains, and puts it back at the end.

    A context manager: `before_step` sets the count that the next step is to use, `after_step` measures it.
    """

    def __init__(self, chooser: ThreadChooser | None, fixed: int | None, now: Callable[[], float] = time.perf_counter):
        """chooser: decides for each step; without one, the count is `fixed`."""
        self._chooser = chooser
        self._fixed = fixed
        self._now = now
        self._began = 0.0
        self._before: int | None = None
        self._told: int | None = None

    @property
    def threads(self) -> int | None:
        """The count in use, None where it is left as it is."""
        return self._chooser.threads if self._chooser is not None else self._fixed

    def __enter__(self) -> Self:
        self._before = torch.get_num_threads()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None and torch.get_num_threads() != self._before:
            torch.set_num_threads(self._before)
        self._before = None

    def before_step(self) -> None:
        """Call it before each step, in the thread that takes it."""
        threads = self.threads
        # Also where nothing was decided since: a job in between may have left another count behind.
        if threads is not None and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        self._began = self._now()

    def after_step(self) -> int | None:
        """Call it after each step; the count that was chosen, when that is another one than before, else None.

        The very first choice is told as well."""
        if self._chooser is None:
            return None
        self._chooser.add(self._now() - self._began)
        if self._chooser.trying or self._chooser.chosen == self._told:
            return None
        self._told = self._chooser.chosen
        return self._told


def thread_choice(settings: TrainingSettings, device_kind: str) -> ThreadChoice:
    """How the threads of a training with these settings are chosen.

    By measurement for a budget in minutes on a CPU. A number in the settings is kept. Counted in pictures, a run takes
    all the cores, because sums of floats depend on the number of threads and such a run is to be repeatable. On an
    accelerator the processor's threads hardly matter and stay as they are.
    """
    if device_kind != "cpu":
        return ThreadChoice(None, settings.threads)
    if settings.threads is not None:
        return ThreadChoice(None, settings.threads)
    if settings.budget.minutes is None:
        return ThreadChoice(None, None)
    return ThreadChoice(ThreadChooser(usable_cores()), None)


def _candidates(cores: int) -> tuple[int, ...]:
    """All counts up to four, then about half as many again each time."""
    counts = set(range(1, min(cores, 4) + 1))
    count = 4
    while count < cores:
        count = min(cores, -(-count * 3 // 2))
        counts.add(count)
    return tuple(sorted(counts))


def _typical(times: list[float] | deque[float]) -> float:
    """The mean: with threads that wait for each other most steps are quick and some take very long, and both count."""
    return sum(times) / len(times)
