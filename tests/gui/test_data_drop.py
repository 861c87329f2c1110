"""Letting go of files over the window while others are open: the left half adds them, the right half replaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from studio.app.arrangements import DATA, TRAIN
from studio.app.main_window import MainWindow
from studio.app.settings import Settings
from tests.gui.data_helpers import make_folder


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    window = MainWindow(Settings())
    window.resize(1280, 800)
    window.show()
    yield window
    window.close()
    assert window.runner.shutdown(20_000)
    window.deleteLater()


def files(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def carry(window: MainWindow, data: QMimeData, x: int) -> None:
    """Bring files over the window, to a place in it, and hold them there."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(x, 300), copy, data, left, none))
    QApplication.sendEvent(window, QDragMoveEvent(QPoint(x, 300), copy, data, left, none))


def let_go(window: MainWindow, data: QMimeData, x: int) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window, QDropEvent(QPointF(x, 300), Qt.DropAction.CopyAction, data, left, none))


def test_the_first_pictures_are_opened_wherever_they_fall(qtbot, window: MainWindow, tmp_path) -> None:
    data = files(make_folder(tmp_path / "pets"))
    carry(window, data, 100)
    assert window.veil.isVisible()
    assert not window.zones.isVisible()
    let_go(window, data, 100)
    qtbot.waitUntil(lambda: window.state.image_set is not None, timeout=20_000)
    assert window.workspaces.current == TRAIN
    assert not window.veil.isVisible()


def test_others_are_added_at_the_left_and_take_the_place_at_the_right(qtbot, window: MainWindow, tmp_path) -> None:
    window.workspaces.switch(DATA)
    window.opener.open([make_folder(tmp_path / "pets", each=3)])
    qtbot.waitUntil(lambda: window.state.image_set is not None, timeout=20_000)
    data = files(make_folder(tmp_path / "more", each=2))
    carry(window, data, 200)
    assert window.zones.isVisible()
    assert window.zones.choice == "add"
    let_go(window, data, 200)
    qtbot.waitUntil(lambda: window.state.image_set.count == 10, timeout=20_000)
    assert window.workspaces.current == DATA
    assert not window.zones.isVisible()
    other = files(make_folder(tmp_path / "other", each=1))
    carry(window, other, 1100)
    assert window.zones.choice == "replace"
    let_go(window, other, 1100)
    qtbot.waitUntil(lambda: window.state.image_set.count == 2, timeout=20_000)
    assert window.state.image_set.name == "other"


def test_the_panel_of_the_train_page_leads_to_the_data_page(qtbot, window: MainWindow, tmp_path) -> None:
    window.opener.open([make_folder(tmp_path / "pets")])
    qtbot.waitUntil(lambda: window.state.image_set is not None, timeout=20_000)
    page = window.panels.pages[DATA]
    qtbot.waitUntil(lambda: page.editing.index is not None)
    dock = window.panels.docks["dataset"]
    position = dock.sheet.position_at(2, 2)
    qtbot.mouseClick(dock.sheet, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert window.workspaces.current == DATA
    assert page.grid.current() == position
    window.workspaces.switch(TRAIN)
    dock.class_requested.emit("dogs")
    assert window.workspaces.current == DATA
    assert page.grid.indices.tolist() == list(range(6, 12))
