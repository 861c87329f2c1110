"""The watch over tests sees what it is there to see, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

_ROOT = Path(__file__).resolve().parents[2]

_LEAVING = {
    "timer": (
        "timers still active: QTimer 'forgotten'",
        "t = QTimer(qapp); t.setObjectName('forgotten'); t.start(9999)",
    ),
    "thread": ("threads still running: QThread", "t = QThread(qapp); t.start(); kept.append(t)"),
    "window": ("windows still there: QWidget", "w = QWidget(); w.show(); kept.append(w)"),
    "log": ("unexpected log messages", "logging.getLogger('studio').warning('disk almost full')"),
    "network": ("tried to use the network: socket.getaddrinfo", "socket.getaddrinfo('127.0.0.1', 9)"),
}
_CLEAN = {
    "local_timer": "t = QTimer(); t.start(9999)",
    "deleted_window": "w = QWidget(); w.show(); w.deleteLater(); kept.append(w)",
    "cycle": "w = QWidget(); w.myself = w; w.show()",
    "slot_of_a_timer": "w = QLineEdit(); t = QTimer(w); w.textChanged.connect(t.start); w.setText('a'); del w, t",
    "information": "logging.getLogger('studio').info('disk almost full')",
}
_PREAMBLE = """
import contextlib, logging, socket
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QLineEdit, QWidget

kept = []
"""
_CASE = """
def test_{name}(qapp):
    with contextlib.suppress(RuntimeError):
        {statement}
"""
_EPILOGUE = """
def test_afterwards(qapp):
    for thread in kept:
        if isinstance(thread, QThread):
            thread.quit()
            thread.wait()
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Runs all cases under the real tests/conftest.py; what was complained about, by the name of the case."""
    folder = tmp_path_factory.mktemp("watched")
    statements = {name: statement for name, (_, statement) in _LEAVING.items()} | _CLEAN
    cases = (_CASE.format(name=name, statement=statement) for name, statement in statements.items())
    module = folder / "test_watched.py"
    module.write_text(_PREAMBLE + "".join(cases) + _EPILOGUE, encoding="utf-8")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", _ROOT / "pyproject.toml"]
    subprocess.run([*command, f"--junitxml={report}", module], cwd=_ROOT, capture_output=True, timeout=100)
    return {
        case.get("name").removeprefix("test_"): " ".join(problem.get("message", "") for problem in case)
        for case in ElementTree.parse(report).iter("testcase")
    }


@pytest.mark.parametrize("name", _LEAVING)
def test_what_is_left_behind_fails_the_test(name, complaints):
    assert _LEAVING[name][0] in complaints[name]


@pytest.mark.parametrize("name", [*_CLEAN, "afterwards"])
def test_what_cleans_up_after_itself_passes(name, complaints):
    assert complaints[name] == ""
