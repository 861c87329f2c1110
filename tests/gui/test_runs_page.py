"""The Runs page: what it lists, compares and does with runs, and how it takes things back."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from studio.app.docks.runs.stage import RunsStage
from studio.app.runner import Runner
from studio.app.runs import run_files
from studio.app.runs.browsing import MOST_COMPARED, is_run_folder, run_browsing_of
from studio.app.runs.following import following_of
from studio.app.state import StudioState
from studio.app.undo import undo_stack_of
from studio.paths import user_folder
from studio.training.events import MarkKind
from studio.training.runs import RunStatus
from tests.unit.training.run_folders import append, drawn, make_run, mark, progress, validated


@pytest.fixture
def state() -> StudioState:
    return StudioState()


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    assert runner.shutdown(5000)


@pytest.fixture
def page(show, state: StudioState, runner: Runner):
    """The page, with a function that shows it and waits until it has looked for runs."""
    pages: list[RunsStage] = []

    def opened(qtbot) -> RunsStage:
        page = RunsStage(state, runner)
        pages.append(page)
        show(page, 1280, 700)
        browsing = run_browsing_of(state)
        qtbot.waitUntil(lambda: browsing.known and not runner.busy)
        return page

    yield opened
    for page in pages:
        page.hide()
        page.setParent(None)
        page.deleteLater()
    following_of(state).detach()


def own_run(name: str, *events, past: bool = True, checkpoint: bool = True, **settings) -> Path:
    folder = make_run(user_folder("runs") / name, *events, settings=settings)
    if checkpoint:
        (folder / "checkpoint.safetensors").write_bytes(b"none")
    if past:
        moment = time.time() - 1000
        os.utime(folder / "metrics.jsonl", (moment, moment))
    return folder


def titles(page: RunsStage) -> list[str]:
    return [entry.summary.folder.name for entry in page.list.shown]


def test_without_runs_it_says_where_they_come_from(page, qtbot):
    empty = page(qtbot)
    assert empty.empty.isVisible()
    assert not empty.list.isVisible()
    assert "every training leaves one here" in empty.empty.accessibleDescription()


def test_runs_are_listed_and_the_newest_is_shown_at_once(page, qtbot, state):
    own_run("2026-01-01 10.00.00 a", progress(40), drawn(40))
    newest = own_run("2026-02-01 10.00.00 b", progress(100, 0.5), validated(100, 0.25))
    shown = page(qtbot)
    assert titles(shown) == ["2026-02-01 10.00.00 b", "2026-01-01 10.00.00 a"]
    assert [entry.summary.folder for entry in run_browsing_of(state).chosen] == [newest]
    qtbot.waitUntil(lambda: len(shown.curves.plot.curves[0].x) == 1)
    assert shown.curves.legend == (("Squares", "0.5000"),)
    assert shown.list.view.selectionModel().selectedIndexes()[0].row() == 0
    assert shown.list.shown[1].thumbnail.shape == (3, 2, 2, 1)


def test_they_are_sorted_filtered_and_searched(page, qtbot):
    own_run("2026-01-01 10.00.00 a", progress(10, 0.1))
    own_run("2026-02-01 10.00.00 b", progress(10, 0.9))
    other = own_run("2026-03-01 10.00.00 c", progress(10, 0.5))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"data": {"name": "Faces", "count": 3}}))
    shown = page(qtbot)
    shown.list.sort.setCurrentIndex(shown.list.sort.findData("loss"))
    assert [name[-1] for name in titles(shown)] == ["a", "c", "b"]
    shown.list.data_set.setCurrentIndex(shown.list.data_set.findData("Squares"))
    assert [name[-1] for name in titles(shown)] == ["a", "b"]
    shown.list.data_set.setCurrentIndex(0)
    shown.list.search.setText("FACES")
    assert [name[-1] for name in titles(shown)] == ["c"]
    shown.list.search.setText("nothing like it")
    assert titles(shown) == []


def test_several_are_compared_on_one_axis(page, qtbot, state):
    own_run("2026-01-01 10.00.00 a", progress(10, 0.5), drawn(10), learning_rate=1e-3)
    own_run("2026-02-01 10.00.00 b", progress(20, 0.25), drawn(20), learning_rate=4e-3)
    shown = page(qtbot)
    shown.list.view.selectAll()
    browsing = run_browsing_of(state)
    assert len(browsing.chosen) == 2
    qtbot.waitUntil(lambda: all(len(curve.x) for curve in shown.curves.plot.curves))
    assert [float(curve.x[0]) for curve in shown.curves.plot.curves] == [20 / 60, 10 / 60]
    shown.curves.axis.set_value("images")
    assert [float(curve.x[0]) for curve in shown.curves.plot.curves] == [200, 100]
    assert [value for _, value in shown.curves.legend] == ["0.2500", "0.5000"]
    # Both are called "Squares": the time tells them apart.
    assert len({title for title, _ in shown.curves.legend}) == 2
    (line,) = shown.table.lines
    assert (line.name, line.values) == ("Learning rate", ("0.004", "0.001"))
    shown.table.which.set_value("all")
    assert len(shown.table.lines) > 5
    assert shown.rows.row_count == 2
    assert shown.rows.same_noise
    shown.curves.quantity.set_value("validation")
    assert shown.curves.plot.plot.curve_names() == ()


def test_no_more_are_compared_than_can_be_told_apart(page, qtbot, state):
    for number in range(MOST_COMPARED + 2):
        own_run(f"2026-01-{number + 10} 10.00.00 a", progress(10))
    shown = page(qtbot)
    shown.list.view.selectAll()
    assert len(run_browsing_of(state).chosen) == MOST_COMPARED
    assert len(shown.list.view.selectionModel().selectedIndexes()) == MOST_COMPARED


def test_colours_stay_with_their_runs(page, qtbot, state):
    folders = [own_run(f"2026-01-1{number} 10.00.00 a", progress(10)) for number in range(3)]
    page(qtbot)
    browsing = run_browsing_of(state)
    browsing.choose(folders[:2])
    browsing.choose([folders[2], folders[1], folders[0]])
    assert [entry.summary.folder for entry in browsing.chosen] == folders


def test_a_name_is_given_and_taken_back(page, qtbot, state):
    folder = own_run("2026-01-01 10.00.00 a", progress(10))
    shown = page(qtbot)
    shown.rename()
    assert shown._title.hasFocus() or not shown.window().isActiveWindow()
    shown._title.setText("My best")
    shown._title.editingFinished.emit()
    assert shown.list.shown[0].summary.title == "My best"
    assert json.loads((folder / "title.json").read_text()) == {"title": "My best"}
    undo_stack_of(state).undo()
    assert shown.list.shown[0].summary.title == "Squares"
    assert not (folder / "title.json").exists()


def test_a_removed_run_comes_back_with_everything(page, qtbot, state, runner):
    folder = own_run("2026-01-01 10.00.00 a", progress(10), drawn(10))
    own_run("2026-01-02 10.00.00 b", progress(10))
    shown = page(qtbot)
    browsing = run_browsing_of(state)
    browsing.choose([folder])
    before = sorted(path.name for path in folder.rglob("*"))
    qtbot.keyClick(shown.list.view, Qt.Key.Key_Delete)
    assert titles(shown) == ["2026-01-02 10.00.00 b"]
    assert not folder.exists()
    browsing.refresh(runner)
    qtbot.waitUntil(lambda: not runner.busy)
    assert titles(shown) == ["2026-01-02 10.00.00 b"]
    undo_stack_of(state).undo()
    assert sorted(path.name for path in folder.rglob("*")) == before
    assert [entry.summary.folder for entry in browsing.chosen] == [folder]
    undo_stack_of(state).redo()
    browsing._empty_trash()
    undo_stack_of(state).undo()
    assert not folder.exists()
    assert shown._banner.isVisible()


def test_what_earlier_sessions_removed_is_removed_for_good(page, qtbot):
    folder = own_run("2026-01-01 10.00.00 a", progress(10))
    trashed = run_files.move_to_trash(folder)
    assert trashed.exists()
    page(qtbot)
    assert not trashed.exists()


def test_a_run_that_is_written_to_cannot_be_removed(page, qtbot, state):
    folder = own_run("2026-01-01 10.00.00 a", progress(10), past=False)
    shown = page(qtbot)
    assert run_browsing_of(state).removal_refused(folder)
    assert not shown.actions.remove.isEnabled()
    assert "Another process" in shown.actions.remove.toolTip()
    shown.actions.remove_chosen()
    assert folder.exists()


def test_the_second_button_does_what_can_be_done(page, qtbot, state):
    folders = {
        "Resume": own_run("2026-01-01 10.00.00 a", progress(10)),
        "Train longer": own_run("2026-01-02 10.00.00 b", progress(100)),
        "Follow": own_run("2026-01-03 10.00.00 c", progress(10), past=False),
    }
    shown = page(qtbot)
    asked = []
    shown.resume_requested.connect(lambda folder, minutes: asked.append((folder, minutes)))
    for words, folder in folders.items():
        run_browsing_of(state).choose([folder])
        assert shown.actions.go_on.text() == words
        assert shown.actions.go_on.isEnabled()
    run_browsing_of(state).choose([folders["Resume"]])
    shown.actions.resume()
    assert asked == [(folders["Resume"], None)]
    menu = shown.actions._longer_menu(folders["Train longer"])
    menu.actions()[1].trigger()
    menu.close()
    assert asked[1] == (folders["Train longer"], 4)
    run_browsing_of(state).choose(folders.values())
    assert not shown.actions.go_on.isEnabled()
    assert "single run" in shown.actions.go_on.toolTip()


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(page, qtbot):
    own_run("2026-01-01 10.00.00 a", progress(10), checkpoint=False)
    shown = page(qtbot)
    assert shown.list.shown[0].summary.status is RunStatus.UNUSABLE
    for button in (shown.actions.model, shown.actions.go_on):
        assert not button.isEnabled()
        assert "no checkpoint" in button.toolTip()


def test_a_run_elsewhere_is_attached_remembered_and_taken_off_the_list(page, qtbot, state, tmp_path, runner):
    folder = make_run(tmp_path / "cluster" / "fashion.run", progress(10))
    shown = page(qtbot)
    with qtbot.waitSignal(run_browsing_of(state).attached):
        shown.attach(folder)
    assert titles(shown) == ["fashion.run"]
    assert run_files.attached_folders() == (folder,)
    qtbot.waitUntil(lambda: not runner.busy)
    assert titles(shown) == ["fashion.run"]
    run_browsing_of(state).remove([folder])
    assert titles(shown) == []
    assert folder.exists()
    assert run_files.attached_folders() == ()
    undo_stack_of(state).undo()
    assert titles(shown) == ["fashion.run"]
    with qtbot.waitSignal(run_browsing_of(state).attached):
        shown.attach(tmp_path / "cluster")
    assert titles(shown) == ["fashion.run"]
    assert is_run_folder([folder])
    assert not is_run_folder([tmp_path])


def test_a_folder_without_runs_is_refused_with_a_sentence(page, qtbot, tmp_path, state, caplog):
    shown = page(qtbot)
    with caplog.at_level("ERROR"), qtbot.waitSignal(run_browsing_of(state).failed):
        shown.attach(tmp_path)
    assert shown._banner.isVisible()
    assert "metrics.jsonl" in shown._banner.text()


def test_news_of_a_run_appear_by_themselves(page, qtbot, state):
    folder = own_run("2026-01-01 10.00.00 a", progress(10, 0.5), past=False)
    shown = page(qtbot)
    append(folder, progress(50, 0.125))
    shown.look()
    qtbot.waitUntil(lambda: shown.list.shown[0].summary.step == 50)
    qtbot.waitUntil(lambda: len(shown.curves.plot.curves[0].x) == 2)


def test_the_values_at_the_pointer_are_read(page, qtbot):
    own_run("2026-01-01 10.00.00 a", progress(10, 0.5), progress(60, 0.25))
    shown = page(qtbot)
    qtbot.waitUntil(lambda: len(shown.curves.plot.curves[0].x) == 2)
    newest = shown.curves.legend[0][1]
    shown.curves.plot._on_pointed(0.2)
    assert shown.curves.legend == (("Squares", "0.5000"),)
    shown.curves.plot._on_pointed(None)
    assert shown.curves.legend[0][1] == newest != "0.5000"


def test_what_changed_in_a_run_is_marked_while_it_is_alone(page, qtbot, state):
    folder = own_run(
        "2026-01-02 10.00.00 a", progress(10, 0.5), mark(30, MarkKind.LEARNING_RATE, "rate halved"), progress(60, 0.25)
    )
    other = own_run("2026-01-01 10.00.00 a", progress(10, 0.5))
    shown = page(qtbot)
    run_browsing_of(state).choose([folder])
    plot = shown.curves.plot
    qtbot.waitUntil(lambda: len(plot.curves[0].x) == 2)
    assert plot.plot.marker_names() == ("mark 0",)
    run_browsing_of(state).choose([folder, other])
    assert plot.plot.marker_names() == ()


def test_curves_leave_the_program(page, qtbot, tmp_path):
    own_run("2026-01-01 10.00.00 a", progress(10, 0.5), validated(10, 0.25))
    shown = page(qtbot)
    qtbot.waitUntil(lambda: len(shown.curves.plot.curves[0].x) == 1)
    assert shown.export.isEnabled()
    plot, table = shown.export.exports
    for name in ("curves.png", "curves.svg"):
        shown.export.export_to(plot, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    shown.export.export_to(table, tmp_path / "curves.csv")
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert lines[0] == "run,curve,seconds,images_seen,value"
    assert "2026-01-01 10.00.00 a,validation,10.0,100,0.25" in lines


def test_it_looks_as_the_theme_does(page, qtbot, dark):
    from studio.app.theme import theme

    own_run("2026-01-01 10.00.00 a", progress(10, 0.5), drawn(10))
    shown = page(qtbot)
    before = np.asarray(shown.grab().toImage().constBits()).copy()
    theme().set_choice("light")
    QApplication.processEvents()
    after = np.asarray(shown.grab().toImage().constBits())
    assert np.mean(before != after) > 0.5


def test_a_run_without_any_loss_yet_says_so(page, qtbot):
    own_run("2026-01-01 10.00.00 a", past=False)
    shown = page(qtbot)
    qtbot.waitUntil(lambda: shown.curves.plot._message == "no loss was written yet")
    shown.curves.quantity.set_value("distance")
    assert shown.curves.plot._message == "none of these runs measured its quality"
