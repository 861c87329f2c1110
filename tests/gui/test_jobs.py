"""The job generators, stepped by hand: what they yield and what they return."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from studio.app import jobs
from studio.app.mailbox import LatestFrame
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.window.activity import Activity, clock, count, read_activity
from studio.diffusion.step import Step
from studio.errors import ModelFileError
from studio.generation.request import SamplingRequest
from studio.networks.devices import choose_device
from tests.helpers.fake_engine import tiny_bundle


def run(job) -> tuple[list[object], object]:
    items = []
    while True:
        try:
            items.append(next(job))
        except StopIteration as end:
            return items, end.value


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    tiny_bundle((1, 4, 4)).save(path)
    return path


def test_denoising_records_every_step_and_returns_the_trace(model_file: Path) -> None:
    choice = ModelChoice(ModelSource.FILE, "tiny", model_file)
    request = SamplingRequest(count=2, sampler="ddpm", steps=5, seed=3)
    items, trace = run(jobs.denoise(choice, request, choose_device("cpu")))
    started = items[0]
    assert isinstance(started, jobs.DenoisingStarted)
    assert started.trace is trace
    assert started.model.shape == (1, 4, 4)
    taken = [item for item in items if isinstance(item, jobs.StepTaken)]
    assert [(step.index, step.total) for step in taken] == [(index, 5) for index in range(5)]
    frames = [item.payload for item in items if isinstance(item, LatestFrame)]
    assert all(isinstance(frame, Step) for frame in frames)
    assert trace.complete
    assert torch.equal(trace.pictures(), frames[-1].z_s)


def test_the_live_model_is_asked_when_the_job_begins_not_when_it_is_made() -> None:
    class Run:
        asked = 0

        def bundle(self):
            self.asked += 1
            return tiny_bundle((1, 4, 4))

    run_in_training = Run()
    live = ModelChoice(ModelSource.LIVE, "live")
    request = SamplingRequest(count=1, steps=2)
    job = jobs.denoise(live, request, choose_device("cpu"), run=run_in_training)
    assert run_in_training.asked == 0
    run(job)
    assert run_in_training.asked == 1
    with pytest.raises(ModelFileError):
        run(jobs.denoise(live, request, choose_device("cpu")))


def test_a_model_is_written_and_read_again(model_file: Path, tmp_path: Path) -> None:
    _, model = run(jobs.open_model(model_file))
    _, path = run(jobs.save_model(model, tmp_path / "copy.safetensors"))
    _, copy = run(jobs.open_model(path))
    assert copy.content_hash == model.content_hash


def test_what_the_start_page_watches_are_the_models_own_pictures(model_file: Path) -> None:
    _, model = run(jobs.open_model(model_file))
    steps, _ = run(jobs.watch_picture(model, seed=5, steps=4))
    again, _ = run(jobs.watch_picture(model, seed=5, steps=4))
    assert [step.index for step in steps] == [0, 1, 2, 3]
    assert steps[0].z.shape == (4, 4, 1)
    assert steps[0].z.dtype == np.uint8
    assert steps[0].eps.dtype == np.float32
    assert all(np.array_equal(first.z_next, second.z_next) for first, second in zip(steps, again, strict=True))
    assert np.array_equal(steps[0].z_next, steps[1].z)


def test_points_begin_as_noise_and_move_step_by_step() -> None:
    points, _ = run(jobs.watch_points(tiny_bundle((1, 1, 2)), seed=1, count=7, steps=6))
    assert [frame.shape for frame in points] == [(7, 2)] * 7
    assert not np.array_equal(points[0], points[-1])


def test_starter_material_comes_pictures_first(model_file: Path) -> None:
    items, _ = run(jobs.start_material({"digits": model_file}))
    assert [type(item).__name__ for item in items] == ["StarterSetRead", "StarterSetRead", "StarterModelRead"]
    assert [item.id for item in items] == ["avatars", "two-pixels", "digits"]


def test_devices_fall_back_to_the_fastest_when_the_wish_is_gone() -> None:
    _, found = run(jobs.find_devices("cuda:17"))
    assert found.chosen == found.devices[0][0]
    _, found = run(jobs.find_devices("cpu"))
    assert found.chosen.kind == "cpu"
    assert {numbers for _, numbers in found.devices} <= {"bf16", "float32"}


def test_activities_are_read_from_the_events_that_tell_of_one() -> None:
    assert read_activity(jobs.StepTaken(4, 20)) == Activity("step 5 of 20", 0.25)
    assert read_activity("anything") is None
    assert read_activity(jobs.DevicesFound((), choose_device("cpu"))) is None


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (41.4, "0:41"), (725, "12:05"), (3725, "1:02:05")])
def test_seconds_are_read_as_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_numbers_agree_with_their_nouns() -> None:
    assert count(1, "picture") == "1 picture"
    assert count(60_000, "picture") == "60,000 pictures"
    assert count(2, "class", "classes") == "2 classes"


def test_the_state_tells_of_changes_once_and_lists_live_opened_and_starter_models(qtbot, tmp_path: Path) -> None:
    state = StudioState()
    starter = ModelChoice(ModelSource.STARTER, "Avatars", tmp_path / "a.safetensors")
    opened = ModelChoice(ModelSource.FILE, "Mine", tmp_path / "m.safetensors")
    with qtbot.waitSignal(state.model_choices_changed):
        state.set_starter_models((starter,))
    with qtbot.assertNotEmitted(state.model_choices_changed):
        state.set_starter_models((starter,))
    state.set_model(None, opened)
    state.set_model(None, opened)
    assert state.model_choices() == (opened, starter)
    with qtbot.waitSignal(state.run_changed):
        state.set_run(object())
    assert [choice.source for choice in state.model_choices()] == [
        ModelSource.LIVE,
        ModelSource.FILE,
        ModelSource.STARTER,
    ]
    assert len({choice.id for choice in state.model_choices()}) == 3
    with qtbot.assertNotEmitted(state.trace_changed):
        state.set_trace(None)
