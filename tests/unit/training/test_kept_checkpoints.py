"""Checkpoints that stay, the run that begins at one of them, and the models inside."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.data.image_set import ImageSet
from studio.errors import ModelFileError, StorageError
from studio.library.tensors import read_tensors
from studio.training.checkpoint import FILE_NAME, read_checkpoint_file
from studio.training.checkpoint_models import kept_model
from studio.training.events import CheckpointSaved, Marked, MarkKind
from studio.training.kept_checkpoints import (
    _least_missed,
    branch_run,
    keep_checkpoint,
    kept_checkpoints,
    nearest_kept,
)
from studio.training.metrics_log import read_metrics
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train, training_step
from studio.training.wall import read_rows

MakeRun = Callable[..., TrainingRun]


def keep_at(run: TrainingRun, steps: list[int], **limits) -> None:
    limits = {"most": 100} | limits
    for step in steps:
        while run.step < step:
            training_step(run)
        run.save_checkpoint()
        keep_checkpoint(run.folder, step, **limits)


def test_what_is_kept_is_the_checkpoint_of_that_moment(make_run: MakeRun) -> None:
    run = make_run()
    keep_at(run, [2, 5])
    contents = {step: read_tensors(run.folder / FILE_NAME).tensors for step in [5]}
    keep_at(run, [9])
    kept = kept_checkpoints(run.folder)
    assert [checkpoint.step for checkpoint in kept] == [2, 5, 9]
    assert [checkpoint.images_seen for checkpoint in kept] == [16, 40, 72]
    tensors = read_tensors(kept[1].path).tensors
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in contents[5].items())


def test_a_run_keeps_some_spread_over_it(make_run: MakeRun) -> None:
    run = make_run(steps=200, kept_checkpoints=6)
    saved = [event for event in train(run) if isinstance(event, CheckpointSaved)]
    kept = [checkpoint.step for checkpoint in kept_checkpoints(run.folder)]
    assert kept == [event.step for event in saved if event.kept]
    assert kept[0] == 0
    assert kept[-1] == 200
    assert 2 <= len(kept) <= 6


def test_none_are_kept_when_none_are_wanted(make_run: MakeRun) -> None:
    run = make_run(steps=20, kept_checkpoints=0)
    list(train(run))
    assert not (run.folder / "checkpoints").exists()


def test_too_many_are_thinned_and_the_ends_stay(make_run: MakeRun) -> None:
    run = make_run()
    keep_at(run, list(range(13)), most=4)
    steps = [checkpoint.step for checkpoint in kept_checkpoints(run.folder)]
    assert len(steps) == 4
    assert (steps[0], steps[-1]) == (0, 12)


def test_too_large_ones_are_thinned_too(make_run: MakeRun) -> None:
    run = make_run()
    keep_at(run, [0])
    size = (run.folder / FILE_NAME).stat().st_size
    keep_at(run, [1, 2, 3, 4, 5], most_bytes=3 * size + size // 2)
    assert len(kept_checkpoints(run.folder)) == 3
    keep_at(run, [6], most_bytes=1)
    assert [checkpoint.step for checkpoint in kept_checkpoints(run.folder)] == [0, 6]


@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=40, unique=True))
def test_the_one_that_goes_leaves_the_smallest_gap(steps: list[int]) -> None:
    steps = sorted(steps)
    gone = _least_missed(steps)
    assert 0 < gone < len(steps) - 1
    gaps = [np.sqrt(steps[i + 1]) - np.sqrt(steps[i - 1]) for i in range(1, len(steps) - 1)]
    assert gaps[gone - 1] == pytest.approx(min(gaps))


def test_files_that_are_no_checkpoints_are_passed_over(make_run: MakeRun) -> None:
    run = make_run()
    keep_at(run, [1])
    folder = run.folder / "checkpoints"
    (folder / "step-00000007.safetensors").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("mine")
    assert [checkpoint.step for checkpoint in kept_checkpoints(run.folder)] == [1]
    with pytest.raises(ModelFileError):
        read_checkpoint_file(folder / "step-00000007.safetensors")


def test_the_nearest_one() -> None:
    assert nearest_kept((), 5) is None


def test_a_branch_stands_there_and_the_run_stays_as_it_is(
    make_run: MakeRun, image_set: ImageSet, tmp_path: Path
) -> None:
    run = make_run(steps=60, sample_rows=30, kept_checkpoints=30, threads=1)
    list(train(run))
    kept = kept_checkpoints(run.folder)
    chosen = kept[len(kept) // 2]
    assert nearest_kept(kept, chosen.step) == chosen
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    folder = branch_run(run.folder, chosen, tmp_path / "branch")
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before

    lines = list(read_metrics(folder / "metrics.jsonl"))
    assert sum(len(line.get("losses", ())) for line in lines) == chosen.step
    assert lines[-1]["kind"] == "branched"
    assert all(step <= chosen.step for step, _ in read_rows(folder / "samples", run.shape))
    assert [each.step for each in kept_checkpoints(folder)] == [each.step for each in kept if each.step <= chosen.step]
    config = json.loads((folder / "config.json").read_text())
    assert (config["branch_of"], config["branch_step"]) == (run.folder.name, chosen.step)

    branch = TrainingRun.resume(folder, image_set, run.device)
    assert (branch.step, branch.images_seen) == (chosen.step, chosen.images_seen)
    marks = [event for event in train(branch) if isinstance(event, Marked)]
    assert [mark.kind for mark in marks] == [MarkKind.RESUMED]
    # Nothing was changed there, so it comes to the same end.
    one, two = (read_tensors(each.folder / FILE_NAME).tensors for each in (run, branch))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert json.loads((folder / "config.json").read_text())["branch_of"] == run.folder.name


def test_a_branch_never_overwrites_a_run(make_run: MakeRun) -> None:
    run, other = make_run(steps=3), make_run(steps=3)
    list(train(run))
    list(train(other))
    with pytest.raises(StorageError, match="holds a run already"):
        branch_run(run.folder, kept_checkpoints(run.folder)[0], other.folder)


def test_both_models_of_a_kept_checkpoint(make_run: MakeRun) -> None:
    run = make_run(ema_halflife_images=10_000)
    keep_at(run, [6])
    (kept,) = kept_checkpoints(run.folder)
    expected = {
        False: {name: tensor.clone() for name, tensor in run.average.network.state_dict().items()},
        True: {name: tensor.clone() for name, tensor in run.network.state_dict().items()},
    }
    keep_at(run, [9])
    for raw, state in expected.items():
        bundle = kept_model(kept.path, raw=raw)
        assert all(torch.equal(tensor, bundle.state[name]) for name, tensor in state.items())
        assert bundle.history["steps"] == 6
    assert not all(torch.equal(expected[True][name], expected[False][name]) for name in expected[True])


def test_a_run_of_many_pieces_with_its_kept_checkpoints_is_discarded_whole(make_run: MakeRun) -> None:
    run = make_run(steps=30)
    list(train(run))
    assert kept_checkpoints(run.folder)
    run.discard()
    assert not run.folder.exists()


def test_more_time_keeps_the_earlier_ones(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(steps=30, kept_checkpoints=5)
    list(train(run))
    again = TrainingRun.resume(run.folder, image_set, run.device, Budget(images=8 * 60))
    list(train(again))
    steps = [checkpoint.step for checkpoint in kept_checkpoints(run.folder)]
    assert (steps[0], steps[-1]) == (0, 60)
    assert len(steps) <= 5
    assert dataclasses.replace(again.settings, budget=run.settings.budget) == run.settings
