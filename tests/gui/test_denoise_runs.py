"""Pausing, stepping and going on with a reverse process, branches of it, and walking among them."""

from __future__ import annotations

import csv
import dataclasses
import gc
import logging
import time
import weakref

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from studio.app import jobs
from studio.app.docks.denoise.lanes import LaneKind
from studio.app.microscope import run_numbers
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.frames import FilmKind
from studio.app.runner import JobState
from studio.app.settings import Settings
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.window.opening import Opener
from studio.data.image_set import ImageSet
from studio.diffusion.branching import branch
from studio.errors import SettingsError, StudioError
from studio.generation.trace_file import load_traces, save_traces
from studio.networks.devices import choose_device
from tests.gui.denoise_helpers import Workspace, recorded, tiny_model


@pytest.fixture
def workspace(qtbot):
    workspace = Workspace(qtbot)
    workspace.state.set_device(choose_device("cpu"))
    workspace.denoising.set_settings(dataclasses.replace(workspace.denoising.settings, steps=40, count=2))
    yield workspace
    workspace.close()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "tiny.safetensors"
    tiny_model().save(path)
    return ModelChoice(ModelSource.STARTER, "Two pixels", path)


@pytest.fixture
def slow(monkeypatch):
    """Steps take as long as those of a real model."""
    real = jobs.record

    def record(*arguments, **options):
        steps = real(*arguments, **options)
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                return end.value
            if isinstance(event, jobs.StepTaken):
                time.sleep(0.01)
            yield event

    monkeypatch.setattr(jobs, "record", record)


def wait_for_end(workspace, qtbot) -> None:
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)


def run_to_end(workspace, saved, qtbot):
    workspace.denoising.start(saved, workspace.runner)
    wait_for_end(workspace, qtbot)
    return workspace.state.trace


def pause_after(workspace, saved, qtbot, steps: int):
    workspace.denoising.start(saved, workspace.runner)
    qtbot.waitUntil(lambda: workspace.denoising.progress[0] >= steps, timeout=20000)
    assert workspace.denoising.can_pause
    workspace.denoising.pause_run()
    wait_for_end(workspace, qtbot)
    return workspace.state.trace


def test_a_run_that_was_paused_and_stepped_is_the_same_run(workspace, saved, slow, qtbot):
    whole = run_to_end(workspace, saved, qtbot)
    stopped = pause_after(workspace, saved, qtbot, 3)
    denoising, playback = workspace.denoising, workspace.denoising.playback
    assert not stopped.complete
    assert denoising.can_go_on
    assert not denoising.can_pause
    taken = len(stopped)
    denoising.take_step(workspace.runner)
    wait_for_end(workspace, qtbot)
    assert len(stopped) == taken + 1
    assert workspace.state.trace is stopped
    # The step that was taken is the one that is shown.
    assert playback.position == taken + 1 == playback.count - 1
    assert playback.planned == 41
    denoising.resume_run(workspace.runner)
    wait_for_end(workspace, qtbot)
    assert stopped.complete
    assert not denoising.can_go_on
    for k in range(41):
        assert torch.equal(stopped.state(k), whole.state(k))


def test_a_pause_does_not_hold_up_the_training_below(workspace, saved, slow, qtbot):
    steps_trained = []

    def training():
        while True:
            time.sleep(0.001)
            steps_trained.append(None)
            yield None

    handle = workspace.runner.start(training(), "Training")
    pause_after(workspace, saved, qtbot, 3)
    before = len(steps_trained)
    qtbot.waitUntil(lambda: len(steps_trained) > before + 5, timeout=20000)
    assert handle.state is JobState.RUNNING
    handle.cancel()


def test_whoever_looked_back_follows_again_when_the_run_goes_on(workspace, saved, slow, qtbot):
    pause_after(workspace, saved, qtbot, 4)
    playback = workspace.denoising.playback
    playback.seek(1)
    assert not playback.follow
    workspace.denoising.resume_run(workspace.runner)
    assert playback.follow
    wait_for_end(workspace, qtbot)
    assert playback.position == 40


