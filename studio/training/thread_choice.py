"""How many threads torch computes with on a CPU, found by trying, again and again.

More threads are faster on an idle computer and far slower beside a busy neighbour: torch's helper threads spin while
they wait for one that does not get its core. Measured on two cores: idle 694 to 769 pictures/s with two threads, 490
with one; beside one process that keeps a core busy 159 to 235 with two, 463 to 490 with one. Nothing but the clock can
tell which it is, and it changes while a training runs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
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
_LONG_STEP = 0.5
"""Seconds above which a step is counted even when it is the first: there is no time to wait for a better one."""
_HYSTERESIS = 0.05
"""Another count must be faster by so much."""
_HOPELESS = 1.6
"""A count whose step takes so many times as long as the best one's is not tried further."""
_FALL = 1.3
"""Steps that take so many times as long as at the trial are a reason for another."""
_FREE_SHARE = 0.85
"""A thread that has a core for itself gets at least this share of the time; if not, more threads would get no core."""
_RECENT_SECONDS = 2.0
_SHORTEST_PAUSE = 5.0
_USUAL_PAUSE = 15.0
_LONGEST_PAUSE = 120.0


class ThreadChooser:
    """Which number of threads to use for the next step, given how long the steps took so far. Knows no clock.

    At the beginning the candidates are tried for a few steps each, in turn and from the fewest threads on: one thread
    too few is a little slow, one too many can be a hundred times slower on a crowded machine. After that the fastest is
    used, until steps take much longer than they did, or until enough time went by that another trial costs no more than
    COST_SHARE of it.

    threads: for the next step. chosen: the count that was found best; None before the first trial has ended.
    """

    def __init__(self, cores: int) -> None:
        """cores: how many there are to use."""
        self.candidates = _candidates(cores)
        self.threads = self.candidates[0]
        self.chosen: int | None = None
        self._measured: dict[int, list[float]] = {}
        self._shares: dict[int, float] = {}
        self._queue: deque[int] = deque()
        self._steps_left = 0
        self._first = False
        self._trial: list[float] = []
        self._since = 0.0
        self._lost = 0.0
        self._reference = 0.0
        self._recent: deque[float] = deque()
        if len(self.candidates) == 1:
            self.chosen = self.threads
        else:
            self._begin_trial(self.candidates)

    @property
    def trying(self) -> bool:
        """Whether the next step belongs to a trial."""
        return self._steps_left > 0

    @property
    def best_so_far(self) -> int:
        """The count that is chosen, or during the first trial the one that was fastest up to now."""
        if self.chosen is not None:
            return self.chosen
        return self._fastest() if self._measured else self.threads

    def add(self, seconds: float, share: float = 1.0) -> None:
        """Take note of a step that was made with `threads`, and decide on the next one's.

        share: how much of that time the thread that trains was on a core, in [0, 1]; 1 where it is not known.
        """
        if len(self.candidates) == 1 or seconds <= 0.0:
            return
        if self.trying:
            self._add_to_trial(seconds, share)
        else:
            self._add_to_training(seconds)

    def _add_to_training(self, seconds: float) -> None:
        self._since += seconds
        self._recent.append(seconds)
        while len(self._recent) > 3 and sum(self._recent) - self._recent[0] > _RECENT_SECONDS:
            self._recent.popleft()
        enough = len(self._recent) >= 3 and sum(self._recent) >= _RECENT_SECONDS
        fallen = enough and _mean(self._recent) > _FALL * self._reference
        # What a trial cost the last time is what the next one will cost.
        pause = max(_USUAL_PAUSE, min(_LONGEST_PAUSE, self._lost / COST_SHARE))
        if fallen and self._since >= max(_SHORTEST_PAUSE, 0.25 * pause):
            self._begin_trial(self.candidates)
        elif self._since >= pause:
            # Now and then the neighbours of the count in use are enough; all are tried when something has changed.
            place = self.candidates.index(self.threads)
            self._begin_trial(self.candidates[max(0, place - 1) : place + 2])

    def _begin_trial(self, counts: Sequence[int]) -> None:
        self._queue = deque([*counts] * _ROUNDS)
        self._measured, self._shares, self._trial = {}, {}, []
        self._next_in_trial()

    def _next_in_trial(self) -> None:
        while self._queue:
            count = self._queue.popleft()
            if self._hopeless(count):
                continue
            self._first = count != self.threads or not self._trial
            self.threads = count
            self._steps_left = _STEPS if self._first else _STEPS - 1
            return
        self._end_trial()

    def _hopeless(self, count: int) -> bool:
        if any(fewer < count and share < _FREE_SHARE for fewer, share in self._shares.items()):
            return True
        times = self._measured.get(count)
        return bool(times) and _mean(times) > _HOPELESS * min(_mean(other) for other in self._measured.values())

    def _add_to_trial(self, seconds: float, share: float) -> None:
        self._trial.append(seconds)
        self._steps_left -= 1
        if not self._first or seconds > _LONG_STEP:
            self._measured.setdefault(self.threads, []).append(seconds)
            # The best of all: a moment in which another program was busy is no lasting want of cores.
            self._shares[self.threads] = max(share, self._shares.get(self.threads, 0.0))
            if seconds > _LONG_STEP or self._hopeless(self.threads):
                self._steps_left = 0
        self._first = False
        if self._steps_left == 0:
            self._next_in_trial()

    def _end_trial(self) -> None:
        best = self._fastest()
        present = self._measured.get(self.chosen, [])
        if present and _mean(self._measured[best]) > (1.0 - _HYSTERESIS) * _mean(present):
            best = self.chosen
        self.chosen = self.threads = best
        self._reference = _mean(self._measured[best])
        self._lost = sum(max(0.0, seconds - self._reference) for seconds in self._trial)
        self._since = 0.0
        self._recent.clear()

    def _fastest(self) -> int:
        return min(self._measured, key=lambda count: _mean(self._measured[count]))


