"""What holds for every sampler, thresholding and spacing: one equation a step, and a run is the sum of its parts."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from studio.diffusion import (
    SPACINGS,
    DDIMSampler,
    DDPMSampler,
    DPMSolverSampler,
    EulerSampler,
    GaussianDenoiser,
    HeunSampler,
    KnownPixels,
    NoisePurpose,
    NoiseSchedule,
    PictureNoise,
    Prediction,
    Thresholding,
    UniPCSampler,
    cosine,
    linear,
    reverse,
    sampling_pairs,
)
from studio.diffusion.samplers import Sampler
from studio.errors import ScheduleError

SHAPE = (2, 1, 4, 3)
STOCHASTIC = (DDPMSampler("beta"), DDPMSampler("posterior"), DDIMSampler(0.6), DDIMSampler(1.0))
DETERMINISTIC = (DDIMSampler(), EulerSampler(), HeunSampler(), DPMSolverSampler(), UniPCSampler())
EVERY_SAMPLER = pytest.mark.parametrize("sampler", STOCHASTIC + DETERMINISTIC, ids=repr)
THRESHOLDINGS = pytest.mark.parametrize(
    "thresholding", [Thresholding(), Thresholding("clip"), Thresholding("dynamic", 0.8)], ids=lambda value: value.kind
)
WALKS = {
    "linear, all": (linear(30), sampling_pairs(linear(30))),
    "up again": (linear(40), ((39, 25), (25, 9), (30, 19), (19, 9), (9, 3), (20, 2), (2, -1))),
    "not to the end": (cosine(40), ((39, 20), (20, 11), (11, 5))),
    **{f"cosine, {spacing}": (cosine(200), sampling_pairs(cosine(200), 9, spacing)) for spacing in SPACINGS},
    **{f"linear, {spacing}": (linear(200), sampling_pairs(linear(200), 9, spacing, 120)) for spacing in SPACINGS},
}
SOME_WALKS = ("linear, all", "up again", "cosine, karras")
EVERY_WALK = pytest.mark.parametrize(("schedule", "pairs"), WALKS.values(), ids=WALKS)


class Counting:
    """Not a good model: it makes every pixel and step matter, reaches beyond ±1, and counts how often it is asked."""

    class_count = None

    def __init__(self, schedule) -> None:
        self.schedule = schedule
        self.calls = 0

    def predict(self, z_t, t, condition=None) -> Prediction:
        self.calls += 1
        x0 = 1.3 * torch.tanh(z_t * (0.4 + t / 100) + 0.2 * z_t.roll(1, -1)) + 0.1
        signal, sigma = float(self.schedule.sqrt_alpha_bar[t]), float(self.schedule.sqrt_one_minus_alpha_bar[t])
        return Prediction(eps=(z_t - signal * x0) / sigma, x0=x0)


def start(dtype=torch.float64) -> torch.Tensor:
    return PictureNoise(5, range(SHAPE[0]), SHAPE[1:]).initial().to(dtype)


@functools.cache
def noise(index: int, purpose: NoisePurpose = NoisePurpose.FRESH) -> torch.Tensor:
    return PictureNoise(5, range(SHAPE[0]), SHAPE[1:]).at(index, purpose).double()


def known_pixels() -> KnownPixels:
    mask = torch.zeros(1, 1, 4, 3, dtype=torch.bool)
    mask[..., 1:3, 0] = True
    return KnownPixels(torch.linspace(-0.9, 0.9, 12, dtype=torch.float64).view(1, 1, 4, 3), mask)


@EVERY_SAMPLER
@THRESHOLDINGS
@pytest.mark.parametrize(
    ("walk", "known"), [*((walk, False) for walk in WALKS), *((walk, True) for walk in SOME_WALKS)]
)
def test_each_step_and_the_whole_run_add_up(sampler: Sampler, thresholding, walk: str, known: bool) -> None:
    schedule, pairs = WALKS[walk]
    given = known_pixels() if known else None
    mask = torch.zeros(SHAPE, dtype=torch.bool) if given is None else given.mask.expand(SHAPE)
    denoiser = Counting(schedule)
    # z = grown · z_T + gathered, with what was taken off and put on gathered on the way.
    grown, gathered, calls, level = 1.0, torch.zeros(SHAPE, dtype=torch.float64), 0, pairs[0][0]
    first = None
    for step in reverse(denoiser, schedule, sampler, start(), pairs, noise, thresholding=thresholding, known=given):
        if first is None:
            first = step.z_t
        if step.t != level:
            kept, added = (
                math.sqrt(schedule.kept_between(step.t, level)),
                math.sqrt(schedule.beta_between(step.t, level)),
            )
            grown, gathered = kept * grown, kept * gathered + added * noise(step.index, NoisePurpose.RENOISE)
        level = step.s
        calls += step.model_calls
        assert denoiser.calls == calls
        state = step.coefficients.state
        assert torch.equal(step.z_s, step.mean + step.injected)
        scale = max(1.0, float((state * step.z_t).abs().max()))
        torch.testing.assert_close(step.mean, state * step.z_t - step.subtracted, rtol=0, atol=1e-12 * scale)
        by_rule = step.coefficients.predicted_noise * step.direction
        assert torch.equal(step.subtracted[~mask], by_rule[~mask])
        grown, gathered = state * grown, state * gathered - step.subtracted + step.injected
    torch.testing.assert_close(grown * first + gathered, step.z_s, rtol=1e-6, atol=1e-6)
    if pairs[-1][1] == -1:
        torch.testing.assert_close(step.z_s[~mask], step.x0[~mask], rtol=0, atol=1e-9 * scale)
        if given is not None:
            assert torch.equal(step.z_s[mask], given.picture.expand(SHAPE)[mask])


@EVERY_SAMPLER
@pytest.mark.parametrize("walk", SOME_WALKS)
@pytest.mark.parametrize("known", [False, True])
def test_going_on_from_any_step_gives_the_same_bits(sampler: Sampler, walk: str, known: bool) -> None:
    schedule, pairs = WALKS[walk]
    given = known_pixels() if known else None

    def run(z: torch.Tensor, **where) -> list:
        thresholding = Thresholding("clip")
        return list(
            reverse(
                Counting(schedule), schedule, sampler, z, pairs, noise, thresholding=thresholding, known=given, **where
            )
        )

    whole = run(start(torch.float32))
    for first in range(1, len(pairs)):
        # After going back up, what came before is no longer of use.
        fresh = max(index for index in range(first + 1) if index == 0 or pairs[index - 1][1] != pairs[index][0])
        before = [step.evaluation for step in whole[max(fresh, first - sampler.memory) : first]]
        for again, step in zip(run(whole[first].z_t, first=first, before=before), whole[first:], strict=True):
            for field in ("z_t", "eps", "x0", "direction", "subtracted", "mean", "injected", "z_s"):
                assert torch.equal(getattr(again, field), getattr(step, field))
            assert torch.equal(again.evaluation.departure, step.evaluation.departure)
            assert (again.index, again.t, again.s) == (step.index, step.t, step.s)


@pytest.mark.parametrize("sampler", [DPMSolverSampler(), UniPCSampler()], ids=repr)
def test_what_is_remembered_matters(sampler: Sampler) -> None:
    schedule, pairs = linear(100), sampling_pairs(linear(100), 8, "log_snr")
    whole = list(reverse(Counting(schedule), schedule, sampler, start(), pairs, noise))
    forgetful = next(reverse(Counting(schedule), schedule, sampler, whole[4].z_t, pairs, noise, first=4))
    assert not torch.allclose(forgetful.z_s, whole[4].z_s, rtol=1e-3)


@pytest.mark.parametrize("sampler", DETERMINISTIC, ids=repr)
@EVERY_WALK
def test_a_single_possible_picture_is_walked_to_exactly(sampler: Sampler, schedule, pairs) -> None:
    """With x̂0 = m whatever z is, ε̂ stays the same along a path: z_s = √ᾱ_s m + √(1−ᾱ_s) ε, for steps of any size."""
    m = 0.37
    for step in reverse(GaussianDenoiser(schedule, m, 0.0), schedule, sampler, start(), pairs, noise):
        eps = (step.z_t - float(schedule.sqrt_alpha_bar[step.t]) * m) / float(schedule.sqrt_one_minus_alpha_bar[step.t])
        signal, sigma = math.sqrt(schedule.alpha_bar_at(step.s)), math.sqrt(schedule.one_minus_alpha_bar_at(step.s))
        scale = max(1.0, float((step.coefficients.state * step.z_t).abs().max()))
        torch.testing.assert_close(step.z_s, signal * m + sigma * eps, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("sampler", DETERMINISTIC, ids=repr)
def test_every_sampler_without_fresh_noise_begins_as_ddim_and_ends_at_the_predicted_picture(sampler: Sampler) -> None:
    schedule, pairs = cosine(100), sampling_pairs(cosine(100), 6)
    *_, last = reverse(Counting(schedule), schedule, sampler, start(), pairs, noise)
    assert torch.equal(last.direction, last.eps)
    if not isinstance(sampler, HeunSampler):
        first, ddim = (
            next(reverse(Counting(schedule), schedule, rule, start(), pairs, noise))
            for rule in (sampler, DDIMSampler())
        )
        torch.testing.assert_close(first.z_s, ddim.z_s, rtol=1e-13, atol=1e-13)


@EVERY_SAMPLER
def test_schedules_at_the_edge_give_finite_pictures(sampler: Sampler) -> None:
    all_taken_away = np.linspace(0.01, 0.3, 20)
    all_taken_away[-1] = 1.0 - 2.0**-24 / float(np.prod(1.0 - all_taken_away[:-1]))
    too_small_to_be_seen = [1e-3, 1e-19, 1e-19, 1e-3, 1e-19, 0.5, 0.9]
    for beta in ([0.3], [1e-300], all_taken_away, too_small_to_be_seen):
        schedule = NoiseSchedule(beta)
        pairs = sampling_pairs(schedule)
        for dtype in (torch.float32, torch.float64):
            denoiser = GaussianDenoiser(schedule, 0.1, 0.25)
            *_, last = reverse(denoiser, schedule, sampler, start(dtype), pairs, noise)
            assert last.z_s.dtype == dtype
            assert last.z_s.isfinite().all()


@EVERY_SAMPLER
@pytest.mark.parametrize(("t", "s"), [(5, 5), (3, 4), (10, 3), (5, -2), (-1, -1)])
def test_no_sampler_has_numbers_for_a_step_that_does_not_exist(sampler: Sampler, t: int, s: int) -> None:
    with pytest.raises(ScheduleError):
        sampler.coefficients(linear(10), t, s)


def test_only_heun_asks_twice_and_never_at_the_picture() -> None:
    for sampler, s in itertools.product(STOCHASTIC + DETERMINISTIC, (-1, 0, 7)):
        assert sampler.model_calls(s) == (2 if isinstance(sampler, HeunSampler) and s >= 0 else 1)
