"""The density of q(z_t): all of it is there, and it is what the denoisers say it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from studio.diffusion import DataSetDenoiser, GaussianMixtureDenoiser, cosine
from studio.diffusion.plane import Extent, density, density_on, grid, pixel_plane, plane_through

SCHEDULE = cosine(1000)
WIDE = Extent(-6.0, 6.0, -6.0, 6.0)


def pictures(count: int = 30) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 1, 2, 1), dtype=np.uint8)


def points(images: np.ndarray) -> np.ndarray:
    return images.reshape(-1, 2) / 127.5 - 1.0


@given(t=st.integers(-1, 999), columns=st.integers(7, 90), rows=st.integers(7, 90))
def test_it_sums_to_one_however_fine_the_cells(t: int, columns: int, rows: int) -> None:
    values = density(points(pictures()), SCHEDULE, t, WIDE, (columns, rows))
    assert values.shape == (rows, columns)
    assert values.sum() * 12.0 * 12.0 / (columns * rows) == pytest.approx(1.0, abs=1e-5)
    assert (values >= 0).all()


@pytest.mark.parametrize("t", [150, 400, 900])
def test_it_is_the_log_density_of_the_set(t: int) -> None:
    images, extent = pictures(), Extent(-1.5, 1.5, -1.0, 2.0)
    exact = DataSetDenoiser(SCHEDULE, images)
    cells = grid(extent, 300)
    pointwise = exact.log_density(pixel_plane().points(cells), t).exp().numpy().reshape(300, 300)
    values = density(points(images), SCHEDULE, t, extent, (300, 300))
    assert np.abs(values - pointwise).max() < 2e-3 * pointwise.max()


@pytest.mark.parametrize("t", [0, 30, 400, 999])
def test_the_log_density_of_a_set_is_a_mixture_of_gaussians(t: int) -> None:
    images = pictures(12)
    places = points(images)
    z = np.random.default_rng(1).normal(size=(20, 2)) * 0.3 + math.sqrt(SCHEDULE.alpha_bar[t]) * places[:1]
    exact = DataSetDenoiser(SCHEDULE, images, np.arange(12) % 3)
    variance, signal = SCHEDULE.one_minus_alpha_bar[t], math.sqrt(SCHEDULE.alpha_bar[t])
    logs = np.array([multivariate_normal(signal * place, variance * np.eye(2)).logpdf(z) for place in places])
    found = exact.log_density(torch.from_numpy(z).reshape(-1, 1, 1, 2), t).numpy()
    np.testing.assert_allclose(found, np.logaddexp.reduce(logs, 0) - math.log(12), rtol=1e-9)
    of_class = exact.log_density(torch.from_numpy(z).reshape(-1, 1, 1, 2), t, 2).numpy()
    np.testing.assert_allclose(of_class, np.logaddexp.reduce(logs[2::3], 0) - math.log(4), rtol=1e-9)


def test_the_gradient_of_the_log_density_is_the_predicted_noise() -> None:
    exact, t, step = DataSetDenoiser(SCHEDULE, pictures()), 300, 1e-5
    z = torch.tensor([[0.2, -0.4], [-0.9, 1.1]], dtype=torch.float64).reshape(2, 1, 1, 2)
    along = torch.eye(2, dtype=torch.float64).reshape(2, 1, 1, 1, 2)
    slope = [(exact.log_density(z + step * d, t) - exact.log_density(z - step * d, t)) / (2 * step) for d in along]
    score = -exact.predict(z, t).eps.reshape(2, 2) / math.sqrt(SCHEDULE.one_minus_alpha_bar[t])
    np.testing.assert_allclose(torch.stack(slope, 1).numpy(), score.numpy(), rtol=1e-5, atol=1e-6)


def test_on_a_slice_it_is_the_share_of_the_largest() -> None:
    centres = torch.eye(9, dtype=torch.float64)[:4].reshape(4, 1, 3, 3)
    denoiser = GaussianMixtureDenoiser(SCHEDULE, centres, 0.02)
    plane, cells = plane_through(centres[:3]), grid((-1, 2, -1, 2), 20)
    found = density_on(denoiser, plane, 400, cells)
    logs = denoiser.log_density(plane.points(cells), 400).numpy()
    np.testing.assert_allclose(found, np.exp(logs - logs.max()))
    assert found.max() == 1.0


def test_without_pictures_there_is_none() -> None:
    assert not density(np.zeros((0, 2)), SCHEDULE, 10, WIDE, (5, 4)).any()
