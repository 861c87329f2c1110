"""The measuring itself: that ratios are ratios, and that the others are measured on the same work."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.benchmarks.contender import padded, without_padding
from studio.benchmarks.diffusers_loop import DiffusersLoop
from studio.benchmarks.speed import SpeedReport, Turn, race
from studio.benchmarks.studio_loop import StudioLoop, plain_settings
from studio.data.image_set import ImageSet
from studio.diffusion.schedule import make_schedule
from studio.errors import SettingsError
from studio.networks.devices import Device
from studio.networks.unet_config import UNetConfig

# Here and not in a test: on their first import they look for IPv6 with a socket, which tests may not have.
pytest.importorskip("accelerate")
pytest.importorskip("diffusers")
CPU = Device("cpu", "CPU", "cpu")
SMALL = UNetConfig(
    in_channels=1,
    out_channels=1,
    block_out_channels=(8, 8),
    layers_per_block=1,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    norm_num_groups=4,
)


class Runner:
    """Takes `seconds` for a step and tells losses that fall to `end`."""

    settings = ""
    batch_size = 4

    def __init__(self, name: str, seconds: float, end: float) -> None:
        self.name, self.seconds, self.end = name, seconds, end
        self.steps = 0

    def step(self) -> float:
        time.sleep(self.seconds)
        self.steps += 1
        return self.end + 1.0 / self.steps**2

    def pictures(self, count: int, steps: int, seed: int) -> np.ndarray:
        raise NotImplementedError


def noise(count: int = 24, side: int = 8) -> ImageSet:
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    return ImageSet("noise", images)


def test_a_race_tells_how_many_times_as_fast_and_how_far_apart_the_losses_are() -> None:
    quick, slow = Runner("quick", 0.002, 0.50), Runner("slow", 0.010, 0.40)
    *turns, report = race(quick, slow, turns=5, steps=3, warm_up=1, stretches=3)
    assert all(isinstance(turn, Turn) for turn in turns)
    assert isinstance(report, SpeedReport)
    assert len(report.turns) == 5
    assert quick.steps == slow.steps == 16
    assert report.ratio > 2
    last = report.curve[-1]
    assert last.step == 15
    expected = [end + np.mean([1 / k**2 for k in range(12, 17)]) for end in (0.50, 0.40)]
    np.testing.assert_allclose([last.studio, last.other], expected)
    assert report.last_difference == pytest.approx(expected[0] / expected[1] - 1)


@pytest.mark.parametrize(("height", "width", "multiple"), [(28, 28, 8), (7, 12, 4), (16, 16, 8)])
def test_padding_is_taken_back_without_a_trace(height: int, width: int, multiple: int) -> None:
    images = np.random.default_rng(1).integers(1, 256, (3, height, width, 1), dtype=np.uint8)
    wider = padded(images, multiple)
    assert wider.shape[1] % multiple == wider.shape[2] % multiple == 0
    assert wider.sum() == images.sum()
    np.testing.assert_array_equal(without_padding(wider, height, width), images)


def test_both_loops_begin_with_the_same_network_and_learn(tmp_path: Path) -> None:
    data = noise()
    with torch.random.fork_rng(devices=[]):
        other = DiffusersLoop(data.images, SMALL, batch_size=8, learning_rate=2e-3, beta_schedule="linear")
        ours = StudioLoop(data, plain_settings(8, 2e-3), SMALL, CPU, tmp_path, "linear")
        ours.run.network.load_state_dict(other.model.state_dict())
        z, t = torch.randn(2, 1, 8, 8), torch.tensor([3, 900])
        with torch.no_grad():
            torch.testing.assert_close(ours.run.network(z, t), other.model(z, t).sample, rtol=1e-4, atol=1e-5)
        for loop in (ours, other):
            losses = [loop.step() for _ in range(40)]
            assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
        assert other.pictures(3, 4, seed=0).shape == (3, 8, 8, 1)
        assert ours.pictures(3, 4, seed=0).shape == (3, 8, 8, 1)


def test_their_schedule_is_ours(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        other = DiffusersLoop(noise().images, SMALL, batch_size=4)
    theirs = other._scheduler.alphas_cumprod.double().numpy()
    np.testing.assert_allclose(theirs, make_schedule("cosine", 1000).alpha_bar, rtol=0, atol=1e-5)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(SettingsError, match="diffusers and accelerate are not installed") as refusal:
        DiffusersLoop(noise().images, SMALL)
    assert "diffusion-studio[bench]" in refusal.value.remedy
