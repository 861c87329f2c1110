from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studio.data.image_set import ImageSet
from studio.networks.devices import choose_device
from studio.networks.presets import choose_network
from studio.training.memory_available import available_main_memory, linux_memory
from studio.training.memory_needs import MemoryNeeds, bytes_in_words, memory_needs, memory_verdict
from studio.training.settings import TrainingSettings

CPU = choose_device("cpu")
GIGABYTE = 10**9

_MEASURED = """
import re, sys, tempfile
import numpy as np, torch
from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.networks.devices import choose_device
from studio.networks.presets import choose_network
from studio.training.run import TrainingRun
from studio.training.settings import TrainingSettings
from studio.training.trainer import training_step

torch.set_num_threads(1)
def peak():
    # Not getrusage: its peak is inherited from whoever started this process.
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

def steps(batch_size, side, width):
    images = np.zeros((4, side, side, 3), np.uint8)
    settings = TrainingSettings(batch_size=batch_size)
    run = TrainingRun.create(
        ImageSet("", images), make_schedule("cosine", 50), settings, choose_network(side, side, 3, "good"),
        choose_device("cpu"), tempfile.mkdtemp() + "/run",
    )
    for _ in range(2):
        training_step(run)

steps(1, 32, 32)
before = peak()
steps(int(sys.argv[1]), 64, 64)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
def test_needs_are_those_of_a_real_step_within_a_factor() -> None:
    batch_size = 48
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(batch_size)], capture_output=True, text=True, check=True, timeout=300
    )
    images = ImageSet("", np.zeros((4, 64, 64, 3), np.uint8))
    settings = TrainingSettings(batch_size=batch_size)
    needs = memory_needs(settings, choose_network(64, 64, 3, "good"), images, CPU)
    assert needs.total() / int(measured.stdout) == pytest.approx(1.25, abs=0.65)


def test_needs_grow_with_the_batch_the_network_and_the_pictures() -> None:
    def needs(side: int = 16, preset: str = "sketch", batch_size: int = 8) -> MemoryNeeds:
        images = ImageSet("", np.zeros((4, side, side, 3), np.uint8))
        return memory_needs(TrainingSettings(batch_size=batch_size), choose_network(side, side, 3, preset), images, CPU)

    small = needs()
    assert needs(batch_size=16).total() - small.total() == 8 * small.per_picture
    assert needs(preset="good").weights > small.weights
    assert 3 < needs(side=32).per_picture / small.per_picture < 5
    assert small.data == 0


def test_a_batch_that_is_too_large_is_cut_into_parts_that_fit() -> None:
    needs = MemoryNeeds(weights=100, per_picture=10, data=50, batch_size=64)
    assert memory_verdict(needs, 10_000).fits
    assert memory_verdict(needs, None).micro_batches == 1
    for available in range(200, 870, 7):
        verdict = memory_verdict(needs, available)
        assert not verdict.fits
        assert needs.total(verdict.micro_batches) <= 0.9 * available
        if verdict.micro_batches > 1:
            assert needs.total(verdict.micro_batches // 2) > 0.9 * available
        assert f"{verdict.micro_batches} parts" in verdict.sentence
    none = memory_verdict(needs, 150)
    assert (none.fits, none.micro_batches) == (False, None)
    assert "smaller" in none.sentence


def test_a_batch_of_three_can_be_cut_to_single_pictures() -> None:
    needs = MemoryNeeds(weights=0, per_picture=90, data=0, batch_size=3)
    assert memory_verdict(dataclasses.replace(needs), 100).micro_batches == 4


@pytest.mark.parametrize(("size", "words"), [(10**5, "1 MB"), (640_400_000, "640 MB"), (2_340_000_000, "2.3 GB")])
def test_bytes_are_told_in_words(size: int, words: str) -> None:
    assert bytes_in_words(size) == words


def test_this_computer_says_how_much_memory_it_has() -> None:
    available = available_main_memory()
    assert available is None or 10**7 < available < 10**15


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def system(tmp_path: Path) -> tuple[Path, Path]:
    """A /proc with 8 GB available and an empty /sys/fs/cgroup."""
    write(tmp_path / "proc", meminfo="MemTotal: 16000000 kB\nMemFree: 1000000 kB\nMemAvailable:    8000000 kB\n")
    return tmp_path / "proc", tmp_path / "cgroup"


def test_without_groups_the_kernel_is_believed(system: tuple[Path, Path]) -> None:
    assert linux_memory(*system) == 8_000_000 * 1024


def test_the_limit_of_any_group_above_counts(system: tuple[Path, Path]) -> None:
    proc, groups = system
    write(proc / "self", cgroup="0::/user/app\n")
    write(groups / "user", memory__max="3000000000\n", memory__current="1200000000\n")
    write(groups / "user", memory__stat="anon 5\ninactive_file 200000000\nactive_file 7\n")
    write(groups / "user" / "app", memory__max="max\n", memory__current="900000000\n", memory__stat="")
    assert linux_memory(proc, groups) == 2 * GIGABYTE


def test_the_first_version_of_groups_is_understood(system: tuple[Path, Path]) -> None:
    proc, groups = system
    write(proc / "self", cgroup="7:pids:/x\n5:cpu,memory:/box\n0::/\n")
    files = {"memory__usage_in_bytes": "500000000\n", "memory__stat": "total_inactive_file 100000000\n"}
    write(groups / "memory" / "box", memory__limit_in_bytes="1000000000\n", **files)
    write(groups / "memory", memory__limit_in_bytes="9223372036854771712\n", **files)
    assert linux_memory(proc, groups) == 600_000_000


def test_a_system_that_says_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    assert linux_memory(tmp_path, tmp_path) is None
