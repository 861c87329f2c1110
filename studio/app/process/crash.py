"""When something goes wrong that nobody expected: into the log and the window, and never a dialog off the GUI thread.

A crash of the interpreter itself is written to a file by faulthandler and shown at the next start.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QObject, Signal

from studio.app.process.logs import log_folder

_log = logging.getLogger(__name__)

CRASH_FILE = "crash.txt"
_LAST_CRASH_FILE = "crash-last.txt"


class CrashWatch(QObject):
    """Takes what no `except` caught, in whichever thread; `defect` reaches the window in the GUI thread."""

    defect = Signal(str, str)
    """One line for a person, and the traceback."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = None
        self._previous = (sys.excepthook, threading.excepthook)
        self._seen: set[str] = set()

    def install(self) -> str:
        """Begin to watch; returns what a crash of the last session left, '' after an ordinary end."""
        sys.excepthook = self._take
        threading.excepthook = self._take_from_thread
        folder = log_folder()
        if folder is None:
            return ""
        left = ""
        path = folder / CRASH_FILE
        with contextlib.suppress(OSError):
            if path.is_file():
                left = path.read_text(encoding="utf-8", errors="replace").strip()
                if left:
                    path.replace(folder / _LAST_CRASH_FILE)
            # faulthandler writes through the file descriptor, so the file stays open as long as the program runs.
            self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115
            faulthandler.enable(self._file)
        return left

    def release(self) -> None:
        """Stop to watch."""
        sys.excepthook, threading.excepthook = self._previous
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None

    def _take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QCoreApplication.quit()
            return
        self._previous[0](kind, error, trace)
        text = "".join(traceback.format_exception(kind, error, trace))
        _log.error("a defect of the program:\n%s", text)
        # A defect in something that is painted would otherwise ring sixty times a second.
        if text not in self._seen:
            self._seen.add(text)
            self.defect.emit(f"{kind.__name__}: {error}".rstrip(": "), text)

    def _take_from_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self._take(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
