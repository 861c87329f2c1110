"""Traces: steps are told as they were taken, all of them, and no model is asked."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from studio.diffusion import (
    DDIMSampler,
    DDPMSampler,
    KnownPixels,
    ReverseRun,
    Step,
    Trace,
    cosine,
    linear,
    sampling_pairs,
)
from studio.diffusion.trace import Piece, TraceSize
from studio.errors import ScheduleError
from tests.unit.diffusion.recorded_runs import (
    KINDS,
    RULES,
    SHAPE,
    STEPS,
    CountingDenoiser,
    assert_same,
    assert_same_bits,
    described,
    known_pixels,
    model_of,
    record,
)

TENSOR = 4 * 3 * 2 * 6 * 5


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [(linear(60), 8), (cosine(60), 60), (linear(1000), 8), (cosine(1000), 5)],
    ids=["linear", "cosine-all", "linear-1000", "cosine-1000"],
)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
@pytest.mark.parametrize("kind", ["plain", "clipped"])
@pytest.mark.parametrize(("parameterization", "weight"), [("v", 0.05), ("x0", 0.05), ("v", 1), ("epsilon", 1)])
def test_frames_equal_the_recorded_steps(schedule, sampler, steps: int, kind, parameterization, weight) -> None:
    run = described(kind, sampler, steps=steps, schedule=schedule)
    trace, taken = record(run, model_of(run, parameterization, weight))
    assert len(trace) == len(taken) == steps
    for k, step in enumerate(taken):
        assert_same(trace.frame(k), step)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
def test_frames_of_every_kind_of_run(kind: str, sampler) -> None:
    trace, taken = record(described(kind, sampler))
    assert len(trace) == len(trace.pairs) == len(taken)
    for k, step in enumerate(taken):
        assert_same(trace.frame(k), step)
        assert torch.equal(trace.state(k), step.z_t)


def test_frames_of_a_plausible_run_are_within_a_millionth() -> None:
    trace, taken = record(described(schedule=linear(200), steps=None))
    for k, step in enumerate(taken):
        assert step.z_t.abs().max() < 6
        for name in ("eps", "x0", "direction", "subtracted", "mean", "injected"):
            assert (getattr(trace.frame(k), name) - getattr(step, name)).abs().max() <= 1e-6


@pytest.mark.parametrize("sampler", [rule for rule in RULES.values() if rule.memory], ids=lambda rule: rule.name)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_sampler_remembers_is_exact(sampler, kind: str) -> None:
    trace, taken = record(described(kind, sampler))
    for k, step in enumerate(taken):
        evaluation = trace.frame(k).evaluation
        assert evaluation.t == step.t
        assert torch.equal(evaluation.x0, step.evaluation.x0)
        assert torch.equal(evaluation.departure, step.evaluation.departure)
        assert torch.equal(trace.frame(k).direction, step.direction) or step.direction is step.eps


@pytest.mark.parametrize("sampler", [RULES["ddpm"], RULES["unipc"]], ids=lambda rule: rule.name)
@pytest.mark.parametrize("budget", [0, 2**20], ids=["disk", "memory"])
def test_one_picture_is_told_like_the_whole_batch(sampler, budget: int) -> None:
    run = described("re-noising known", sampler)
    for known in (run.known, known_of_each(run.known)):
        trace, _ = record(dataclasses.replace(run, known=known), budget_bytes=budget)
        for k in range(len(trace)):
            whole = trace.frame(k)
            for picture in range(SHAPE[0]):
                one = trace.frame(k, picture)
                for name in ("z_t", "z_s", "eps", "x0", "direction", "subtracted", "mean", "injected"):
                    assert torch.equal(getattr(one, name), getattr(whole, name)[picture : picture + 1])
                assert torch.equal(one.evaluation.departure, whole.evaluation.departure[picture : picture + 1])
        for picture in (-1, SHAPE[0]):
            with pytest.raises(IndexError, match="no picture"):
                trace.frame(0, picture)
        trace.close()


def known_of_each(known: KnownPixels) -> KnownPixels:
    """Other pixels for each picture."""
    scale = torch.tensor([0.2, 0.5, 0.9]).view(-1, 1, 1, 1)
    return KnownPixels(known.picture * scale, torch.stack([known.mask[0].roll(shift, -1) for shift in range(3)]))


def test_memory_ends_where_a_walk_goes_back_up() -> None:
    trace, _ = record(described("re-noising", RULES["unipc"]))
    assert [len(trace.before(k)) for k in range(len(trace))] == [0, 1, 2, 2, 0, 1, *[2] * (len(trace) - 7), 0]
    assert [evaluation.t for evaluation in trace.before(7)] == [trace.pairs[5][0], trace.pairs[6][0]]


def test_a_run_that_becomes_nothing_is_told_as_well() -> None:
    class Broken(CountingDenoiser):
        def predict(self, z_t, t, condition=None):
            prediction = super().predict(z_t, t, condition)
            return dataclasses.replace(prediction, x0=prediction.x0 * float("nan"), eps=prediction.eps * float("nan"))

    run = described()
    trace, _ = record(run, Broken(run.schedule))
    assert trace.pictures().isnan().all()
    assert trace.kept_steps(Piece.Z_T) == (0,)


def test_scrubbing_asks_no_model() -> None:
    run = described(steps=None)
    model = model_of(run)
    trace, taken = record(run, model)
    calls = model.calls
    assert calls == len(taken) == run.model_calls()
    for k in (0, 59, 7, 7, 58, 1):
        trace.frame(k)
    trace.pictures()
    assert model.calls == calls


def test_the_pictures_are_the_last_state_bit_for_bit() -> None:
    trace, taken = record(described())
    assert trace.complete
    assert torch.equal(trace.pictures(), taken[-1].z_s)
    assert torch.equal(trace.state(len(trace)), taken[-1].z_s)
    assert trace.times == tuple((step.t, step.s) for step in taken)


def test_frames_stay_as_they_were_whatever_becomes_of_the_steps() -> None:
    run = described()
    trace = Trace(run)
    for step in trace.steps(model_of(run)):
        before = trace.frame(step.index).eps.clone()
        step.eps.fill_(7.0)
        assert torch.equal(trace.frame(step.index).eps, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(kind: str, sampler) -> None:
    run = described(kind, sampler)
    whole, _ = record(run)
    for stop in (1, 4, 5, len(run.pairs) - 1):
        model = model_of(run)
        trace = Trace(run)
        for _, _ in zip(range(stop), trace.steps(model), strict=False):
            pass
        assert len(trace) == stop
        assert not trace.complete
        before = model.calls
        assert len(list(trace.steps(model))) == len(run.pairs) - stop
        assert model.calls - before == run.model_calls(stop)
        assert_same_bits(trace, whole, first=stop)
        assert list(trace.steps(model)) == []


def test_a_run_may_begin_with_another_z_than_its_seeds() -> None:
    run = described("known")
    z = torch.full(SHAPE, 0.25)
    trace = Trace(run)
    steps = list(trace.steps(model_of(run), z))
    assert torch.equal(trace.frame(0).z_t, steps[0].z_t)
    assert torch.equal(trace.frame(0).z_t[..., 3:, :], z[..., 3:, :])
    with pytest.raises(ValueError, match="only the beginning"):
        trace.steps(model_of(run), z)


def test_an_unfinished_run_can_be_looked_at() -> None:
    run = described()
    _, taken = record(run)
    trace = Trace(run)
    with pytest.raises(ValueError, match="nothing has been recorded"):
        trace.pictures()
    with pytest.raises(IndexError):
        trace.state(0)
    for step in taken[:4]:
        trace.record(step)
    assert not trace.complete
    assert len(trace) == 4
    assert torch.equal(trace.pictures(), taken[3].z_s)
    assert_same(trace.frame(3), taken[3])
    for k in (4, -1):
        with pytest.raises(IndexError):
            trace.frame(k)


@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler(), DDIMSampler(0.5)])
@pytest.mark.parametrize("kind", ["plain", "known", "re-noising"])
def test_the_estimate_is_what_a_whole_run_takes(sampler, kind: str) -> None:
    run = described(kind, sampler)
    trace, _ = record(run)
    assert trace.size == Trace.estimate(run) == TraceSize(trace.size.total, 0)
    assert trace.size.total >= (2 * len(run.pairs) + 1) * TENSOR


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
def test_no_run_takes_more_than_estimated(kind: str, sampler) -> None:
    run = described(kind, sampler)
    trace, _ = record(run)
    assert 0.6 * Trace.estimate(run).total < trace.size.total <= Trace.estimate(run).total


def test_a_thousand_steps_take_two_pictures_each() -> None:
    schedule = linear(1000)
    run = ReverseRun(schedule, DDPMSampler(), sampling_pairs(schedule), 0, tuple(range(64)), (1, 28, 28))
    assert Trace.estimate(run, 2**30).total == 2001 * 64 * 784 * 4
    limited = Trace.estimate(run, 100 * 2**20)
    assert limited.total == 2001 * 64 * 784 * 4
    assert 99 * 2**20 < limited.memory <= 100 * 2**20


def test_only_the_next_step_of_the_same_run_is_taken() -> None:
    run = described(steps=10)
    _, taken = record(run)
    trace = Trace(run)
    with pytest.raises(ValueError, match="not the next step"):
        trace.record(taken[1])
    other = Trace(dataclasses.replace(run, pictures=(0,)))
    with pytest.raises(ValueError, match="not float32"):
        other.record(taken[0])
    with pytest.raises(ValueError, match="float64"):
        trace.record(dataclasses.replace(taken[0], eps=taken[0].eps.double()))
    assert len(trace) == 0
    for step in taken:
        trace.record(step)
    with pytest.raises(ValueError, match="not the next step"):
        trace.record(taken[-1])
    with pytest.raises(ScheduleError):
        ReverseRun(linear(10), DDIMSampler(), ((12, -1),), 8, (0,), SHAPE[1:])


def test_a_closed_trace_holds_nothing_and_takes_nothing() -> None:
    trace, taken = record(described())
    trace.close()
    assert trace.size.total == 0
    with pytest.raises(IndexError):
        trace.frame(0)
    with pytest.raises(ValueError, match="closed"):
        trace.record(taken[0])


def test_a_step_that_lacks_a_piece_is_not_restored() -> None:
    run = described(sampler=RULES["dpmpp2m"])
    whole, _ = record(run)
    trace = Trace(run)
    pieces = {piece: whole.kept(piece, 0) for piece in Piece if 0 in whole.kept_steps(piece)}
    for missing in (Piece.Z_T, Piece.Z_S, Piece.X0):
        with pytest.raises(ValueError, match=f"lacks {missing}"):
            trace.restore({piece: tensor for piece, tensor in pieces.items() if piece is not missing}, 0.0)
    trace.restore(pieces, whole.clipped_shares[0])
    assert_same(trace.frame(0), whole.frame(0), tolerance=0.0)


def test_known_pixels_are_told_exactly() -> None:
    trace, taken = record(described("known", DDIMSampler()))
    given = known_pixels().mask.expand(SHAPE)
    last: Step = trace.frame(STEPS - 1)
    assert torch.equal(last.mean[given], known_pixels().picture.expand(SHAPE)[given])
    assert not last.injected[given].any()
    for k, step in enumerate(taken):
        assert torch.equal(trace.frame(k).mean[given], step.mean[given])
