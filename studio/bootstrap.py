"""Starting the studio: what has to come before what, and an end that leaves nothing running."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if sys.platform == "win32":
    # On Windows torch's libraries do not load any more once Qt's have been.
    import torch  # noqa: F401

from PySide6.QtCore import QTimer

import studio

if TYPE_CHECKING:
    from studio.app.main_window import MainWindow

_log = logging.getLogger(__name__)

EXIT_STILL_RUNNING = 3
"""The background thread did not come back; the process was ended around it."""

_SHUTDOWN_MS = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the studio and stay until its window is closed; returns the exit code.

    `arguments` are those after the program's name; files among them are opened.
    """
    multiprocessing.freeze_support()
    _give_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    from studio.app.application import lower_priority, make_application

    application = make_application([sys.argv[0], *given])

    from studio.app.main_window import MainWindow
    from studio.app.process.crash import CrashWatch
    from studio.app.process.garbage import GuiCollector
    from studio.app.process.logs import start_logging, stop_logging
    from studio.app.settings import Settings
    from studio.app.theme import theme
    from studio.app.workspaces import fit_to_screen

    keeper = start_logging()
    crashes = CrashWatch(application)
    left_by_crash = crashes.install()
    _log.info("Diffusion Studio %s", studio.__version__)
    settings = Settings(application)
    theme().set_choice(settings.theme)
    collector = GuiCollector(application)
    window = MainWindow(settings, keeper=keeper, prepare_thread=lower_priority)
    crashes.defect.connect(window.show_defect)
    if left_by_crash:
        window.show_last_crash(left_by_crash)
    collector.set_aside()
    fit_to_screen(window)
    window.show()
    files = [name for name in given if not name.startswith("-")]
    QTimer.singleShot(0, window.begin)
    if files:
        window.opener.open(files)
    with _close_on_signal(window):
        code = application.exec()
    ended = window.runner.shutdown(_SHUTDOWN_MS)
    if not ended:
        _log.error("the background thread did not come back; leaving without it")
    crashes.release()
    stop_logging(keeper)
    logging.shutdown()
    if not ended:
        # Destroying a thread that runs aborts the process; an exit around it does not touch any file.
        os._exit(EXIT_STILL_RUNNING)
    window.deleteLater()
    application.processEvents()
    collector.release()
    return code


@contextlib.contextmanager
def _close_on_signal(window: MainWindow) -> Iterator[None]:
    """Ctrl+C in the terminal, or a polite kill, saves and closes.

    Python runs signal handlers only between its own instructions; the collector's timer sees to it that there are some
    every second. The handler itself only leaves word: it may have interrupted anything.
    """

    def leave_word(_number: int, _frame: object) -> None:
        QTimer.singleShot(0, window, window.save_and_close)

    handlers = {number: signal.signal(number, leave_word) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _give_streams() -> None:
    # Started without a console on Windows there are none, and every print would fail.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
