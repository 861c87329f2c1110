"""Switching workspaces: what a person sees is one arrangement or the other, never something in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QTabBar

from studio.app.main_window import MainWindow
from studio.app.settings import Settings
from studio.app.widgets.dock import StudioDock
from studio.app.workspaces import START


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    window = MainWindow(Settings())
    window.resize(1280, 800)
    window.show()
    yield window
    window.close()
    assert window.runner.shutdown(5000)
    window.deleteLater()


def shown_tabs(window: MainWindow) -> list[list[str]]:
    bars = window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    inside = [bar for bar in bars if bar.isVisible() and bar.geometry().intersects(window.rect())]
    return [[bar.tabText(position) for position in range(bar.count())] for bar in inside]


def has_title(dock: StudioDock) -> bool:
    return not dock._bar.title.isHidden()


def test_only_the_tabs_of_the_workspace_that_is_on_are_there_at_once(window: MainWindow) -> None:
    tabs = {"train": [["Schedule", "Checkpoints", "Log"]], "denoise": [["Timeline", "Log"]], START: []}
    for name in ("train", "denoise", START, "train", "denoise", "train", START, "denoise"):
        window.workspaces.switch(name)
        assert shown_tabs(window) == tabs[name], name
        assert window.updatesEnabled()


def test_switching_never_makes_the_window_larger(window: MainWindow, qtbot) -> None:
    for name in ("train", "denoise", "train", START, "denoise", "train"):
        window.workspaces.switch(name)
        qtbot.wait(20)
        assert (window.width(), window.height()) == (1280, 800)


def test_a_wide_page_beside_the_docks_of_another_workspace_does_not_widen_the_window(window: MainWindow, qtbot) -> None:
    window.workspaces.switch("denoise")
    window.panels.denoise.setMinimumWidth(800)
    window.workspaces.switch("train")
    qtbot.wait(20)
    assert (window.width(), window.height()) == (1280, 800)


def test_the_bottom_runs_below_the_loss_but_not_below_the_data(window: MainWindow, qtbot) -> None:
    window.workspaces.switch("train")
    qtbot.wait(20)
    docks = {name: dock.geometry() for name, dock in window.panels.docks.items()}
    assert docks["schedule"].right() == docks["loss"].right() == window.width() - 1
    assert docks["loss"].bottom() < docks["levels"].top()
    assert docks["levels"].bottom() < docks["novelty"].top()
    assert docks["novelty"].bottom() < docks["schedule"].top()
    assert docks["dataset"].bottom() == docks["schedule"].bottom()
    assert docks["schedule"].left() > docks["dataset"].right()


def test_a_tab_carries_the_name_and_the_bar_below_it_only_the_sentence(window: MainWindow, qtbot) -> None:
    docks = window.panels.docks
    for name in ("train", "denoise", "train"):
        window.workspaces.switch(name)
        titled = {short for short, dock in docks.items() if not dock.isHidden() and has_title(dock)}
        assert titled == (
            {"dataset", "loss", "levels", "novelty"} if name == "train" else {"sampler", "batch", "branches"}
        )
    docks["log"].setFloating(True)
    qtbot.waitUntil(lambda: has_title(docks["log"]) and not has_title(docks["schedule"]))
    docks["checkpoints"].setFloating(True)
    qtbot.waitUntil(lambda: has_title(docks["schedule"]) and has_title(docks["checkpoints"]))
    for name in ("log", "checkpoints"):
        docks[name].setFloating(False)
    qtbot.waitUntil(lambda: not any(has_title(docks[name]) for name in ("schedule", "checkpoints", "log")))


def test_the_keyboard_never_walks_through_a_panel_behind_another(window: MainWindow, qtbot) -> None:
    window.workspaces.switch("train")
    docks = window.panels.docks
    qtbot.wait(20)
    assert docks["schedule"].widget().isEnabled()
    assert not docks["log"].widget().isEnabled()
    for _ in range(12):
        window.go_to_next_panel()
        focus = QApplication.focusWidget()
        assert window.rect().contains(focus.mapTo(window, focus.rect().center())), focus
    window.show_log()
    qtbot.waitUntil(lambda: docks["log"].widget().isEnabled() and not docks["schedule"].widget().isEnabled())
    docks["log"].close()
    qtbot.waitUntil(lambda: docks["schedule"].widget().isEnabled() != docks["checkpoints"].widget().isEnabled())
