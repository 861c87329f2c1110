"""Classifier-free guidance: one convention, one call, against the closed form of a mixture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import (
    DataSetDenoiser,
    Denoiser,
    GaussianDenoiser,
    GaussianMixtureDenoiser,
    Guidance,
    GuidedDenoiser,
    NetworkDenoiser,
    Parameterization,
    cosine,
    linear,
)
from studio.errors import SettingsError
from studio.networks import PointConfig, UNetConfig, build_network

SCHEDULE = linear(100)
MEANS = torch.tensor([[-0.7, 0.2], [0.5, 0.6], [0.1, -0.8]], dtype=torch.float64).view(3, 1, 1, 2)
MIXTURE = GaussianMixtureDenoiser(SCHEDULE, MEANS, torch.tensor([0.01, 0.04, 0.002]), torch.tensor([0.5, 0.3, 0.2]))
NONE = 3


class Counting:
    """Passes questions on and remembers them."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser = denoiser
        self.class_count = denoiser.class_count
        self.asked: list[tuple[int, object]] = []

    def predict(self, z_t, t, condition=None):
        self.asked.append((len(z_t), condition))
        return self.denoiser.predict(z_t, t, condition)


def noisy(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 1, 1, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise_by_density(z: torch.Tensor, t: int, condition) -> torch.Tensor:
    """ε̂ = −√(1−ᾱ) ∇ log q(z), by differentiation."""
    z = z.clone().requires_grad_()
    (score,) = torch.autograd.grad(MIXTURE.log_density(z, t, condition).sum(), z)
    return -SCHEDULE.sqrt_one_minus_alpha_bar[t] * score


@given(scale=st.floats(0, 20), t=st.integers(0, 99), labels=st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_guided_noise_is_the_score_of_the_tilted_density(scale: float, t: int, labels: list[int]) -> None:
    z, classes = noisy(len(labels)), torch.tensor(labels)
    guided = GuidedDenoiser(MIXTURE, Guidance(scale)).predict(z, t, classes)
    none, of_class = noise_by_density(z, t, None), noise_by_density(z, t, classes)
    torch.testing.assert_close(guided.eps, none + scale * (of_class - none), rtol=1e-8, atol=1e-8)
    # ε̂ and x̂0 still belong to the same z.
    again = SCHEDULE.sqrt_alpha_bar[t] * guided.x0 + SCHEDULE.sqrt_one_minus_alpha_bar[t] * guided.eps
    torch.testing.assert_close(again, z, rtol=1e-9, atol=1e-9)


def test_the_scale_is_in_the_convention_of_stable_diffusion() -> None:
    z, classes = noisy(3), torch.tensor([0, 1, 2])
    none, of_class = MIXTURE.predict(z, 60), MIXTURE.predict(z, 60, classes)
    off = GuidedDenoiser(MIXTURE, Guidance(0.0)).predict(z, 60, classes)
    plain = GuidedDenoiser(MIXTURE, Guidance(1.0)).predict(z, 60, classes)
    double = GuidedDenoiser(MIXTURE, Guidance(2.0)).predict(z, 60, classes)
    torch.testing.assert_close(off.eps, none.eps, rtol=0, atol=0)
    torch.testing.assert_close(off.x0, none.x0, rtol=0, atol=0)
    torch.testing.assert_close(plain.eps, of_class.eps, rtol=0, atol=0)
    torch.testing.assert_close(double.eps, 2 * of_class.eps - none.eps)
    torch.testing.assert_close(double.x0, 2 * of_class.x0 - none.x0)


def test_both_answers_come_from_one_call_on_a_double_batch() -> None:
    counting = Counting(MIXTURE)
    guided = GuidedDenoiser(counting, Guidance(3.0))
    assert isinstance(guided, Denoiser)
    assert guided.class_count == 3
    guided.predict(noisy(4), 60, torch.tensor([0, 2, NONE, 1]))
    ((count, condition),) = counting.asked
    assert count == 8
    assert condition.tolist() == [0, 2, NONE, 1] + 4 * [NONE]


@pytest.mark.parametrize(
    ("guidance", "t", "condition"),
    [
        (Guidance(1.0), 60, 2),
        (Guidance(3.0, lowest=61), 60, 2),
        (Guidance(3.0, highest=59), 60, 2),
        (Guidance(3.0), 60, None),
    ],
    ids=["scale 1", "below the interval", "above the interval", "no class"],
)
def test_where_guidance_does_not_act_the_model_is_asked_as_it_is(guidance: Guidance, t: int, condition) -> None:
    counting = Counting(MIXTURE)
    prediction = GuidedDenoiser(counting, guidance).predict(noisy(4), t, condition)
    assert counting.asked == [(4, condition)]
    expected = MIXTURE.predict(noisy(4), t, condition)
    torch.testing.assert_close(prediction.eps, expected.eps, rtol=0, atol=0)
    torch.testing.assert_close(prediction.x0, expected.x0, rtol=0, atol=0)


def test_the_interval_includes_both_its_ends() -> None:
    inside = Guidance(2.0, lowest=10, highest=20)
    assert [t for t in range(100) if inside.acts_at(t)] == list(range(10, 21))
    assert [t for t in range(100) if Guidance(2.0, lowest=97).acts_at(t)] == [97, 98, 99]
    assert [t for t in range(100) if Guidance(2.0, highest=2).acts_at(t)] == [0, 1, 2]
    assert not any(Guidance(1.0, lowest=10, highest=20).acts_at(t) for t in range(100))


def test_one_class_for_all_is_the_same_as_saying_it_for_each() -> None:
    guided = GuidedDenoiser(MIXTURE, Guidance(4.0))
    one = guided.predict(noisy(3), 60, 1)
    each = guided.predict(noisy(3), 60, torch.tensor([1, 1, 1], dtype=torch.int32))
    torch.testing.assert_close(one.eps, each.eps, rtol=0, atol=0)


@pytest.mark.parametrize("t", [0, 60, 99])
def test_pictures_of_no_class_are_left_alone_among_others(t: int) -> None:
    prediction = GuidedDenoiser(MIXTURE, Guidance(7.5)).predict(noisy(3), t, torch.tensor([NONE, 1, NONE]))
    whole = MIXTURE.predict(noisy(3), t)
    for row in (0, 2):
        torch.testing.assert_close(prediction.eps[row], whole.eps[row], rtol=0, atol=0)
        torch.testing.assert_close(prediction.x0[row], whole.x0[row], rtol=0, atol=0)
    assert not torch.equal(prediction.eps[1], whole.eps[1])


@pytest.mark.parametrize("parameterization", Parameterization)
@pytest.mark.parametrize(
    "config",
    [
        PointConfig(channels=1, height=8, width=8, hidden=16, blocks=1, num_class_embeds=4),
        UNetConfig(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            attention_head_dim=None,
            num_class_embeds=4,
        ),
    ],
    ids=["points", "U-Net"],
)
def test_a_network_is_guided_like_any_other(config, parameterization: Parameterization) -> None:
    network, schedule = build_network(config, seed=1), cosine(100)
    with torch.no_grad():
        # A fresh network answers nothing to anything.
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    denoiser = NetworkDenoiser(network, schedule, parameterization, class_count=3)
    z = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 2, NONE])
    none, of_class = denoiser.predict(z, 40), denoiser.predict(z, 40, classes)
    assert not torch.allclose(none.eps[0], of_class.eps[0], rtol=0, atol=1e-3)
    calls = []
    network.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    guided = GuidedDenoiser(denoiser, Guidance(3.0)).predict(z, 40, classes)
    assert calls == [6]
    torch.testing.assert_close(guided.eps, none.eps + 3 * (of_class.eps - none.eps), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(guided.x0, none.x0 + 3 * (of_class.x0 - none.x0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(guided.eps[2], none.eps[2], rtol=1e-5, atol=1e-5)


def test_data_with_labels_are_guided_towards_a_class() -> None:
    pictures = np.array([[0, 0], [255, 255], [0, 255]], dtype=np.uint8).reshape(3, 1, 2, 1)
    denoiser = DataSetDenoiser(SCHEDULE, pictures, np.array([0, 0, 1]))
    z = torch.zeros(2, 1, 1, 2, dtype=torch.float64)
    none, of_class = denoiser.predict(z, 95), denoiser.predict(z, 95, 1)
    guided = GuidedDenoiser(denoiser, Guidance(2.0)).predict(z, 95, 1)
    torch.testing.assert_close(guided.x0, 2 * of_class.x0 - none.x0)


def test_a_model_without_classes_cannot_be_guided() -> None:
    with pytest.raises(SettingsError, match="knows no classes"):
        GuidedDenoiser(GaussianDenoiser(SCHEDULE, 0.0, 1.0), Guidance(2.0))


@pytest.mark.parametrize(
    "values", [(-0.1,), (100.5,), (float("nan"),), (float("inf"),), (2.0, 5, 4)], ids=lambda values: str(values)
)
def test_guidance_that_is_impossible_is_refused(values) -> None:
    with pytest.raises(SettingsError):
        Guidance(*values)
