"""GUI tests: every test under tests/gui has a QApplication, and so the watch over what it leaves behind."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from studio.app.theme import theme


@pytest.fixture(autouse=True)
def application(qapp):
    """The one QApplication, also for a test that does not ask for it by name."""
    return qapp


@pytest.fixture
def dark(application):
    """The dark theme, for tests that look at colours; also afterwards, whatever the test switched to."""
    theme().install("dark")
    yield
    theme().set_choice("dark")


@pytest.fixture
def show(qtbot):
    """Shows a widget at a size within a host: a window's own size limits make the offscreen platform complain."""
    host = QWidget()
    host.resize(1400, 900)
    qtbot.addWidget(host)

    def shown(widget: QWidget, width: int, height: int) -> QWidget:
        widget.setParent(host)
        host.show()
        widget.resize(width, height)
        widget.show()
        QApplication.processEvents()
        return widget

    return shown
