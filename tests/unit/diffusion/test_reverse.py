"""The reverse process: what each step holds, clipping, noise, and Algorithm 20.2 written out."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from studio.diffusion import (
    DDIMSampler,
    DDPMSampler,
    GaussianDenoiser,
    NoisePurpose,
    PictureNoise,
    Prediction,
    Thresholding,
    UniPCSampler,
    cosine,
    linear,
    reverse,
    sampling_pairs,
)
from studio.diffusion.reverse import renoise
from studio.errors import ScheduleError


class FromNoise:
    """A denoiser from a function of (z, t) that gives ε̂."""

    def __init__(self, schedule, predict_noise) -> None:
        self.schedule = schedule
        self.predict_noise = predict_noise
        self.asked: list[int] = []

    def predict(self, z_t, t, condition=None) -> Prediction:
        self.asked.append(t)
        eps = self.predict_noise(z_t, t)
        signal, sigma = self.schedule.sqrt_alpha_bar[t], self.schedule.sqrt_one_minus_alpha_bar[t]
        return Prediction(eps=eps, x0=(z_t - float(sigma) * eps) / float(signal))


def threshold(clip: bool) -> Thresholding:
    return Thresholding("clip" if clip else "none")


def predict_noise(z: torch.Tensor, t: int) -> torch.Tensor:
    return torch.tanh(z * (0.5 + t / 100)) + 0.1 * z.roll(1, -1)


def test_algorithm_20_2_written_out_gives_the_same_pictures() -> None:
    schedule = linear(60)
    noise = PictureNoise(7, (0, 1), (1, 4, 4))
    z = noise.initial().double()
    fresh = [noise.at(index).double() for index in range(60)]
    *_, last = reverse(
        FromNoise(schedule, predict_noise),
        schedule,
        DDPMSampler(),
        z,
        sampling_pairs(linear(60)),
        lambda index: fresh[index],
    )
    # The book's own lines, t = T..2 and then t = 1.
    beta = [None, *schedule.beta.tolist()]
    alpha = [math.prod(1 - b for b in beta[1 : t + 1]) for t in range(61)]
    for t in range(60, 1, -1):
        g = predict_noise(z, t - 1)
        mu = (z - beta[t] / math.sqrt(1 - alpha[t]) * g) / math.sqrt(1 - beta[t])
        z = mu + math.sqrt(beta[t]) * fresh[60 - t]
    x = (z - beta[1] / math.sqrt(1 - alpha[1]) * predict_noise(z, 0)) / math.sqrt(1 - beta[1])
    torch.testing.assert_close(last.z_s, x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler(), DDIMSampler(0.7)])
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("steps", [None, 9])
def test_the_equations_of_every_step_hold(sampler, clip: bool, steps: int | None) -> None:
    schedule = linear(50)
    noise = PictureNoise(1, range(3), (2, 5, 4))
    pairs = sampling_pairs(linear(50), steps)
    walked = list(
        reverse(
            FromNoise(schedule, predict_noise),
            schedule,
            sampler,
            noise.initial(),
            pairs,
            noise.at,
            thresholding=threshold(clip),
        )
    )
    assert [(step.t, step.s) for step in walked] == list(pairs)
    assert [step.index for step in walked] == list(range(len(pairs)))
    assert {step.total for step in walked} == {len(pairs)}
    assert torch.equal(walked[0].z_t, noise.initial())
    for before, after in itertools.pairwise(walked):
        assert after.z_t is before.z_s
    for step in walked:
        assert step.coefficients == sampler.coefficients(schedule, step.t, step.s)
        assert torch.equal(step.subtracted, step.coefficients.predicted_noise * step.eps)
        assert torch.equal(step.mean, step.coefficients.state * step.z_t - step.subtracted)
        assert torch.equal(step.z_s, step.mean + step.injected)
        assert torch.equal(step.injected, step.coefficients.fresh_noise * noise.at(step.index))
        signal, sigma = float(schedule.sqrt_alpha_bar[step.t]), float(schedule.sqrt_one_minus_alpha_bar[step.t])
        torch.testing.assert_close(signal * step.x0 + sigma * step.eps, step.z_t, rtol=3e-7, atol=3e-6)
    assert not walked[-1].injected.any()
    torch.testing.assert_close(walked[-1].z_s, walked[-1].x0, rtol=1e-5, atol=1e-5)


def test_clipping_holds_x0_within_one_and_counts_what_was_beyond() -> None:
    schedule = cosine(50)
    noise = PictureNoise(5, range(4), (1, 6, 6))

    def run(clip: bool):
        denoiser = FromNoise(schedule, lambda z, t: 0.6 * z)
        return list(
            reverse(
                denoiser,
                schedule,
                DDIMSampler(),
                noise.initial(),
                sampling_pairs(linear(50), 10),
                noise.at,
                thresholding=threshold(clip),
            )
        )

    free, held = run(False)[0], run(True)
    assert free.clipped_share == held[0].clipped_share == float((free.x0.abs() > 1).float().mean())
    assert free.clipped_share > 0.5
    assert free.x0.abs().max() > 10
    for step in held:
        assert step.x0.abs().max() <= 1
    within = free.x0.abs() <= 1
    assert torch.equal(held[0].eps[within], free.eps[within])


def test_without_anything_beyond_one_clipping_changes_not_a_bit() -> None:
    schedule = linear(50)
    noise = PictureNoise(5, range(4), (1, 6, 6))
    pictures = []
    for clip in (False, True):
        walk = reverse(
            GaussianDenoiser(schedule, 0.1, 1e-6),
            schedule,
            DDPMSampler(),
            noise.initial(),
            sampling_pairs(linear(50)),
            noise.at,
            thresholding=threshold(clip),
        )
        *_, last = walk
        pictures.append(last.z_s)
    assert torch.equal(*pictures)


def test_noise_is_only_asked_for_where_it_is_added() -> None:
    schedule, asked = linear(10), []

    def noise(index: int) -> torch.Tensor:
        asked.append(index)
        return torch.zeros(1, 1, 1, 2)

    denoiser, z = GaussianDenoiser(schedule, 0.0, 0.5), torch.ones(1, 1, 1, 2)
    list(reverse(denoiser, schedule, DDPMSampler(), z, sampling_pairs(linear(10), 5), noise))
    assert asked == [0, 1, 2, 3]
    asked.clear()
    list(reverse(denoiser, schedule, DDIMSampler(), z, sampling_pairs(linear(10), 5), noise))
    assert asked == []


def test_the_caller_owns_the_loop_and_one_step_asks_the_model_once() -> None:
    schedule = linear(10)
    denoiser = FromNoise(schedule, predict_noise)
    z = torch.ones(1, 1, 1, 2)
    walk = reverse(denoiser, schedule, DDIMSampler(), z, sampling_pairs(linear(10)), lambda index: z)
    assert denoiser.asked == []
    next(walk)
    next(walk)
    assert denoiser.asked == [9, 8]
    walk.close()


def test_bad_pairs_are_refused_before_the_first_step() -> None:
    schedule, z = linear(10), torch.ones(1, 1, 1, 2)
    with pytest.raises(ScheduleError):
        reverse(FromNoise(schedule, predict_noise), schedule, DDIMSampler(), z, [(9, 4), (3, -1)], lambda index: z)


def test_the_condition_reaches_the_denoiser() -> None:
    schedule, z, seen = linear(3), torch.ones(1, 1, 1, 2), []

    class Conditional(FromNoise):
        def predict(self, z_t, t, condition=None):
            seen.append(condition)
            return super().predict(z_t, t)

    denoiser = Conditional(schedule, predict_noise)
    list(reverse(denoiser, schedule, DDIMSampler(), z, sampling_pairs(linear(3)), lambda index: z, condition=4))
    assert seen == [4, 4, 4]


@pytest.mark.parametrize("first", [-1, 3])
def test_a_run_cannot_be_gone_on_with_where_it_has_no_step(first: int) -> None:
    schedule, z = linear(3), torch.ones(1, 1, 1, 2)
    with pytest.raises(ValueError, match=f"3 steps has no step {first}"):
        reverse(
            FromNoise(schedule, predict_noise), schedule, DDIMSampler(), z, sampling_pairs(schedule), None, first=first
        )


@pytest.mark.parametrize(("s", "t"), [(-1, 30), (0, 1), (12, 49)])
def test_going_back_up_is_the_forward_process(s: int, t: int) -> None:
    """q(z_t | z_s) of z_s ~ q(z_s | x) is q(z_t | x): the mean and the variance of the noise are those of level t."""
    schedule = cosine(50)
    x = 0.6
    signal_s, noise_s = math.sqrt(schedule.alpha_bar_at(s)), schedule.one_minus_alpha_bar_at(s)
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    assert float(renoise(schedule, signal_s * x * one, s, t, zero)) == pytest.approx(
        math.sqrt(schedule.alpha_bar_at(t)) * x, rel=1e-12
    )
    of_old = float(renoise(schedule, math.sqrt(noise_s) * one, s, t, zero))
    of_new = float(renoise(schedule, zero, s, t, one))
    assert of_old**2 + of_new**2 == pytest.approx(schedule.one_minus_alpha_bar_at(t), rel=1e-9)


def test_going_back_up_adds_noise_of_its_own_and_forgets_the_way_there() -> None:
    schedule = linear(60)
    noise = PictureNoise(3, (0, 1), (1, 3, 3))
    pairs = ((59, 40), (40, 20), (20, 10), (45, 30), (30, 10), (10, -1))
    denoiser = FromNoise(schedule, predict_noise)
    steps = list(reverse(denoiser, schedule, UniPCSampler(), noise.initial(), pairs, noise.at))
    expected = renoise(schedule, steps[2].z_s, 10, 45, noise.at(3, NoisePurpose.RENOISE))
    assert torch.equal(steps[3].z_t, expected)
    afresh = list(reverse(denoiser, schedule, UniPCSampler(), steps[3].z_t, pairs[3:], noise.at))
    for again, step in zip(afresh, steps[3:], strict=True):
        assert torch.equal(again.z_s, step.z_s)
