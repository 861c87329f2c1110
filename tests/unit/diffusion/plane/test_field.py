"""The exact field against a numerical integral and a closed form, and what is compared between two fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import DataSetDenoiser, DDIMSampler, GaussianMixtureDenoiser, cosine, reverse
from studio.diffusion.plane import angle_between, difference, field, grid, next_level, pixel_plane, plane_through

SCHEDULE = cosine(1000)
EXTENT = (-1.9, 1.9, -1.9, 1.9)
LEVELS = (0, 20, 200, 500, 800, 999)


def pictures(count: int = 40) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, 1, 2, 1), dtype=np.uint8)


def mixture() -> GaussianMixtureDenoiser:
    means = torch.tensor([[-0.5, 0.5], [0.6, 0.2], [0.1, -0.7]], dtype=torch.float64).reshape(3, 1, 1, 2)
    return GaussianMixtureDenoiser(SCHEDULE, means, torch.tensor([0.01, 0.03, 0.02]), torch.tensor([1.0, 2.0, 3.0]))


def integrated_x0(z: np.ndarray, t: int, side: int = 801) -> np.ndarray:
    """E[x | z_t] of `mixture` by summing prior × likelihood × x over a fine lattice of pictures."""
    axis = np.linspace(-2.0, 2.0, side)
    x = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    prior = np.zeros(len(x))
    for mean, variance, weight in (((-0.5, 0.5), 0.01, 1), ((0.6, 0.2), 0.03, 2), ((0.1, -0.7), 0.02, 3)):
        prior += weight / variance * np.exp(-((x - mean) ** 2).sum(1) / (2 * variance))
    signal, noise = math.sqrt(SCHEDULE.alpha_bar[t]), SCHEDULE.one_minus_alpha_bar[t]
    logs = np.log(prior + 1e-300) - ((z - signal * x) ** 2).sum(1) / (2 * noise)
    weights = np.exp(logs - logs.max())
    return weights @ x / weights.sum()


@pytest.mark.parametrize("t", [200, 500, 800])
def test_the_exact_field_is_the_numerical_integral(t: int) -> None:
    points = grid(EXTENT, 5)
    found = field(mixture(), SCHEDULE, pixel_plane(), t, points)
    truth = np.array([integrated_x0(z, t) for z in points])
    assert np.abs(found.x0 - truth).max() < 1e-5


@pytest.mark.parametrize("t", LEVELS)
def test_a_finite_set_is_a_mixture_of_points(t: int) -> None:
    images, points = pictures(), grid(EXTENT, 31)
    means = torch.from_numpy(images.reshape(-1, 1, 1, 2) / 127.5 - 1.0)
    exact = field(DataSetDenoiser(SCHEDULE, images), SCHEDULE, pixel_plane(), t, points)
    closed = field(GaussianMixtureDenoiser(SCHEDULE, means, 0.0), SCHEDULE, pixel_plane(), t, points)
    for name in ("eps", "subtracted", "x0", "movement"):
        assert np.abs(getattr(exact, name) - getattr(closed, name)).max() < 1e-5, name


@pytest.mark.parametrize("t", LEVELS)
def test_the_movement_is_a_step_of_ddim(t: int) -> None:
    denoiser, points = mixture(), grid(EXTENT, 4)
    found = field(denoiser, SCHEDULE, pixel_plane(), t, points)
    z = pixel_plane().points(points)
    (step,) = reverse(denoiser, SCHEDULE, DDIMSampler(), z, [(t, found.s)], lambda *_: torch.zeros_like(z))
    np.testing.assert_allclose(found.movement, (step.z_s - z).reshape(-1, 2).numpy(), atol=1e-12)
    np.testing.assert_allclose(found.subtracted, -step.subtracted.reshape(-1, 2).numpy(), atol=1e-12)
    np.testing.assert_allclose(found.within, 1.0)


@pytest.mark.parametrize("t", [100, 400, 700])
def test_movements_lie_nearly_along_the_probability_flow(t: int) -> None:
    # A fiftieth of the way is not nothing: the flow's own direction is x̂0 − √ᾱ z.
    found = field(mixture(), SCHEDULE, pixel_plane(), t, grid(EXTENT, 9))
    flow = found.x0 - math.sqrt(SCHEDULE.alpha_bar[t]) * found.points
    across = found.movement[:, 0] * flow[:, 1] - found.movement[:, 1] * flow[:, 0]
    angles = np.abs(np.arctan2(across, (found.movement * flow).sum(1)))
    assert np.median(angles) < math.radians(2.0)
    assert angles.max() < math.radians(10.0)


def test_the_last_movement_leads_to_the_picture() -> None:
    found = field(mixture(), SCHEDULE, pixel_plane(), 3, grid(EXTENT, 5))
    assert found.s == next_level(SCHEDULE, 3) == -1
    np.testing.assert_allclose(found.points + found.movement, found.x0, atol=1e-9)


@given(degrees=st.floats(-180, 180), longer=st.floats(0.1, 10))
def test_the_angle_is_that_of_a_turn(degrees: float, longer: float) -> None:
    found = field(mixture(), SCHEDULE, pixel_plane(), 500, grid(EXTENT, 3))
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = type(found)(**{**vars(found), "movement": longer * found.movement @ turn})
    np.testing.assert_allclose(angle_between(found, turned), abs(degrees), atol=1e-6)


def test_a_difference_to_itself_is_nothing_and_others_cannot_be_compared() -> None:
    found = field(mixture(), SCHEDULE, pixel_plane(), 500, grid(EXTENT, 3))
    nothing = difference(found, found)
    assert not nothing.movement.any()
    assert not nothing.eps.any()
    assert not angle_between(found, found).any()
    with pytest.raises(ValueError, match="same t"):
        difference(found, field(mixture(), SCHEDULE, pixel_plane(), 400, grid(EXTENT, 3)))


def test_on_a_slice_only_the_part_within_it_is_drawn() -> None:
    corners = torch.eye(4, dtype=torch.float64).reshape(4, 1, 2, 2)
    denoiser = GaussianMixtureDenoiser(SCHEDULE, corners, 0.01)
    plane = plane_through(corners[:3])
    found = field(denoiser, SCHEDULE, plane, 300, grid((-1, 2, -1, 2), 5))
    z = plane.points(found.points)
    x0 = denoiser.predict(z, 300).x0
    np.testing.assert_allclose(found.x0, plane.coordinates(x0), atol=1e-12)
    assert (found.within < 0.999).any()
    assert (found.within >= 0).all()


def test_arrows_are_drawn_to_a_measure() -> None:
    found = field(mixture(), SCHEDULE, pixel_plane(), 500, grid(EXTENT, 11))
    lengths = np.hypot(*found.movement.T) * found.drawn_scale(0.3)
    assert 0.85 <= (lengths <= 0.3 + 1e-12).mean() <= 0.95


def test_a_grid_lies_in_the_middle_of_its_cells() -> None:
    points = grid((0, 4, 0, 2), 4, 2)
    np.testing.assert_allclose(points[:4], [[0.5, 0.5], [1.5, 0.5], [2.5, 0.5], [3.5, 0.5]])
    np.testing.assert_allclose(points[-1], [3.5, 1.5])
