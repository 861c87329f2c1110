"""ε-, x0- and v-prediction say the same thing in three ways."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import (
    Parameterization,
    convert,
    output_from_prediction,
    prediction_from_output,
    training_target,
)

levels = st.floats(1e-4, 1 - 1e-4)
kinds = st.sampled_from(Parameterization)


def two_of(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 2, 3, 2, 2, generator=generator, dtype=torch.float64)
    return first, second


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


@given(source=kinds, target=kinds, alpha_bar=levels, seed=st.integers(0, 1000))
def test_conversions_invert_each_other(source, target, alpha_bar: float, seed: int) -> None:
    output, z = two_of(seed)
    there = convert(output, source, target, z, alpha_bar)
    # Out of ε and back through x̂0, as the worst, costs a factor 1/√ᾱ of the digits: 100 here.
    torch.testing.assert_close(convert(there, target, source, z, alpha_bar), output, rtol=0, atol=1e-11)


@given(path=st.tuples(kinds, kinds, kinds), alpha_bar=levels, seed=st.integers(0, 1000))
def test_the_way_does_not_matter(path, alpha_bar: float, seed: int) -> None:
    source, between, target = path
    output, z = two_of(seed)
    detour = convert(convert(output, source, between, z, alpha_bar), between, target, z, alpha_bar)
    torch.testing.assert_close(detour, convert(output, source, target, z, alpha_bar), rtol=1e-11, atol=1e-9)


@given(source=kinds, target=kinds, alpha_bar=levels, seed=st.integers(0, 1000))
def test_a_perfect_output_becomes_a_perfect_output(source, target, alpha_bar: float, seed: int) -> None:
    x, noise = two_of(seed)
    z = alpha_bar**0.5 * x + (1 - alpha_bar) ** 0.5 * noise
    converted = convert(training_target(source, x, noise, alpha_bar), source, target, z, alpha_bar)
    torch.testing.assert_close(converted, training_target(target, x, noise, alpha_bar), rtol=0, atol=1e-11)


@given(parameterization=kinds, alpha_bar=levels, seed=st.integers(0, 1000))
def test_an_output_is_found_again_from_what_it_means(parameterization, alpha_bar: float, seed: int) -> None:
    output, z = two_of(seed)
    prediction = prediction_from_output(parameterization, output, z, alpha_bar)
    again = output_from_prediction(parameterization, prediction, alpha_bar)
    torch.testing.assert_close(again, output, rtol=0, atol=1e-12)


def test_a_level_for_each_picture_converts_each_by_its_own() -> None:
    output, z = two_of(0)
    alpha_bar = torch.tensor([0.9, 0.01], dtype=torch.float64)
    both = convert(output, Parameterization.EPSILON, Parameterization.V, z, alpha_bar.view(-1, 1, 1, 1))
    for row in range(2):
        alone = convert(output[row], Parameterization.EPSILON, Parameterization.V, z[row], float(alpha_bar[row]))
        torch.testing.assert_close(both[row], alone)


def test_nothing_is_done_where_nothing_changes() -> None:
    output, z = two_of(0)
    for parameterization in Parameterization:
        assert convert(output, parameterization, parameterization, z, 0.5) is output


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
    with pytest.raises(ValueError, match="score"):
        convert(torch.zeros(1), Parameterization.V, "score", torch.zeros(1), 0.5)  # type: ignore[arg-type]
