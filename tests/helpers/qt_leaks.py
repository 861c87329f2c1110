"""After a test that uses Qt nothing of it may go on living: no running thread, no active timer, no window.

What is left behind crashes some later test, far from its cause. Each message therefore names the line that made the
object. tests/conftest.py imports these fixtures; they apply to every test that uses `qapp` or `qtbot`.
"""

from __future__ import annotations

import gc
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_QT_OWN_WINDOWS = frozenset({"QTipLabel"})
_LIBRARIES = ("site-packages", f"helpers/{Path(__file__).name}", "lib/python")


def _site() -> str:
    """Where the program or the test, not a library, is in the current call."""
    frames = [frame for frame in traceback.extract_stack() if not any(part in frame.filename for part in _LIBRARIES)]
    return f"{frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else "an unknown place"


@dataclass
class _Births:
    """Every object of one Qt class made while a test runs, with the line that made it."""

    alive: list[tuple[weakref.ref, str]] = field(default_factory=list)

    def watch(self, qt_class: type, monkeypatch: pytest.MonkeyPatch) -> None:
        make = qt_class.__init__

        def record(instance: object, *arguments: object, **options: object) -> None:
            make(instance, *arguments, **options)
            self.alive.append((weakref.ref(instance), _site()))

        monkeypatch.setattr(qt_class, "__init__", record)

    def still(self, condition: Callable[[object], bool]) -> list[str]:
        from shiboken6 import isValid

        found = ((reference(), site) for reference, site in self.alive)
        return [
            f"{type(instance).__name__} {instance.objectName()!r} made at {site}"
            for instance, site in found
            if instance is not None and isValid(instance) and condition(instance)
        ]


def _windows() -> dict[int, str]:
    from PySide6.QtWidgets import QApplication
    from shiboken6 import getCppPointer

    return {
        getCppPointer(widget)[0]: f"{type(widget).__name__} {widget.objectName()!r} {widget.windowTitle()!r}"
        for widget in QApplication.topLevelWidgets()
        if widget.parent() is None and widget.metaObject().className() not in _QT_OWN_WINDOWS
    }


def _settle() -> None:
    """Let deletions that were asked for happen, and collect what only cycles keep alive, in the GUI thread."""
    from PySide6.QtCore import QCoreApplication, QEvent

    for _ in range(2):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()


@pytest.fixture(autouse=True)
def nothing_of_qt_left_behind(request: pytest.FixtureRequest, has_failed) -> Iterator[None]:
    """Fails the test after which a thread, timer or window lives on. A failed test is not blamed twice."""
    if "qapp" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("qapp")
    from PySide6.QtCore import QThread, QTimer

    timers, threads = _Births(), _Births()
    windows_before = _windows()
    # A cycle with widgets in it that the collector meets in a worker thread is destroyed there, which is fatal.
    gc.disable()
    with pytest.MonkeyPatch.context() as monkeypatch:
        timers.watch(QTimer, monkeypatch)
        threads.watch(QThread, monkeypatch)
        yield
    _settle()
    gc.enable()
    if has_failed():
        return
    windows = [name for address, name in _windows().items() if address not in windows_before]
    left = {
        "threads still running": threads.still(lambda thread: thread.isRunning()),
        "timers still active": timers.still(lambda timer: timer.isActive()),
        "windows still there": windows,
    }
    complaints = [f"{what}: {', '.join(which)}" for what, which in left.items() if which]
    if complaints:
        pytest.fail("left behind by the test: " + "; ".join(complaints), pytrace=False)


@pytest.fixture(autouse=True)
def isolated_qt_settings(request: pytest.FixtureRequest, isolated_home: Path) -> None:
    """QSettings of a GUI test are an .ini file in the test's own home."""
    if "qapp" not in request.fixturenames:
        return
    from PySide6.QtCore import QSettings

    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for kind in (QSettings.Format.IniFormat, QSettings.Format.NativeFormat):
        for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
            QSettings.setPath(kind, scope, str(isolated_home / "settings" / scope.name))
