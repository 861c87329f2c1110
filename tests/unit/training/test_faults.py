"""Whatever goes wrong: a sentence, no half-written file, and the last good checkpoint stays."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.errors import LossNotFinite, OutOfMemory, StorageError, TrainingError
from studio.training import step_lines, trainer
from studio.training.checkpoint import FILE_NAME, read_checkpoint
from studio.training.events import Progress
from studio.training.run import TrainingRun
from studio.training.trainer import train

MakeRun = Callable[..., TrainingRun]


def advance(events, steps: int) -> None:
    """Let training go on until a Progress tells of `steps` steps."""
    for event in events:
        if isinstance(event, Progress) and event.step >= steps:
            return


def poison(run: TrainingRun, value: float) -> None:
    with torch.no_grad():
        next(run.network.parameters()).fill_(value)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part")]


def test_weights_that_are_no_numbers_are_never_saved(make_run: MakeRun) -> None:
    """The step that ruins the weights still has a finite loss: the check is made when saving."""
    run = make_run(steps=10_000)
    events = train(run)
    advance(events, 1)
    poison(run, float("nan"))
    with pytest.raises(LossNotFinite):
        run.save_checkpoint()
    assert read_checkpoint(run.folder)[0].step == 0


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_says_what_to_do(make_run: MakeRun, monkeypatch, error: Exception) -> None:
    run = make_run(steps=10_000)
    events = train(run)
    advance(events, 1)
    run.save_checkpoint()
    saved_step = run.step

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(step_lines, "take_optimizer_step", fail)
    with pytest.raises(OutOfMemory, match="smaller batch size"):
        list(events)
    # The step broke off half-way, so its state is not one to keep.
    with pytest.raises(TrainingError, match="middle of a step"):
        run.save_checkpoint()
    assert read_checkpoint(run.folder)[0].step == saved_step


def test_a_real_allocation_that_fails_is_recognised(make_run: MakeRun, monkeypatch) -> None:
    run = make_run()
    monkeypatch.setattr(run.batches, "batch", lambda *_: torch.empty(2**50))
    with pytest.raises(OutOfMemory):
        list(train(run))
    # Nothing had moved: what was trained so far can still be saved.
    run.save_checkpoint()


def test_a_defect_is_not_mistaken_for_a_lack_of_memory(make_run: MakeRun, monkeypatch) -> None:
    run = make_run()
    monkeypatch.setattr(run.batches, "batch", lambda *_: torch.ones(3, 3) @ torch.ones(4, 4))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        list(train(run))


def _no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_a_full_disk_stops_training_and_keeps_the_checkpoint(make_run: MakeRun, monkeypatch, call: str) -> None:
    run = make_run(steps=10_000, sample_rows=1)
    events = train(run)
    advance(events, 3)
    run.save_checkpoint()
    good, saved_step = (run.folder / FILE_NAME).read_bytes(), run.step
    advance(events, run.step + 2)
    with monkeypatch.context() as patched:
        if call == "write":
            real = os.fdopen

            class Full(io.FileIO):
                write = _no_space

            patched.setattr(
                os, "fdopen", lambda handle, mode: Full(handle, mode) if "w" in mode else real(handle, mode)
            )
        else:
            patched.setattr(os, call, _no_space)
        run.request_checkpoint()
        with pytest.raises(StorageError, match="disk is full") as error:
            list(events)
    assert "Free some space" in error.value.remedy
    assert (run.folder / FILE_NAME).read_bytes() == good
    assert read_checkpoint(run.folder)[0].step == saved_step
    assert leftovers(run.folder) == []

    # With space again the same run goes on where it was.
    step = run.step
    events = train(run)
    advance(events, step + 1)
    events.close()
    assert read_checkpoint(run.folder)[0].step == run.step > step


def test_a_log_on_a_full_disk_stops_training_too(make_run: MakeRun, monkeypatch) -> None:
    run = make_run(steps=10_000)
    events = train(run)
    advance(events, 1)
    monkeypatch.setattr(Path, "open", _no_space)
    with pytest.raises(StorageError, match="disk is full"):
        list(events)


def test_diverged_weights_still_draw_pictures(make_run: MakeRun) -> None:
    run = make_run()
    with torch.no_grad():
        for parameter in run.average.network.parameters():
            parameter.fill_(float("nan"))
    pictures = trainer.draw_samples(run).pictures
    assert pictures.dtype == np.uint8
