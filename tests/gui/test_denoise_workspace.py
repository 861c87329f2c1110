"""The denoising workspace as a person uses it: run, watch, scrub, read the numbers, cancel, fail."""

from __future__ import annotations

import dataclasses
import logging
import time

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from studio.app import jobs
from studio.app.microscope.frames import FilmKind
from studio.app.state import ModelChoice, ModelSource
from studio.app.theme import theme
from studio.app.widgets.export_film import ExportFilmDialog
from studio.errors import ModelFileError
from studio.networks.devices import choose_device
from tests.gui.denoise_helpers import CountingDenoiser, Workspace, denoiser, recorded, steps, tiny_model


@pytest.fixture
def workspace(qtbot):
    workspace = Workspace(qtbot)
    workspace.state.set_device(choose_device("cpu"))
    yield workspace
    workspace.close()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "tiny.safetensors"
    tiny_model().save(path)
    return ModelChoice(ModelSource.STARTER, "Two pixels", path)


def set_up(workspace: Workspace, **settings) -> None:
    workspace.denoising.set_settings(dataclasses.replace(workspace.denoising.settings, **settings))


def shown(tile) -> np.ndarray:
    assert tile.shown is not None
    return tile.shown.array


def test_one_click_on_a_starter_model_denoises(workspace, saved, qtbot):
    workspace.state.set_starter_models((saved,))
    set_up(workspace, steps=12, count=5)
    (card,) = workspace.stage.start_page.cards
    QTest.mouseClick(card, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: workspace.denoising.frames is not None and not workspace.denoising.running, timeout=20000)
    frames = workspace.denoising.frames
    assert frames.trace.complete
    assert frames.count == 13
    # It followed the run to its end.
    assert workspace.denoising.playback.position == 12
    assert workspace.batch.grid.count == 5
    assert workspace.state.model_choice == saved
    assert workspace.stage.microscope.isVisible()


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_the_keyboard_follows_from_the_card_to_the_playhead(workspace, saved, qtbot, key):
    workspace.state.set_starter_models((saved,))
    set_up(workspace, steps=6, count=2)
    (card,) = workspace.stage.start_page.cards
    card.setFocus()
    QTest.keyClick(card, key)
    qtbot.waitUntil(lambda: workspace.denoising.frames is not None and not workspace.denoising.running, timeout=20000)
    focus = workspace.window.focusWidget()
    assert focus is workspace.stage.microscope
    QTest.keyClick(focus, Qt.Key.Key_Left)
    assert workspace.denoising.playback.position == 5


def test_the_button_starts_cancels_and_tells_the_cost(workspace, saved, qtbot):
    workspace.state.set_starter_models((saved,))
    set_up(workspace, steps=10, count=4)
    button = workspace.sampler._button
    assert button.text() == "Denoise 4"
    button.click()
    assert button.text() == "Cancel"
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    assert button.text() == "Denoise 4 again"
    calls, time, trace = workspace.sampler._facts.text().split(" · ")
    assert calls == "10\u00a0model\u00a0calls"
    assert time.startswith("≈\u00a0")
    assert trace.startswith("trace\u00a0")


def test_without_a_model_the_button_says_why_it_cannot(workspace):
    assert not workspace.sampler._button.isEnabled()
    assert "Choose a model" in workspace.sampler._button.toolTip()


def test_the_same_seed_gives_the_same_pictures(workspace, saved, qtbot):
    results = []
    for _ in range(2):
        workspace.denoising.start(saved, workspace.runner)
        qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
        results.append(workspace.state.trace.pictures())
    assert torch.equal(*results)


def test_scrubbing_asks_the_model_nothing(workspace):
    model: CountingDenoiser = denoiser(recorded().schedule, (1, 6, 5))
    trace, all_steps = steps(model=model, taken=None)
    for step in all_steps:
        trace.record(step)
    calls = model.calls
    workspace.state.set_trace(trace)
    workspace.denoising._end()
    for position in (0, 5, 39, 40, 12, 13):
        workspace.denoising.playback.seek(position)
        workspace.window.grab()
        workspace.denoising.set_picture(position % 3)
    for kind in FilmKind:
        workspace.denoising.set_kind(kind)
        workspace.window.grab()
    assert model.calls == calls == 40


