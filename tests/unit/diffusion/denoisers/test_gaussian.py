"""The exact denoiser of Gaussian pictures."""

from __future__ import annotations

import math

import pytest
import torch

from studio.diffusion import Denoiser, GaussianDenoiser, linear


def test_the_gaussian_denoiser_is_the_regression_of_x_on_z() -> None:
    schedule, mean, variance = linear(50), 0.3, 0.16
    generator = torch.Generator().manual_seed(3)
    denoiser = GaussianDenoiser(schedule, mean, variance)
    assert isinstance(denoiser, Denoiser)
    x = mean + math.sqrt(variance) * torch.randn(200_000, 1, 1, 1, generator=generator, dtype=torch.float64)
    for t in (0, 20, 49):
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        z = schedule.sqrt_alpha_bar[t] * x + schedule.sqrt_one_minus_alpha_bar[t] * noise
        prediction = denoiser.predict(z, t)
        # E[(x − x̂0) h(z)] = 0 for every h defines the posterior mean; h = 1 and h = z suffice for Gaussians.
        for residual in (x - prediction.x0, noise - prediction.eps):
            for h in (torch.ones_like(z), z):
                product = (residual * h).flatten()
                assert abs(product.mean()) < 5 * product.std() / math.sqrt(product.numel())


def test_the_gaussian_denoiser_takes_a_value_for_each_pixel_and_a_single_picture() -> None:
    schedule = linear(50)
    picture = torch.tensor([[[0.5, -0.5]]])
    z = torch.randn(4, 1, 1, 2, generator=torch.Generator().manual_seed(1))
    single = GaussianDenoiser(schedule, picture, 0.0).predict(z, 30)
    torch.testing.assert_close(single.x0, picture.expand(4, 1, 1, 2))
    mixed = GaussianDenoiser(schedule, picture, torch.tensor([[[0.0, 1.0]]])).predict(z, 30)
    torch.testing.assert_close(mixed.x0[..., 0], single.x0[..., 0])
    torch.testing.assert_close(mixed.x0[..., 1], GaussianDenoiser(schedule, -0.5, 1.0).predict(z, 30).x0[..., 1])
    with pytest.raises(ValueError, match="negative"):
        GaussianDenoiser(schedule, 0.0, -1.0)
