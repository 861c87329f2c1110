"""The journey through the real window: paint clusters, see walks end in them, train, compare, take it all back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.app.arrangements import PLANE
from studio.app.main_window import MainWindow
from studio.app.plane import small_training
from studio.app.plane.scene import Shown, plane_scene_of
from studio.app.settings import Settings
from studio.app.undo import undo_stack_of
from studio.app.widgets.plane_tools import PlaneTool
from studio.training.presets import plane_preset
from studio.training.settings import Budget

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CLUSTERS = (((-0.6, 0.4), (-0.5, 0.5), (-0.4, 0.6)), ((0.5, -0.5), (0.6, -0.4), (0.7, -0.5)))
STEPS = 800
WAIT_MS = 90_000


@pytest.fixture
def window(qtbot) -> Iterator[MainWindow]:
    window = MainWindow(Settings())
    window.resize(1280, 800)
    window.show()
    yield window
    plane_scene_of(window.state).small_model.pause()
    window.closing.save_and_leave()
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert window.runner.shutdown(5000)
    plane_scene_of(window.state).settle()
    window.deleteLater()


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset, cut to what tells a field from noise."""
    settings, network = plane_preset()
    settings = dataclasses.replace(settings, budget=Budget(images=STEPS * settings.batch_size))
    monkeypatch.setattr(small_training, "plane_preset", lambda: (settings, network))


@pytest.mark.slow
@pytest.mark.usefixtures("short_training")
def test_paint_clusters_train_and_see_walks_end_in_them(window: MainWindow, qtbot) -> None:
    stage = window.panels.pages[PLANE]
    window.workspaces.switch(PLANE)
    qtbot.waitUntil(lambda: stage.page is not None, timeout=WAIT_MS)
    page, scene, undo = stage.page, plane_scene_of(window.state), undo_stack_of(window.state)
    failures: list = []
    scene.failed.connect(failures.append)

    # Paint two clusters with the mouse, each a stroke.
    ready = scene.points
    scene.pictures.clear()
    qtbot.mouseClick(page.tool_buttons[PlaneTool.BRUSH], LEFT)
    canvas = page.canvas
    for strokes in CLUSTERS:
        places = [canvas.view.place(point).toPoint() for point in strokes]
        QTest.mousePress(canvas, LEFT, NO_KEY, places[0])
        for place in places[1:]:
            at = QPointF(place)
            move = QMouseEvent(QEvent.Type.MouseMove, at, canvas.mapToGlobal(at), LEFT, LEFT, NO_KEY)
            QApplication.sendEvent(canvas, move)
        QTest.mouseRelease(canvas, LEFT, NO_KEY, places[-1])
    assert set(scene.labels) == {0, 1}
    painted = scene.points
    assert len(painted) >= 6 * scene.brush.count

    # With the exact field, walks end in what was painted.
    qtbot.waitUntil(lambda: scene.share_inside is not None, timeout=WAIT_MS)
    assert scene.share_inside >= 0.99
    assert len(scene.trajectories) == 24

    # Train: the learned field and its walks move in view until they lead there too.
    moved: list[np.ndarray] = []
    scene.trajectories_changed.connect(lambda: moved.extend(walk[-1:] for walk in scene.trajectories[:1]))
    scene.train(window.runner)
    assert scene.shown is Shown.LEARNED
    qtbot.waitUntil(lambda: scene.small_model.state.finished and not scene.training, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: scene.share_inside is not None, timeout=WAIT_MS)
    assert not failures
    assert len(moved) >= 2
    state = scene.small_model.state
    assert state.loss < 2.0 * state.best_loss
    assert state.angle < 25.0
    assert scene.share_inside > 0.7

    # Compare, and take all of it back.
    scene.set_shown(Shown.DIFFERENCE)
    assert scene.field is not None
    assert scene.mean_angle is not None
    for _ in range(3):
        undo.undo()
    np.testing.assert_array_equal(scene.points, ready)
    assert scene.learned is None
