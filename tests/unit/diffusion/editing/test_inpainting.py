"""Making a part anew: given pixels to the last bit, the walk of the RePaint paper, and how well the parts fit."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from diffusers import RePaintScheduler
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import (
    SAMPLERS,
    DDIMSampler,
    DDPMSampler,
    GaussianDenoiser,
    Prediction,
    ReverseRun,
    Thresholding,
    known_from_mask,
    linear,
    make_sampler,
    noised_start,
    repaint_pairs,
    sampling_pairs,
    start_level,
)
from studio.errors import SettingsError


class Wavy:
    """A denoiser that no sampler is exact for, and whose x̂0 lies far beyond ±1."""

    class_count = None

    def __init__(self, schedule) -> None:
        self.schedule = schedule

    def predict(self, z_t, t, condition=None) -> Prediction:
        eps = torch.tanh(z_t * (0.5 + t / 100)) + 0.1 * z_t.roll(1, -1)
        signal, sigma = float(self.schedule.sqrt_alpha_bar[t]), float(self.schedule.sqrt_one_minus_alpha_bar[t])
        return Prediction(eps=eps, x0=(z_t - sigma * eps) / signal)


def random_picture(shape: tuple[int, int, int, int]) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(5)) * 2 - 1


def walk_of(name: str, schedule, steps: int, start: int | None = None):
    return sampling_pairs(schedule, steps, SAMPLERS[name].spacing, start)


# Given pixels


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("kind", ["none", "clip", "dynamic"])
@pytest.mark.parametrize("resamplings", [1, 3])
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_given_pixels_come_out_bit_for_bit(name: str, kind: str, resamplings: int, strength: float) -> None:
    schedule = linear(100)
    picture, mask = random_picture((1, 2, 6, 6)), np.zeros((6, 6), np.uint8)
    mask[1:4, 2:6] = 255
    start = start_level(schedule, strength)
    run = ReverseRun(
        schedule,
        make_sampler(name),
        repaint_pairs(walk_of(name, schedule, 12, start), 4, resamplings),
        seed=1,
        pictures=(0, 1, 2),
        shape=(2, 6, 6),
        thresholding=Thresholding(kind),
        known=known_from_mask(picture, mask),
    )
    z = noised_start(schedule, picture, start, run.noise().initial())
    *_, last = run.steps(Wavy(schedule), z)
    given_pixels = torch.from_numpy(mask == 0).expand_as(last.z_s)
    result, expected = last.z_s.view(torch.int32), picture.expand(3, -1, -1, -1).contiguous().view(torch.int32)
    assert torch.equal(result[given_pixels], expected[given_pixels])
    assert (result[~given_pixels] != expected[~given_pixels]).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_given_pixels_carry_the_noise_of_their_level_at_every_step(name: str) -> None:
    schedule = linear(100)
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 20:] = 255
    # All of one sign, so that a wrong share of it shows in the mean.
    picture = random_picture((1, 1, 40, 40)).abs()
    run = ReverseRun(
        schedule,
        make_sampler(name),
        repaint_pairs(walk_of(name, schedule, 10), 3, 2),
        seed=1,
        pictures=tuple(range(5)),
        shape=(1, 40, 40),
        known=known_from_mask(picture, mask),
    )
    for step in run.steps(GaussianDenoiser(schedule, 0.0, 0.3)):
        for z, level in ((step.z_t, step.t), (step.z_s, step.s)):
            excess = (z - math.sqrt(schedule.alpha_bar_at(level)) * picture)[..., :20].double()
            if level == -1:
                assert not excess.any()
                continue
            normal = excess / math.sqrt(schedule.one_minus_alpha_bar_at(level))
            assert abs(float(normal.mean())) < 5 / math.sqrt(normal.numel())
            assert float(normal.std()) == pytest.approx(1.0, abs=5 / math.sqrt(2 * normal.numel()))


# Masks


def test_white_is_made_anew_black_stays_and_grey_goes_to_the_nearer() -> None:
    mask = np.array([[0, 255, 127, 128]], np.uint8)
    known = known_from_mask(torch.zeros(1, 3, 1, 4), mask)
    assert known.mask.tolist() == [[[[True, False, True, False]]]]


def test_each_picture_may_have_a_mask_of_its_own() -> None:
    masks = np.array([[[0, 255]], [[255, 0]]], np.uint8)
    known = known_from_mask(torch.tensor([[[[0.1, 0.2]]]]), masks)
    replaced = known.replace(torch.zeros(2, 1, 1, 2), known.picture.expand(2, -1, -1, -1))
    torch.testing.assert_close(replaced, torch.tensor([[[[0.1, 0.0]]], [[[0.0, 0.2]]]]))


def test_a_mask_of_another_size_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="4×3 pixels, the picture 5×3"):
        known_from_mask(torch.zeros(1, 1, 3, 5), np.full((3, 4), 255, np.uint8))
    with pytest.raises(SettingsError, match="2 masks for 3 pictures"):
        known_from_mask(torch.zeros(3, 1, 3, 5), np.full((2, 3, 5), 255, np.uint8))


def test_a_mask_that_marks_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="nothing white"):
        known_from_mask(torch.zeros(1, 1, 3, 5), np.full((3, 5), 127, np.uint8))


@pytest.mark.parametrize(
    "mask", [np.ones((3, 5), bool), np.zeros((3, 5, 3, 1), np.uint8), np.zeros((3, 5), np.float32)]
)
def test_what_is_no_mask_is_refused(mask) -> None:
    with pytest.raises(ValueError, match="a mask must be uint8"):
        known_from_mask(torch.zeros(1, 1, 3, 5), mask)


# The walk


def levels_of_the_paper(steps: int, jump_length: int, resamplings: int) -> list[int]:
    """The states of RePaint's walk, step by step also upwards: numbers of levels from the picture (−1) to steps − 1."""
    left = dict.fromkeys(range(0, steps - jump_length, jump_length), resamplings - 1)
    states, level = [steps - 1], steps - 1
    while True:
        if left.get(level, 0) > 0:
            left[level] -= 1
            for _ in range(jump_length):
                level += 1
                states.append(level)
        level -= 1
        states.append(level)
        if level == -1:
            return states


