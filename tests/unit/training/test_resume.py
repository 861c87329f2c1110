"""Going on later: to the bit, on the right data, and after being killed at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.errors import DataError, ModelFileError
from studio.library.tensors import read_tensors, write_tensors
from studio.networks.devices import choose_device
from studio.training.checkpoint import FILE_NAME, FORMAT_VERSION, PREVIOUS_NAME, read_checkpoint
from studio.training.events import Progress
from studio.training.metrics_log import read_metrics
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train
from studio.training.wall import read_rows
from tests.unit.training import worker

MakeRun = Callable[..., TrainingRun]
ROOT = Path(__file__).parents[3]


def start(how: str, folder: Path, steps: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.unit.training.worker", how, str(folder), str(steps)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_to_end(how: str, folder: Path, steps: int) -> None:
    process = start(how, folder, steps)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def resume(run: TrainingRun, image_set: ImageSet, **options) -> TrainingRun:
    return TrainingRun.resume(run.folder, image_set, run.device, **options)


@pytest.mark.slow
def test_200_steps_are_100_steps_a_new_process_and_100_more(tmp_path: Path) -> None:
    whole = worker.make_run(tmp_path / "whole")
    losses = [loss for event in train(whole) if isinstance(event, Progress) for loss in event.losses]
    run_to_end("create", tmp_path / "halves", 100)
    assert read_checkpoint(tmp_path / "halves")[0].step == 100
    run_to_end("resume", tmp_path / "halves", 200)

    one = read_tensors(tmp_path / "whole" / FILE_NAME)
    two = read_tensors(tmp_path / "halves" / FILE_NAME)
    assert one.header["step"] == two.header["step"] == 200
    assert one.header["losses"] == two.header["losses"]
    assert one.tensors.keys() == two.tensors.keys()
    assert {name.split(".")[0] for name in one.tensors} == {"network", "ema", "exp_avg", "exp_avg_sq"}
    different = [name for name, tensor in one.tensors.items() if not torch.equal(tensor, two.tensors[name])]
    assert different == []
    moved = [name for name in one.tensors if name.startswith("exp_avg.") and one.tensors[name].abs().max() > 0]
    assert len(moved) > 10
    logged = [loss for line in read_metrics(tmp_path / "halves" / "metrics.jsonl") for loss in line.get("losses", ())]
    assert logged == pytest.approx(losses, rel=1e-5)


@pytest.mark.slow
def test_a_killed_run_always_leaves_a_checkpoint_that_opens(tmp_path: Path) -> None:
    """Killed within a few milliseconds of training or saving, which here is nearly all it does, again and again."""
    delays = random.Random(0)
    saved = 0
    for _ in range(3):
        process = start("endless", tmp_path)
        with contextlib.closing(process.stdout) as output, contextlib.closing(process.stderr):
            reported = saved
            for _ in range(6):
                word, number = output.readline().split()
                assert int(number) >= saved
                reported = int(number) if word == "saved" else reported
            time.sleep(delays.uniform(0.0, 0.03))
            process.kill()
            for line in output.read().splitlines():
                if line.startswith("saved "):
                    reported = max(reported, int(line.split()[1]))
            process.wait()
        checkpoint, _ = read_checkpoint(tmp_path)
        assert checkpoint.step >= reported > saved
        saved = checkpoint.step
    # What the kills left half-written is cleared away, and training goes on.
    run = TrainingRun.resume(tmp_path, worker.PICTURES, choose_device("cpu"))
    assert run.step == saved
    assert list(tmp_path.glob(".*")) == []
    lines = list(read_metrics(tmp_path / "metrics.jsonl"))
    assert sum(len(line.get("losses", ())) for line in lines) == lines[-1]["step"] == saved


def test_a_run_of_many_sittings_is_the_same_as_one(make_run: MakeRun, image_set: ImageSet) -> None:
    whole, pieces = make_run(steps=60, sample_rows=1), make_run(steps=60, sample_rows=1)
    list(train(whole))
    while pieces.step < 60:
        events = train(pieces)
        for _ in range(8):
            next(events, None)
        events.close()
        pieces = resume(pieces, image_set)
    one, two = read_tensors(whole.folder / FILE_NAME), read_tensors(pieces.folder / FILE_NAME)
    assert all(torch.equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items())


def test_training_time_goes_on_from_where_it_was(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(budget=Budget(minutes=10.0))
    events = train(run)
    for _ in range(4):
        next(events)
    events.close()
    again = resume(run, image_set)
    assert 0 < again.seconds <= run.seconds
    assert again.fraction > 0
    started = next(train(again))
    assert (started.step, started.images_seen) == (run.step, run.images_seen)


def test_a_finished_run_can_be_made_longer(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(steps=10)
    list(train(run))
    longer = resume(run, image_set, budget=Budget(images=160))
    assert longer.fraction == 0.5
    events = list(train(longer))
    assert longer.step == 20
    assert sum(len(event.losses) for event in events if isinstance(event, Progress)) == 10


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda images: np.repeat(images, 2, axis=2), "4×1 with 1"),
        (lambda images: np.repeat(images, 3, axis=3), "2×1 with 3"),
        (lambda images: images[:30], "other pictures"),
        (lambda images: 255 - images, "other pictures"),
    ],
)
def test_other_data_is_refused(make_run: MakeRun, image_set: ImageSet, change, says: str) -> None:
    run = make_run(steps=2)
    list(train(run))
    with pytest.raises(DataError, match=says):
        resume(run, ImageSet("other", change(image_set.images)))
    assert resume(run, dataclasses.replace(image_set, name="renamed")).step == 2


def test_the_generation_before_is_kept_and_stands_in(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(steps=1000)
    events = train(run)
    steps = []
    while len(steps) < 2:
        next(events)
        if run.step > (steps[-1] if steps else 0):
            run.save_checkpoint()
            steps.append(run.step)
    current, previous = run.folder / FILE_NAME, run.folder / PREVIOUS_NAME
    assert resume(run, image_set).step == steps[1]
    content = current.read_bytes()
    current.write_bytes(content[:-100])
    damaged = resume(run, image_set)
    assert (damaged.step, damaged.resumed_from) == (steps[0], previous)
    current.unlink()
    assert resume(run, image_set).step == steps[0]
    previous.unlink()
    with pytest.raises(ModelFileError, match="no checkpoint"):
        resume(run, image_set)
    current.write_bytes(content[:-100])
    with pytest.raises(ModelFileError, match="cut short"):
        resume(run, image_set)


def test_a_checkpoint_of_a_newer_version_is_refused(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(steps=2)
    list(train(run))
    for name in (FILE_NAME, PREVIOUS_NAME):
        file = read_tensors(run.folder / name)
        write_tensors(run.folder / name, file.tensors, file.header | {"format": FORMAT_VERSION + 1})
    with pytest.raises(ModelFileError, match="newer version"):
        resume(run, image_set)


@pytest.mark.parametrize("key", ["step", "images_seen", "settings", "schedule", "architecture", "data", "losses"])
def test_a_checkpoint_with_something_missing_is_refused(make_run: MakeRun, image_set: ImageSet, key: str) -> None:
    run = make_run(steps=2)
    list(train(run))
    (run.folder / PREVIOUS_NAME).unlink()
    file = read_tensors(run.folder / FILE_NAME)
    file.header.pop(key)
    write_tensors(run.folder / FILE_NAME, file.tensors, file.header)
    with pytest.raises(ModelFileError):
        resume(run, image_set)


def test_rows_and_losses_of_a_lost_future_are_dropped(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(steps=10_000)
    events = train(run)
    for _ in range(4):
        next(events)
    run.save_checkpoint()
    saved = run.step
    for _ in range(4):
        run.request_samples()
        next(events)
    lost = run.step
    assert lost > saved
    again = resume(run, image_set)
    assert max(line["step"] for line in read_metrics(run.folder / "metrics.jsonl")) == saved
    assert all(int(path.name.split("-")[1][:8]) <= saved for path in (run.folder / "samples").iterdir())
    assert again.step == saved
    assert again.drawn_step == 0
    np.testing.assert_array_equal(again.preview, next(read_rows(run.folder / "samples", run.shape))[1])
