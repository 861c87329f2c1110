"""The training stage: one button, one run, and a model at the end of it, whatever happens."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from PySide6.QtCore import Qt

from studio.app.docks.train.network_choices import width_of, with_width
from studio.app.docks.train.options import TrainingOptions
from studio.app.docks.train.stage import TrainingStage
from studio.app.state import ModelSource, StudioState
from studio.app.training import run_folders, training_jobs
from studio.app.training.controller import Phase, new_model_path
from studio.app.training.run_folders import find_unfinished, store_pictures, stored_pictures
from studio.errors import DataError, LossNotFinite, OutOfMemory, StorageError
from studio.library.bundle import load_bundle
from studio.networks.build import build_network
from studio.networks.config import label_count
from studio.networks.devices import choose_device
from studio.networks.presets import choose_network
from studio.paths import user_folder
from studio.training.events import CheckpointSaved
from studio.training.settings import ALGORITHM_20_1, Budget
from tests.gui.training_helpers import (
    ToldTraining,
    place,  # noqa: F401  (fixture)
    progress,
    runner,  # noqa: F401  (fixture)
    samples,
    small_pictures,
    small_recipe,
    started,
    state,  # noqa: F401  (fixture)
    two_pixels,
)


@pytest.fixture
def stage(place, state, runner) -> TrainingStage:
    state.set_device(choose_device("cpu"))
    state.set_image_set(two_pixels())
    stage = TrainingStage(state, runner)
    place(stage, 900, 600)
    return stage


def start(stage: TrainingStage, **changes: object) -> None:
    stage.controller.start(*small_recipe(**changes))


def endless(stage: TrainingStage) -> None:
    start(stage, budget=Budget(images=10**9))


def banner_buttons(stage: TrainingStage) -> dict[str, object]:
    return {button.text(): button for button in stage.banner._buttons}


def test_without_pictures_the_button_says_why(qtbot, runner) -> None:
    stage = TrainingStage(StudioState(), runner)
    qtbot.addWidget(stage)
    assert not stage.header.primary.isEnabled()
    assert "Open pictures first" in stage.header.primary.toolTip()
    assert not stage.grab().isNull()


def test_a_run_goes_from_start_to_a_model_in_the_library(qtbot, stage: TrainingStage, state) -> None:
    with qtbot.waitSignal(stage.controller.kept, timeout=60_000) as kept:
        start(stage)
        assert stage.controller.phase is Phase.STARTING
        assert state.training is not None
    path = kept.args[0].path
    assert path.parent == user_folder("models")
    assert load_bundle(path).content_hash == state.model.content_hash
    assert (state.model_choice.source, state.model_choice.path) == (ModelSource.FILE, path)
    assert state.training is None
    assert stage.controller.phase is Phase.IDLE
    assert stage.wall.rows[0].step == 0
    assert stage.wall.rows[-1].step == 500
    assert stage.wall.rows[-1].pictures.shape == (4, 1, 2, 1)
    assert "kept as" in stage.banner.text()
    assert find_unfinished() is None


def test_the_live_model_is_offered_while_it_learns(qtbot, stage: TrainingStage, state) -> None:
    with qtbot.waitSignal(stage.controller.run_ready, timeout=30_000):
        endless(stage)
    assert state.model_choices()[0].source is ModelSource.LIVE
    assert state.model_choice.source is ModelSource.LIVE
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)
    assert state.model_choice is None


def test_pause_stands_still_and_saves_and_resume_goes_on(qtbot, stage: TrainingStage, state) -> None:
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    qtbot.waitUntil(lambda: state.run.step > 5, timeout=10_000)
    assert stage.header.primary.text() == "Pause"
    qtbot.mouseClick(stage.header.primary, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.PAUSED, timeout=10_000)
    stands_at = state.run.step
    qtbot.waitUntil(lambda: state.run.saved_step == stands_at, timeout=10_000)
    qtbot.waitUntil(lambda: stage.header.facts[3] == "saved just now", timeout=2000)
    qtbot.wait(100)
    assert state.run.step == stands_at
    assert stage.header.headline == "Paused"
    assert stage.header.primary.text() == "Resume"
    qtbot.mouseClick(stage.header.primary, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: state.run.step > stands_at, timeout=10_000)
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)


def test_a_pause_that_cannot_be_saved_says_so_and_goes_on(qtbot, stage, state, monkeypatch, caplog) -> None:
    from studio.training.run import TrainingRun

    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)

    def full(run: TrainingRun) -> None:
        raise StorageError("The disk is full.", "Free some space and save again.")

    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(TrainingRun, "save_checkpoint", full)
        with qtbot.waitSignal(stage.controller.failed, timeout=10_000):
            stage.controller.pause()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.PAUSED, timeout=10_000)
    assert "The disk is full." in stage.banner.text()
    assert banner_buttons(stage) == {}
    stands_at = state.run.step
    stage.controller.resume()
    qtbot.waitUntil(lambda: state.run.step > stands_at, timeout=10_000)
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)


def test_stop_and_keep_makes_a_model_and_can_go_on(qtbot, stage: TrainingStage, state) -> None:
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    qtbot.waitUntil(lambda: state.run.step > 5, timeout=10_000)
    with qtbot.waitSignal(stage.controller.kept, timeout=30_000) as kept:
        stage.stop_and_keep()
    stopped_at = state.run.step
    assert stage.wall.current.step == stopped_at
    assert np.array_equal(load_bundle(kept.args[0].path).preview, stage.wall.current.pictures)
    assert find_unfinished() is None
    banner_buttons(stage)["Go on training"].click()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=10_000)
    qtbot.waitUntil(lambda: state.run.step > stopped_at, timeout=10_000)
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)


def test_discard_asks_first_and_leaves_nothing(qtbot, stage: TrainingStage, state) -> None:
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    folder = state.run.folder
    stage.ask_to_discard()
    assert stage.controller.phase is Phase.RUNNING
    with qtbot.waitSignal(stage.controller.dropped, timeout=30_000):
        banner_buttons(stage)["Discard the run"].click()
    assert not folder.exists()
    assert state.run is None
    assert stage.wall.rows == ()
    assert list(user_folder("models").iterdir()) == []


def test_a_run_cancelled_by_the_window_keeps_its_checkpoint(qtbot, stage: TrainingStage, state) -> None:
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    qtbot.waitUntil(lambda: state.run.step > 5, timeout=10_000)
    with qtbot.waitSignal(stage.controller.stopped, timeout=30_000):
        state.training.cancel()
    assert state.run.saved_step == state.run.step
    assert set(banner_buttons(stage)) == {"Keep the model", "Go on training"}


def test_an_interrupted_run_is_offered_and_goes_on_where_it_stood(qtbot, stage, state, runner) -> None:
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    qtbot.waitUntil(lambda: state.run.step > 20, timeout=10_000)
    state.training.cancel()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)
    stood_at, folder = state.run.step, state.run.folder

    other = StudioState()
    later = TrainingStage(other, runner)
    qtbot.addWidget(later)
    qtbot.waitUntil(lambda: "was interrupted" in later.banner.text(), timeout=5000)
    with qtbot.waitSignal(later.controller.run_ready, timeout=30_000) as ready:
        banner_buttons(later)["Resume it"].click()
    assert ready.args[0].run.folder == folder
    assert np.array_equal(other.image_set.images, state.image_set.images)
    assert other.image_set.class_names == state.image_set.class_names
    assert later.wall.rows[0].step == 0
    qtbot.waitUntil(lambda: other.run.step > stood_at, timeout=10_000)
    later.controller.stop_and_discard()
    qtbot.waitUntil(lambda: later.controller.phase is Phase.IDLE, timeout=10_000)


def test_a_run_that_was_left_is_not_offered_again(qtbot, stage: TrainingStage, state) -> None:
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    qtbot.waitUntil(lambda: state.run.step > 20, timeout=10_000)
    state.training.cancel()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)
    found = find_unfinished()
    assert found is not None
    assert found.title == "Two pixels"
    stage._unfinished.leave(found)
    assert find_unfinished() is None


def test_a_run_with_too_many_pictures_waits_for_them(qtbot, stage, state, runner, monkeypatch, caplog) -> None:
    monkeypatch.setattr(run_folders, "MOST_PICTURE_BYTES", 10)
    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    qtbot.waitUntil(lambda: state.run.step > 20, timeout=10_000)
    state.training.cancel()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)
    folder = state.run.folder

    other = StudioState()
    later = TrainingStage(other, runner)
    qtbot.addWidget(later)
    qtbot.waitUntil(lambda: "was interrupted" in later.banner.text(), timeout=5000)
    banner_buttons(later)["Resume it"].click()
    assert "Open the pictures of “Two pixels”" in later.banner.text()
    with qtbot.waitSignal(later.open_requested):
        banner_buttons(later)["Open…"].click()
    with caplog.at_level(logging.ERROR):
        other.set_image_set(two_pixels(63))
        qtbot.waitUntil(lambda: later.controller.phase is Phase.IDLE, timeout=10_000)
    assert "Open the pictures" in later.banner.text()
    with qtbot.waitSignal(later.controller.run_ready, timeout=30_000) as ready:
        other.set_image_set(two_pixels())
    assert ready.args[0].run.folder == folder
    assert later._unfinished.awaiting is None
    later.controller.stop_and_discard()
    qtbot.waitUntil(lambda: later.controller.phase is Phase.IDLE, timeout=10_000)


def failing(error: Exception):
    def begin(*_: object, **__: object):
        yield from ()
        raise error

    return begin


@pytest.mark.parametrize(
    ("error", "words", "name", "expected"),
    [
        (LossNotFinite("The loss became nan at step 3.", "Lower it."), "a third", "learning_rate", 1e-3),
        (OutOfMemory("There is not enough memory.", "Smaller."), "half the batch", "batch_size", 4),
    ],
)
def test_a_failure_says_what_and_offers_a_way_on(
    qtbot,
    stage,
    state,
    monkeypatch,
    caplog,
    error,
    words,
    name,
    expected,
) -> None:
    monkeypatch.setattr(training_jobs, "begin", failing(error))
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(stage.controller.failed, timeout=10_000):
        start(stage, learning_rate=3e-3)
    assert stage.banner.text() == f"{error.what} {error.remedy}"
    assert stage.controller.phase is Phase.IDLE
    assert state.training is None
    button = next(button for text, button in banner_buttons(stage).items() if words in text)
    monkeypatch.undo()
    with qtbot.waitSignal(stage.controller.run_ready, timeout=30_000) as ready:
        button.click()
    assert getattr(ready.args[0].run.settings, name) == pytest.approx(expected)
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=30_000)


def test_a_full_disk_keeps_the_run_and_lets_it_be_tried_again(qtbot, stage, state, monkeypatch, caplog) -> None:
    from studio.training.run import TrainingRun

    endless(stage)
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=30_000)
    save = TrainingRun.save_checkpoint

    def full(run: TrainingRun) -> None:
        raise StorageError("The disk is full.", "Free some space and save again.")

    monkeypatch.setattr(TrainingRun, "save_checkpoint", full)
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(stage.controller.failed, timeout=10_000):
        state.run.request_checkpoint()
    monkeypatch.setattr(TrainingRun, "save_checkpoint", save)
    assert "The disk is full." in stage.banner.text()
    stopped_at = state.run.step
    banner_buttons(stage)["Try again"].click()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.RUNNING, timeout=10_000)
    qtbot.waitUntil(lambda: state.run.step > stopped_at, timeout=10_000)
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=10_000)


def test_the_header_tells_time_step_epoch_speed_and_marks(qtbot, stage: TrainingStage, state, tmp_path) -> None:
    stage.controller._image_set = two_pixels()
    stage.controller._settings = small_recipe()[0]
    stage.controller._set_phase(Phase.RUNNING)
    told = ToldTraining(state)
    told.tell(started(), *(samples(step, shape=(1, 2, 1)) for step in (0, 10, 40)))
    told.tell(progress(640, (0.1,), fraction=0.3), CheckpointSaved(tmp_path, 640, 6400, 64.0))
    qtbot.waitUntil(lambda: stage.header.facts[0] == "step 640", timeout=2000)
    assert stage.header.headline == "1:00 left"
    assert stage.header.detail.startswith("of about 2 min")
    assert stage.header.facts[1:] == ("epoch 100.0", "100 pictures/s", "saved just now")
    assert stage.header.track.fraction == pytest.approx(0.3)
    assert stage.header.track.marks == pytest.approx((0.0, 0.025, 0.1))
    assert stage.header.track.chosen is None
    qtbot.keyClick(stage.wall._canvas, Qt.Key.Key_Up)
    assert stage.header.track.chosen == pytest.approx(0.025)
    stage.controller._set_phase(Phase.IDLE)


def test_narrow_and_wide_both_show_the_clock(qtbot, stage: TrainingStage) -> None:
    stage.controller._set_phase(Phase.RUNNING)
    for width in (560, 1200):
        stage.resize(width, 600)
        qtbot.wait(20)
        assert stage.width() == width
        assert stage.header._headline.isVisible()
        assert stage.header._intent.isVisible() == (width == 1200)
    stage.controller._set_phase(Phase.IDLE)


def test_messages_and_settings_never_push_the_docks(qtbot, stage: TrainingStage) -> None:
    before = stage.minimumSizeHint()
    stage.header._advanced.setChecked(True)
    stage.ask_to_discard()
    qtbot.wait(20)
    assert stage.minimumSizeHint() == before


def test_two_pixel_pictures_also_show_as_points(qtbot, stage: TrainingStage) -> None:
    with qtbot.waitSignal(stage.controller.kept, timeout=60_000):
        start(stage)
    assert stage._panel.cloud.isVisible()
    assert stage._panel.cloud._samples.shape == (4, 2)
    assert not stage.grab().isNull()


@pytest.fixture
def options(place, state) -> TrainingOptions:
    options = TrainingOptions(state)
    place(options, 700, 120)
    return options


def test_untouched_options_are_the_preset(options: TrainingOptions) -> None:
    from studio.training.presets import preset

    for intent in ("sketch", "good", "patient"):
        options.choose(intent, (3, 16, 16))
        assert options.recipe() == preset(intent, (3, 16, 16))


def test_options_reach_the_recipe(options: TrainingOptions) -> None:
    options.choose("good", (1, 8, 8))
    for name, value in {"batch": 16, "rate": 0.001, "target": "x0", "seed": 7, "mirror": True, "width": 16}.items():
        options.fields[name].set_value(value)
    settings, network = options.recipe()
    assert (settings.batch_size, settings.learning_rate, settings.seed) == (16, 0.001, 7)
    assert (settings.parameterization, settings.horizontal_flips) == ("x0", True)
    assert width_of(network) == 16


def test_the_time_set_by_hand_counts_and_is_said(qtbot, stage: TrainingStage) -> None:
    assert stage.header.headline == "Ready to train"
    stage.options.fields["time"].set_value(10)
    assert stage.options.recipe()[0].budget == Budget(minutes=10)
    assert stage.header.headline == "Ready for 10 min"
    stage.header.set_intent("sketch")
    assert stage.options.recipe()[0].budget == Budget(minutes=1)
    assert stage.header.headline == "Ready to train"


def test_the_device_is_asked_for_and_shown_once_it_is_in_use(qtbot, options: TrainingOptions, state) -> None:
    field = options.fields["device"]
    field.set_options([("cpu", "CPU"), ("cuda:0", "GPU")])
    state.set_device(choose_device("cpu"))
    with qtbot.waitSignal(options.device_requested) as asked:
        field.set_value("cuda:0")
    assert asked.args == ["cuda:0"]
    assert state.device.name == "cpu"


def test_the_network_is_told_the_classes_unless_the_book_is_followed(options: TrainingOptions) -> None:
    options.choose("good", (1, 8, 8), class_count=10)
    settings, network_config = options.recipe()
    assert label_count(network_config) == 11
    # A row of the wall shows each class once.
    assert settings.sample_count == 10
    options.fields["exact"].set_value(True)
    assert label_count(options.recipe()[1]) is None
    options.choose("good", (1, 8, 8))
    assert label_count(options.recipe()[1]) is None


def test_algorithm_20_1_is_the_book_but_for_what_it_leaves_open(options: TrainingOptions) -> None:
    options.choose("sketch", (1, 8, 8))
    options.fields["exact"].set_value(True)
    settings, _ = options.recipe()
    for name in ("parameterization", "timestep_sampling", "ema_halflife_images", "weight_decay", "decay_start"):
        assert getattr(settings, name) == getattr(ALGORITHM_20_1, name)
    assert settings.budget == Budget(minutes=1.0)
    assert not options.fields["target"].isEnabled()
    assert "Algorithm 20.1 leaves no choice" in options.fields["target"].toolTip()
    options.fields["exact"].set_value(False)
    assert options.fields["target"].isEnabled()
    assert "What the network puts out" in options.fields["target"].toolTip()


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 1), (1, 2, 1), (64, 48, 3)])
@pytest.mark.parametrize("width", [8, 24, 40, 50])
def test_any_width_builds_a_network(shape: tuple[int, int, int], width: int) -> None:
    config = with_width(choose_network(*shape), width)
    assert abs(width_of(config) - width) < 8
    build_network(config)


def test_pictures_come_back_from_a_run_folder_as_they_were(tmp_path) -> None:
    for image_set in (two_pixels(), small_pictures(channels=3)):
        store_pictures(tmp_path, image_set)
        assert stored_pictures(tmp_path).fingerprint() == image_set.fingerprint()
    (tmp_path / run_folders.PICTURES_NAME).write_bytes(b"not a zip")
    with pytest.raises(DataError):
        stored_pictures(tmp_path)


@pytest.mark.parametrize(
    ("metrics", "budget"),
    [("", {"images": 100, "minutes": None}), ('{"step": 1', {"images": 100, "minutes": None}), ("[]", None)],
)
def test_damaged_run_folders_are_passed_over(metrics: str, budget: object) -> None:
    folder = user_folder("runs", "2026-01-01 10.00.00 damaged")
    (folder / "checkpoint.safetensors").write_bytes(b"")
    (folder / "settings.json").write_text(json.dumps({"budget": budget}))
    (folder / "metrics.jsonl").write_text(metrics)
    assert find_unfinished() is None


def test_model_names_are_safe_and_never_taken_twice() -> None:
    first = new_model_path("../a:b*c")
    first.touch()
    second = new_model_path("../a:b*c")
    assert first.parent == second.parent == user_folder("models")
    assert first != second