def downwards(states: list[int]) -> list[tuple[int, int]]:
    return [(before, after) for before, after in itertools.pairwise(states) if after < before]


sizes = st.tuples(st.integers(2, 60), st.integers(1, 59), st.integers(1, 5)).filter(lambda size: size[1] < size[0])


@given(sizes)
def test_the_walk_is_that_of_the_paper(size: tuple[int, int, int]) -> None:
    steps, jump_length, resamplings = size
    walk = repaint_pairs([(level, level - 1) for level in range(steps - 1, -1, -1)], jump_length, resamplings)
    states = levels_of_the_paper(steps, jump_length, resamplings)
    assert list(walk) == downwards(states)
    assert len(walk) == steps + (resamplings - 1) * jump_length * math.ceil((steps - jump_length) / jump_length)
    # The steps up, which are not written in the walk, are where it begins above the end of the one before.
    gone_up = sum(after[0] - before[1] for before, after in itertools.pairwise(walk))
    assert gone_up == len(states) - 1 - len(walk)


@given(sizes)
def test_the_walk_is_that_of_diffusers(size: tuple[int, int, int]) -> None:
    steps, jump_length, resamplings = size
    scheduler = RePaintScheduler(num_train_timesteps=steps)
    scheduler.set_timesteps(steps, jump_length=jump_length, jump_n_sample=resamplings)
    walk = repaint_pairs(sampling_pairs(linear(steps)), jump_length, resamplings)
    assert list(walk) == downwards([*scheduler.timesteps.tolist(), -1])


