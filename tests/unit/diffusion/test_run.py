"""Runs written down and read back: nothing is lost, and nothing impossible comes in."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.diffusion import SAMPLERS, Guidance, ReverseRun, Thresholding, linear, make_sampler, sampling_pairs
from studio.errors import ScheduleError, SettingsError, StudioError
from tests.unit.diffusion.recorded_runs import KINDS, RULES, described, known_pixels, model_of


def again(run: ReverseRun) -> ReverseRun:
    return ReverseRun.from_json(json.loads(json.dumps(run.to_json())), run.known)


def assert_equal(one: ReverseRun, two: ReverseRun) -> None:
    for field in dataclasses.fields(ReverseRun):
        assert getattr(one, field.name) == getattr(two, field.name), field.name
    assert (one.schedule.kind, one.schedule.options) == (two.schedule.kind, two.schedule.options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
def test_a_run_read_back_takes_the_same_steps(kind: str, sampler) -> None:
    run = described(kind, sampler)
    assert_equal(again(run), run)
    for step, expected in zip(again(run).steps(model_of(run)), run.steps(model_of(run)), strict=True):
        assert torch.equal(step.z_s, expected.z_s)


@st.composite
def runs(draw: st.DrawFn) -> ReverseRun:
    steps = draw(st.integers(2, 30))
    schedule = linear(steps, draw(st.floats(1e-5, 0.01)), draw(st.floats(0.02, 0.3)))
    pictures = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    kind = draw(st.sampled_from(sorted(SAMPLERS)))
    options = {
        "ddim": {"eta": draw(st.floats(0, 1))},
        "ddpm": {"variance": draw(st.sampled_from(["beta", "posterior"]))},
    }
    labels = st.lists(st.integers(0, 10), min_size=len(pictures), max_size=len(pictures))
    low, high = sorted(draw(st.tuples(st.integers(0, 30), st.integers(0, 30))))
    return ReverseRun(
        schedule,
        make_sampler(kind, **options.get(kind, {})),
        sampling_pairs(schedule, draw(st.integers(1, steps))),
        seed=draw(st.integers(0, 2**64 - 1)),
        pictures=tuple(pictures),
        shape=draw(st.tuples(*[st.integers(1, 8)] * 3)),
        labels=draw(st.none() | labels.map(tuple)),
        guidance=Guidance(
            draw(st.floats(0, 100)), draw(st.sampled_from([None, low])), draw(st.sampled_from([None, high]))
        ),
        thresholding=Thresholding(draw(st.sampled_from(["none", "clip", "dynamic"])), draw(st.floats(0.01, 1))),
    )


@settings(max_examples=60, deadline=None)
@given(runs())
def test_every_run_comes_back_as_it_was(run: ReverseRun) -> None:
    assert_equal(again(run), run)
    assert again(run).to_json() == run.to_json()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schedule": None}, "schedule is missing"),
        ({"schedule": {"beta": [0.1, 2.0]}}, "β at step 2"),
        ({"schedule": {"beta": [10**400]}}, "."),
        ({"schedule": {"beta": [0.1, float("nan")]}}, "β at step 2"),
        ({"sampler": "ddim"}, "sampler is missing"),
        ({"sampler": {"name": "magic", "options": {}}}, "no sampler called"),
        ({"sampler": {"name": ["ddim"], "options": {}}}, "is no text"),
        ({"sampler": {"name": "ddim", "options": {"eta": 2}}}, "η is 2"),
        ({"sampler": {"name": "ddim", "options": {"eta": "much"}}}, "cannot be read"),
        ({"sampler": {"name": "ddim", "options": {"eta": True}}}, "neither text nor a number"),
        ({"sampler": {"name": "ddim", "options": {"eta": [1]}}}, "neither text nor a number"),
        ({"sampler": {"name": "ddim", "options": {"speed": 1}}}, "no option"),
        ({"sampler": {"name": "ddim", "options": []}}, "options is missing"),
        ({"sampler": {"name": "ddpm", "options": {"variance": 3}}}, "no variance"),
        ({"pairs": []}, "no sampling step"),
        ({"pairs": [[5, 9]]}, "goes from 6 to 10"),
        ({"pairs": [[5]]}, "beginning and an end"),
        ({"pairs": [[5, 4, 3]]}, "whole numbers"),
        ({"pairs": [[5.0, 4]]}, "no whole number"),
        ({"pairs": [5, 4]}, "whole numbers"),
        ({"pairs": {"0": 1}}, "its steps"),
        ({"pairs": [[2**70, -1]]}, "no whole number"),
        ({"seed": -1}, "no whole number"),
        ({"seed": 2**64}, "no whole number"),
        ({"seed": None}, "no whole number"),
        ({"seed": 1.5}, "no whole number"),
        ({"pictures": 3}, "whole numbers"),
        ({"pictures": [True]}, "no whole number"),
        ({"shape": [1, 2]}, "not three numbers"),
        ({"shape": [1, 0, 5]}, "no whole number"),
        ({"shape": [1, 10**9, 5]}, "no whole number"),
        ({"labels": [1]}, "1 labels for 3 pictures"),
        ({"labels": ["cat"] * 3}, "no whole number"),
        ({"labels": [-1] * 3}, "no whole number"),
        ({"guidance": None}, "guidance is missing"),
        ({"guidance": {"scale": "2"}}, "is no number"),
        ({"guidance": {"scale": float("inf")}}, "guidance scale"),
        ({"guidance": {"scale": 2, "lowest": 5, "highest": 3}}, "cannot act"),
        ({"guidance": {"scale": 2, "lowest": 0.5}}, "no whole number"),
        ({"thresholding": {"kind": "hard", "quantile": 0.9}}, "no thresholding called"),
        ({"thresholding": {"kind": "clip", "quantile": float("nan")}}, "quantile"),
        ({"thresholding": {"kind": "clip"}}, "is no number"),
        ({"known": True}, "given pixels"),
        ({"known": None}, "given pixels"),
    ],
)
def test_what_is_no_run_gets_a_sentence(changes: dict[str, object], says: str) -> None:
    content = described().to_json() | changes
    with pytest.raises((SettingsError, ScheduleError), match=says) as error:
        ReverseRun.from_json(content)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("missing", described().to_json())
def test_everything_must_be_there(missing: str) -> None:
    content = described("guided").to_json()
    del content[missing]
    if missing == "labels":
        assert ReverseRun.from_json(content).labels is None
        return
    with pytest.raises(StudioError):
        ReverseRun.from_json(content)


@pytest.mark.parametrize("content", [None, [], "run", 3])
def test_what_is_no_table_gets_a_sentence(content: object) -> None:
    with pytest.raises(SettingsError, match="run is missing"):
        ReverseRun.from_json(content)


def test_known_pixels_travel_beside() -> None:
    run = described("known")
    with pytest.raises(SettingsError, match="given pixels"):
        ReverseRun.from_json(run.to_json())
    with pytest.raises(SettingsError, match="given pixels"):
        ReverseRun.from_json(described().to_json(), known_pixels())


def test_a_sampler_without_a_name_cannot_be_written_down() -> None:
    class Mine(type(make_sampler("ddpm"))):
        name = "mine"

    with pytest.raises(SettingsError, match="'mine' has no name"):
        described(sampler=Mine()).to_json()
