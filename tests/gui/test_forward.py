"""The forward view: a picture of one's own, both ways to noise, the playhead, the schedule under it, and files."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest

from studio.app.docks.forward.stage import ForwardStage
from studio.app.forward.chain import CHAINS_IN_PASSING, chain_count
from studio.app.forward.chains import SETTLED_MS
from studio.app.forward.words import step_coefficients
from studio.app.runner import JobState
from studio.app.state import StudioState
from studio.app.undo import undo_stack_of
from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range, to_pictures
from studio.diffusion import PictureNoise, diffuse, markov_step
from studio.diffusion.schedule import cosine, linear
from tests.gui.training_helpers import place, runner, small_pictures, state, two_pixels  # noqa: F401  (fixtures)


@pytest.fixture
def stage(place, state, runner) -> ForwardStage:
    state.set_image_set(small_pictures())
    stage = ForwardStage(state, runner)
    place(stage, 1280, 430)
    return stage


@pytest.fixture
def settled(qtbot, stage: ForwardStage) -> ForwardStage:
    """The page once all chains were measured."""
    process = stage.view.process

    def all_measured() -> None:
        assert process.moments is not None
        assert process.moments.chains == process.chains.wanted

    qtbot.waitUntil(all_measured, timeout=30_000)
    return stage


def wait_for_chain(qtbot, stage: ForwardStage) -> None:
    qtbot.waitUntil(lambda: stage.view.process.chain_is_current, timeout=30_000)


def write_picture(path: Path, colour: tuple[int, int, int] = (200, 30, 60)) -> Path:
    Image.new("RGB", (90, 60), colour).save(path)
    return path


def drop(stage: ForwardStage, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    stage.view.dragEnterEvent(QDragEnterEvent(QPoint(5, 5), action, data, button, keys))
    stage.view.dropEvent(QDropEvent(QPointF(5, 5), action, data, button, keys))


def test_both_strips_begin_with_the_picture_and_follow_their_formulas(qtbot, stage: ForwardStage, state) -> None:
    wait_for_chain(qtbot, stage)
    process, strips = stage.view.process, stage.view.strips
    x = to_model_range(state.image_set.images[:1])
    noise = PictureNoise(process.seed, (0,), (1, 8, 8))
    steps = strips.shown_steps()
    assert steps[0] == -1
    assert steps[-1] == 49
    closed = [x if t < 0 else diffuse(state.schedule, x, t, noise.initial()) for t in steps]
    np.testing.assert_array_equal(process.closed_pictures(steps), to_pictures(torch.cat(closed)))
    z, chained = x, [x]
    for t in range(50):
        z = markov_step(state.schedule, z, t, noise.at(t))
        chained.append(z)
    expected = to_pictures(torch.cat([chained[t + 1] for t in steps]))
    np.testing.assert_array_equal(process.chain_pictures(steps), expected)
    assert [len(images) for images in strips.images] == [len(steps)] * 2
    assert strips.images[1][3].pixelColor(2, 5).red() == expected[3, 5, 2, 0]


def test_the_tiles_add_up_to_z_in_both_rows(qtbot, stage: ForwardStage, state) -> None:
    wait_for_chain(qtbot, stage)
    process, rows = stage.view.process, stage.view.rows
    for position in (0, 1, 30, 49):
        process.playback.seek(position)
        _, signal, noise, z = (tile.shown.array for tile in rows.closed.tiles)
        np.testing.assert_allclose(signal + noise, z, atol=1e-5)
        np.testing.assert_array_equal(stage.view.picture.shown.array, z)
        before, shrunk, added, after = (tile.shown.array for tile in rows.step.tiles)
        kept, _ = step_coefficients(state.schedule, position)
        np.testing.assert_allclose(kept * before, shrunk, atol=1e-5)
        np.testing.assert_allclose(shrunk + added, after, atol=1e-5)
        np.testing.assert_allclose(after, process.chain.state(position)[0].movedim(0, -1).numpy(), atol=1e-5)
    process.playback.seek(30)
    written = rows.closed.numbers.accessibleName()
    assert f"{np.sqrt(state.schedule.alpha_bar[30]):.3f}" in written
    assert f"{np.sqrt(1 - state.schedule.alpha_bar[30]):.3f}" in written
    assert f"{np.sqrt(state.schedule.beta[30]):.3f}" in rows.step.numbers.accessibleName()


def test_measured_moments_agree_with_theory_and_stand_on_the_screen(settled: ForwardStage, state) -> None:
    moments = settled.view.process.moments
    assert moments.chains == chain_count(state.schedule, 64) == 256
    assert np.all(np.abs(moments.factor - state.schedule.sqrt_alpha_bar) < 5 * moments.factor_error)
    assert np.all(np.abs(moments.variance - state.schedule.one_minus_alpha_bar) < 5 * moments.variance_error)
    settled.view.process.playback.seek(24)
    shown = settled.view._factor.accessibleName()
    assert f"{moments.factor[24]:.3f} ± {moments.factor_error[24]:.3f}" in shown
    assert f"{state.schedule.sqrt_alpha_bar[24]:.3f}" in shown
    assert "256" in settled.view._measured_title.text()


def test_the_playhead_moves_by_slider_keys_strips_and_plot(stage: ForwardStage) -> None:
    playback, strips, plot = stage.view.process.playback, stage.view.strips, stage.view.plot
    assert playback.count == 50
    strips.slider.setValue(11)
    assert playback.position == 10
    for key, position in ((Qt.Key.Key_Right, 11), (Qt.Key.Key_Home, 0), (Qt.Key.Key_Left, 0), (Qt.Key.Key_End, 49)):
        QTest.keyClick(stage.view, key)
        assert playback.position == position
    assert strips.slider.value() == 50
    axis = strips.axis()
    QTest.mouseClick(strips, Qt.MouseButton.LeftButton, pos=QPoint(round(axis.x(20)), 40))
    assert playback.position == 19
    QTest.mouseClick(strips, Qt.MouseButton.LeftButton, pos=QPoint(round(axis.x(0)), 40))
    assert playback.position == 0
    area = plot._area()
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(round(area.left() + area.width() / 2), 60))
    assert playback.position == pytest.approx(24, abs=1)
    assert "25" in stage.headline.accessibleName() or "26" in stage.headline.accessibleName()
    QTest.keyClick(stage.view, Qt.Key.Key_Space)
    assert playback.playing
    assert strips.play.icon_name == "pause"
    QTest.keyClick(stage.view, Qt.Key.Key_Space)
    assert not playback.playing


def test_a_dropped_picture_is_fitted_and_can_be_taken_back(qtbot, stage: ForwardStage, state, tmp_path: Path) -> None:
    process = stage.view.process
    first = process.picture
    drop(stage, write_picture(tmp_path / "rose.png"))
    qtbot.waitUntil(lambda: process.picture is not first)
    assert process.picture.title == "rose.png"
    assert process.picture.pixels.shape == (8, 8, 1)
    assert stage.sentence.text() == "rose.png"
    # Rec. 601 luma of the colour, everywhere.
    assert set(process.picture.pixels.ravel().tolist()) == {round(0.299 * 200 + 0.587 * 30 + 0.114 * 60)}
    undo_stack_of(state).undo()
    assert process.picture is first
    undo_stack_of(state).redo()
    assert process.picture.title == "rose.png"
    # Another set has other pictures, and the own one becomes one of those.
    state.set_image_set(small_pictures(side=6, channels=3))
    qtbot.waitUntil(lambda: process.picture.pixels.shape == (6, 6, 3))
    assert process.picture.title == "rose.png"
    assert process.picture.pixels[0, 0].tolist() == [200, 30, 60]
    wait_for_chain(qtbot, stage)


def test_a_picture_taken_back_to_has_the_size_of_the_set_that_is_open_now(
    qtbot, stage: ForwardStage, state, tmp_path: Path
) -> None:
    process = stage.view.process
    for name in ("first.png", "second.png"):
        drop(stage, write_picture(tmp_path / name))
        qtbot.waitUntil(lambda name=name: process.picture.title == name)
    state.set_image_set(small_pictures(side=6, channels=3))
    qtbot.waitUntil(lambda: process.picture.shape == (3, 6, 6))
    undo_stack_of(state).undo()
    qtbot.waitUntil(lambda: process.picture.title == "first.png" and process.picture.shape == (3, 6, 6))
    # The picture of the set that is closed has no place any more.
    undo_stack_of(state).undo()
    assert process.picture.title == "first.png"
    wait_for_chain(qtbot, stage)


@pytest.mark.parametrize("kind", ["text", "folder"])
def test_what_is_no_picture_is_said_in_a_sentence(
    qtbot, caplog: pytest.LogCaptureFixture, stage: ForwardStage, tmp_path: Path, kind: str
) -> None:
    before, path = stage.view.process.picture, tmp_path / "notes.png"
    path.mkdir() if kind == "folder" else path.write_text("no picture at all")
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(stage.view.process.failed):
        drop(stage, path)
    assert stage.view.banner.isVisible()
    assert "notes.png" in stage.view.banner.text()
    assert stage.view.process.picture is before
    drop(stage, write_picture(tmp_path / "good.png"))
    assert not stage.view.banner.isVisible()
    qtbot.waitUntil(lambda: stage.view.process.picture is not before)


def test_a_pasted_picture_goes_to_noise(qtbot, stage: ForwardStage) -> None:
    from studio.app.imaging import picture_image

    pixels = np.random.default_rng(4).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    QGuiApplication.clipboard().setImage(picture_image(pixels))
    QTest.keyClick(stage.view, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: stage.view.process.picture.own)
    grey = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    assert np.abs(stage.view.process.picture.pixels[..., 0].astype(int) - grey).max() <= 1
    QGuiApplication.clipboard().clear()


def test_another_picture_and_other_noise(qtbot, stage: ForwardStage, state) -> None:
    process = stage.view.process
    assert process.picture.number == 0
    stage.another.click()
    assert process.picture.number == 7919 % 40
    np.testing.assert_array_equal(process.picture.pixels, state.image_set.images[7919 % 40])
    before = process.noise
    stage.other_noise.click()
    assert not torch.any(process.noise == before)
    undo_stack_of(state).undo()
    assert torch.equal(process.noise, before)
    wait_for_chain(qtbot, stage)


def test_a_changed_schedule_reaches_the_closed_form_at_once_and_the_chain_soon(
    qtbot, settled: ForwardStage, state
) -> None:
    process, strips = settled.view.process, settled.view.strips
    before = strips.images[0][5].copy()
    process.playback.seek(24)
    for end in (0.2, 0.15, 0.1):
        state.set_schedule(linear(50, beta_end=end))
    assert strips.images[0][5] != before
    assert process.moments is None
    assert settled.view.plot._schedule is state.schedule
    wait_for_chain(qtbot, settled)
    qtbot.waitUntil(lambda: process.moments is not None, timeout=30_000)
    assert np.all(np.abs(process.moments.factor - state.schedule.sqrt_alpha_bar) < 6 * process.moments.factor_error)
    # Twice as many steps: the playhead stays at its share of the way.
    state.set_schedule(cosine(99))
    assert process.t == 48
    assert strips.slider.maximum() == 99
    wait_for_chain(qtbot, settled)
    assert process.chain.states.shape == (100, 1, 8, 8)
    assert [len(images) for images in strips.images] == [len(strips.shown_steps())] * 2


def test_the_walk_remembers_its_noise_but_not_another_ones(qtbot, stage: ForwardStage, state) -> None:
    wait_for_chain(qtbot, stage)
    process = stage.view.process
    noise = process.chain.noise
    state.set_schedule(cosine(60))
    wait_for_chain(qtbot, stage)
    assert torch.equal(process.chain.noise[:50], noise)
    assert torch.equal(process.chain.noise[55:56], PictureNoise(0, (0,), (1, 8, 8)).at(55))
    stage.other_noise.click()
    wait_for_chain(qtbot, stage)
    qtbot.waitUntil(lambda: process.chain.source.seed == 1)
    assert torch.equal(process.chain.noise[7:8], PictureNoise(1, (0,), (1, 8, 8)).at(7))


def test_a_training_waits_for_a_few_chains_and_a_cancelled_measurement_stays_so(
    qtbot, settled: ForwardStage, state, runner
) -> None:
    def endless() -> Iterator[None]:
        while True:
            time.sleep(0.001)
            yield None

    process = settled.view.process
    training = runner.start(endless(), "Training")
    state.set_schedule(linear(50))
    qtbot.waitUntil(lambda: runner.jobs == (training,) and process.moments is not None, timeout=30_000)
    assert process.chain_is_current
    assert process.moments.chains == CHAINS_IN_PASSING < process.chains.wanted
    state.set_schedule(cosine(4000))
    qtbot.waitUntil(lambda: any(handle.title == "Measuring chains" for handle in runner.jobs), timeout=30_000)
    next(handle for handle in runner.jobs if handle.title == "Measuring chains").cancel()
    qtbot.waitUntil(lambda: runner.jobs == (training,), timeout=30_000)
    qtbot.wait(2 * SETTLED_MS)
    assert runner.jobs == (training,)
    training.cancel()
    qtbot.waitUntil(lambda: not runner.busy, timeout=30_000)


def test_what_nobody_sees_gives_way_and_comes_back(qtbot, stage: ForwardStage, state, runner) -> None:
    wait_for_chain(qtbot, stage)
    process = stage.view.process
    state.set_schedule(cosine(3000))
    handles = runner.jobs
    assert all(handle.background for handle in handles)
    finished = []
    runner.start(iter((1, 2)), "Something").finished.connect(lambda: finished.append(True))
    assert all(handle.state is JobState.CANCELLING or not handle.alive for handle in handles)
    wait_for_chain(qtbot, stage)
    qtbot.waitUntil(lambda: process.moments is not None, timeout=30_000)
    assert finished


def test_without_a_set_a_starter_picture_stands_in_once_the_page_is_seen(qtbot, place, runner) -> None:
    state = StudioState()
    qtbot.addWidget(page := ForwardStage(state, runner))
    state.set_schedule(cosine(20))
    assert page.view.process.picture is None
    assert not runner.busy
    place(page, 1280, 430)
    qtbot.waitUntil(lambda: page.view.process.ready, timeout=30_000)
    assert "Pixel avatars" in page.sentence.text()
    wait_for_chain(qtbot, page)


@pytest.mark.parametrize(
    "image_set",
    [two_pixels(), small_pictures(side=70, channels=3), ImageSet("Grey", np.full((3, 5, 4, 1), 127, np.uint8))],
    ids=["two pixels", "large", "nearly zero"],
)
@pytest.mark.parametrize("size", [(1280, 430), (1600, 640), (900, 340)])
def test_every_size_of_picture_and_page_is_shown_whole(qtbot, stage: ForwardStage, state, image_set, size) -> None:
    state.set_schedule(cosine(6))
    state.set_image_set(image_set)
    stage.resize(*size)
    wait_for_chain(qtbot, stage)
    stage.grab()
    view = stage.view
    boxes = [view.picture, view.rows, view.plot, view.histogram]
    boxes = [widget for widget in boxes if widget.isVisible()]
    assert (view.rows in boxes) == (view._body.height() >= 156)
    for widget in boxes:
        assert view._body.rect().contains(widget.geometry()), widget
    for tile in (*view.rows.closed.tiles, *view.rows.step.tiles):
        assert view.rows not in boxes or view.rows.rect().contains(tile.geometry())
        assert tile.rect().toRectF().contains(tile.picture_rect())
    assert not any(a.geometry().intersects(b.geometry()) for a, b in itertools.combinations(boxes, 2))
    assert view.plot.height() >= 45
    assert not view.picture.picture_rect().isEmpty()
    assert view._body.geometry().bottom() <= view.strips.geometry().top()


def test_what_is_on_the_page_can_be_had_as_files(qtbot, settled: ForwardStage, state, tmp_path: Path) -> None:
    strips, plot, film, numbers = settled.export.exports
    settled.export.export_to(strips, tmp_path / "strips.png")
    with Image.open(tmp_path / "strips.png") as written:
        assert written.width == 2 * (settled.view.strips.width() + 32)
    settled.export.export_to(plot, tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_text().count("<polyline") >= 2
    settled.export.export_to(numbers, tmp_path / "forward.csv")
    qtbot.waitUntil(lambda: "forward.csv" in settled.view.banner.text())
    table = np.genfromtxt(tmp_path / "forward.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(table["alpha_bar"], state.schedule.alpha_bar)
    np.testing.assert_array_equal(table["factor_measured"], settled.view.process.moments.factor)
    settled.export.export_to(numbers, tmp_path / "forward.npz")
    qtbot.waitUntil(lambda: "forward.npz" in settled.view.banner.text())
    with np.load(tmp_path / "forward.npz") as arrays:
        np.testing.assert_array_equal(arrays["chain"], settled.view.process.chain.states.numpy())
    settled.export.export_to(film, tmp_path / "film.gif")
    qtbot.waitUntil(lambda: "film.gif" in settled.view.banner.text())
    with Image.open(tmp_path / "film.gif") as written:
        assert written.n_frames == 51
        assert written.size == (17 * 35, 8 * 35)


def test_a_page_nobody_sees_computes_nothing(qtbot, stage: ForwardStage, state, runner) -> None:
    wait_for_chain(qtbot, stage)
    stage.hide()
    qtbot.waitUntil(lambda: not runner.busy, timeout=30_000)
    state.set_schedule(linear(50))
    assert not runner.busy
    stage.show()
    wait_for_chain(qtbot, stage)
