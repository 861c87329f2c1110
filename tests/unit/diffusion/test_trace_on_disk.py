"""Traces that go beyond their memory: the same steps, in a temporary file that leaves nothing behind."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from pathlib import Path

import pytest
import torch

from studio.diffusion import Trace
from studio.diffusion.trace import store as module
from studio.diffusion.trace.store import TensorStore, scratch_folder
from studio.errors import StorageError
from tests.unit.diffusion.recorded_runs import RULES, SHAPE, assert_same_bits, described, model_of, record

TENSOR = 4 * 3 * 2 * 6 * 5


@pytest.fixture(params=["positional", "with a lock"], autouse=True)
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "with a lock":
        monkeypatch.setattr(module, "_POSITIONAL", False)


@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
@pytest.mark.parametrize("tensors", [0, 1, 7])
def test_a_trace_on_disk_tells_the_same(sampler, tensors: int, tmp_path: Path) -> None:
    run = described("re-noising known", sampler)
    whole, _ = record(run)
    budget = tensors * TENSOR + 3
    trace, _ = record(run, budget_bytes=budget, folder=tmp_path)
    assert trace.size.memory == tensors * TENSOR
    assert trace.size.total == whole.size.total
    assert Trace.estimate(run, budget).memory == trace.size.memory
    assert_same_bits(trace, whole)
    assert torch.equal(trace.pictures(), whole.pictures())
    trace.close()


def test_nothing_lies_in_the_folder_once_the_trace_is_gone(tmp_path: Path) -> None:
    trace, _ = record(described(), budget_bytes=0, folder=tmp_path)
    file = trace._store._file
    assert file is not None
    del trace
    gc.collect()
    assert file.closed
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_made_while_memory_is_enough(tmp_path: Path) -> None:
    trace, _ = record(described(), folder=tmp_path / "is not there")
    assert trace.size.disk == 0


def test_one_thread_records_while_another_looks(tmp_path: Path) -> None:
    run = described(sampler=RULES["unipc"], steps=None)
    whole, _ = record(run)
    trace = Trace(run, budget_bytes=20 * TENSOR, folder=tmp_path)
    failures: list[BaseException] = []

    def take() -> None:
        try:
            list(trace.steps(model_of(run)))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=take)
    thread.start()
    looked = 0
    while thread.is_alive():
        for k in range(len(trace)):
            assert torch.equal(trace.frame(k).z_s, whole.frame(k).z_s)
            looked += 1
    thread.join()
    assert not failures
    assert looked > len(trace)
    assert_same_bits(trace, whole)
    trace.close()


@pytest.mark.parametrize("tensors", [5, 6], ids=["nothing of the step fits", "half of the step fits"])
def test_a_full_disk_gets_a_sentence_and_leaves_what_is_recorded(tensors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a disk that is always full")
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115  # the store closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    run = described(sampler=RULES["ddim"])
    trace = Trace(run, budget_bytes=tensors * TENSOR)
    steps = trace.steps(model_of(run))
    next(steps), next(steps)
    assert trace.size.memory == 5 * TENSOR
    with pytest.raises(StorageError, match="no room for another step") as error:
        next(steps)
    assert error.value.remedy.startswith("Free some space")
    assert len(trace) == 2
    assert trace.size.total == trace._store.memory_bytes == 5 * TENSOR
    trace.frame(1)
    trace.close()


def test_a_step_that_fits_only_in_part_takes_no_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = TensorStore(SHAPE, 0, tmp_path)
    first = store.put(torch.ones(SHAPE))
    gone = store.put(torch.zeros(SHAPE))
    store.drop([gone])
    real = TensorStore._write_at

    def full(self, file, view, position):
        if len(view) <= TENSOR // 2:
            raise OSError(28, "No space left on device")
        return real(self, file, view[: len(view) // 2], position)

    with monkeypatch.context() as patch:
        patch.setattr(TensorStore, "_write_at", full)
        with pytest.raises(StorageError):
            store.put(torch.full(SHAPE, 2.0))
    again = store.put(torch.full(SHAPE, 3.0))
    assert store.disk_bytes == 2 * TENSOR
    assert os.fstat(store._opened().fileno()).st_size == 2 * TENSOR
    assert torch.equal(store.get(first), torch.ones(SHAPE))
    assert torch.equal(store.get(again), torch.full(SHAPE, 3.0))
    store.close()


def test_a_file_that_was_cut_gets_a_sentence(tmp_path: Path) -> None:
    trace, _ = record(described(), budget_bytes=0, folder=tmp_path)
    trace._store._opened().truncate(10)
    with pytest.raises(StorageError, match="could not be read: it ends too early"):
        trace.frame(3)
    trace.close()


def test_a_folder_that_is_not_there_gets_a_sentence(tmp_path: Path) -> None:
    run = described()
    trace = Trace(run, budget_bytes=0, folder=tmp_path / "nothing")
    with pytest.raises(StorageError, match="no room"):
        next(trace.steps(model_of(run)))


def test_what_is_dropped_makes_room(tmp_path: Path) -> None:
    store = TensorStore(SHAPE, 2 * TENSOR, tmp_path)
    keys = [store.put(torch.full(SHAPE, float(number))) for number in range(5)]
    assert (store.memory_bytes, store.disk_bytes) == (2 * TENSOR, 3 * TENSOR)
    store.drop([keys[0], keys[3]])
    assert (store.memory_bytes, store.disk_bytes) == (TENSOR, 2 * TENSOR)
    more = [store.put(torch.full(SHAPE, 10.0 + number)) for number in range(2)]
    assert (store.memory_bytes, store.disk_bytes) == (2 * TENSOR, 3 * TENSOR)
    values = [float(store.get(key).mean()) for key in (*keys[1:3], keys[4], *more)]
    assert values == [1, 2, 4, 10, 11]
    with pytest.raises(KeyError):
        store.get(keys[0])
    store.close()


def test_temporary_files_go_to_a_disk_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    if os.access("/var/tmp", os.W_OK):
        assert scratch_folder() == Path("/var/tmp")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert scratch_folder() == tmp_path