def test_the_walk_keeps_to_the_levels_of_its_pairs() -> None:
    walk = repaint_pairs([(99, 70), (70, 42), (42, 20), (20, 3), (3, -1)], 2, 2)
    assert walk == (
        *[(99, 70), (70, 42)],
        *[(99, 70), (70, 42), (42, 20), (20, 3)],
        *[(42, 20), (20, 3), (3, -1)],
    )


def test_one_resampling_is_the_plain_walk_however_short() -> None:
    pairs = sampling_pairs(linear(10), 3)
    assert repaint_pairs(pairs) == pairs


@pytest.mark.parametrize(("jump_length", "resamplings"), [(0, 2), (2, 0), (3, 2), (10, 2)])
def test_impossible_walks_are_refused(jump_length: int, resamplings: int) -> None:
    with pytest.raises(SettingsError):
        repaint_pairs(sampling_pairs(linear(10), 3), jump_length, resamplings)


def test_a_walk_with_jumps_cannot_be_given_more_of_them() -> None:
    walk = repaint_pairs(sampling_pairs(linear(10)), 2, 2)
    with pytest.raises(ValueError, match="straight down"):
        repaint_pairs(walk, 2, 2)


# How well the new part fits the given one: two pixels N(0, v) with correlation ρ, of which the first is given


VARIANCE, CORRELATION, GIVEN = 0.25, 0.8, 0.5
COVARIANCE = VARIANCE * np.array([[1.0, CORRELATION], [CORRELATION, 1.0]])
TRUE_MEAN, TRUE_VARIANCE = CORRELATION * GIVEN, VARIANCE * (1.0 - CORRELATION**2)


@dataclass
class CorrelatedGaussianDenoiser:
    """The exact denoiser of pictures of two pixels that are N(0, COVARIANCE): ε̂ = √(1−ᾱ) (ᾱ Σ + (1−ᾱ) I)⁻¹ z_t."""

    schedule: object
    class_count = None

    def gain(self, t: int) -> np.ndarray:
        alpha_bar, noise = self.schedule.alpha_bar_at(t), self.schedule.one_minus_alpha_bar_at(t)
        return math.sqrt(noise) * np.linalg.inv(alpha_bar * COVARIANCE + noise * np.eye(2))

    def predict(self, z_t, t, condition=None) -> Prediction:
        eps = (z_t.flatten(1) @ torch.from_numpy(self.gain(t)).to(z_t)).view(z_t.shape)
        signal, sigma = float(self.schedule.sqrt_alpha_bar[t]), float(self.schedule.sqrt_one_minus_alpha_bar[t])
        return Prediction(eps=eps, x0=(z_t - sigma * eps) / signal)


def moments_of_the_new_pixel(schedule, sampler, pairs) -> tuple[float, float]:
    """Its mean and variance at the end of a walk in closed form: every z is Gaussian, for all is linear. Given pixels
    are drawn anew after each step, so they depend on nothing before."""
    denoiser = CorrelatedGaussianDenoiser(schedule)
    end = pairs[0][0]
    mean = np.array([math.sqrt(schedule.alpha_bar_at(end)) * GIVEN, 0.0])
    covariance = np.diag([schedule.one_minus_alpha_bar_at(end), 1.0])
    for t, s in pairs:
        if t > end:
            kept = schedule.kept_between(t, end)
            mean, covariance = math.sqrt(kept) * mean, kept * covariance + (1.0 - kept) * np.eye(2)
        step = sampler.coefficients(schedule, t, s)
        matrix = step.state * np.eye(2) - step.predicted_noise * denoiser.gain(t)
        mean, covariance = matrix @ mean, matrix @ covariance @ matrix.T + step.fresh_noise**2 * np.eye(2)
        mean[0] = math.sqrt(schedule.alpha_bar_at(s)) * GIVEN
        covariance = np.diag([schedule.one_minus_alpha_bar_at(s), covariance[1, 1]])
        end = s
    return float(mean[1]), float(covariance[1, 1])


