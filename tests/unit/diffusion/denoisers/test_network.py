"""A network as a denoiser: how it is asked, and what its answer becomes."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from studio.diffusion import Denoiser, NetworkDenoiser, Parameterization, cosine, linear


class Recording(nn.Module):
    """Answers with its input times a weight, and remembers how it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.25))
        self.asked: list[dict] = []

    def forward(self, z, t, class_labels=None):
        self.asked.append({"t": t, "labels": class_labels, "training": self.training, "grad": torch.is_grad_enabled()})
        return z * self.weight


def test_a_network_is_asked_in_evaluation_mode_without_gradients_with_a_t_for_each_picture() -> None:
    network = Recording().train()
    denoiser = NetworkDenoiser(network, linear(100), Parameterization.EPSILON)
    prediction = denoiser.predict(torch.ones(3, 1, 2, 2), 42)
    asked = network.asked[0]
    assert asked["t"].tolist() == [42, 42, 42]
    assert asked["t"].dtype == torch.int64
    assert asked["labels"] is None
    assert not asked["training"]
    assert not asked["grad"]
    assert network.training
    assert not prediction.eps.requires_grad
    assert isinstance(denoiser, Denoiser)


def test_an_error_in_the_network_leaves_it_in_training_mode() -> None:
    class Failing(Recording):
        def forward(self, z, t, class_labels=None):
            super().forward(z, t, class_labels)
            raise RuntimeError("out of order")

    network = Failing().train()
    with pytest.raises(RuntimeError, match="out of order"):
        NetworkDenoiser(network, linear(100), Parameterization.EPSILON).predict(torch.ones(3, 1, 2, 2), 42)
    assert not network.asked[0]["training"]
    assert network.training


def test_classes_reach_the_network() -> None:
    network = Recording()
    denoiser = NetworkDenoiser(network, linear(100), Parameterization.EPSILON)
    denoiser.predict(torch.ones(2, 1, 2, 2), 3, condition=7)
    denoiser.predict(torch.ones(2, 1, 2, 2), 3, condition=torch.tensor([1, 4]))
    assert [asked["labels"].tolist() for asked in network.asked] == [[7, 7], [1, 4]]


@pytest.mark.parametrize("parameterization", ["epsilon", "x0", "v"])
def test_both_predictions_belong_to_the_same_noisy_picture(parameterization: str) -> None:
    schedule = cosine(100)
    denoiser = NetworkDenoiser(Recording(), schedule, parameterization)
    z = torch.randn(2, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    for t in (0, 50, 98):
        prediction = denoiser.predict(z, t)
        again = schedule.sqrt_alpha_bar[t] * prediction.x0 + schedule.sqrt_one_minus_alpha_bar[t] * prediction.eps
        torch.testing.assert_close(again, z, rtol=0, atol=2e-6)


def test_the_network_runs_within_autocast_and_answers_in_float32() -> None:
    entered = []

    @contextlib.contextmanager
    def autocast():
        entered.append(True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield

    network = nn.Conv2d(1, 1, 1)
    wrapped = Wrapped(network)
    denoiser = NetworkDenoiser(wrapped, linear(10), Parameterization.V, autocast)
    prediction = denoiser.predict(torch.ones(1, 1, 2, 2), 3)
    denoiser.predict(torch.ones(1, 1, 2, 2), 3)
    assert wrapped.dtypes == [torch.bfloat16, torch.bfloat16]
    assert len(entered) == 2
    assert prediction.eps.dtype == prediction.x0.dtype == torch.float32


class Wrapped(nn.Module):
    """Gives a layer the signature of a network and remembers the type of its answers."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.dtypes: list[torch.dtype] = []

    def forward(self, z, t, class_labels=None):
        output = self.layer(z)
        self.dtypes.append(output.dtype)
        return output


def test_a_network_with_classes_is_asked_for_none_in_particular_unless_told() -> None:
    network = Recording()
    denoiser = NetworkDenoiser(network, linear(100), Parameterization.EPSILON, class_count=4)
    denoiser.predict(torch.ones(2, 1, 2, 2), 3)
    denoiser.predict(torch.ones(2, 1, 2, 2), 3, condition=0)
    assert [asked["labels"].tolist() for asked in network.asked] == [[4, 4], [0, 0]]
    assert all(asked["labels"].dtype == torch.int64 for asked in network.asked)
