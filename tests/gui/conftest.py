"""GUI tests: every test under tests/gui has a QApplication, and so the watch over what it leaves behind."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def application(qapp):
    """The one QApplication, also for a test that does not ask for it by name."""
    return qapp
