"""Walking among seeds: what must hold of points on a sphere, and of the noise that a model was trained on."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from studio.diffusion import PictureNoise, interpolate, seed_path, slerp, vary
from studio.errors import SettingsError


def noise(seed: int, count: int = 3, shape: tuple[int, int, int] = (1, 6, 5)) -> torch.Tensor:
    return PictureNoise(seed, range(count), shape).initial()


def norms(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.flatten(1).double().norm(dim=1)


def angles(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Between the pictures of a and b, by Kahan's formula, which is exact for small and for large angles."""
    u, v = a.flatten(1).double() / norms(a)[:, None], b.flatten(1).double() / norms(b)[:, None]
    return 2 * torch.atan2((u - v).norm(dim=1), (u + v).norm(dim=1))


fractions = st.floats(0.0, 1.0)
pixels = st.floats(-4.0, 4.0, width=32)


@st.composite
def noise_pairs(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)))
    a, b = (torch.from_numpy(draw(arrays.arrays("float32", shape, elements=pixels))) for _ in range(2))
    kind = draw(st.sampled_from(["any", "same", "opposite", "parallel"]))
    return a, {"any": b, "same": a.clone(), "opposite": -a, "parallel": a * 0.75}[kind]


@given(noise_pairs(), fractions)
def test_the_norm_stays_between_the_two_and_nothing_is_ever_undefined(pair, fraction: float) -> None:
    a, b = pair
    between = slerp(a, b, fraction)
    assert between.shape == a.shape
    assert between.dtype == torch.float32
    assert between.isfinite().all()
    if a[0].numel() == 1:
        # On a line there is no way around zero between opposite values.
        assert (norms(between) <= torch.maximum(norms(a), norms(b)) * (1 + 1e-6)).all()
        return
    expected = ((1 - fraction) * norms(a) ** 2 + fraction * norms(b) ** 2).sqrt()
    both = (norms(a) > 0) & (norms(b) > 0)
    torch.testing.assert_close(norms(between)[both], expected[both], rtol=1e-6, atol=1e-30)
    assert (norms(between) <= torch.maximum(norms(a), norms(b)) * (1 + 1e-6)).all()


@given(noise_pairs(), fractions)
def test_the_angle_is_shared_out_evenly(pair, fraction: float) -> None:
    a, b = pair
    safe = (norms(a) > 1e-3) & (norms(b) > 1e-3)
    if a[0].numel() == 1 or not safe.any():
        return
    a, b = a[safe], b[safe]
    between, whole = slerp(a.double(), b.double(), fraction), angles(a, b)
    torch.testing.assert_close(angles(a, between), fraction * whole, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(angles(between, b), (1 - fraction) * whole, rtol=1e-6, atol=1e-7)


@given(noise_pairs(), st.sampled_from([slerp, vary]))
def test_the_ends_are_the_seeds_bit_for_bit(pair, way) -> None:
    a, b = pair
    assert torch.equal(way(a, b, 0.0).view(torch.int32), a.view(torch.int32))
    assert torch.equal(way(a, b, 1.0).view(torch.int32), b.view(torch.int32))


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
def test_the_way_is_that_of_shoemake(fraction: float) -> None:
    a, b = noise(1).double(), noise(2).double()
    theta = angles(a, b).view(-1, 1, 1, 1)
    u, v = a / norms(a).view(-1, 1, 1, 1), b / norms(b).view(-1, 1, 1, 1)
    on_sphere = (torch.sin((1 - fraction) * theta) * u + torch.sin(fraction * theta) * v) / torch.sin(theta)
    between = slerp(a, b, fraction)
    torch.testing.assert_close(between / norms(between).view(-1, 1, 1, 1), on_sphere, rtol=1e-10, atol=1e-10)


def test_each_picture_goes_its_own_way() -> None:
    a, b = noise(1), noise(2)
    together = slerp(a, b, 0.3)
    for index in range(3):
        alone = slerp(a[index : index + 1], b[index : index + 1], 0.3)
        torch.testing.assert_close(alone, together[index : index + 1])


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_between_opposite_noises_the_way_goes_around_and_is_always_the_same(scale: float) -> None:
    a = noise(1, 300).double()
    middle = slerp(a, -scale * a, 0.5)
    torch.testing.assert_close(norms(middle), norms(a) * math.sqrt((1 + scale**2) / 2))
    torch.testing.assert_close(angles(a, middle), torch.full((300,), math.pi / 2, dtype=torch.float64))
    assert torch.equal(middle, slerp(a, -scale * a, 0.5))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("tilt", [1e-3, 1e-7, 3e-8, 1e-9, 1e-12])
def test_noises_that_are_almost_parallel_are_as_exact_as_others(sign: float, tilt: float) -> None:
    a = noise(1, 300).double()
    b = sign * (a + tilt * noise(2, 300).double())
    between = slerp(a, b, 0.25)
    torch.testing.assert_close(norms(between) ** 2, 0.75 * norms(a) ** 2 + 0.25 * norms(b) ** 2, rtol=1e-12, atol=0)
    torch.testing.assert_close(angles(a, between), 0.25 * angles(a, b), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 4, 4)])
