"""Checkpoints in the window: the list, the way back and forth again, and models out of them."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt

from studio.app.docks.train.checkpoints import CheckpointsDock
from studio.app.docks.train.stage import TrainingStage
from studio.app.state import ModelSource
from studio.app.training.controller import Phase
from studio.app.training.kept import kept_of
from studio.app.training.record import record_of
from studio.library.bundle import load_bundle
from studio.networks.devices import choose_device
from studio.training.kept_checkpoints import KeptCheckpoint
from studio.training.settings import Budget
from tests.gui.training_helpers import (
    ToldTraining,
    place,  # noqa: F401  (fixture)
    progress,
    runner,  # noqa: F401  (fixture)
    samples,
    small_recipe,
    started,
    state,  # noqa: F401  (fixture)
    told,  # noqa: F401  (fixture)
    two_pixels,
    validated,
)


def kept(step: int) -> KeptCheckpoint:
    return KeptCheckpoint(Path(f"checkpoints/step-{step:08d}.safetensors"), step, step * 10, step * 0.1)


@pytest.fixture
def stage(place, state, runner) -> TrainingStage:
    state.set_device(choose_device("cpu"))
    state.set_image_set(two_pixels())
    stage = TrainingStage(state, runner)
    place(stage, 900, 600)
    return stage


@pytest.fixture
def dock(place, state, runner, stage: TrainingStage) -> CheckpointsDock:
    dock = CheckpointsDock(state, runner)
    place(dock, 700, 200)
    stage.join(dock)
    return dock


@pytest.fixture
def plain(place, state, runner) -> CheckpointsDock:
    """Without a training behind it."""
    dock = CheckpointsDock(state, runner)
    place(dock, 700, 200)
    return dock


def test_the_list_says_when_how_good_and_what_it_drew(qtbot, dock: CheckpointsDock, state, runner, told) -> None:
    assert "Checkpoints come while a model trains" in dock._pages.currentWidget().text()
    told.tell(started(), samples(0), progress(100, (0.5,) * 100), validated(100, 0.25), samples(100))
    told.tell(progress(200, (0.25,) * 100))
    kept_of(state, runner)._show((kept(0), kept(100), kept(200)))
    assert [entry.head for entry in dock.list.entries] == ["0:20", "0:10", "start"]
    assert dict(dock.list.entries[1].values) == {"loss": "0.5000", "validation": "0.2500"}
    assert dict(dock.list.entries[2].values)["validation"] == "—"
    # The newest row up to each of them.
    assert [entry.images[0].pixelColor(0, 0).value() for entry in dock.list.entries] == [100, 100, 0]
    assert not dock.grab().isNull()


def test_arrows_walk_and_the_choice_survives_another_checkpoint(qtbot, plain: CheckpointsDock, state, runner) -> None:
    of_state = kept_of(state, runner)
    first, second = kept(10), kept(20)
    of_state._show((first, second))
    assert plain.list.current == second
    qtbot.keyClick(plain.list, Qt.Key.Key_Down)
    assert plain.list.current == first
    of_state._show((first, second, kept(30)))
    assert plain.list.current == first
    with qtbot.waitSignal(plain.go_back_requested) as asked:
        plain.buttons[0].click()
    assert asked.args == [first]


def test_a_row_is_stood_for_by_a_checkpoint_close_by_only(state, runner) -> None:
    of_state = kept_of(state, runner)
    of_state._show((kept(0), kept(1000), kept(5000)))
    assert of_state.near(1010, 101.0).step == 1000
    assert of_state.near(1500, 150.0) is None
    assert of_state.near(5500, 550.0).step == 5000


def test_the_list_goes_into_a_table(dock: CheckpointsDock, state, runner, tmp_path) -> None:
    kept_of(state, runner)._show((kept(0), kept(10)))
    path = tmp_path / "checkpoints.csv"
    dock._export.export_to(dock._export.exports[0], path)
    assert [row["step"] for row in csv.DictReader(path.read_text().splitlines())] == ["0", "10"]


def test_back_to_a_checkpoint_and_forth_to_where_it_was(qtbot, dock, stage: TrainingStage, state, runner) -> None:
    record = record_of(state, runner)
    recipe = small_recipe(
        budget=Budget(images=160_000), kept_checkpoints=40, checkpoint_seconds=0.05, validation_pictures=16
    )
    stage.controller.start(*recipe)
    of_state = kept_of(state, runner)
    qtbot.waitUntil(lambda: len(of_state.kept) >= 2 and of_state.kept[1].step > 0, timeout=60_000)
    first, chosen = state.run, of_state.kept[1]
    row = next(position for position, entry in enumerate(dock.list.entries) if entry.key.step == chosen.step)
    dock.list.setCurrentIndex(dock.list.model().index(row, 0))
    dock.buttons[0].click()
    qtbot.waitUntil(lambda: state.run is not first and stage.controller.phase is Phase.RUNNING, timeout=60_000)
    second = state.run
    assert second.folder != first.folder
    assert first.folder.is_dir()
    # Its past is on the curves, up to where it branched off and on from there.
    qtbot.waitUntil(lambda: record.loss.images_seen > chosen.images_seen, timeout=60_000)
    images = record.loss.held()[1]
    assert (np.diff(images) > 0).all()
    assert images[0] <= 2 * second.settings.batch_size
    assert all(moment.step <= second.step for moment in stage.wall.moments)
    assert "stays as it was" in stage.banner.text()
    stage.banner._buttons[0].click()
    qtbot.waitUntil(lambda: state.run is not second and stage.controller.phase is Phase.RUNNING, timeout=60_000)
    assert state.run.folder == first.folder
    assert state.run.step >= first.saved_step > chosen.step
    stage.controller.stop_and_discard()
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE, timeout=60_000)
    shutil.rmtree(second.folder)


@pytest.mark.parametrize("weights", ["averaged", "raw"])
def test_a_checkpoint_is_a_model_like_any_other(qtbot, dock, stage, state, runner, weights: str) -> None:
    stage.controller.start(*small_recipe(kept_checkpoints=16, checkpoint_seconds=0.05))
    qtbot.waitUntil(lambda: stage.controller.phase is Phase.IDLE and state.model is not None, timeout=60_000)
    of_state = kept_of(state, runner)
    of_state.read()
    qtbot.waitUntil(lambda: len(of_state.kept) >= 1, timeout=60_000)
    dock.weights.set_value(weights)
    step = dock.list.current.step
    with qtbot.waitSignal(of_state.model_made, timeout=60_000):
        dock.buttons[1].click()
    assert state.model_choice.source is ModelSource.FILE
    assert f"step {step}" in state.model_choice.title
    assert load_bundle(state.model_choice.path).content_hash == state.model.content_hash
    assert state.model_choice in state.model_choices()


def test_nothing_is_gone_back_to_while_another_process_trains(plain: CheckpointsDock, state, runner) -> None:
    kept_of(state, runner)._show((kept(10),))
    assert plain.buttons[0].isEnabled()
    other = ToldTraining(state)
    state.set_training(None)
    state.set_followed(other)
    assert not plain.buttons[0].isEnabled()
    assert "Another process" in plain.buttons[0].toolTip()
    state.set_followed(None)
    assert plain.buttons[0].isEnabled()