@pytest.mark.parametrize("shape", [(1, 6, 5), (3, 5, 7), (4, 4, 4), (1, 1, 2), (3, 33, 20)])
@pytest.mark.parametrize(
    "options",
    [
        {"sampler": "ddpm"},
        {"sampler": "ddpm", "variance": "posterior"},
        {"sampler": "ddim", "eta": 0.7},
        {"sampler": "heun"},
        {"sampler": "dpmpp2m"},
        {"sampler": "unipc"},
    ],
)
def test_the_tiles_are_the_equation(workspace, shape, options):
    trace = recorded(shape, **options)
    workspace.state.set_trace(trace)
    workspace.denoising._end()
    workspace.denoising.set_picture(1)
    apart = workspace.stage.microscope.step_apart
    for position in range(len(trace)):
        workspace.denoising.playback.seek(position)
        step = trace.frame(position)
        z, taken, following = shown(apart.tile_z), shown(apart.tile_taken), shown(apart.tile_next)
        fresh = shown(apart.tile_fresh) if step.coefficients.fresh_noise > 0 else 0.0
        assert z.shape == (shape[1], shape[2], shape[0])
        start = step.coefficients.state * z
        # float32 rounds in proportion to the largest number in the sum: early cosine steps multiply z by 30.
        tolerance = 4e-7 * max(1.0, np.abs(start).max(), np.abs(taken).max())
        np.testing.assert_allclose(start + taken + fresh, following, rtol=0, atol=tolerance)
        if step.s >= 0:
            mean = step.mean[1].movedim(0, -1).numpy()
            np.testing.assert_allclose(mean + fresh, following, rtol=0, atol=1e-6)
            np.testing.assert_array_equal(shown(apart.tile_mean), mean)
        np.testing.assert_array_equal(following, step.z_s[1].movedim(0, -1).numpy())
    assert not workspace.window.grab().isNull()


def test_the_mean_takes_the_place_of_what_is_taken_off(workspace, qtbot):
    workspace.state.set_trace(recorded())
    workspace.denoising._end()
    microscope = workspace.stage.microscope
    apart = microscope.step_apart
    assert apart.tiles[3] is apart.tile_taken
    place = apart.tile_taken.geometry()
    qtbot.mouseClick(apart.tile_taken, Qt.MouseButton.LeftButton)
    assert apart.tiles[3] is apart.tile_mean
    assert apart.tile_mean.geometry() == place
    assert (apart.tile_mean.isVisible(), apart.tile_taken.isVisible()) == (True, False)
    qtbot.keyClick(microscope, Qt.Key.Key_M)
    assert apart.tile_taken.isVisible()
    assert not apart.tile_mean.isVisible()


def test_no_noise_is_said_in_words(workspace):
    workspace.state.set_trace(recorded(sampler="ddim"))
    workspace.denoising._end()
    workspace.denoising.playback.seek(2)
    fresh = workspace.stage.microscope.step_apart.tile_fresh
    assert fresh.shown is None
    assert "adds no noise" in fresh.accessibleDescription()
    workspace.state.set_trace(recorded())
    workspace.denoising._end()
    workspace.denoising.playback.seek(2)
    assert fresh.shown is not None
    assert fresh.accessibleDescription() == ""


def test_pixel_values_are_those_of_the_step(workspace):
    trace = recorded()
    workspace.state.set_trace(trace)
    workspace.denoising._end()
    workspace.denoising.playback.seek(3)
    microscope = workspace.stage.microscope
    microscope.picture.pixel_hovered.emit(4, 2)
    step = trace.frame(3)
    texts = [term.text for term in microscope._values.terms if term.words]
    expected = [float(values[0, 0, 2, 4]) for values in (step.z_t, step.eps, step.x0)]
    assert [float(text.replace("−", "-")) for text in texts] == pytest.approx(expected, abs=0.006)
    assert microscope._pixel.text() == "pixel 4, 2"


