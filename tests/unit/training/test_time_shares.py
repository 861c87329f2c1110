"""A training in minutes spends them on training: what it measures on the way is held to small shares, slow or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from studio.data.image_set import ImageSet
from studio.training import rows, trainer
from studio.training.events import CheckpointSaved, SamplesDrawn, TrainingStarted, Validated
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train

MakeRun = Callable[..., TrainingRun]


class SlowComputer:
    """A clock of its own, on which each kind of work takes as long as it is said to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, run: TrainingRun, seconds: dict[str, float]) -> None:
        self.time = 0.0
        self.spent = dict.fromkeys(seconds, 0.0)
        self._first_row = True
        monkeypatch.setattr(run.clock, "_now", lambda: self.time)
        self._slow(monkeypatch, trainer, "_try_step", "step", seconds["step"])
        self._slow(monkeypatch, rows, "_pictures", "row", seconds["row"])
        self._slow(monkeypatch, trainer, "validate", "validation", seconds["validation"])
        self._slow(monkeypatch, run, "save_checkpoint", "checkpoint", seconds["checkpoint"])

    def _slow(self, monkeypatch: pytest.MonkeyPatch, where: object, name: str, kind: str, seconds: float) -> None:
        real = getattr(where, name)

        def slow(*positional: object, **named: object) -> object:
            result = real(*positional, **named)
            self.time += seconds
            self.spent[kind] += seconds
            return result

        monkeypatch.setattr(where, name, slow)


@pytest.fixture
def many() -> ImageSet:
    return ImageSet("many", np.random.default_rng(1).integers(0, 256, (600, 1, 2, 1), dtype=np.uint8))


@pytest.mark.parametrize(
    "seconds",
    [
        {"step": 0.05, "row": 0.3, "validation": 0.1, "checkpoint": 0.05},
        {"step": 0.5, "row": 10.0, "validation": 5.0, "checkpoint": 1.0},
        {"step": 0.1, "row": 1.0, "validation": 1.0, "checkpoint": 0.5},
        {"step": 0.1, "row": 0.2, "validation": 0.01, "checkpoint": 1.0},
    ],
    ids=["usual", "beside a busy neighbour", "slow", "slow disk"],
)
@pytest.mark.parametrize("minutes", [0.5, 4.0])
def test_four_fifths_of_the_minutes_are_steps(make_run: MakeRun, monkeypatch, many, seconds, minutes: float) -> None:
    run = make_run(
        data=many, budget=Budget(minutes=minutes), validation_pictures=32, threads=1, sample_rows=16, sample_steps=2
    )
    computer = SlowComputer(monkeypatch, run, seconds)
    list(train(run))
    assert computer.spent["step"] >= 0.8 * 60.0 * minutes


def test_what_comes_before_the_first_step_is_no_training_time(make_run: MakeRun, monkeypatch, many) -> None:
    run = make_run(data=many, budget=Budget(minutes=0.5), validation_pictures=32, threads=1)
    computer = SlowComputer(monkeypatch, run, {"step": 0.5, "row": 40.0, "validation": 30.0, "checkpoint": 20.0})
    events = train(run)
    first = [next(events) for _ in range(4)]
    assert [type(event) for event in first] == [TrainingStarted, SamplesDrawn, Validated, CheckpointSaved]
    assert computer.time == 90.0
    assert run.seconds == 0.0
    # Raw weights and their average are the same then: drawn once.
    np.testing.assert_array_equal(first[1].pictures, first[1].raw_pictures)
    assert computer.spent["row"] == 40.0
    assert first[2].raw_loss == first[2].loss
    events.close()