def distance_to_truth(mean: float, variance: float) -> float:
    """The 2-Wasserstein distance of N(mean, variance) to the conditional distribution of the new pixel."""
    return math.hypot(mean - TRUE_MEAN, math.sqrt(variance) - math.sqrt(TRUE_VARIANCE))


@pytest.mark.parametrize("sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler()])
@pytest.mark.parametrize(("jump_length", "resamplings"), [(5, 1), (5, 4)])
def test_new_pixels_are_distributed_as_the_walk_says(sampler, jump_length: int, resamplings: int) -> None:
    schedule, count = linear(1000), 3000
    pairs = repaint_pairs(sampling_pairs(schedule, 40), jump_length, resamplings)
    run = ReverseRun(
        schedule,
        sampler,
        pairs,
        seed=2,
        pictures=tuple(range(count)),
        shape=(1, 1, 2),
        known=known_from_mask(torch.full((1, 1, 1, 2), GIVEN), np.array([[0, 255]], np.uint8)),
    )
    *_, last = run.steps(CorrelatedGaussianDenoiser(schedule))
    assert (last.z_s[..., 0] == GIVEN).all()
    new = last.z_s[..., 1].double()
    mean, variance = moments_of_the_new_pixel(schedule, sampler, pairs)
    assert float(new.mean()) == pytest.approx(mean, abs=5 * math.sqrt(variance / count))
    assert float(new.var()) == pytest.approx(variance, rel=5 * math.sqrt(2 / count))


@pytest.mark.parametrize(
    "sampler", [DDPMSampler(), DDPMSampler("posterior"), DDIMSampler()], ids=["beta", "beta~", "ddim"]
)
def test_replacement_alone_is_biased_and_resampling_mends_it(sampler) -> None:
    schedule, distances = linear(1000), []
    for resamplings in (1, 2, 5, 10):
        pairs = repaint_pairs(sampling_pairs(schedule, 250), 10, resamplings)
        mean, variance = moments_of_the_new_pixel(schedule, sampler, pairs)
        distances.append(distance_to_truth(mean, variance))
        print(f"{resamplings:3} resamplings, {len(pairs):5} steps: N({mean:.3f}, {variance:.3f})")
    print(f"             the truth: N({TRUE_MEAN:.3f}, {TRUE_VARIANCE:.3f})")
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.15
    assert distances[-1] < 0.25 * distances[0]


@pytest.mark.parametrize(
    ("sampler", "steps", "jump_length", "resamplings", "mean", "variance"),
    [
        (DDPMSampler(), 250, 10, 1, 0.247, 0.127),
        (DDPMSampler(), 250, 10, 2, 0.311, 0.110),
        (DDPMSampler(), 250, 10, 5, 0.360, 0.100),
        (DDPMSampler(), 250, 10, 10, 0.376, 0.098),
        (DDPMSampler(), 50, 10, 10, 0.272, 0.137),
        (DDPMSampler(), 50, 1, 10, 0.362, 0.103),
        (DDIMSampler(), 250, 10, 1, 0.174, 0.146),
    ],
)
def test_the_table_in_the_description_is_true(sampler, steps, jump_length, resamplings, mean, variance) -> None:
    schedule = linear(1000)
    pairs = repaint_pairs(sampling_pairs(schedule, steps), jump_length, resamplings)
    assert moments_of_the_new_pixel(schedule, sampler, pairs) == pytest.approx((mean, variance), abs=5.01e-4)


def test_in_few_steps_short_jumps_mend_more() -> None:
    schedule, means = linear(1000), []
    for jump_length in (20, 10, 5, 1):
        pairs = repaint_pairs(sampling_pairs(schedule, 50), jump_length, 10)
        means.append(moments_of_the_new_pixel(schedule, DDPMSampler(), pairs)[0])
    assert means == sorted(means)
    assert means[-1] < TRUE_MEAN