def test_a_branch_is_made_shown_and_recorded_with_the_model_of_its_family(workspace, saved, qtbot):
    parent = run_to_end(workspace, saved, qtbot)
    denoising = workspace.denoising
    denoising.start_branch(lambda: branch(parent, 15, seed=99), workspace.runner)
    wait_for_end(workspace, qtbot)
    child = workspace.state.trace
    assert child.parent is parent
    assert child.complete
    assert denoising.model_of(child) == denoising.model_of(parent)
    assert denoising.model_of(child)[1] == saved
    assert torch.equal(child.state(15), parent.state(15))
    assert not torch.equal(child.state(17), parent.state(17))
    fresh = list(branch(parent, 15, seed=99).steps(denoising.model_of(parent)[0].denoiser(choose_device("cpu"))))
    assert torch.equal(child.pictures(), fresh[-1].z_s)


def test_a_branch_that_cannot_be_made_is_reported_and_the_run_stays(workspace, saved, qtbot, caplog):
    parent = run_to_end(workspace, saved, qtbot)

    def make():
        raise StudioError("There is no room.", "Free some.")

    with caplog.at_level(logging.WARNING):
        with qtbot.waitSignal(workspace.denoising.failed, timeout=20000):
            workspace.denoising.start_branch(make, workspace.runner)
        wait_for_end(workspace, qtbot)
        caplog.clear()
    assert workspace.state.trace is parent


def test_without_its_model_a_run_is_not_gone_on_with(workspace, qtbot):
    workspace.state.set_trace(recorded())
    assert workspace.denoising.model_of(workspace.state.trace) is None
    with qtbot.waitSignal(workspace.denoising.failed) as caught:
        handle = workspace.denoising.start_branch(lambda: branch(workspace.state.trace, 2), workspace.runner)
    assert handle is None
    assert "model" in caught.args[0].what
    assert not workspace.denoising.can_go_on


def test_the_parent_can_be_looked_at_while_the_branch_goes_on(workspace, saved, slow, qtbot):
    parent = run_to_end(workspace, saved, qtbot)
    denoising, playback = workspace.denoising, workspace.denoising.playback
    playback.seek(20)
    denoising.start_branch(lambda: branch(parent, 15, seed=99), workspace.runner)
    qtbot.waitUntil(lambda: denoising.progress[0] >= 18, timeout=20000)
    child = denoising.running_trace
    assert workspace.state.trace is child
    denoising.show_trace(parent)
    playback.seek(33)
    grown = []
    denoising.trace_grew.connect(grown.append)
    with qtbot.assertNotEmitted(denoising.frames_grew):
        wait_for_end(workspace, qtbot)
    assert (playback.position, playback.count, playback.planned) == (33, 41, 41)
    assert set(grown) == {child}
    assert denoising.frames_of(child).count == 41
    denoising.show_trace(child)
    assert (playback.position, playback.count, playback.planned) == (33, 41, 41)


def test_walking_in_a_tree_keeps_the_moment_and_the_frames(workspace, saved, qtbot):
    parent = run_to_end(workspace, saved, qtbot)
    denoising = workspace.denoising
    tail = parent.pairs[20:]
    shorter = tuple(zip([t for t, _ in tail[::2]], [t for t, _ in tail[2::2]] + [-1], strict=True))
    denoising.start_branch(lambda: branch(parent, 20, tail=shorter), workspace.runner)
    wait_for_end(workspace, qtbot)
    child = workspace.state.trace
    frames = denoising.frames_of(parent), denoising.frames_of(child)
    denoising.playback.seek(26)
    moment = frames[1].time(26)
    denoising.show_trace(parent)
    assert denoising.frames is frames[0]
    assert frames[0].time(denoising.playback.position) == moment
    denoising.show_trace(child)
    assert denoising.frames is frames[1]
    assert denoising.playback.position == 26


