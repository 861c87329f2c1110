"""The journey through the real window: denoise, scrub, branch, paint, walk the tree, lay a branch beside its parent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from studio.app.arrangements import DENOISE
from studio.app.docks.denoise.branch_comparison import BranchComparison
from studio.app.docks.denoise.branch_menu import BranchMenu
from studio.app.docks.denoise.branch_painting import PaintDialog
from studio.app.main_window import MainWindow
from studio.app.microscope.denoising import denoising_of
from studio.app.settings import Settings
from studio.app.state import ModelChoice, ModelSource
from studio.library.bundle import ModelBundle
from studio.library.starter import starter_models

MOUSE = QContextMenuEvent.Reason.Mouse


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    window = MainWindow(Settings())
    window.resize(1280, 800)
    window.show()
    yield window
    window.closing.save_and_leave()
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert window.runner.shutdown(5000)
    window.deleteLater()


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Every t at which the model was asked."""
    asked: list[int] = []
    make = ModelBundle.denoiser

    def counting(self: ModelBundle, *args: object, **kwargs: object) -> object:
        denoiser = make(self, *args, **kwargs)
        predict = denoiser.predict

        def counted(z_t, t, condition=None):
            asked.append(t)
            return predict(z_t, t, condition)

        monkeypatch.setattr(denoiser, "predict", counted, raising=False)
        return denoiser

    monkeypatch.setattr(ModelBundle, "denoiser", counting)
    return asked


def way(menu: QMenu, text: str):
    return next(action for action in menu.actions() if action.text().startswith(text))


def test_denoise_scrub_branch_and_compare(window: MainWindow, calls: list[int], qtbot) -> None:
    denoising, docks = denoising_of(window.state), window.panels.docks
    failures: list = []
    denoising.failed.connect(failures.append)
    starter = next(model for model in starter_models() if model.id == "digits")
    choice = ModelChoice(ModelSource.STARTER, starter.title, starter.path)

    def finished() -> None:
        qtbot.waitUntil(lambda: not denoising.running, timeout=60_000)
        QApplication.processEvents()
        assert not failures

    # Denoise.
    window.workspaces.switch(DENOISE)
    denoising.set_settings(dataclasses.replace(denoising.settings, steps=12, count=2, seed=11))
    denoising.models.choose(choice, window.runner)
    qtbot.waitUntil(lambda: window.state.model is not None, timeout=60_000)
    docks["sampler"]._button.click()
    finished()
    run = window.state.trace
    assert run.complete
    assert len(calls) == 12

    # Scrub: along the film with the mouse, and by keys; the model is asked nothing.
    view = docks["timeline"].view
    for position in (2, 9, 4):
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(view.axis().x(position)), 30))
        assert denoising.playback.position == position
        window.grab()
    QTest.keyClick(view, Qt.Key.Key_Right)
    assert denoising.playback.position == 5
    assert len(calls) == 12

    # Branch: a right click on a frame, other noise from there.
    place = QPoint(round(view.axis().x(6)), 30)
    QApplication.sendEvent(view, QContextMenuEvent(MOUSE, place, view.mapToGlobal(place)))
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), BranchMenu))
    menu = QApplication.activePopupWidget()
    way(menu, "Other noise from here on").trigger()
    menu.close()
    finished()
    other = window.state.trace
    assert other.parent is run
    assert len(calls) == 12 + 6
    assert torch.equal(other.state(6), run.state(6))
    assert not torch.equal(other.pictures(), run.pictures())

    # Paint on z, from the key B.
    tree = docks["branches"].tree
    tree.setFocus()
    QTest.keyClick(tree, Qt.Key.Key_Up)
    assert window.state.trace is run
    denoising.playback.seek(5)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(tree, Qt.Key.Key_B)
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), BranchMenu))
    menu = QApplication.activePopupWidget()
    assert menu.point.step == 5
    way(menu, "Paint on z").trigger()
    menu.close()
    qtbot.waitUntil(lambda: bool(window.findChildren(PaintDialog)))
    dialog = window.findChildren(PaintDialog)[0]
    dialog.view.stroke_began.emit(4.5, 4.5)
    dialog.view.stroke_moved.emit(9.5, 9.5)
    dialog.view.stroke_ended.emit()
    dialog.go.click()
    finished()
    painted = window.state.trace
    assert painted.parent is run
    assert len(calls) == 12 + 6 + 7
    differs = painted.frame(5).z_t != run.frame(5).z_t
    assert differs[0].any()
    assert not differs[1].any()

    # Walk the tree: the run, the branch that leaves last, the painted one.
    assert tree.shown == 2
    for expected in (other, run):
        QTest.keyClick(tree, Qt.Key.Key_Up)
        assert window.state.trace is expected
    assert [line.parent for line in tree.lines] == [None, 0, 0]

    # Compare: a branch beside its parent.
    way(docks["branches"].make_menu(other), "Compare with its parent").trigger()
    (sheet,) = window.findChildren(BranchComparison)
    difference = (other.pictures() - run.pictures())[0].movedim(0, -1).numpy()
    assert (sheet.tiles[2].shown.array == difference).all()
    assert len(calls) == 12 + 6 + 7
    sheet.close()