def test_arrow_keys_go_through_time_in_the_stage_and_on_the_timeline(workspace):
    workspace.state.set_trace(recorded())
    workspace.denoising._end()
    playback = workspace.denoising.playback
    playback.seek(4)
    for target in (workspace.stage.microscope, workspace.stage.microscope.picture, workspace.timeline.view):
        QTest.keyClick(target, Qt.Key.Key_Right)
    assert playback.position == 7
    QTest.keyClick(workspace.stage.microscope.picture, Qt.Key.Key_Home)
    assert playback.position == 0
    QTest.keyClick(workspace.stage.microscope, Qt.Key.Key_Space)
    assert playback.playing
    playback.pause()
    QTest.keyClick(workspace.stage.microscope.picture, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert workspace.stage.microscope.picture.mark() is not None
    assert playback.position == 0


def test_choosing_a_picture_of_the_batch_enlarges_it(workspace):
    trace = recorded()
    workspace.state.set_trace(trace)
    workspace.denoising._end()
    workspace.denoising.playback.seek(5)
    workspace.batch.grid.selected.emit(2)
    large = workspace.stage.microscope.picture.shown.array
    np.testing.assert_array_equal(large, trace.frame(5).z_t[2].movedim(0, -1).numpy())


def test_cancelling_keeps_the_frames_so_far(workspace, saved, qtbot, monkeypatch):
    real = jobs.denoise

    def slow(*arguments, **options):
        for event in real(*arguments, **options):
            if isinstance(event, jobs.StepTaken):
                time.sleep(0.02)
            yield event

    monkeypatch.setattr(jobs, "denoise", slow)
    set_up(workspace, steps=60, count=2)
    workspace.denoising.start(saved, workspace.runner)
    qtbot.waitUntil(lambda: workspace.denoising.progress[0] >= 4, timeout=20000)
    shown_while_running = workspace.denoising.playback.position
    workspace.denoising.cancel()
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    frames, playback = workspace.denoising.frames, workspace.denoising.playback
    assert shown_while_running > 0
    assert 4 < frames.count < 61
    assert playback.count == frames.count
    # What is missing keeps its place: the run can be gone on with.
    assert workspace.denoising.can_go_on
    assert playback.planned == 61
    playback.seek(2)
    workspace.window.grab()
    assert workspace.stage.microscope.picture.shown is not None
    assert workspace.timeline.view.film.planned == 61


def test_a_model_that_cannot_be_read_is_said_in_the_window(workspace, tmp_path, qtbot, caplog):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not a model at all")
    choice = ModelChoice(ModelSource.FILE, "broken", path)
    with caplog.at_level(logging.WARNING):
        with qtbot.waitSignal(workspace.denoising.failed, timeout=20000) as caught:
            workspace.denoising.models.choose(choice, workspace.runner)
        assert isinstance(caught.args[0], ModelFileError)
        assert workspace.state.model_choice is None
        with qtbot.waitSignal(workspace.denoising.failed, timeout=20000):
            workspace.denoising.start(choice, workspace.runner)
        qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    assert workspace.stage._banner.isVisible()


def test_denoising_while_a_job_is_paused_does_not_wait_for_it(workspace, saved, qtbot):
    def training():
        while True:
            time.sleep(0.001)
            yield None

    handle = workspace.runner.start(training(), "Training")
    handle.pause()
    workspace.denoising.start(saved, workspace.runner)
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    assert workspace.denoising.frames.trace.complete
    assert handle.alive
    handle.cancel()


def test_settings_reach_the_run(workspace, saved, qtbot):
    sampler = workspace.sampler
    sampler._sampler.set_value("ddim")
    sampler._eta.set_value(0.25)
    sampler._steps.set_value(9)
    sampler._count.set_value(3)
    sampler._seed.set_value(77)
    sampler._clip.set_value(True)
    workspace.denoising.start(saved, workspace.runner)
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    trace = workspace.state.trace
    assert (trace.sampler.name, trace.sampler.eta) == ("ddim", 0.25)
    assert (len(trace.pairs), trace.shape[0], trace.run.seed, trace.run.thresholding.kind) == (9, 3, 77, "clip")
    # The schedule of this model has 60 levels, so the slider ends there.
    assert sampler._steps.maximum == 60


def test_all_steps_with_beta_are_named_algorithm_20_2(workspace):
    set_up(workspace, steps=1000, variance="beta")
    assert "Algorithm 20.2" in workspace.sampler._remark.text()
    set_up(workspace, steps=20)
    assert "Algorithm 20.2" not in workspace.sampler._remark.text()


def test_algorithm_20_2_is_one_click_away_and_one_click_back(workspace, saved, qtbot):
    workspace.state.set_starter_models((saved,))
    set_up(workspace, sampler="ddim", steps=9, count=3, clip=True)
    workspace.denoising.models.choose(saved, workspace.runner)
    qtbot.waitUntil(lambda: workspace.state.model is not None, timeout=20000)
    button = workspace.sampler._book
    assert button.text() == "Algorithm 20.2"
    button.click()
    settings = workspace.denoising.settings
    assert (settings.sampler, settings.variance, settings.steps, settings.clip) == ("ddpm", "beta", 60, False)
    assert workspace.sampler._remark.text() == "All 60 = Algorithm 20.2"
    workspace.denoising.start(saved, workspace.runner)
    qtbot.waitUntil(lambda: not workspace.denoising.running, timeout=20000)
    assert list(workspace.state.trace.pairs) == [(t, t - 1) for t in range(59, -1, -1)]
    button.click()
    settings = workspace.denoising.settings
    assert (settings.variance, settings.steps, settings.count) == ("posterior", 50, 3)


def test_the_theme_changes_live(workspace):
    theme().install("dark")
    try:
        workspace.state.set_trace(recorded())
        workspace.denoising._end()
        workspace.denoising.playback.seek(3)
        tile = workspace.stage.microscope.step_apart.tile_noise
        film = workspace.timeline.view.film
        workspace.denoising.set_kind(FilmKind.EPSILON)
        dark = workspace.denoising.frames.thumbnail(3, FilmKind.EPSILON, 0).copy()
        dark_tile = tile.grab().toImage()
        theme().set_choice("light")
        light = workspace.denoising.frames.thumbnail(3, FilmKind.EPSILON, 0)
        assert light != dark
        assert tile.grab().toImage() != dark_tile
        assert workspace.timeline.view.film is not film
    finally:
        theme().set_choice("dark")


def test_a_film_is_exported(workspace, tmp_path, qtbot):
    from PIL import Image

    from studio.app.microscope.film_export import FilmRequest

    workspace.state.set_trace(recorded((3, 6, 5)))
    workspace.denoising._end()
    for kind, picture, size in ((FilmKind.Z, 1, (15, 18)), (FilmKind.EPSILON, None, None)):
        path = tmp_path / f"{kind}.gif"
        with qtbot.waitSignal(workspace.denoising.exported, timeout=20000):
            workspace.denoising.export(FilmRequest(kind, picture, 10, 3), path, workspace.runner)
        with Image.open(path) as film:
            # The result repeats the last prediction, which a GIF shows longer instead of twice.
            assert film.n_frames == (9 if kind is FilmKind.Z else 8)
            assert size is None or film.size == size
    assert "Saved as" in workspace.stage._banner.text()


def test_every_control_has_a_name(workspace):
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QSlider

    for panel in (workspace.sampler, workspace.batch, workspace.timeline, workspace.stage):
        for widget in (child for kind in (QAbstractButton, QComboBox, QSlider) for child in panel.findChildren(kind)):
            if widget.isVisible():
                assert widget.accessibleName() or widget.text(), widget


def test_the_card_offers_models_and_takes_the_chosen_one(workspace, saved, qtbot):
    workspace.state.set_starter_models((saved,))
    menu = workspace.sampler.card.make_menu()
    actions = [action for action in menu.actions() if not action.isSeparator()]
    assert [action.text() for action in actions] == ["Two pixels", "Open…"]
    actions[0].trigger()
    qtbot.waitUntil(lambda: workspace.state.model is not None, timeout=20000)
    assert workspace.state.model_choice == saved
    assert "2×1" in workspace.sampler.card.accessibleDescription()


def test_the_export_dialog_tells_the_length_and_size(workspace):
    workspace.state.set_trace(recorded((1, 6, 5), taken=None))
    workspace.denoising._end()
    dialog = ExportFilmDialog(workspace.denoising.frames, FilmKind.X0, 1, 8.0, workspace.window)
    dialog._scale.set_value(10)
    assert "41 moments" in dialog._facts.text()
    assert "50 × 60 pixels" in dialog._facts.text()
    dialog._which.set_value("all")
    request = dialog.request()
    assert (request.kind, request.picture, request.fps, request.scale) == (FilmKind.X0, None, 8.0, 10)
    dialog.deleteLater()