@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.7])
def test_noise_between_seeds_has_mean_zero_and_the_covariance_of_noise(shape, fraction: float) -> None:
    count = 20_000
    between = slerp(noise(1, count, shape), noise(2, count, shape), fraction).flatten(1).double()
    error = 5 / math.sqrt(count)
    assert (between.mean(0).abs() < error).all()
    # The variance of z_i z_j is at most that of z_i², 2 for normal values.
    deviation = between.T @ between / count - torch.eye(between.shape[1])
    assert (deviation.abs() < error * math.sqrt(2)).all()
    # What the mean of the two would have instead: too little to be noise.
    lerp = (1 - fraction) * noise(1, count, shape) + fraction * noise(2, count, shape)
    assert float(lerp.double().pow(2).mean()) < 0.7


@pytest.mark.parametrize("radius", [0.1, 0.5, 0.9])
def test_variations_are_standard_normal_noise(radius: float) -> None:
    a, b = noise(1, 1000, (1, 5, 5)), noise(2, 1000, (1, 5, 5))
    varied = vary(a, b, radius)
    assert stats.kstest(varied.flatten().double().numpy(), "norm").pvalue > 1e-4
    correlation = float((varied.double() * a.double()).mean())
    assert correlation == pytest.approx(math.cos(math.pi * radius / 2), abs=5 * math.sqrt(2 / a.numel()))


@given(fractions)
def test_a_variation_is_a_rotation(radius: float) -> None:
    a, b = noise(1).double(), noise(2).double()
    forward, sideways = vary(a, b, radius), vary(b, -a, radius)
    torch.testing.assert_close(forward.pow(2) + sideways.pow(2), a.pow(2) + b.pow(2), rtol=1e-12, atol=1e-12)


def test_fractions_come_one_after_another() -> None:
    a, b = noise(1), noise(2)
    between = interpolate(a, b, [0.0, 0.25, 1.0])
    assert between.shape == (9, 1, 6, 5)
    assert torch.equal(between[:3], a)
    assert torch.equal(between[3:6], slerp(a, b, 0.25))
    assert torch.equal(between[6:], b)


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan])
def test_a_place_beside_the_way_is_refused(value: float) -> None:
    a, b = noise(1), noise(2)
    for way in (slerp, vary, lambda a, b, value: interpolate(a, b, [0.5, value])):
        with pytest.raises(SettingsError):
            way(a, b, value)
    with pytest.raises(SettingsError):
        interpolate(a, b, [])


@pytest.mark.parametrize("way", [slerp, vary])
def test_noises_of_different_shapes_are_refused(way) -> None:
    with pytest.raises(ValueError, match="shapes"):
        way(noise(1), noise(2, 2), 0.5)


@pytest.mark.parametrize("count", [2, 7, 10])
def test_an_open_way_goes_from_the_first_to_the_last_in_equal_angles(count: int) -> None:
    # In the plane, so that angles along the way add up.
    turns = [0.0, 0.9, 1.3, 2.8]
    stops = torch.tensor([[math.cos(turn), math.sin(turn)] for turn in turns]).view(4, 1, 1, 2)
    frames = seed_path(stops, count)
    assert torch.equal(frames[0], stops[0])
    assert torch.equal(frames[-1], stops[-1])
    walked = torch.atan2(frames[:, 0, 0, 1], frames[:, 0, 0, 0])
    torch.testing.assert_close(walked, torch.linspace(0.0, 2.8, count), rtol=1e-5, atol=1e-5)


def test_a_closed_way_comes_round_without_a_jump() -> None:
    stops = torch.cat([noise(seed, 1, (1, 20, 20)) for seed in (1, 2, 3)])
    frames = seed_path(stops, 24, closed=True)
    assert torch.equal(frames[0], stops[0])
    each = [float(angles(a, b)) for a, b in itertools.pairwise([*frames.split(1), frames[:1]])]
    around = float(angles(stops, stops.roll(-1, 0)).sum())
    assert max(each) == pytest.approx(around / 24, rel=1e-4)
    # Cutting the corner at a seed is the only way to be nearer.
    assert sorted(each)[3] == pytest.approx(around / 24, rel=1e-4)


def test_a_way_through_the_same_seed_twice_stands_still() -> None:
    a = noise(1, 1)
    assert torch.equal(seed_path(torch.cat((a, a)), 5), a.expand(5, -1, -1, -1))


@pytest.mark.parametrize(("seeds", "count"), [(1, 5), (2, 1)])
def test_too_few_seeds_or_frames_are_refused(seeds: int, count: int) -> None:
    with pytest.raises(SettingsError, match=f"{count} frames through {seeds} seeds"):
        seed_path(noise(1, seeds), count)
