"""A run that another process writes, in the panels of the Train workspace and over the whole window."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from studio.app.main_window import MainWindow
from studio.app.runner import Runner
from studio.app.runs.followed import FollowedRun
from studio.app.runs.following import following_of
from studio.app.settings import Settings
from studio.app.state import StudioState
from studio.app.training.event_feed import EventFeed
from studio.training.run_facts import RunFacts
from tests.unit.training.run_folders import append, drawn, make_run, progress, validated


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    assert runner.shutdown(5000)


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    window = MainWindow(Settings())
    window.resize(1280, 800)
    window.show()
    yield window
    following_of(window.state).detach()
    window.close()
    assert window.runner.shutdown(10_000)
    window.deleteLater()


def heard(feed: EventFeed) -> list[object]:
    events: list[object] = []
    for signal in (feed.started, feed.progressed, feed.samples_drawn, feed.validated, feed.marked):
        signal.connect(events.append)
    return events


def test_every_panel_hears_of_it_as_of_a_training_here(qtbot, runner, tmp_path):
    state = StudioState()
    folder = make_run(tmp_path / "a", progress(1), drawn(1))
    events = heard(EventFeed(state, state))
    following = following_of(state)
    with qtbot.waitSignal(following.attached):
        following.attach(folder, runner)
    qtbot.waitUntil(lambda: len(events) == 3)
    assert [type(event).__name__ for event in events] == ["TrainingStarted", "Progress", "SamplesDrawn"]
    append(folder, progress(2), validated(2, 0.5))
    qtbot.waitUntil(lambda: len(events) == 5, timeout=5000)
    assert [type(event).__name__ for event in events[3:]] == ["Progress", "Validated"]
    assert "Squares" in state.followed.words
    following.detach()
    assert state.followed is None
    append(folder, progress(3))
    qtbot.wait(100)
    assert len(events) == 5


def test_a_training_here_goes_first(qtbot, runner, tmp_path):
    state = StudioState()
    folder = make_run(tmp_path / "a", progress(1))
    following = following_of(state)
    with qtbot.waitSignal(following.attached):
        following.attach(folder, runner)
    handle = runner.start(iter(()), "Training")
    state.set_training(handle)
    assert state.followed is None
    with qtbot.waitSignal(following.failed) as failure:
        following.attach(folder, runner)
    assert "Stop it first" in failure.args[0].remedy
    state.set_training(None)


def test_a_folder_that_is_no_run_is_refused(qtbot, runner, tmp_path, caplog):
    state = StudioState()
    following = following_of(state)
    with caplog.at_level("ERROR"), qtbot.waitSignal(following.failed) as failure:
        following.attach(tmp_path, runner)
    assert "not the folder of a training run" in failure.args[0].what


def test_a_run_that_died_is_said_to_be_quiet(qtbot, runner, tmp_path):
    state = StudioState()
    folder = make_run(tmp_path / "a", progress(1))
    past = time.time() - 1000
    os.utime(folder / "metrics.jsonl", (past, past))
    following = following_of(state)
    with qtbot.waitSignal(following.attached):
        following.attach(folder, runner)
    qtbot.waitUntil(lambda: state.followed.quiet)
    assert "quiet" in state.followed.words
    append(folder, progress(2))
    following._poll()
    qtbot.waitUntil(lambda: not state.followed.quiet)
    append(folder, progress(100))
    following._poll()
    qtbot.waitUntil(lambda: state.followed.finished)
    assert "finished" in state.followed.words
    following.detach()


def test_a_long_history_is_handed_out_without_holding_up_the_window(qtbot):
    followed = FollowedRun(None, "long", RunFacts(), {})
    batches: list[int] = []
    followed.events.connect(lambda events: (batches.append(len(events)), time.sleep(0.001)))
    followed.take([progress(step) for step in range(1, 41)])
    assert 0 < sum(batches) < 40
    qtbot.waitUntil(lambda: sum(batches) == 40)
    followed.deleteLater()


def test_the_window_shows_it_live_and_lets_go(qtbot, window, tmp_path):
    folder = make_run(tmp_path / "fashion.run", *(progress(step) for step in range(1, 20)), drawn(1), drawn(10))
    window.files_dropped([folder])
    assert window.workspaces.current == "runs"
    page = window.panels.pages["runs"]
    qtbot.waitUntil(lambda: page.actions.go_on.text() == "Follow" and page.actions.go_on.isEnabled())
    assert "follow it" in page._banner.text()
    with qtbot.waitSignal(following_of(window.state).attached, timeout=30_000):
        page.actions.resume()
    assert window.workspaces.current == "train"
    stage = window.panels.training
    qtbot.waitUntil(lambda: len(stage.wall.rows) == 2, timeout=10_000)
    assert not stage.header.primary.isEnabled()
    assert "another process" in stage.header.primary.toolTip()
    append(folder, progress(20), drawn(20))
    qtbot.waitUntil(lambda: len(stage.wall.rows) == 3, timeout=10_000)
    window.workspaces.switch("runs")
    assert page.actions.go_on.text() == "Let go"
    page.actions.resume()
    assert window.state.followed is None
