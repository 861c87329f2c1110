"""Painting on z_t: the brush changes what it went over and nothing else, and leaves noise as strong as it has to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion.editing.painting import Brush, Medium, PaintedState, disc, line
from studio.diffusion.schedule import cosine

SCHEDULE = cosine(100)


def state_at(t: int, shape: tuple[int, int, int] = (3, 9, 7), seed: int = 0) -> PaintedState:
    generator = torch.Generator().manual_seed(seed)
    picture, noise = torch.rand(shape, generator=generator) * 2 - 1, torch.randn(shape, generator=generator)
    z = math.sqrt(SCHEDULE.alpha_bar_at(t)) * picture + math.sqrt(SCHEDULE.one_minus_alpha_bar_at(t)) * noise
    return PaintedState.of(SCHEDULE, t, z, picture, noise)


def a_mask(seed: int) -> torch.Tensor:
    return torch.rand(9, 7, generator=torch.Generator().manual_seed(seed)) < 0.4


strokes = st.lists(
    st.tuples(
        st.sampled_from(Medium),
        st.integers(0, 50),
        st.floats(0.0, 1.0),
        st.tuples(*[st.floats(-1.0, 1.0)] * 3),
    ),
    max_size=6,
)


@given(strokes=strokes, t=st.integers(0, 99))
def test_only_what_a_brush_went_over_is_changed(strokes, t) -> None:
    start = state = state_at(t)
    touched = torch.zeros(9, 7, dtype=torch.bool)
    for medium, seed, strength, color in strokes:
        mask = a_mask(seed)
        fresh = torch.randn(3, 9, 7, generator=torch.Generator().manual_seed(seed))
        state = state.painted(mask, Brush(medium, color, strength), fresh=fresh, untouched=start)
        touched |= mask
    assert torch.equal(state.z[:, ~touched].view(torch.int32), start.original[:, ~touched].view(torch.int32))
    assert torch.isfinite(state.z).all()


@pytest.mark.parametrize("t", [0, 20, 60, 99])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_paint_is_the_colour_under_the_pixels_own_noise(t: int, strength: float) -> None:
    start, mask, color = state_at(t), a_mask(1), (0.9, -0.5, 0.1)
    z = start.painted(mask, Brush(Medium.PAINT, color, strength), untouched=start).z
    shift = z.double() - start.original.double()
    # By the mixture alone: z changes by √ᾱ times what the picture changes by.
    towards = strength * (torch.tensor(color).reshape(-1, 1, 1) - start.picture).double()
    expected = math.sqrt(SCHEDULE.alpha_bar_at(t)) * towards
    torch.testing.assert_close(shift[:, mask], expected[:, mask], atol=2e-6, rtol=0)


def test_plain_paint_takes_the_noise_away() -> None:
    start, mask = state_at(40), a_mask(2)
    z = start.painted(mask, Brush(Medium.PLAIN, (1.0, 0.0, -1.0)), untouched=start).z
    signal = math.sqrt(SCHEDULE.alpha_bar_at(40))
    for channel, value in enumerate((1.0, 0.0, -1.0)):
        torch.testing.assert_close(z[channel, mask], torch.full_like(z[channel, mask], signal * value))


@pytest.mark.parametrize("strength", [0.2, 0.7, 1.0])
def test_fresh_noise_is_as_strong_as_the_old(strength: float) -> None:
    shape, t = (1, 200, 200), 70
    generator = torch.Generator().manual_seed(3)
    flat, noise = torch.full(shape, 0.25), torch.randn(shape, generator=generator)
    signal, sigma = math.sqrt(SCHEDULE.alpha_bar_at(t)), math.sqrt(SCHEDULE.one_minus_alpha_bar_at(t))
    start = PaintedState.of(SCHEDULE, t, signal * flat + sigma * noise, flat, noise)
    everywhere = torch.ones(200, 200, dtype=torch.bool)
    fresh = torch.randn(shape, generator=generator)
    z = start.painted(everywhere, Brush(Medium.FRESH, strength=strength), fresh=fresh, untouched=start).z
    left = ((z - signal * flat) / sigma).double()
    # 40,000 values: the standard error of the variance is √(2/40000) = 0.007, of the mean 0.005.
    assert abs(left.var().item() - 1.0) < 0.035
    assert abs(left.mean().item()) < 0.025
    kept = (left * noise).mean().item()
    assert abs(kept - math.sqrt(1 - strength**2)) < 0.03


@given(strokes=strokes)
def test_restoring_gives_the_very_bits_back(strokes) -> None:
    start = state = state_at(50)
    for medium, seed, strength, color in strokes:
        fresh = torch.zeros(3, 9, 7)
        state = state.painted(a_mask(seed), Brush(medium, color, strength), fresh=fresh, untouched=start)
    everywhere = torch.ones(9, 7, dtype=torch.bool)
    state = state.painted(everywhere, Brush(Medium.ERASE), untouched=start)
    assert torch.equal(state.z.view(torch.int32), start.original.view(torch.int32))
    # And what is painted then starts from the old picture and noise.
    assert torch.equal(state.picture, start.picture)
    assert torch.equal(state.noise, start.noise)


@given(
    x=st.floats(-2, 9), y=st.floats(-2, 11), diameter=st.floats(0.1, 8), end_x=st.floats(-2, 9), end_y=st.floats(-2, 11)
)
def test_a_brush_covers_the_pixels_near_its_way(x, y, diameter, end_x, end_y) -> None:
    mask = disc(9, 7, (x, y), diameter).numpy()
    for row in range(9):
        for column in range(7):
            away = math.dist((column + 0.5, row + 0.5), (x, y))
            holds = math.floor(x) == column and math.floor(y) == row
            assert mask[row, column] == (away <= diameter / 2 or holds) or abs(away - diameter / 2) < 1e-9
    way = line(9, 7, (x, y), (end_x, end_y), diameter).numpy()
    assert (way >= mask).all()
    assert (way >= disc(9, 7, (end_x, end_y), diameter).numpy()).all()
    # The oracle: the distance of a pixel's middle from the segment.
    start, step = np.array((x, y)), np.array((end_x - x, end_y - y))
    for row, column in zip(*np.nonzero(way), strict=True):
        middle = np.array((column + 0.5, row + 0.5)) - start
        share = np.clip(middle @ step / max(step @ step, 1e-12), 0, 1)
        # A pixel that holds a point of the way lies within half its diagonal of it.
        assert np.linalg.norm(middle - share * step) <= max(diameter / 2, math.sqrt(0.5)) + 1e-6


def test_impossible_brushes_are_refused() -> None:
    with pytest.raises(ValueError, match="strength"):
        Brush(strength=1.5)
    start = state_at(5)
    with pytest.raises(ValueError, match="fresh noise"):
        start.painted(a_mask(0), Brush(Medium.FRESH), untouched=start)
