"""The scripted trainer behaves like the real one where tests rely on it."""

from __future__ import annotations

import time

import pytest

from studio.errors import LossNotFinite, OutOfMemory, StorageError
from studio.library.bundle import load_bundle
from studio.training.events import CheckpointSaved, Progress, SamplesDrawn, TrainingFinished, TrainingStarted
from tests.helpers.fake_engine import (
    FakeTraining,
    defect,
    disk_full,
    hang,
    not_finite,
    out_of_memory,
    tiny_bundle,
)


def test_a_run_tells_the_events_of_training_in_their_order():
    events = list(FakeTraining(20, samples_every=10, checkpoint_every=20).events())
    assert isinstance(events[0], TrainingStarted)
    assert isinstance(events[-1], TrainingFinished)
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.step for event in progress] == list(range(1, 21))
    assert progress[-1].fraction == 1.0
    assert progress[-1].losses[0] < progress[0].losses[0]
    assert [event.step for event in events if isinstance(event, SamplesDrawn)] == [10, 20]
    assert [event.step for event in events if isinstance(event, CheckpointSaved)] == [20]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (not_finite, LossNotFinite),
        (out_of_memory, OutOfMemory),
        (disk_full, StorageError),
        (defect, ZeroDivisionError),
    ],
)
def test_trouble_comes_in_its_step(trouble, error):
    engine = FakeTraining(trouble=trouble(at=3))
    with pytest.raises(error):
        list(engine.events())
    assert engine.steps_taken == 3
    assert not engine.closed


def test_a_hanging_step_and_a_slow_end_take_their_time():
    engine = FakeTraining(trouble=hang(at=1, seconds=0.05), closing_seconds=0.05)
    job = engine.events()
    next(job)
    began = time.monotonic()
    next(job)
    job.close()
    assert time.monotonic() - began >= 0.1
    assert engine.closed


def test_the_tiny_model_is_a_whole_one(tmp_path):
    bundle = tiny_bundle()
    bundle.save(tmp_path / "tiny.safetensors")
    assert load_bundle(tmp_path / "tiny.safetensors").content_hash == bundle.content_hash
