"""From a request to a run: levels, classes, noise, given pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range
from studio.diffusion.forward import diffuse
from studio.diffusion.noise import PictureNoise
from studio.diffusion.samplers import SAMPLERS, SPACINGS, sampling_pairs
from studio.diffusion.schedule import make_schedule
from studio.errors import SettingsError
from studio.generation.exact_model import ExactModel
from studio.generation.plan import plan
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.generation.source import SourcePicture
from studio.library.bundle import ModelBundle
from studio.networks.devices import choose_device

CPU = choose_device("cpu")


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (8, 8, 1), dtype=np.uint8)


@pytest.fixture
def left_half_white() -> np.ndarray:
    mask = np.zeros((8, 8), np.uint8)
    mask[:, :4] = 255
    return mask


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_without_a_wish_the_levels_are_those_that_suit_the_sampler(bundle: ModelBundle, name: str) -> None:
    planned = plan(bundle, SamplingRequest(sampler=name, steps=12))
    assert planned.run.pairs == sampling_pairs(bundle.schedule, 12, SAMPLERS[name].spacing)
    assert torch.equal(planned.z, PictureNoise(0, range(16), bundle.shape).initial())


def test_more_steps_than_there_are_means_all_of_them(bundle: ModelBundle) -> None:
    assert len(plan(bundle, SamplingRequest(steps=500)).run.pairs) == 100
    assert plan(bundle, SamplingRequest(steps=None)).run.pairs == sampling_pairs(bundle.schedule)


def test_classes_by_name_by_turns_and_none_at_all(class_bundle: ModelBundle) -> None:
    def labels(**wishes: object) -> tuple[int, ...] | None:
        return plan(class_bundle, SamplingRequest(count=4, **wishes)).run.labels

    assert labels(class_name="dog") == (1, 1, 1, 1)
    assert labels(without_class=True) == (2, 2, 2, 2)
    assert sorted(labels()) == [0, 0, 1, 1]
    assert labels(first=2)[:2] == labels()[2:]
    with pytest.raises(SettingsError, match="horse"):
        labels(class_name="horse")


@pytest.mark.parametrize("wish", [{"class_name": "cat"}, {"without_class": True}, {"guidance": 2.0}])
def test_a_model_without_classes_refuses_them(bundle: ModelBundle, wish: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="classes"):
        plan(bundle, SamplingRequest(**wish))


def test_guidance_and_class_change_the_pictures(class_bundle: ModelBundle) -> None:
    made = [
        make_pictures(class_bundle, SamplingRequest(count=2, steps=4, **wish), CPU)
        for wish in (
            {"class_name": "cat"},
            {"class_name": "dog"},
            {"without_class": True},
            {"class_name": "cat", "guidance": 4.0},
            {"class_name": "cat", "guidance": 0.0},
        )
    ]
    cat, dog, neither, more_cat, cat_ignored = made
    for one, two in ((cat, dog), (cat, neither), (cat, more_cat)):
        assert not np.array_equal(one, two)
    # Scale 0 leaves the class out. In a batch of twice the size sums are added in another order.
    assert np.abs(cat_ignored.astype(int) - neither).max() <= 2


def noise_of(seed: int) -> torch.Tensor:
    return PictureNoise(seed, range(3), (1, 8, 8)).initial()


def test_a_variation_turns_the_noise_towards_another_seed(bundle: ModelBundle) -> None:
    def z(**wishes: object) -> torch.Tensor:
        return plan(bundle, SamplingRequest(count=3, seed=4, **wishes)).z

    assert torch.equal(z(variation_seed=9, variation_radius=0.0), z())
    assert torch.equal(z(variation_seed=9, variation_radius=1.0), noise_of(9))
    near = z(variation_seed=9, variation_radius=0.1)
    expected = math.cos(0.05 * math.pi) * z().double() + math.sin(0.05 * math.pi) * noise_of(9).double()
    torch.testing.assert_close(near.double(), expected, rtol=0, atol=1e-6)


def test_strength_is_the_level_that_a_source_picture_is_noised_to(bundle: ModelBundle, picture: np.ndarray) -> None:
    request = SamplingRequest(count=2, steps=50, strength=0.3)
    planned = plan(bundle, request, SourcePicture(picture))
    assert planned.run.pairs[0][0] == 29
    assert len(planned.run.pairs) == 15
    noise = PictureNoise(0, range(2), bundle.shape).initial()
    alpha_bar = bundle.schedule.alpha_bar[29]
    expected = math.sqrt(alpha_bar) * to_model_range(picture[None]) + math.sqrt(1 - alpha_bar) * noise
    torch.testing.assert_close(planned.z, expected)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_source_picture_is_noised_to_where_its_walk_begins(
    bundle: ModelBundle, picture: np.ndarray, spacing: str
) -> None:
    planned = plan(bundle, SamplingRequest(count=1, steps=7, strength=0.9, spacing=spacing), SourcePicture(picture))
    first = planned.run.pairs[0][0]
    noise = PictureNoise(0, range(1), bundle.shape).initial()
    torch.testing.assert_close(planned.z, diffuse(bundle.schedule, to_model_range(picture[None]), first, noise))


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize(("strength", "resamplings"), [(1.0, 1), (0.5, 3)])
def test_what_is_not_painted_over_stays_to_the_last_bit(
    bundle: ModelBundle,
    picture: np.ndarray,
    left_half_white: np.ndarray,
    sampler: str,
    strength: float,
    resamplings: int,
) -> None:
    request = SamplingRequest(
        count=3, sampler=sampler, steps=12, strength=strength, resamplings=resamplings, jump_length=2
    )
    made = make_pictures(bundle, request, CPU, source=SourcePicture(picture, left_half_white))
    assert all(np.array_equal(one[:, 4:], picture[:, 4:]) for one in made)
    assert not any(np.array_equal(one[:, :4], picture[:, :4]) for one in made)
    assert not np.array_equal(made[0], made[1])


def test_the_exact_model_makes_copies_of_its_data_of_the_class_that_is_asked_for() -> None:
    random = np.random.default_rng(0)
    data = ImageSet(
        "six", random.integers(0, 256, (6, 4, 4, 1), dtype=np.uint8), np.array([0, 0, 0, 1, 1, 1]), ("low", "high")
    )
    model = ExactModel(data, make_schedule("cosine", 1000))
    made = make_pictures(model, SamplingRequest(count=20, class_name="high", sampler="dpmpp2m", steps=20), CPU)
    nearest = np.abs(made[:, None].astype(int) - data.images[None]).max((2, 3, 4))
    assert nearest.min(1).max() <= 1
    assert set(nearest.argmin(1)) <= {3, 4, 5}
    labels = plan(model, SamplingRequest(count=20)).run.labels
    assert labels is not None
    assert labels.count(0) in (9, 10, 11)
