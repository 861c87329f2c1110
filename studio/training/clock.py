"""Training time, and what it says about the time still needed."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator

from studio.training.settings import Budget

WINDOW_SECONDS = 10.0
_SETTLING_STEPS = 3
_MINIMUM_SPAN_SECONDS = 1.0


class Stopwatch:
    """Seconds while it runs; it goes on from `seconds` and stands still between stop() and start()."""

    def __init__(self, seconds: float = 0.0, now: Callable[[], float] = time.perf_counter) -> None:
        self._elapsed = seconds
        self._now = now
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        """All the time that it has run."""
        return self._elapsed + (0.0 if self._started is None else self._now() - self._started)

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._started is not None

    def now(self) -> float:
        """The time by the clock that this one is made of, whether it runs or not; only differences mean anything."""
        return self._now()

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Stand still within the block; what it takes is no training time."""
        running = self.running
        self.stop()
        try:
            yield
        finally:
            if running:
                self.start()

    def start(self) -> None:
        """Begin to run; no effect while it runs."""
        if self._started is None:
            self._started = self._now()

    def stop(self) -> None:
        """Stand still; no effect while it stands."""
        self._elapsed, self._started = self.seconds, None

    def set_back(self, seconds: float) -> None:
        """Show `seconds` from now on, running or standing as before."""
        self._elapsed = seconds
        if self._started is not None:
            self._started = self._now()


class Speedometer:
    """Pictures per second over the last ten seconds of training, and the time left at this speed.

    Only steps of this session count. The first few do not: the device is still settling, and an estimate from them
    would be wrong by a multiple.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._marks: deque[tuple[float, int]] = deque()

    def add(self, seconds: float, images_seen: int) -> None:
        """Take note of one more step, finished at `seconds` with `images_seen` pictures shown in all."""
        self._steps += 1
        if self._steps < _SETTLING_STEPS:
            return
        self._marks.append((seconds, images_seen))
        while len(self._marks) > 2 and self._marks[1][0] < seconds - WINDOW_SECONDS:
            self._marks.popleft()

    @property
    def pictures_per_second(self) -> float | None:
        """None until a second's worth of steps has been seen."""
        if not self._marks:
            return None
        (first_seconds, first_images), (last_seconds, last_images) = self._marks[0], self._marks[-1]
        span = last_seconds - first_seconds
        return (last_images - first_images) / span if span >= _MINIMUM_SPAN_SECONDS else None

    def seconds_left(self, budget: Budget, images_seen: int, seconds: float) -> float | None:
        """What remains of `budget`: exact for minutes, an estimate for pictures, None with nothing to go by."""
        if budget.minutes is not None:
            return budget.seconds_left(seconds)
        assert budget.images is not None
        speed = self.pictures_per_second
        return max(0, budget.images - images_seen) / speed if speed else None
