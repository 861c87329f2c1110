from __future__ import annotations

import pytest

from studio.training.clock import Speedometer, Stopwatch
from studio.training.settings import Budget


class Now:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def test_only_time_while_running_counts() -> None:
    now = Now()
    watch = Stopwatch(5.0, now)
    now.time += 50
    assert watch.seconds == 5.0
    watch.start()
    now.time += 2
    watch.start()
    assert watch.seconds == 7.0
    watch.stop()
    watch.stop()
    now.time += 30
    assert watch.seconds == 7.0
    watch.start()
    now.time += 1
    assert watch.seconds == 8.0


def test_speed_is_that_of_the_last_seconds_without_the_first_steps() -> None:
    speed = Speedometer()
    assert speed.seconds_left(Budget(images=100), 0, 0.0) is None
    seconds, images = 20.0, 0
    for step in range(400):
        # The first steps are slow, then 80 pictures a second, then 160.
        seconds += 3.0 if step < 2 else 0.1 if step < 200 else 0.05
        images += 8
        speed.add(seconds, images)
        if step < 10:
            assert speed.pictures_per_second is None
        if step == 150:
            assert speed.pictures_per_second == pytest.approx(80)
    assert speed.pictures_per_second == pytest.approx(160, rel=0.02)
    assert speed.seconds_left(Budget(images=images + 1600), images, seconds) == pytest.approx(10, rel=0.02)


def test_minutes_are_known_exactly() -> None:
    assert Speedometer().seconds_left(Budget(minutes=2.0), 0, 30.0) == 90.0
    assert Speedometer().seconds_left(Budget(minutes=2.0), 0, 500.0) == 0.0
