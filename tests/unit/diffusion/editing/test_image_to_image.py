"""Beginning from a picture, against what is left of it in closed form.

For pixels N(m, v) and the exact denoiser, with g = √(v / (ᾱ_t v + 1 − ᾱ_t)), the probability flow takes z_t to
m + g (z_t − √ᾱ_t m), and ancestral sampling draws from the posterior N(m + g² √ᾱ_t (z_t − √ᾱ_t m), g² (1 − ᾱ_t)).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import (
    SAMPLERS,
    GaussianDenoiser,
    PictureNoise,
    cosine,
    linear,
    make_sampler,
    noised_start,
    reverse,
    sampling_pairs,
    start_level,
    steps_from,
)
from studio.diffusion.denoisers import DataSetDenoiser
from studio.errors import ScheduleError, SettingsError

MEAN, VARIANCE = 0.3, 0.25
WITHOUT_NOISE = [name for name in SAMPLERS if name != "ddpm"]


def edited(
    name: str, picture: torch.Tensor, strength: float, steps: int | None, seed: int = 3, schedule=None, **options
):
    """(z at the start, ᾱ there, result): image-to-image with the exact denoiser of N(MEAN, VARIANCE), in float64."""
    schedule = schedule or linear(1000)
    t = start_level(schedule, strength)
    noise = PictureNoise(seed, range(picture.shape[0]), tuple(picture.shape[1:]))
    z = noised_start(schedule, picture, t, noise.initial().double())
    pairs = sampling_pairs(schedule, steps, SAMPLERS[name].spacing, start=t)
    denoiser = GaussianDenoiser(schedule, MEAN, VARIANCE)
    *_, last = reverse(denoiser, schedule, make_sampler(name, **options), z, pairs, noise)
    return z, schedule.alpha_bar_at(t), last.z_s


def gain(alpha_bar: float) -> float:
    return math.sqrt(VARIANCE / (alpha_bar * VARIANCE + 1.0 - alpha_bar))


def pictures(count: int = 30, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(8)
    return MEAN + math.sqrt(VARIANCE) * torch.randn((count, 1, size, size), generator=generator, dtype=torch.float64)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1])


@pytest.mark.parametrize(
    ("steps", "strength", "level"),
    [(1000, 1.0, 999), (1000, 0.6, 599), (1000, 0.0004, 0), (1000, 1e-9, 0), (7, 1.0, 6), (7, 0.5, 3), (1, 0.3, 0)],
)
def test_the_strength_is_the_noise_level(steps: int, strength: float, level: int) -> None:
    assert start_level(linear(steps), strength) == level


@given(st.integers(1, 200), st.floats(0.0, 1.0, exclude_min=True), st.floats(0.0, 1.0, exclude_min=True))
def test_more_strength_never_means_less_noise(steps: int, one: float, other: float) -> None:
    schedule = linear(steps)
    lower, higher = sorted((one, other))
    assert 0 <= start_level(schedule, lower) <= start_level(schedule, higher) < steps


@pytest.mark.parametrize("strength", [0.0, -0.1, 1.01, math.nan, math.inf])
def test_an_impossible_strength_is_refused(strength: float) -> None:
    with pytest.raises(SettingsError, match="strength"):
        start_level(linear(10), strength)


@pytest.mark.parametrize("t", [0, 17, 99])
def test_the_start_is_drawn_from_the_forward_process(t: int) -> None:
    schedule = cosine(100)
    picture = torch.rand((1, 2, 5, 4), generator=torch.Generator().manual_seed(1)) * 2 - 1
    noise = PictureNoise(4, range(2000), (2, 5, 4)).initial()
    z = noised_start(schedule, picture, t, noise)
    assert z.shape == noise.shape
    assert z.dtype == noise.dtype
    alpha_bar = math.prod(1.0 - beta for beta in schedule.beta[: t + 1].tolist())
    expected = math.sqrt(alpha_bar) * picture.double() + math.sqrt(1.0 - alpha_bar) * noise.double()
    torch.testing.assert_close(z.double(), expected, rtol=1e-6, atol=1e-6)
    # Pixel by pixel, 5.5 standard errors of 40 pixels: mean √ᾱ x and variance 1 − ᾱ.
    error = 5.5 / math.sqrt(2000)
    assert ((z.mean(0) - math.sqrt(alpha_bar) * picture[0]).abs() < error * math.sqrt(1.0 - alpha_bar)).all()
    assert ((z.var(0) / (1.0 - alpha_bar) - 1.0).abs() < error * math.sqrt(2)).all()


def test_each_picture_may_have_its_own_start() -> None:
    schedule, noise = linear(10), torch.zeros(3, 1, 2, 2)
    picture = torch.arange(12.0).view(3, 1, 2, 2) / 12
    expected = schedule.sqrt_alpha_bar[4] * picture.double()
    torch.testing.assert_close(noised_start(schedule, picture, 4, noise).double(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1, 4, 5), (1, 3, 4, 4), (2, 1, 4, 4), (1, 4, 4)])
def test_a_picture_of_another_size_is_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="×".join(str(size) for size in shape)):
        noised_start(linear(10), torch.zeros(shape), 5, torch.zeros(3, 1, 4, 4))


@pytest.mark.parametrize("t", [-1, 10])
def test_a_level_that_is_not_there_is_refused(t: int) -> None:
    with pytest.raises(ScheduleError):
        noised_start(linear(10), torch.zeros(1, 1, 4, 4), t, torch.zeros(3, 1, 4, 4))


@pytest.mark.parametrize(
    ("steps", "start", "expected"),
    [
        (50, 999, 50),
        (50, 599, 30),
        (20, 24, 1),
        (50, 0, 1),
        (30, 749, 23),
        (1000, 0, 1),
        (None, 499, 500),
        (1000, 499, 500),
    ],
)
def test_steps_of_the_whole_way_are_shared_out(steps: int | None, start: int, expected: int) -> None:
    assert steps_from(linear(1000), steps, start) == expected


@given(st.data())
def test_the_part_of_the_way_has_steps_no_longer_than_the_whole(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 300))
    steps, start = data.draw(st.integers(1, total)), data.draw(st.integers(0, total - 1))
    schedule = linear(total)
    count = steps_from(schedule, steps, start)
    pairs = sampling_pairs(schedule, count, start=start)
    assert len(pairs) == count
    assert pairs[0][0] == start
    assert max(t - s for t, s in pairs) <= math.ceil(total / steps)
    # Not more of them than that takes.
    assert (count - 1) * total < steps * (start + 1)


@pytest.mark.parametrize(("steps", "start"), [(0, 5), (11, 5), (5, 10), (5, -1)])
def test_impossible_steps_are_refused(steps: int, start: int) -> None:
    with pytest.raises(ScheduleError):
        steps_from(linear(10), steps, start)


@pytest.mark.parametrize("name", SAMPLERS)
def test_almost_no_strength_gives_the_picture_back(name: str) -> None:
    picture = pictures(count=4)
    _, _, result = edited(name, picture, strength=1e-6, steps=None)
    # σ at t = 0 is 0.01.
    assert (result - picture).abs().max() < 0.05
    assert correlation(result, picture) > 0.999


@pytest.mark.parametrize("name", SAMPLERS)
def test_full_strength_forgets_the_picture(name: str) -> None:
    picture = pictures()
    _, _, result = edited(name, picture, strength=1.0, steps=50)
    # √(ᾱ_T v) = 0.0032, and 5 standard errors.
    assert abs(correlation(result, picture)) < 0.0033 + 5 / math.sqrt(picture.numel())


@pytest.mark.parametrize("name", WITHOUT_NOISE)
@pytest.mark.parametrize("strength", [0.2, 0.6])
def test_without_fresh_noise_the_result_is_that_of_the_probability_flow(name: str, strength: float) -> None:
    picture = pictures(count=6)
    z, alpha_bar, result = edited(name, picture, strength, steps=100)
    expected = MEAN + gain(alpha_bar) * (z - math.sqrt(alpha_bar) * MEAN)
    assert (result - expected).std() < 0.02 * math.sqrt(VARIANCE)
    assert correlation(result, picture) == pytest.approx(gain(alpha_bar) * math.sqrt(alpha_bar), abs=0.03)


@pytest.mark.parametrize("name", WITHOUT_NOISE)
def test_mean_and_spread_of_the_results_for_one_picture(name: str) -> None:
    picture = torch.full((20, 1, 32, 32), 0.9, dtype=torch.float64)
    _, alpha_bar, result = edited(name, picture, strength=0.4, steps=100)
    left, spread = gain(alpha_bar) * math.sqrt(alpha_bar), gain(alpha_bar) * math.sqrt(1.0 - alpha_bar)
    assert float(result.mean()) == pytest.approx(
        MEAN + left * (0.9 - MEAN), abs=5 * spread / math.sqrt(result.numel()) + 0.002
    )
    assert float(result.std()) == pytest.approx(spread, rel=5 / math.sqrt(2 * result.numel()) + 0.02)


@pytest.mark.parametrize(
    ("name", "options"), [("ddpm", {"variance": "posterior"}), ("ddpm", {}), ("ddim", {"eta": 1.0})]
)
def test_with_all_the_fresh_noise_the_picture_is_forgotten_twice(name: str, options) -> None:
    picture = pictures(count=10)
    z, alpha_bar, result = edited(name, picture, strength=0.4, steps=None, **options)
    excess = z - math.sqrt(alpha_bar) * MEAN
    drawn = result - (MEAN + gain(alpha_bar) ** 2 * math.sqrt(alpha_bar) * excess)
    deviation = gain(alpha_bar) * math.sqrt(1.0 - alpha_bar)
    assert abs(float(drawn.mean())) < 5 * deviation / math.sqrt(drawn.numel())
    assert float(drawn.std()) == pytest.approx(deviation, rel=5 / math.sqrt(2 * drawn.numel()) + 0.02)
    assert abs(correlation(drawn, excess)) < 5 / math.sqrt(drawn.numel()) + 0.005
    assert correlation(result, picture) == pytest.approx(gain(alpha_bar) ** 2 * alpha_bar, abs=0.05)


@pytest.mark.parametrize("strength", [0.05, 0.3, 0.5, 0.7])
def test_how_much_of_the_picture_is_left_follows_the_strength(strength: float) -> None:
    picture = pictures(count=10)
    _, alpha_bar, result = edited("ddim", picture, strength, steps=None)
    expected = math.sqrt(alpha_bar * VARIANCE / (alpha_bar * VARIANCE + 1.0 - alpha_bar))
    # The standard error of a correlation ρ is (1 − ρ²)/√n.
    error = 5 * (1.0 - expected**2) / math.sqrt(picture.numel())
    assert correlation(result, picture) == pytest.approx(expected, abs=error)


@pytest.mark.parametrize("name", SAMPLERS)
def test_from_a_picture_of_a_data_set_to_itself_or_to_any_other(name: str) -> None:
    # The exact denoiser of a data set makes its pictures and no others: a little noise leads back, all of it anywhere.
    schedule, count, runs = linear(200), 8, 200
    data_set = np.random.default_rng(6).integers(0, 256, (count, 4, 4, 1), dtype=np.uint8)
    denoiser = DataSetDenoiser(schedule, data_set)
    x = torch.from_numpy(data_set).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    arrived = {}
    for strength in (0.1, 1.0):
        start = start_level(schedule, strength)
        noise = PictureNoise(2, range(runs), (1, 4, 4))
        pairs = sampling_pairs(schedule, min(start + 1, 60), SAMPLERS[name].spacing, start=start)
        z = noised_start(schedule, x[:1], start, noise.initial())
        *_, last = reverse(denoiser, schedule, make_sampler(name), z, pairs, noise)
        distances = torch.cdist(last.z_s.flatten(1), x.flatten(1))
        assert distances.amin(1).max() < 0.05
        arrived[strength] = torch.bincount(distances.argmin(1), minlength=count)
    assert arrived[0.1][0] == runs
    # Each is as likely as any other: chi-squared with 7 degrees of freedom exceeds 29.9 in 1 of 10,000 cases.
    expected = runs / count
    assert float(((arrived[1.0] - expected) ** 2 / expected).sum()) < 29.9
