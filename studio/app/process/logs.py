"""The program's own log: to a file in the user's folder, and to the log panel."""

from __future__ import annotations

import logging
import logging.handlers
import platform
import sys
from collections import deque
from pathlib import Path

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler, qVersion

import studio
from studio.paths import user_folder

_log = logging.getLogger(__name__)
_qt_log = logging.getLogger("qt")

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_FILE_BYTES = 1_000_000
_KEPT_RECORDS = 2000

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class _Bell(QObject):
    rung = Signal()


class LogKeeper(logging.Handler):
    """Keeps the last messages in memory; `added` rings in the GUI thread when there are new ones."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
        self._records: deque[tuple[int, str]] = deque(maxlen=_KEPT_RECORDS)
        self._bell = _Bell()
        self.added = self._bell.rung

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append((record.levelno, self.format(record)))
        self._bell.rung.emit()

    def records(self) -> tuple[tuple[int, str], ...]:
        """(level, text) of the last messages, oldest first."""
        return tuple(self._records)


def log_folder() -> Path | None:
    """Where logs are kept; None when there is no such place."""
    try:
        return user_folder("logs")
    except OSError:
        return None


def start_logging() -> LogKeeper:
    """Send the log to a file (where that can be written) and to the keeper that is returned."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    keeper = LogKeeper()
    root.addHandler(keeper)
    folder = log_folder()
    try:
        if folder is None:
            raise PermissionError("the user's folder cannot be written to")
        to_file = logging.handlers.RotatingFileHandler(
            folder / "studio.log", maxBytes=_FILE_BYTES, backupCount=2, encoding="utf-8", delay=True
        )
    except OSError as error:
        _log.info("no log file is written: %s", error)
    else:
        to_file.setFormatter(logging.Formatter(FORMAT))
        root.addHandler(to_file)
    qInstallMessageHandler(_take_qt_message)
    return keeper


def stop_logging(keeper: LogKeeper) -> None:
    """Undo `start_logging`."""
    qInstallMessageHandler(None)
    root = logging.getLogger()
    root.removeHandler(keeper)
    for handler in list(root.handlers):
        if isinstance(handler, logging.handlers.RotatingFileHandler):
            root.removeHandler(handler)
            handler.close()


def diagnostics(keeper: LogKeeper | None, device: str) -> str:
    """What a report of a defect needs: versions, the machine, the last messages. No names of files are added."""
    torch = sys.modules.get("torch")
    lines = [
        f"Diffusion Studio {studio.__version__}",
        f"Python {platform.python_version()}, Qt {qVersion()}, torch {getattr(torch, '__version__', 'not loaded')}",
        f"{platform.system()} {platform.release()}, {platform.machine()}",
        f"Device: {device or 'not chosen yet'}",
        "",
    ]
    if keeper is not None:
        lines += [text for _, text in keeper.records()]
    return "\n".join(lines)


def _take_qt_message(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    _qt_log.log(_LEVELS.get(kind, logging.WARNING), message)
