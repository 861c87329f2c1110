"""Several processes train as one would: real ones, started by torchrun, that talk over gloo on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import DeviceError, SettingsError
from studio.library.tensors import read_tensors
from studio.networks.devices import Device
from studio.training import distributed
from studio.training.checkpoint import read_checkpoint
from studio.training.distributed import choose_own_device, joined, launched_by_torchrun, part_of
from studio.training.metrics_log import read_metrics
from studio.training.ranks import Alone
from studio.training.run_folder import CHECKPOINT_NAME, METRICS_NAME, SAMPLES_NAME

ROOT = Path(__file__).parents[3]
WORKER = "tests.unit.training.distributed_worker"
STEPS = 40
TOLERANCE = 2e-5


def start(folder: Path, processes: int, steps: int = STEPS, *how: str) -> subprocess.CompletedProcess[str]:
    """Train in `folder` with so many processes until `steps` are done."""
    worker = ["-m", WORKER, str(folder), str(steps), *how]
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--no-python"]
    command = [sys.executable, *worker] if processes == 1 else [sys.executable, *torchrun, sys.executable, *worker]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)


def train(folder: Path, processes: int, steps: int = STEPS, *how: str) -> Path:
    result = start(folder, processes, steps, *how)
    assert result.returncode == 0, result.stderr
    return folder


def largest_difference(one: Path, other: Path, part: str) -> float:
    """Between the newest checkpoints of two runs, over all tensors of one part of them."""
    first, second = (read_tensors(folder / CHECKPOINT_NAME).tensors for folder in (one, other))
    assert first.keys() == second.keys()
    names = [name for name in first if name.startswith(f"{part}.")]
    assert len(names) > 20
    return max(float((first[name] - second[name]).abs().max()) for name in names)


def losses(folder: Path) -> list[float]:
    return [loss for line in read_metrics(folder / METRICS_NAME) if "event" not in line for loss in line["losses"]]


def validations(folder: Path) -> list[float]:
    return [line["loss"] for line in read_metrics(folder / METRICS_NAME) if line.get("event") == "validated"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    return train(tmp_path_factory.mktemp("alone"), 1)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun has no gloo rendezvous there")
class TestSeveralProcesses:
    def test_two_processes_give_the_weights_of_one(self, alone: Path, tmp_path: Path, capsys) -> None:
        together = train(tmp_path / "two", 2)
        found = {part: largest_difference(alone, together, part) for part in ("network", "ema")}
        with capsys.disabled():
            print(f"\nlargest difference between two processes and one after {STEPS} steps: {found}")
        assert max(found.values()) < TOLERANCE
        assert losses(together) == pytest.approx(losses(alone), rel=1e-4)
        assert len(losses(together)) == STEPS
        # Every process has the same weights, to the bit: they took the same steps from the same sums.
        first, second = (torch.load(together / f"weights-{index}.pt") for index in range(2))
        assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))
        # Process 0 alone writes, and what one process would; only when rows are drawn is a matter of time.
        files = [{path.name for path in folder.iterdir()} - {"weights-1.pt"} for folder in (alone, together)]
        assert files[0] == files[1]
        assert validations(together)[0] == pytest.approx(validations(alone)[0], rel=1e-4)
        assert len(list((together / SAMPLES_NAME).glob("*.png"))) >= 2

    def test_three_processes_share_a_batch_that_three_do_not_divide(self, tmp_path: Path) -> None:
        one, three = train(tmp_path / "one", 1, STEPS, "uneven"), train(tmp_path / "three", 3, STEPS, "uneven")
        assert largest_difference(one, three, "network") < TOLERANCE
        assert losses(three) == pytest.approx(losses(one), rel=1e-4)

    def test_a_run_goes_on_with_another_number_of_processes(self, alone: Path, tmp_path: Path) -> None:
        folder = train(tmp_path / "run", 1, STEPS // 2)
        assert read_checkpoint(folder)[0].step == STEPS // 2
        train(folder, 2)
        assert read_checkpoint(folder)[0].step == STEPS
        assert largest_difference(alone, folder, "network") < TOLERANCE

    def test_a_budget_in_minutes_gives_all_the_same_learning_rates(self, tmp_path: Path) -> None:
        folder = train(tmp_path / "run", 2, STEPS, "minutes")
        first, second = (torch.load(folder / f"weights-{index}.pt") for index in range(2))
        assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))

    def test_what_one_process_is_asked_stops_all_of_them_at_the_same_step(self, tmp_path: Path) -> None:
        folder = train(tmp_path / "run", 2, STEPS, "stop")
        assert read_checkpoint(folder)[0].step == STEPS // 2

    def test_a_process_that_dies_takes_the_others_with_it(self, tmp_path: Path) -> None:
        result = start(tmp_path / "run", 2, STEPS, "vanish")
        assert result.returncode != 0
        # Whoever is faster: its own sentence, or the end that torchrun makes.
        assert "Another process of this training has ended" in result.stderr or "SIGTERM" in result.stderr
        # And the run can be gone on with.
        train(tmp_path / "run", 2, STEPS)
        assert read_checkpoint(tmp_path / "run")[0].step == STEPS

    def test_more_processes_than_pictures_in_a_batch_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="4 processes but only 3 pictures"):
            part_of(3, 0, 4)


@given(st.integers(1, 300), st.integers(1, 64))
def test_the_parts_are_the_whole_batch_and_none_is_empty(batch_size: int, count: int) -> None:
    if count > batch_size:
        with pytest.raises(SettingsError, match="Start fewer processes"):
            part_of(batch_size, 0, count)
        return
    parts = [list(range(batch_size))[part_of(batch_size, index, count)] for index in range(count)]
    assert [number for part in parts for number in part] == list(range(batch_size))
    assert min(map(len, parts)) >= 1
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_of_its_own_is_alone() -> None:
    assert not launched_by_torchrun({})
    assert not launched_by_torchrun({"WORLD_SIZE": "1", "RANK": "0"})
    assert launched_by_torchrun({"WORLD_SIZE": "2", "RANK": "1"})
    with joined("cpu") as (ranks, device):
        assert isinstance(ranks, Alone)
        assert device.name == "cpu"


def test_without_accelerate_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(SettingsError, match=r'pip install "diffusion-studio\[distributed\]"'), joined("cpu"):
        pass


def test_each_process_of_a_machine_gets_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Device("cpu", "CPU", "cpu")
    gpus = tuple(Device(f"cuda:{index}", "GPU", "cuda") for index in range(2))
    monkeypatch.setattr(distributed, "available_devices", lambda: (*gpus, cpu))
    monkeypatch.setattr(
        distributed, "choose_device", lambda name: next(one for one in (*gpus, cpu) if name in (one.name, one.kind))
    )
    assert [choose_own_device("auto", index, 2).name for index in range(2)] == ["cuda:0", "cuda:1"]
    assert choose_own_device("cuda", 1, 2).name == "cuda:1"
    assert choose_own_device("cpu", 1, 2) is cpu
    # Three processes and two GPUs: all on the CPU, unless somebody insists.
    assert choose_own_device("auto", 2, 3) is cpu
    for name in ("cuda", "cuda:0"):
        with pytest.raises(DeviceError, match="3 processes cannot share"):
            choose_own_device(name, 0, 3)
    assert choose_own_device("cuda:1", 0, 1).name == "cuda:1"
