"""Training in slow motion: lines light in order, steps are those of the run, a training at full speed is left alone."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import csv
import dataclasses
import logging
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.app.docks.slow_motion.bands import images_of, pixel_text
from studio.app.docks.slow_motion.stage import SlowMotionStage
from studio.app.docks.slow_motion.trail import running_mean
from studio.app.slow_motion import slow_step
from studio.app.slow_motion.algorithm import Row
from studio.app.slow_motion.facts import facts_of, short
from studio.app.slow_motion.layout import lay_out
from studio.app.slow_motion.slow_step import NO_CLASS, OwnRun, make_own_run, take_steps, walk
from studio.app.slow_motion.source import Source
from studio.app.slow_motion.walk import LAST_LINE, walk_of
from studio.app.theme import theme
from studio.app.training.controller import Phase, TrainingController
from studio.app.widgets.math_text import plain_text
from studio.diffusion.schedule import cosine
from studio.networks.devices import choose_device
from studio.training.metrics_log import read_metrics
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.step_lines import LineKind
from studio.training.trainer import training_step
from tests.gui.training_helpers import (
    place,  # noqa: F401  (fixture)
    runner,  # noqa: F401  (fixture)
    small_recipe,
    state,  # noqa: F401  (fixture)
    two_pixels,
)

WAIT = 60_000


@pytest.fixture
def stage(place, state, runner) -> SlowMotionStage:
    state.set_device(choose_device("cpu"))
    state.set_image_set(two_pixels())
    stage = SlowMotionStage(state, runner)
    place(stage, 1280, 730)
    stage.setFocus()
    yield stage
    stage.walk.pause()


@pytest.fixture
def controller(state, runner) -> TrainingController:
    return TrainingController(state, runner, state)


def first_step(qtbot, stage: SlowMotionStage) -> None:
    with qtbot.waitSignal(stage.walk.step_changed, timeout=WAIT):
        stage.walk.next_line()
    qtbot.waitUntil(lambda: not stage.walk.busy, timeout=WAIT)


def result_of(job: Iterator[object]) -> object:
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def begin_training(qtbot, controller: TrainingController, **changes: object) -> None:
    settings, network = small_recipe(**{"budget": Budget(images=10**9), **changes})
    with qtbot.waitSignal(controller.run_ready, timeout=WAIT):
        controller.start(settings, network)
    qtbot.waitUntil(lambda: controller.phase is Phase.RUNNING, timeout=WAIT)


def pause(qtbot, controller: TrainingController) -> None:
    with qtbot.waitSignal(controller.saved, timeout=WAIT):
        controller.pause()
    assert controller.phase is Phase.PAUSED


def end_training(qtbot, controller: TrainingController) -> None:
    controller.stop_and_discard()
    qtbot.waitUntil(lambda: controller.phase is Phase.IDLE, timeout=WAIT)


def test_nothing_is_done_before_it_is_asked_for(stage: SlowMotionStage, runner) -> None:
    assert not runner.busy
    assert stage.walk.source is Source.OWN
    assert (stage.sheet.line, stage.sheet.step) == (-1, None)
    stage.sheet.line_clicked.emit(3)
    assert stage.walk.line == -1
    assert not stage.grab().isNull()


def test_lines_light_in_order_and_a_step_is_taken_for_each_round(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    lit = [stage.sheet.line]
    stage.walk.line_changed.connect(lit.append)
    for _ in range(LAST_LINE):
        stage.walk.next_line()
        assert stage.sheet.accessibleDescription().startswith(f"Line {stage.walk.line + 1} of 8")
    assert lit == list(range(8))
    assert stage.walk.step.number == stage.walk.run.step == 1
    with qtbot.waitSignal(stage.walk.step_changed, timeout=WAIT):
        stage.walk.next_line()
    assert (stage.walk.step.number, stage.walk.line) == (2, 0)
    assert "step 2 of a small network of its own on “Two pixels”" in stage.subtitle


def test_the_keyboard_goes_through_lines_and_steps(qtbot, stage: SlowMotionStage) -> None:
    walk = stage.walk
    QTest.keyClick(stage.sheet, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: walk.line == 0 and not walk.busy, timeout=WAIT)
    QTest.keyClick(stage.sheet, Qt.Key.Key_Space)
    assert walk.line == 1
    QTest.keyClick(stage.sheet, Qt.Key.Key_Left)
    assert walk.line == 0
    QTest.keyClick(stage.sheet, Qt.Key.Key_Left)
    assert walk.line == 0
    QTest.keyClick(stage.sheet, Qt.Key.Key_Return)
    assert (walk.line, walk.step.number) == (LAST_LINE, 1)
    QTest.keyClick(stage.sheet, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: walk.step.number == 2 and not walk.busy, timeout=WAIT)
    assert walk.line == LAST_LINE
    # On a button the arrows still belong to the lines.
    stage.transport.next_step.setFocus()
    QTest.keyClick(stage.transport.next_step, Qt.Key.Key_Left)
    assert walk.line == LAST_LINE - 1


def test_a_click_shows_a_line_of_the_step_again(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    layout = lay_out(stage.sheet.width(), stage.sheet.height(), (2, 1))
    for line in (5, 2):
        QTest.mouseClick(stage.sheet, Qt.MouseButton.LeftButton, pos=layout.bands[line].center().toPoint())
        assert stage.walk.line == line
    assert stage.walk.step.number == 1


def test_play_goes_on_by_itself_over_the_end_of_a_step(qtbot, stage: SlowMotionStage) -> None:
    walk = stage.walk
    first_step(qtbot, stage)
    walk.set_speed(50.0)
    walk.play()
    assert walk.playing
    qtbot.waitUntil(lambda: walk.step.number >= 3, timeout=WAIT)
    stage.hide()
    assert not walk.playing
    qtbot.waitUntil(lambda: not walk.busy, timeout=WAIT)


def test_many_steps_at_once_end_with_the_last_one_whole(qtbot, stage: SlowMotionStage) -> None:
    with qtbot.waitSignal(stage.walk.step_changed, timeout=WAIT):
        stage.transport.short.click()
    assert (stage.walk.step.number, stage.walk.line) == (10, LAST_LINE)
    assert [number for number, _ in stage.transport.trail.losses] == list(range(1, 11))
    assert stage.walk.step.noise_error == pytest.approx(stage.transport.trail.losses[-1][1])
    qtbot.waitUntil(lambda: not stage.walk.busy, timeout=WAIT)
    stage.transport.start_over.click()
    assert (stage.walk.step, stage.walk.line, stage.walk.losses, stage.walk.run) == (None, -1, (), None)


def test_many_steps_can_be_stopped(qtbot, stage: SlowMotionStage) -> None:
    stage.walk.run_on(10**7)
    qtbot.waitUntil(lambda: len(stage.walk.losses) > 3, timeout=WAIT)
    stage.walk.stop()
    qtbot.waitUntil(lambda: not stage.walk.busy, timeout=WAIT)
    run = stage.walk.run
    assert run.step == stage.walk.losses[-1][0]
    # No step was left in the middle: the run could be saved.
    run.save_checkpoint()


def test_a_paused_training_is_walked_through_itself(qtbot, stage, controller, state) -> None:
    begin_training(qtbot, controller)
    pause(qtbot, controller)
    run, handle = state.run, state.training
    steps = run.step
    told = []
    handle.events.connect(told.append)
    assert stage.walk.source is Source.PAUSED
    first_step(qtbot, stage)
    assert stage.walk.run is run
    assert (run.step, stage.walk.step.number) == (steps + 1, steps + 1)
    assert f"step {steps + 1:,} of the paused training" in stage.subtitle
    with qtbot.waitSignal(stage.walk.step_changed, timeout=WAIT):
        stage.walk.run_on(10)
    assert run.step == steps + 11
    # The log and the panels of the training hear of these steps as of any others.
    logged = [loss for line in read_metrics(run.folder / "metrics.jsonl") for loss in line.get("losses", ())]
    assert len(logged) == run.step
    assert sum(len(event.losses) for events in told for event in events) == 11
    qtbot.waitUntil(lambda: not stage.walk.busy, timeout=WAIT)
    controller.resume()
    qtbot.waitUntil(lambda: run.step > steps + 11, timeout=WAIT)
    end_training(qtbot, controller)


def test_a_training_at_full_speed_is_left_alone(qtbot, stage, controller, state, runner) -> None:
    begin_training(qtbot, controller)
    jobs = runner.jobs
    assert stage.walk.source is Source.AT_FULL_SPEED
    assert stage.transport.waits_for_pause
    for action in (stage.walk.next_line, stage.walk.next_step, stage.walk.play):
        action()
    stage.walk.run_on(10)
    assert runner.jobs == jobs
    assert not stage.walk.playing
    stage.transport.pause_training.click()
    qtbot.waitUntil(lambda: controller.phase is Phase.PAUSED, timeout=WAIT)
    assert stage.walk.source is Source.PAUSED
    assert not stage.transport.waits_for_pause
    end_training(qtbot, controller)


def test_what_changed_while_the_page_was_hidden_is_there_when_it_is_shown(qtbot, stage, controller) -> None:
    stage.hide()
    begin_training(qtbot, controller)
    assert not stage.transport.waits_for_pause
    stage.show()
    assert stage.transport.waits_for_pause
    assert "the training that runs" in stage.subtitle
    end_training(qtbot, controller)
    assert not stage.transport.waits_for_pause


def test_playing_stops_when_the_training_goes_on(qtbot, stage, controller) -> None:
    begin_training(qtbot, controller)
    pause(qtbot, controller)
    first_step(qtbot, stage)
    stage.walk.play()
    assert stage.walk.playing
    controller.resume()
    assert not stage.walk.playing
    end_training(qtbot, controller)


def test_the_model_of_a_training_that_ended_is_left_as_it_is(qtbot, stage, controller, state) -> None:
    settings, network = small_recipe(budget=Budget(images=80))
    with qtbot.waitSignal(controller.kept, timeout=WAIT):
        controller.start(settings, network)
    kept = [parameter.detach().clone() for parameter in state.run.parameters]
    assert stage.walk.source is Source.OWN
    first_step(qtbot, stage)
    assert (stage.walk.step.number, state.run.step) == (1, 10)
    assert stage.walk.title == state.image_set.name
    assert all(torch.equal(one, other) for one, other in zip(state.run.parameters, kept, strict=True))


def test_other_pictures_begin_another_run(qtbot, stage: SlowMotionStage, state) -> None:
    first_step(qtbot, stage)
    assert stage.walk.step.classes
    state.set_image_set(two_pixels(24))
    assert (stage.walk.step, stage.walk.run) == (None, None)
    stage.walk.next_line()
    # A run that is still being made of the old pictures is not taken.
    state.set_image_set(two_pixels(32))
    qtbot.waitUntil(lambda: not stage.walk.busy, timeout=WAIT)
    assert stage.walk.step is None
    first_step(qtbot, stage)
    assert stage.walk.run.data.count == 32


def test_the_own_run_takes_its_folder_with_it() -> None:
    made = make_own_run(OwnRun(two_pixels(), cosine(20), choose_device("cpu")))
    folder = made.run.folder
    assert folder.is_dir()
    del made
    assert not folder.exists()


def test_steps_shown_are_those_taken_fast() -> None:
    source = OwnRun(two_pixels(), cosine(20), choose_device("cpu"))
    slow, fast = make_own_run(source).run, make_own_run(source).run
    for _ in range(3):
        training_step(fast)
    assert result_of(take_steps(slow, 3)).number == 3
    assert all(torch.equal(a, b) for a, b in zip(slow.parameters, fast.parameters, strict=True))


def test_what_is_shown_is_what_the_step_was_made_of() -> None:
    run = make_own_run(OwnRun(two_pixels(), cosine(20), choose_device("cpu"))).run
    training_step(run)
    step, _ = walk(run)
    a = step.alpha_bar_of_pictures.reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(step.z_t, np.sqrt(a) * step.x + np.sqrt(1 - a) * step.noise, atol=1e-6)
    np.testing.assert_allclose(step.error, step.predicted_noise - step.noise, atol=1e-6)
    np.testing.assert_allclose(step.losses, (step.error**2).mean(axis=(1, 2, 3)), rtol=1e-5)
    assert step.loss == pytest.approx(step.noise_error)
    assert 1 <= step.t.min() <= step.t.max() <= 20
    assert set(step.classes) <= {"first", "second", NO_CLASS}
    assert step.gradient_norm == pytest.approx(np.linalg.norm(step.gradient_norms), rel=1e-6)
    assert step.picture_count == 8 < step.batch_size


def test_the_pictures_come_from_the_whole_batch(monkeypatch) -> None:
    """Stratified noise levels rise with the place in the batch: the first pictures alone would all be nearly clean."""
    monkeypatch.setattr(slow_step, "_OWN_SETTINGS", {"timestep_sampling": "stratified"})
    run = make_own_run(OwnRun(two_pixels(), cosine(1000), choose_device("cpu"))).run
    step, _ = walk(run)
    assert step.stratified
    assert (np.diff(step.t) > 0).all()
    assert step.t[0] < 100
    assert step.t[-1] > 900


@pytest.mark.parametrize("batch_size", [1, 5, 8, 9])
def test_small_batches_are_shown_whole(batch_size: int, tmp_path) -> None:
    settings, network = small_recipe(batch_size=batch_size)
    run = TrainingRun.create(two_pixels(), cosine(20), settings, network, choose_device("cpu"), tmp_path / "run")
    step, _ = walk(run)
    assert step.picture_count == min(batch_size, 8)
    assert len(step.t) == len(step.losses) == len(step.losses_after) == step.picture_count
    if batch_size <= 8:
        assert step.loss == pytest.approx(step.losses.mean(), rel=1e-5)
        assert step.loss_after == pytest.approx(step.losses_after.mean(), rel=1e-5)


def test_places_are_there_before_the_pictures(qtbot, stage: SlowMotionStage) -> None:
    before = stage.sheet._layout
    first_step(qtbot, stage)
    assert stage.sheet._layout == before


def test_what_is_lit_is_told_to_those_who_cannot_see_it(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    stage.walk.show_line(5)
    told = stage.sheet.accessibleDescription()
    assert told.startswith("Line 6 of 8")
    assert short(stage.walk.step.loss, 4) in told


def test_no_line_shows_what_comes_after_it(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    sheet = stage.sheet
    layout = lay_out(sheet.width(), sheet.height(), (2, 1))
    right = layout.pictures + 8 * layout.column
    sheet.clearFocus()

    def part(line: int) -> bytes:
        area = layout.bands[line].toRect()
        area.setLeft(round(layout.pictures))
        area.setRight(round(right))
        image = sheet.grab(area).toImage()
        return bytes(image.constBits())

    sheet.set_line(-1)
    waiting = [part(line) for line in range(8)]
    for line in range(8):
        sheet.set_line(line)
        QApplication.processEvents()
        assert part(line) != waiting[line], line
        for later in range(line + 1, 8):
            assert part(later) == waiting[later], (line, later)


def test_pixels_tell_their_values(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    step = stage.walk.step
    layout = lay_out(1280, 600, (2, 1))
    area = layout.picture(3, 2)
    text = pixel_text(layout, 3, step, QPointF(area.right() - 1, area.center().y()))
    value = float(step.z_t[2, 0, 1, 0])
    assert "picture 3, pixel 1, 0" in text
    assert f"{abs(value):.2f}" in text
    assert pixel_text(layout, 1, step, area.center()) == ""


@pytest.mark.parametrize("size", [(1248, 582), (1568, 780), (2400, 1200), (1080, 480)])
@pytest.mark.parametrize("picture", [(28, 28), (16, 16), (2, 1), (64, 48)])
def test_the_sheet_fits_its_room(size: tuple[int, int], picture: tuple[int, int]) -> None:
    layout = lay_out(*size, picture)
    assert layout.bands[0].top() >= 0
    for above, below in zip(layout.bands, layout.bands[1:], strict=False):
        assert above.bottom() <= below.top()
    if size[1] >= 580:
        assert layout.bands[-1].bottom() <= size[1] - 20
    for band in range(8):
        assert layout.bands[band].contains(layout.all_cells(band))
    assert layout.facts + 150 <= size[0]
    across, down = layout.across, layout.down
    assert across / picture[0] == down / picture[1]


def test_noise_changes_its_colours_with_the_theme(qtbot, stage: SlowMotionStage, dark) -> None:
    first_step(qtbot, stage)
    before = images_of(stage.walk.step)[2][0]
    stage.walk.show_line(LAST_LINE)
    shown = stage.sheet.grab().toImage()
    theme().set_choice("light")
    assert images_of(stage.walk.step)[2][0] != before
    assert stage.sheet.grab().toImage() != shown


def test_a_step_leaves_as_pictures_numbers_and_film(qtbot, stage: SlowMotionStage, tmp_path) -> None:
    first_step(qtbot, stage)
    step = stage.walk.step
    sheet, film, tensors, numbers, losses = stage.export.exports
    stage.export.export_to(sheet, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (2 * stage.sheet.width(), 2 * stage.sheet.height())
    stage.export.export_to(sheet, tmp_path / "sheet.svg")
    assert b"<svg" in (tmp_path / "sheet.svg").read_bytes()
    stage.export.export_to(tensors, tmp_path / "step.npz")
    with np.load(tmp_path / "step.npz") as arrays:
        np.testing.assert_array_equal(arrays["z_t"], step.z_t)
        np.testing.assert_array_equal(arrays["t"], step.t)
    stage.export.export_to(numbers, tmp_path / "step.csv")
    with (tmp_path / "step.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == pytest.approx(step.losses.tolist())
    stage.export.export_to(losses, tmp_path / "losses.csv")
    assert len((tmp_path / "losses.csv").read_text().splitlines()) == 2
    stage.export.export_to(film, tmp_path / "lines.gif")
    qtbot.waitUntil(lambda: "lines.gif" in stage.transport.words, timeout=WAIT)
    with Image.open(tmp_path / "lines.gif") as image:
        assert image.n_frames == 8


def test_without_a_step_the_export_says_what_to_do(stage: SlowMotionStage, tmp_path) -> None:
    stage.export.export_to(stage.export.exports[2], tmp_path / "step.npz")
    assert "press →" in stage.banner.text()
    assert not (tmp_path / "step.npz").exists()


def test_a_loss_that_runs_away_is_told_in_the_window(qtbot, stage: SlowMotionStage, caplog) -> None:
    first_step(qtbot, stage)
    with torch.no_grad():
        for parameter in stage.walk.run.parameters:
            parameter.fill_(float("nan"))
    stage.walk.show_line(LAST_LINE)
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(stage.walk.failed, timeout=WAIT):
        stage.walk.next_line()
    assert "nan at step 2" in stage.banner.text()
    qtbot.waitUntil(lambda: not stage.walk.busy, timeout=WAIT)


def test_the_running_mean_is_that_of_the_last_values() -> None:
    values = np.random.default_rng(0).random(37)
    expected = [values[max(0, end - 10) : end].mean() for end in range(1, 38)]
    np.testing.assert_allclose(running_mean(values, 10), expected, rtol=1e-12)


def test_rows_of_the_screen_are_lines_of_the_step() -> None:
    assert {row.name: row.value for row in Row} == {kind.name: kind.value for kind in LineKind}


def test_a_step_that_broke_the_network_is_still_drawn(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    losses = stage.walk.step.losses_after.copy()
    losses[:2] = np.inf, np.nan
    broken = dataclasses.replace(stage.walk.step, losses_after=losses, loss_after=float("nan"))
    stage.sheet.set_step(broken)
    stage.sheet.set_line(LAST_LINE)
    assert not stage.sheet.grab().isNull()
    assert "no number" in stage.sheet.accessibleDescription()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.19341, "0.193"), (-0.0042, "−0.00420"), (12.345, "12.3"), (4321.0, "4321"), (-8.81e-6, "−8.8e−6")],
)
def test_numbers_keep_the_figures_that_count(value: float, text: str) -> None:
    assert short(value) == text


def test_a_small_change_of_the_loss_can_be_read(qtbot, stage: SlowMotionStage) -> None:
    first_step(qtbot, stage)
    step = dataclasses.replace(stage.walk.step, loss=1.0012, loss_after=0.99968)
    assert "1.001 → 0.9997" in plain_text(facts_of(Row.WEIGHTS, step).value)


def test_a_weighted_loss_is_called_so(tmp_path) -> None:
    for name, weighting in (("plain", "simple"), ("weighted", "min_snr")):
        settings, network = small_recipe(loss_weighting=weighting)
        run = TrainingRun.create(two_pixels(), cosine(20), settings, network, choose_device("cpu"), tmp_path / name)
        words = plain_text(facts_of(Row.LOSS, walk(run)[0]).lines[0])
        assert ("weighted" in words) == (weighting != "simple")


def test_there_is_one_walk_for_each_state(state) -> None:
    assert walk_of(state) is walk_of(state)
