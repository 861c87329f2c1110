"""Loss weights: the same loss in three ways, and the numbers of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import Parameterization, cosine, linear, prediction_from_output, training_target
from studio.diffusion.loss_weight import LOSS_WEIGHTS, loss_weight
from studio.errors import SettingsError

EPSILON, X0, V = Parameterization.EPSILON, Parameterization.X0, Parameterization.V

levels = st.floats(1e-6, 1 - 1e-6)


def weighted_loss(kind: str, parameterization: Parameterization, alpha_bar: float, gamma: float) -> float:
    """The weighted loss of a network that mistakes the picture by a known amount, whatever it puts out."""
    generator = torch.Generator().manual_seed(11)
    x, noise, slip = (torch.randn(1, 1, 3, 3, generator=generator, dtype=torch.float64) for _ in range(3))
    z = alpha_bar**0.5 * x + (1 - alpha_bar) ** 0.5 * noise
    mistaken = prediction_from_output(X0, x + slip, z, alpha_bar)
    error = training_target(parameterization, mistaken.x0, mistaken.eps, alpha_bar) - training_target(
        parameterization, x, noise, alpha_bar
    )
    weight = loss_weight(kind, parameterization, torch.tensor(alpha_bar, dtype=torch.float64), gamma)
    return float(weight * error.square().mean() / slip.square().mean())


@pytest.mark.parametrize("parameterization", Parameterization)
@given(alpha_bar=levels, gamma=st.floats(0.1, 100.0))
def test_min_snr_is_one_loss_on_the_picture(parameterization, alpha_bar: float, gamma: float) -> None:
    expected = min(alpha_bar / (1 - alpha_bar), gamma)
    assert weighted_loss("min_snr", parameterization, alpha_bar, gamma) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("parameterization", Parameterization)
@given(alpha_bar=levels)
def test_uniform_epsilon_is_the_error_of_the_noise(parameterization, alpha_bar: float) -> None:
    expected = alpha_bar / (1 - alpha_bar)
    assert weighted_loss("uniform_epsilon", parameterization, alpha_bar, 5.0) == pytest.approx(expected, rel=1e-6)


def test_min_snr_has_the_values_of_the_paper() -> None:
    # SNR 1/4, 4 and 9 with γ = 5.
    alpha_bar = torch.tensor([0.2, 0.8, 0.9], dtype=torch.float64)
    for parameterization, expected in {
        EPSILON: [1.0, 1.0, 5 / 9],
        X0: [0.25, 4.0, 5.0],
        V: [0.25 / 1.25, 4 / 5, 5 / 10],
    }.items():
        assert loss_weight("min_snr", parameterization, alpha_bar).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("parameterization", Parameterization)
def test_simple_leaves_the_output_as_it_is(parameterization) -> None:
    assert loss_weight("simple", parameterization, torch.rand(2, 3)).equal(torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.parametrize("kind", LOSS_WEIGHTS)
@pytest.mark.parametrize("parameterization", Parameterization)
@pytest.mark.parametrize("schedule", [linear(1000), cosine(1000)])
def test_a_schedule_gives_a_finite_weight_for_each_step(kind, parameterization, schedule) -> None:
    weight = loss_weight(kind, parameterization, schedule.alpha_bar)
    assert weight.shape == (1000,)
    assert weight.dtype == torch.float64
    assert bool((weight.isfinite() & (weight > 0)).all())
    as_tensor = loss_weight(kind, parameterization, torch.from_numpy(np.array(schedule.alpha_bar)))
    assert weight.equal(as_tensor)


def test_a_level_of_pure_noise_has_the_limit_of_its_neighbours() -> None:
    none, nearly = torch.zeros(1, dtype=torch.float64), torch.full((1,), 1e-13, dtype=torch.float64)
    for kind in LOSS_WEIGHTS:
        for parameterization in Parameterization:
            expected = loss_weight(kind, parameterization, nearly)
            torch.testing.assert_close(loss_weight(kind, parameterization, none), expected, rtol=0, atol=1e-12)


def test_a_weight_never_shares_memory_with_the_schedule() -> None:
    alpha_bar = torch.full((2,), 0.5, dtype=torch.float64)
    loss_weight("uniform_epsilon", V, alpha_bar).zero_()
    assert alpha_bar.tolist() == [0.5, 0.5]


def test_what_is_impossible_is_refused() -> None:
    alpha_bar = torch.tensor([0.5])
    with pytest.raises(SettingsError, match=r"'p2'.*simple, min_snr, uniform_epsilon"):
        loss_weight("p2", EPSILON, alpha_bar)
    for gamma in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingsError, match="γ"):
            loss_weight("min_snr", EPSILON, alpha_bar, gamma)
    with pytest.raises(ValueError, match="score"):
        loss_weight("simple", "score", alpha_bar)  # type: ignore[arg-type]
    for outside in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="alpha_bar"):
            loss_weight("min_snr", EPSILON, torch.tensor([outside]))
