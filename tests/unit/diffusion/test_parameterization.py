"""ε-, x0- and v-prediction say the same thing in three ways."""

from __future__ import annotations

import pytest
import torch

from studio.diffusion import Parameterization, prediction_from_output, training_target


@pytest.mark.parametrize("parameterization", Parameterization)
@pytest.mark.parametrize("alpha_bar", [0.9999, 0.5, 4e-5, torch.tensor([0.9, 0.01], dtype=torch.float64)])
def test_a_perfect_output_gives_back_the_noise_and_the_picture(parameterization, alpha_bar) -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64) * 2 - 1
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    if isinstance(alpha_bar, torch.Tensor):
        alpha_bar = alpha_bar.view(-1, 1, 1, 1)
    level = torch.as_tensor(alpha_bar, dtype=torch.float64)
    z = level.sqrt() * x + (1 - level).sqrt() * noise
    target = training_target(parameterization, x, noise, alpha_bar)
    prediction = prediction_from_output(parameterization, target, z, alpha_bar)
    torch.testing.assert_close(prediction.x0, x, rtol=0, atol=1e-10)
    torch.testing.assert_close(prediction.eps, noise, rtol=0, atol=1e-10)


def test_the_targets_are_what_their_names_say() -> None:
    x, noise = torch.full((1, 1, 1, 1), 0.5), torch.full((1, 1, 1, 1), -2.0)
    assert training_target(Parameterization.EPSILON, x, noise, 0.36) is noise
    assert training_target(Parameterization.X0, x, noise, 0.36) is x
    assert training_target(Parameterization.V, x, noise, 0.36).item() == pytest.approx(0.6 * -2.0 - 0.8 * 0.5)


@pytest.mark.parametrize("parameterization", Parameterization)
def test_float32_pictures_stay_float32_with_a_float64_alpha_bar(parameterization) -> None:
    x, alpha_bar = torch.zeros(2, 1, 2, 2), torch.full((2, 1, 1, 1), 0.3, dtype=torch.float64)
    assert training_target(parameterization, x, x, alpha_bar).dtype == torch.float32
    prediction = prediction_from_output(parameterization, x, x, alpha_bar)
    assert prediction.eps.dtype == prediction.x0.dtype == torch.float32


def test_the_names_in_files_are_fixed() -> None:
    assert [str(parameterization) for parameterization in Parameterization] == ["epsilon", "x0", "v"]
    with pytest.raises(ValueError, match="score"):
        training_target("score", torch.zeros(1), torch.zeros(1), 0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="score"):
        prediction_from_output("score", torch.zeros(1), torch.zeros(1), 0.5)  # type: ignore[arg-type]
