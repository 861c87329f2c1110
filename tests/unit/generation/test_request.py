"""What can be asked for, and what is refused by its name."""

from __future__ import annotations

import dataclasses
import json

import pytest

from studio.diffusion.denoisers import Guidance
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.schedule import linear
from studio.errors import SettingsError
from studio.generation.request import SamplingRequest


def test_a_request_survives_json() -> None:
    request = SamplingRequest(
        count=3,
        sampler="ddpm",
        steps=None,
        seed=2**40,
        variance="posterior",
        eta=0.3,
        spacing="karras",
        thresholding="dynamic",
        quantile=0.9,
        class_name="cat",
        guidance=2.5,
        guidance_from=0.1,
        guidance_to=0.8,
        variation_seed=5,
        variation_radius=0.25,
        strength=0.4,
        resamplings=3,
        jump_length=7,
    )
    assert SamplingRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    with pytest.raises(SettingsError, match="guidence"):
        SamplingRequest.from_json({"guidence": 2})


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_every_sampler_is_made_with_the_options_that_it_knows(name: str) -> None:
    sampler = SamplingRequest(sampler=name, variance="posterior", eta=0.3).make_sampler()
    assert sampler.name == name
    assert getattr(sampler, "variance", "posterior") == "posterior"
    assert getattr(sampler, "eta", 0.3) == 0.3


def test_shares_of_the_noise_levels_become_steps_of_the_schedule() -> None:
    schedule = linear(200)
    assert SamplingRequest(guidance=3).make_guidance(schedule) == Guidance(3)
    request = SamplingRequest(guidance=3, guidance_from=0.25, guidance_to=0.5)
    # Levels 50 to 100 as a person counts them, from 1.
    assert request.make_guidance(schedule) == Guidance(3, 49, 99)
    narrow = dataclasses.replace(request, guidance_from=0.251, guidance_to=0.252)
    assert narrow.make_guidance(schedule) == Guidance(3, 50, 50)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 0),
        ("count", True),
        ("steps", 0),
        ("steps", 2.0),
        ("seed", -1),
        ("sampler", "newton"),
        ("variance", "gamma"),
        ("spacing", "random"),
        ("eta", 1.5),
        ("eta", float("nan")),
        ("first", -3),
        ("thresholding", "hard"),
        ("quantile", 0.0),
        ("class_name", 3),
        ("guidance", -1.0),
        ("guidance", float("inf")),
        ("guidance_from", 1.0),
        ("variation_seed", 0.5),
        ("variation_radius", 1.1),
        ("strength", 0.0),
        ("resamplings", 0),
        ("jump_length", 0),
    ],
)
def test_nonsense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=name.split("_")[0]):
        SamplingRequest(**{name: value})


def test_a_class_and_no_class_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="class"):
        SamplingRequest(class_name="cat", without_class=True)
