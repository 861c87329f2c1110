"""From the Runs page to the rest of the window: a run goes on, lends its model, or its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app.arrangements import DENOISE, RUNS, TRAIN
from studio.app.main_window import MainWindow
from studio.app.runs.browsing import run_browsing_of
from studio.app.settings import Settings
from studio.app.training.controller import Phase
from studio.app.training.run_folders import store_pictures
from studio.app.window.run_visits import longer_budget
from studio.diffusion.schedule import cosine
from studio.networks.devices import choose_device
from studio.paths import user_folder
from studio.training.run import TrainingRun
from studio.training.runs import RunStatus, summarize
from studio.training.settings import Budget
from studio.training.trainer import train
from tests.gui.training_helpers import small_recipe, two_pixels
from tests.unit.training.run_folders import make_run, progress


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    window = MainWindow(Settings())
    window.resize(1280, 800)
    window.show()
    yield window
    controller = window.panels.training.controller
    if controller.alive:
        controller.stop_and_discard()
        qtbot.waitUntil(lambda: controller.phase is Phase.IDLE, timeout=20_000)
    window.close()
    assert window.runner.shutdown(10_000)
    window.deleteLater()


@pytest.fixture
def run_folder() -> Path:
    """A run of two-pixel pictures that was stopped after half of its budget."""
    folder = user_folder("runs") / "2026-01-01 10.00.00 two-pixels"
    settings, network = small_recipe(learning_rate=2e-3)
    run = TrainingRun.create(two_pixels(), cosine(50), settings, network, choose_device("cpu"), folder)
    store_pictures(folder, two_pixels())
    events = train(run)
    for _ in events:
        if run.fraction > 0.5:
            break
    events.close()
    (folder / "ended.json").write_text("{}")
    return folder


@pytest.fixture
def page(window, qtbot, run_folder):
    window.workspaces.switch(RUNS)
    browsing = run_browsing_of(window.state)
    qtbot.waitUntil(lambda: bool(browsing.chosen) and not window.runner.busy, timeout=30_000)
    return window.panels.pages[RUNS]


def test_the_page_fits_a_small_window(window, page, qtbot):
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1280, 800)
    assert page.minimumSizeHint().width() <= 1100


def test_its_model_makes_pictures(window, page, qtbot, run_folder):
    with qtbot.waitSignal(run_browsing_of(window.state).model_taken, timeout=20_000):
        page.actions.use_model()
    assert window.workspaces.current == DENOISE
    assert window.state.model.shape == (1, 1, 2)
    assert window.state.model_choice.path.is_file()
    assert window.state.model_choice.path.parent == user_folder("models")


def test_it_goes_on_where_it_stood(window, page, qtbot, run_folder):
    before = summarize(run_folder)
    assert before.status is RunStatus.STOPPED
    page.actions.resume()
    assert window.workspaces.current == TRAIN
    controller = window.panels.training.controller
    qtbot.waitUntil(lambda: window.state.run is not None, timeout=20_000)
    assert window.state.run.folder == run_folder
    qtbot.waitUntil(lambda: controller.phase is Phase.IDLE, timeout=60_000)
    after = summarize(run_folder)
    assert after.status is RunStatus.FINISHED
    assert after.images_seen > before.images_seen


def test_it_trains_longer_than_it_was_to(window, page, qtbot, run_folder):
    window.run_visits.resume(run_folder, 1)
    qtbot.waitUntil(lambda: window.state.run is not None, timeout=20_000)
    assert window.state.run.settings.budget.images > 4000
    assert run_browsing_of(window.state).trains_here(run_folder)
    window.workspaces.switch(RUNS)
    page.actions.refresh()
    assert not page.actions.go_on.isEnabled()
    assert "trains it already" in page.actions.go_on.toolTip()


def test_the_next_training_takes_its_settings(window, page, qtbot, run_folder):
    window.state.set_image_set(two_pixels())
    stage = window.panels.training
    qtbot.waitUntil(lambda: stage.options is not None, timeout=20_000)
    with qtbot.waitSignal(run_browsing_of(window.state).recipe_chosen, timeout=20_000):
        page.actions.use_recipe()
    assert window.workspaces.current == TRAIN
    settings, _ = stage.options.recipe()
    assert settings.learning_rate == 2e-3
    assert settings.batch_size == 8


def test_pictures_that_are_gone_are_asked_for(window, page, qtbot, run_folder):
    (run_folder / "pictures.npz").unlink()
    window.state.set_image_set(None)
    window.run_visits.resume(run_folder)
    assert window.workspaces.current == RUNS
    assert "Open the same pictures" in page._banner.text()
    assert window.panels.training.controller.phase is Phase.IDLE


def test_a_longer_budget_is_counted_as_the_old_one_was(tmp_path):
    in_pictures = make_run(tmp_path / "a", progress(100))
    # 1000 pictures in 100 seconds: a minute more is 600.
    assert longer_budget(summarize(in_pictures), 1) == Budget(images=1600)
    in_minutes = make_run(tmp_path / "b", progress(120), settings={"budget": {"images": None, "minutes": 1.5}})
    assert longer_budget(summarize(in_minutes), 4) == Budget(minutes=6.0)