def test_measures_of_shared_steps_are_taken_over(workspace, saved, qtbot, monkeypatch):
    parent = run_to_end(workspace, saved, qtbot)
    of_parent = workspace.denoising.frames_of(parent).measures
    workspace.denoising.start_branch(lambda: branch(parent, 15, seed=99), workspace.runner)
    wait_for_end(workspace, qtbot)
    of_child = workspace.denoising.frames.measures
    of_parent.advance(1)
    read = []
    frame = workspace.state.trace.frame
    monkeypatch.setattr(workspace.state.trace, "frame", lambda k, picture: read.append(k) or frame(k, picture))
    of_child.advance(1)
    for kind in (FilmKind.Z, FilmKind.X0):
        one, two = of_parent.rms(kind, 1), of_child.rms(kind, 1)
        assert len(one) == len(two) == 40
        assert (one[:15] == two[:15]).all()
        assert not (one[16:] == two[16:]).any()


def test_what_was_drawn_of_other_families_is_let_go(workspace, saved, qtbot):
    run_to_end(workspace, saved, qtbot)
    frames = weakref.ref(workspace.denoising.frames)
    run_to_end(workspace, saved, qtbot)
    workspace.window.grab()
    gc.collect()
    assert frames() is None


def test_an_opened_run_shows_without_its_model_and_goes_on_when_it_comes(workspace, saved, slow, tmp_path, qtbot):
    stopped = pause_after(workspace, saved, qtbot, 3)
    model = workspace.denoising.model_of(stopped)[0]
    path = save_traces(tmp_path / "run.trace", stopped, model.content_hash, model.name)
    other = StudioState(workspace.window)
    denoising = denoising_of(other)
    opener = Opener(other, workspace.runner, Settings(other))
    with qtbot.waitSignal(opener.run_opened, timeout=20000):
        opener.open([path])
    trace = other.trace
    assert len(trace) == len(stopped)
    assert denoising.frames.count == len(stopped) + 1
    # Nothing is to come: the timeline ends where the file does.
    assert denoising.playback.planned == denoising.playback.count
    assert not denoising.can_go_on
    assert torch.equal(trace.state(2), stopped.state(2))
    # Saved again, it still knows whose it is.
    with qtbot.waitSignal(branches_of(other).saved, timeout=20000):
        branches_of(other).save(trace, tmp_path / "again.trace", workspace.runner)
    assert load_traces(tmp_path / "again.trace").model_hash == model.content_hash
    other.set_model(model, saved)
    assert denoising.can_go_on
    assert denoising.playback.planned == 41
    denoising.resume_run(workspace.runner)
    qtbot.waitUntil(lambda: not denoising.running, timeout=20000)
    workspace.denoising.resume_run(workspace.runner)
    wait_for_end(workspace, qtbot)
    assert torch.equal(trace.pictures(), stopped.pictures())


def test_an_opened_run_finds_its_model_among_those_at_hand(workspace, saved, tmp_path, qtbot):
    trace = run_to_end(workspace, saved, qtbot)
    model = workspace.denoising.model_of(trace)[0]
    # As the command line may name it.
    path = save_traces(tmp_path / "run.safetensors", trace, model.content_hash, model.name)
    other = StudioState(workspace.window)
    other.set_starter_models((saved,))
    opener = Opener(other, workspace.runner, Settings(other))
    with qtbot.waitSignal(opener.run_opened, timeout=20000):
        opener.open([path])
    found, choice = denoising_of(other).model_of(other.trace)
    assert found.content_hash == model.content_hash
    assert choice == saved