class ThreadChoice:
    """Sets torch's thread count round the steps of a training, in the thread that trains, and puts it back at the end.

    A context manager round all that computes: it sets the first count, `before_step` the one that the next step is to
    use, and `after_step` measures it.
    """

    def __init__(
        self,
        chooser: ThreadChooser | None,
        fixed: int | None,
        now: Callable[[], float] = time.perf_counter,
        on_core: Callable[[], float] = time.thread_time,
    ) -> None:
        """chooser: decides for each step; without one, the count is `fixed`, or left alone when that is None.

        on_core: the seconds that the calling thread has been on a core."""
        self._chooser = chooser
        self._fixed = fixed
        self._now = now
        self._on_core = on_core
        self._began = 0.0
        self._on_core_before = 0.0
        self._before: int | None = None
        self._told: int | None = None

    @property
    def threads(self) -> int | None:
        """The count in use, None where it is left as it is."""
        return self._chooser.threads if self._chooser is not None else self._fixed

    def __enter__(self) -> Self:
        # What it never sets it does not put back: the count may be somebody else's business by then.
        self._before = None if self.threads is None else torch.get_num_threads()
        self._apply()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None and torch.get_num_threads() != self._before:
            torch.set_num_threads(self._before)
        self._before = None

    def before_step(self) -> None:
        """Call it before each step, in the thread that takes it."""
        # Also where nothing was decided since: a job in between may have left another count behind.
        self._apply()
        self._began, self._on_core_before = self._now(), self._on_core()

    def after_step(self) -> int | None:
        """Call it after each step; the count that was chosen, when that is another one than before, else None.

        The very first choice is told as well."""
        if self._chooser is None:
            return None
        seconds = self._now() - self._began
        if seconds > 0.0:
            self._chooser.add(seconds, min(1.0, (self._on_core() - self._on_core_before) / seconds))
        if self._chooser.trying or self._chooser.chosen == self._told:
            return None
        self._told = self._chooser.chosen
        return self._told

    def _apply(self) -> None:
        threads = self.threads
        if threads is not None and torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


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


def _mean(times: list[float] | deque[float]) -> float:
    """Not the median: of threads that wait for each other most steps are quick and some take very long. Both count."""
    return sum(times) / len(times)
