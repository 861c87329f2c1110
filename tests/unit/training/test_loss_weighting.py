"""What is made smaller by a step, and that what is told about it stays the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.diffusion.parameterization import Parameterization
from studio.networks.build import build_network
from studio.training.batches import DataOrder
from studio.training.randomness import step_generator
from studio.training.run import TrainingRun
from studio.training.trainer import training_step
from tests.unit.training.conftest import NETWORK

MakeRun = Callable[..., TrainingRun]

SIZE = 16
FORMULAS = {
    ("simple", "epsilon"): lambda snr: np.ones_like(snr),
    ("simple", "x0"): lambda snr: np.ones_like(snr),
    ("simple", "v"): lambda snr: np.ones_like(snr),
    ("min_snr", "epsilon"): lambda snr: np.minimum(snr, 3.0) / snr,
    ("min_snr", "x0"): lambda snr: np.minimum(snr, 3.0),
    ("min_snr", "v"): lambda snr: np.minimum(snr, 3.0) / (snr + 1.0),
    ("uniform_epsilon", "epsilon"): lambda snr: np.ones_like(snr),
    ("uniform_epsilon", "x0"): lambda snr: snr,
    ("uniform_epsilon", "v"): lambda snr: snr / (snr + 1.0),
}


@pytest.mark.parametrize(("weighting", "parameterization"), FORMULAS)
def test_a_step_follows_the_gradient_of_the_weighted_error(
    make_run: MakeRun, image_set: ImageSet, weighting: str, parameterization: str
) -> None:
    """Written out in float64: pictures, noise, target, weight (Hang et al., arXiv 2303.09556) and gradient."""
    run = make_run(
        parameterization=parameterization,
        loss_weighting=weighting,
        min_snr_gamma=3.0,
        batch_size=SIZE,
        gradient_clip=0.0,
        timestep_sampling="uniform",
    )
    network = build_network(NETWORK, seed=0).double()
    weights = list(network.parameters())
    for weight, own in zip(weights, run.parameters, strict=True):
        # A new network puts out 0, which hides most of the gradient.
        torch.nn.init.normal_(weight, std=0.2, generator=torch.Generator().manual_seed(weight.numel()))
        own.data.copy_(weight)
    loss = training_step(run).item()

    random = step_generator(0, 0)
    t = torch.randint(50, (SIZE,), generator=random)
    noise = torch.randn((SIZE, 1, 1, 2), generator=random).double()
    x = torch.tensor(image_set.images[DataOrder(0, 40).indices(0, SIZE)].transpose(0, 3, 1, 2) / 127.5 - 1)
    alpha_bar = torch.tensor(run.schedule.alpha_bar)[t].view(-1, 1, 1, 1)
    z_t = alpha_bar.sqrt() * x + (1 - alpha_bar).sqrt() * noise
    target = {"epsilon": noise, "x0": x, "v": alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x}[parameterization]
    output = network(z_t, t)
    factor = torch.tensor(FORMULAS[weighting, parameterization]((alpha_bar / (1 - alpha_bar)).numpy()))
    expected = torch.autograd.grad((factor * (output - target) ** 2).mean(), weights)
    for own, gradient in zip(run.parameters, expected, strict=True):
        scale = gradient.abs().max().item()
        torch.testing.assert_close(own.grad.double(), gradient, rtol=1e-3, atol=1e-4 * scale + 1e-12)

    with torch.no_grad():
        predicted_noise = {
            "epsilon": output,
            "x0": (z_t - alpha_bar.sqrt() * output) / (1 - alpha_bar).sqrt(),
            "v": alpha_bar.sqrt() * output + (1 - alpha_bar).sqrt() * z_t,
        }[parameterization]
    assert loss == pytest.approx((predicted_noise - noise).square().mean().item(), rel=1e-3)


@pytest.mark.parametrize("parameterization", list(Parameterization))
def test_the_first_loss_that_is_told_does_not_depend_on_the_weighting(
    make_run: MakeRun, parameterization: Parameterization
) -> None:
    losses = {
        training_step(make_run(parameterization=parameterization, loss_weighting=weighting)).item()
        for weighting in ("simple", "min_snr", "uniform_epsilon")
    }
    assert len(losses) == 1


def test_the_gamma_of_min_snr_is_used(make_run: MakeRun) -> None:
    gradients = []
    for gamma in (0.1, 5.0):
        run = make_run(loss_weighting="min_snr", min_snr_gamma=gamma, gradient_clip=0.0)
        training_step(run)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in run.parameters]).norm().item())
    # A smaller gamma weighs the little noisy levels less, so the gradient is shorter.
    assert 0 < gradients[0] < 0.5 * gradients[1]