def test_the_numbers_of_a_run_leave_as_table_and_tensors(workspace, tmp_path, qtbot):
    trace = recorded((1, 6, 5))
    workspace.state.set_trace(trace)
    workspace.denoising.set_picture(2)
    exports = {export.title: export for export in workspace.timeline.export.exports}
    workspace.timeline.export.export_to(exports["Numbers of the run"], tmp_path / "run.csv")
    with (tmp_path / "run.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["t"]) for row in rows] == [t + 1 for t, _ in trace.pairs]
    step = trace.frame(4)
    assert float(rows[4]["norm_eps"]) == pytest.approx(float(step.eps[2].square().mean().sqrt()), rel=1e-5)
    assert float(rows[4]["alpha_bar"]) == trace.schedule.alpha_bar[step.t]
    for title, pictures in (("Tensors of this picture", [2]), ("Tensors of the batch", [0, 1, 2])):
        path = tmp_path / f"{len(pictures)}.npz"
        with qtbot.waitSignal(workspace.denoising.exported, timeout=20000):
            workspace.timeline.export.export_to(exports[title], path)
        with np.load(path) as arrays:
            assert arrays["z"].shape == (9, len(pictures), 1, 6, 5)
            for k in range(9):
                assert np.array_equal(arrays["z"][k], trace.state(k)[pictures].numpy())
            assert np.array_equal(arrays["x0"][4], step.x0[pictures].numpy())
    workspace.timeline.export.export_to(exports["Timeline as a picture"], tmp_path / "timeline.svg")
    assert (tmp_path / "timeline.svg").read_bytes().lstrip().startswith(b"<?xml")


def test_too_many_tensors_are_refused_in_words(monkeypatch, tmp_path):
    monkeypatch.setattr(run_numbers, "MOST_BYTES", 1000)
    with pytest.raises(SettingsError, match="would take"):
        list(run_numbers.save_arrays(recorded(), None, tmp_path / "run.npz"))
    assert not list(tmp_path.iterdir())


def test_the_nearest_training_picture_is_found_in_the_background(workspace, saved, qtbot):
    trace = recorded((1, 6, 5), count=3)
    data = np.random.default_rng(1).integers(0, 256, (40, 6, 5, 1), dtype=np.uint8)
    workspace.state.set_trace(trace)
    workspace.denoising.set_picture(1)
    assert "open the training pictures" in workspace.timeline.nearest.note
    workspace.state.set_image_set(ImageSet("Noise", data[:, :5]))
    assert "6" in workspace.timeline.nearest.note
    workspace.state.set_image_set(ImageSet("Noise", data))
    measures = workspace.denoising.frames.measures
    qtbot.waitUntil(lambda: measures.nearest(1) is not None, timeout=20000)
    for k in range(len(trace)):
        levels = np.clip(np.rint((trace.frame(k).x0[1].movedim(0, -1).numpy() + 1) * 127.5), 0, 255)
        distances = np.sqrt(((data - levels) ** 2).mean((1, 2, 3)))
        assert measures.nearest(1).indices[k] == distances.argmin()
        assert measures.nearest(1).distances[k] == pytest.approx(distances.min())
    assert measures.nearest(0) is None
    workspace.state.set_image_set(None)
    assert measures.nearest(1) is None


def test_a_lane_can_be_put_away(workspace):
    workspace.state.set_trace(recorded())
    assert len(workspace.timeline.view.lanes) == 5
    action = next(action for action in workspace.timeline.make_lane_menu().actions() if "Cosine" in action.text())
    action.trigger()
    assert len(workspace.timeline.view.lanes) == 4
    assert LaneKind.COSINE not in workspace.timeline.shown_lanes


def test_the_timeline_pauses_steps_and_goes_on_by_button_and_key(workspace, saved, slow, qtbot):
    timeline = workspace.timeline
    assert not timeline._run.isEnabled()
    workspace.denoising.start(saved, workspace.runner)
    qtbot.waitUntil(lambda: workspace.denoising.progress[0] >= 3, timeout=20000)
    assert timeline._run.text() == "Pause run"
    timeline._run.click()
    wait_for_end(workspace, qtbot)
    taken = len(workspace.state.trace)
    assert timeline._run.text() == "Go on"
    QTest.keyClick(workspace.stage.microscope, Qt.Key.Key_N)
    wait_for_end(workspace, qtbot)
    timeline._step.click()
    wait_for_end(workspace, qtbot)
    assert len(workspace.state.trace) == taken + 2
    QTest.keyClick(timeline.view, Qt.Key.Key_P)
    assert workspace.denoising.running
    QTest.keyClick(timeline.view, Qt.Key.Key_P)
    wait_for_end(workspace, qtbot)
    assert not workspace.state.trace.complete
    workspace.sampler._go_on.click()
    wait_for_end(workspace, qtbot)
    assert workspace.state.trace.complete
    assert not timeline._run.isEnabled()
    assert "complete" in timeline._step.toolTip()
