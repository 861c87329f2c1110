"""Traces: frames equal what was recorded, memory stays within the budget, no model is asked."""

from __future__ import annotations

import pytest
import torch

from studio.diffusion import (
    DDIMSampler,
    DDPMSampler,
    NetworkDenoiser,
    ReverseRun,
    Step,
    Thresholding,
    Trace,
    cosine,
    linear,
    sampling_pairs,
)
from studio.errors import ScheduleError

SHAPE = (3, 2, 6, 5)


class Counting(torch.nn.Module):
    """A network that makes every pixel matter and counts how often it is asked.

    weight 0.05 makes it a plausible denoiser of any parameterization, 1 one that runs away into the hundreds.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.calls = 0
        self.weight = weight

    def forward(self, z, t, class_labels=None):
        self.calls += 1
        bend = torch.tanh(z * (0.3 + t.view(-1, 1, 1, 1) / 500)) + 0.1 * z.roll(1, -1)
        return self.weight * bend


def record(schedule, sampler, steps=None, *, clip=False, parameterization="v", weight=0.05, **options):
    pairs = sampling_pairs(schedule, steps)
    network = Counting(weight)
    denoiser = NetworkDenoiser(network, schedule, parameterization)
    thresholding = Thresholding("clip" if clip else "none")
    run = ReverseRun(schedule, sampler, pairs, 8, tuple(range(SHAPE[0])), SHAPE[1:], thresholding=thresholding)
    trace = Trace(run, **options)
    steps = []
    for step in run.steps(denoiser):
        steps.append(step)
        trace.record(step)
    return trace, steps, network


def described(schedule, steps=None, pictures=SHAPE[0]):
    return ReverseRun(schedule, DDIMSampler(), sampling_pairs(schedule, steps), 8, tuple(range(pictures)), SHAPE[1:])


def assert_same(frame: Step, step: Step) -> None:
    assert (frame.index, frame.total, frame.t, frame.s) == (step.index, step.total, step.t, step.s)
    assert frame.coefficients == step.coefficients
    assert frame.clipped_share == step.clipped_share
    assert torch.equal(frame.z_t, step.z_t)
    assert torch.equal(frame.z_s, step.z_s)
    for name in ("eps", "x0", "subtracted", "mean", "injected"):
        expected = getattr(step, name)
        # Relative to the picture where values are large: float32 has seven digits.
        scale = max(1.0, *(float(tensor.abs().max()) for tensor in (expected, step.z_t, step.z_s)))
        error = float((getattr(frame, name) - expected).abs().max())
        assert error <= 1e-6 * scale, f"{name} at {step.t}: {error}"


@pytest.mark.parametrize("schedule", [linear(60), cosine(60), linear(1000)], ids=["linear", "cosine", "linear-1000"])
@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler(), DDIMSampler(0.5)])
@pytest.mark.parametrize("steps", [60, 8])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(("parameterization", "weight"), [("v", 0.05), ("x0", 0.05), ("v", 1), ("epsilon", 1)])
def test_frames_equal_the_recorded_steps(schedule, sampler, steps: int, clip: bool, parameterization, weight) -> None:
    trace, recorded, _ = record(schedule, sampler, steps, clip=clip, parameterization=parameterization, weight=weight)
    assert len(trace) == len(recorded) == steps
    for k, step in enumerate(recorded):
        assert_same(trace.frame(k), step)


def test_frames_of_a_plausible_run_are_within_a_millionth() -> None:
    trace, recorded, _ = record(linear(200), DDPMSampler())
    for k, step in enumerate(recorded):
        assert step.z_t.abs().max() < 6
        for name in ("eps", "x0", "subtracted", "mean", "injected"):
            assert (getattr(trace.frame(k), name) - getattr(step, name)).abs().max() <= 1e-6


def test_scrubbing_asks_no_model() -> None:
    trace, recorded, network = record(linear(40), DDPMSampler())
    calls = network.calls
    assert calls == len(recorded)
    for k in (0, 39, 7, 7, 38, 1):
        trace.frame(k)
    trace.pictures()
    assert network.calls == calls


def test_the_pictures_are_the_last_state_bit_for_bit() -> None:
    trace, recorded, _ = record(linear(40), DDPMSampler(), 10)
    assert trace.complete
    assert torch.equal(trace.pictures(), recorded[-1].z_s)
    assert trace.times == tuple((step.t, step.s) for step in recorded)


def test_an_unfinished_run_can_be_looked_at() -> None:
    _, recorded, _ = record(linear(40), DDIMSampler(), 10)
    trace = Trace(described(linear(40), 10))
    with pytest.raises(ValueError, match="nothing has been recorded"):
        trace.pictures()
    for step in recorded[:4]:
        assert trace.record(step)
    assert not trace.complete
    assert len(trace) == trace.recorded == 4
    assert torch.equal(trace.pictures(), recorded[3].z_s)
    assert_same(trace.frame(3), recorded[3])
    with pytest.raises(IndexError):
        trace.frame(4)


def test_the_estimate_is_what_a_whole_run_takes() -> None:
    trace, recorded, _ = record(linear(60), DDPMSampler())
    assert trace.memory_bytes == Trace.estimate_bytes(len(recorded), SHAPE)
    assert Trace.estimate_bytes(1000, (64, 1, 28, 28)) == 2001 * 64 * 784 * 4


@pytest.mark.parametrize("share", [0.9, 0.5, 0.26, 0.1])
@pytest.mark.parametrize("sampler", [DDPMSampler(), DDIMSampler()])
def test_over_budget_every_nth_step_is_kept_and_the_first_and_the_last(share: float, sampler) -> None:
    budget = int(share * Trace.estimate_bytes(60, SHAPE))
    trace, recorded, _ = record(cosine(60), sampler, budget_bytes=budget)
    kept = [trace.frame(k).index for k in range(len(trace))]
    assert trace.stride > 1
    assert kept == sorted({*range(0, 60, trace.stride), 59})
    assert trace.memory_bytes <= budget
    assert trace.complete
    assert trace.times == tuple((recorded[index].t, recorded[index].s) for index in kept)
    for k, index in enumerate(kept):
        assert_same(trace.frame(k), recorded[index])


def test_a_budget_too_small_for_anything_still_keeps_the_first_and_the_last() -> None:
    trace, recorded, _ = record(linear(10), DDIMSampler(), budget_bytes=1)
    assert [trace.frame(k).index for k in range(len(trace))] == [0, 9]
    assert torch.equal(trace.pictures(), recorded[-1].z_s)


def test_only_the_next_step_of_the_same_run_is_taken() -> None:
    _, recorded, _ = record(linear(10), DDIMSampler())
    trace = Trace(described(linear(10)))
    with pytest.raises(ValueError, match="not the next step"):
        trace.record(recorded[1])
    other = Trace(described(linear(10), pictures=1))
    with pytest.raises(ValueError, match="shape"):
        other.record(recorded[0])
    for step in recorded:
        trace.record(step)
    with pytest.raises(ValueError, match="not the next step"):
        trace.record(recorded[-1])
    with pytest.raises(ScheduleError):
        ReverseRun(linear(10), DDIMSampler(), ((12, -1),), 8, (0,), SHAPE[1:])
