"""Holding x̂0 in range: against diffusers' thresholding, a written-out quantile, and the equation between ε̂ and x̂0."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import Prediction, Thresholding, cosine, linear
from studio.diffusion.thresholding import NO_THRESHOLDING, THRESHOLDS
from studio.errors import SettingsError

SCHEDULE = linear(100)


def predicted(x0: torch.Tensor, t: int = 60, schedule=SCHEDULE) -> tuple[Prediction, torch.Tensor]:
    """A prediction with this x̂0 and the z_t that belongs to it."""
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(3), dtype=x0.dtype)
    z = float(schedule.sqrt_alpha_bar[t]) * x0 + float(schedule.sqrt_one_minus_alpha_bar[t]) * eps
    return Prediction(eps=eps, x0=x0), z


def spread(scale: float, shape=(3, 2, 8, 8), dtype=torch.float64) -> torch.Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=dtype)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.995, 1.0])
@pytest.mark.parametrize("scale", [0.2, 0.7, 3.0])
def test_dynamic_is_diffusers_up_to_the_interpolation_of_the_quantile(quantile: float, scale: float) -> None:
    theirs = DDPMScheduler(thresholding=True, dynamic_thresholding_ratio=quantile, sample_max_value=1e9)
    x0 = spread(scale, (3, 3, 64, 64))
    prediction, z = predicted(x0)
    held, _ = Thresholding("dynamic", quantile).apply(prediction, z, SCHEDULE, 60)
    # Theirs lies between the two values on either side of the quantile, ours is the upper one of them.
    torch.testing.assert_close(held.x0, theirs._threshold_sample(x0), rtol=5e-3, atol=1e-6)


@given(st.floats(0.01, 1.0), st.floats(0.1, 20.0), st.integers(1, 40))
def test_dynamic_written_out(quantile: float, scale: float, count: int) -> None:
    x0 = spread(scale, (2, 1, 1, count))
    prediction, z = predicted(x0)
    held, share = Thresholding("dynamic", quantile).apply(prediction, z, SCHEDULE, 60)
    for picture, kept in zip(x0.flatten(1).tolist(), held.x0.flatten(1).tolist(), strict=True):
        # The smallest value that at least this share of the values does not exceed.
        ordered = sorted(abs(value) for value in picture)
        limit = next(value for index, value in enumerate(ordered, 1) if index >= quantile * count)
        limit = max(limit, 1.0)
        assert kept == pytest.approx([min(max(value, -limit), limit) / limit for value in picture], rel=1e-6)
    assert share == pytest.approx(sum(abs(value) > 1 for value in x0.flatten().tolist()) / (2 * count), abs=1e-6)


@given(
    kind=st.sampled_from(THRESHOLDS),
    t=st.integers(0, 99),
    schedule=st.sampled_from([linear(100), cosine(100)]),
    scale=st.floats(0.1, 10.0),
    quantile=st.floats(0.5, 1.0),
)
def test_noise_and_picture_still_make_up_z(kind: str, t: int, schedule, scale: float, quantile: float) -> None:
    prediction, z = predicted(spread(scale), t, schedule)
    held, _ = Thresholding(kind, quantile).apply(prediction, z, schedule, t)
    signal, sigma = math.sqrt(schedule.alpha_bar_at(t)), math.sqrt(schedule.one_minus_alpha_bar_at(t))
    torch.testing.assert_close(signal * held.x0 + sigma * held.eps, z, rtol=1e-12, atol=1e-12)
    if kind != "none":
        assert float(held.x0.abs().max()) <= 1.0


@pytest.mark.parametrize("kind", THRESHOLDS)
def test_what_is_in_range_keeps_its_bits(kind: str) -> None:
    x0 = spread(0.1)
    prediction, z = predicted(x0)
    held, share = Thresholding(kind).apply(prediction, z, SCHEDULE, 60)
    assert share == 0.0
    assert held is prediction


def test_clip_moves_only_what_is_beyond() -> None:
    prediction, z = predicted(spread(1.0))
    held, share = Thresholding("clip").apply(prediction, z, SCHEDULE, 60)
    beyond = prediction.x0.abs() > 1
    assert torch.equal(held.x0, prediction.x0.clamp(-1, 1))
    assert torch.equal(held.eps[~beyond], prediction.eps[~beyond])
    assert not torch.isclose(held.eps[beyond], prediction.eps[beyond], rtol=1e-9).any()
    assert share == pytest.approx(float(beyond.double().mean()))


def test_dynamic_treats_each_picture_by_itself() -> None:
    x0 = torch.cat((spread(0.2, (1, 1, 8, 8)), spread(5.0, (1, 1, 8, 8))))
    prediction, z = predicted(x0)
    held, _ = Thresholding("dynamic", 0.9).apply(prediction, z, SCHEDULE, 60)
    assert torch.equal(held.x0[0], x0[0])
    assert torch.equal(held.eps[0], prediction.eps[0])
    assert float(held.x0[1].abs().max()) == 1.0
    # Contrast within the limit is kept in proportion, where clipping would flatten it.
    within = x0[1].abs() < x0[1].abs().flatten().kthvalue(50).values
    ratio = held.x0[1][within] / x0[1][within]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-6, atol=0)


def test_without_thresholding_the_share_beyond_is_still_told() -> None:
    prediction, z = predicted(torch.tensor([[[[0.5, 1.5, -2.0, 1.0]]]]))
    held, share = NO_THRESHOLDING.apply(prediction, z, SCHEDULE, 60)
    assert held is prediction
    assert share == 0.5
    assert not NO_THRESHOLDING.acts
    assert Thresholding("clip").acts
    assert Thresholding("dynamic").acts


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_type_stays(dtype) -> None:
    prediction, z = predicted(spread(2.0, dtype=dtype))
    for kind in THRESHOLDS:
        held, _ = Thresholding(kind).apply(prediction, z, SCHEDULE, 60)
        assert held.x0.dtype == held.eps.dtype == dtype


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"'soft'.*none, clip, dynamic"):
        Thresholding("soft")
    for quantile in (0.0, -0.5, 1.01, float("nan")):
        with pytest.raises(SettingsError, match="quantile"):
            Thresholding("dynamic", quantile)
