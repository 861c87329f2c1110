"""All widgets together: a theme switched live looks like one chosen at the start, and everything fits at any scale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QElapsedTimer, QEvent, QEventLoop, QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from studio.app.theme import theme
from tests.helpers.gallery import gallery

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def dark(application):
    theme().install("dark")
    yield
    theme().set_choice("dark")


def settle(milliseconds: int = 500) -> None:
    """Lets the docks' animations end."""
    clock = QElapsedTimer()
    clock.start()
    while clock.elapsed() < milliseconds:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)[:, :, :3].copy()


def look(qtbot, first: str, then: str) -> np.ndarray:
    theme().set_choice(first)
    window = gallery()
    qtbot.addWidget(window)
    window.resize(QSize(1600, 1100))
    window.show()
    settle()
    theme().set_choice(then)
    settle()
    return pixels(window.grab().toImage())


@pytest.mark.parametrize(("first", "then"), [("dark", "light"), ("light", "dark")])
def test_switching_live_leaves_nothing_of_the_other_theme(qtbot, first: str, then: str) -> None:
    switched = look(qtbot, first, then)
    fresh = look(qtbot, then, then)
    assert switched.shape == fresh.shape
    different = np.argwhere((switched != fresh).any(axis=2))
    assert len(different) == 0, f"{len(different)} pixels, rows and columns {different.min(0)} to {different.max(0)}"


@pytest.mark.parametrize("scale", ["1", "1.5", "2"])
def test_the_gallery_is_drawn_at_every_scale(tmp_path: Path, scale: str) -> None:
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "QT_SCALE_FACTOR": scale,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "helpers" / "gallery.py"), str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "This plugin does not support" not in line]
    assert (done.returncode, complaints) == (0, [])
    drawn = [QImage(str(path)) for path in sorted(tmp_path.glob("*.png"))]
    assert len(drawn) == 2
    assert all(image.width() >= 1600 * float(scale) for image in drawn)
    dark, light = (pixels(image).mean() for image in drawn)
    assert dark < light
