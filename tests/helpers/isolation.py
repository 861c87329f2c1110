"""Walls around a test: environment, network, logging."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


class ConnectionAttemptError(RuntimeError):
    """Raised where a test tried to reach the network."""


def isolated_environment(home: Path) -> Mapping[str, str | None]:
    """Environment variables which lead everything a program keeps for its user into `home`; None means unset."""
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700)
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": None,
        "XDG_DATA_HOME": None,
        "XDG_CACHE_HOME": None,
        "XDG_STATE_HOME": None,
        "DIFFUSION_STUDIO_HOME": str(home / "studio"),
        # diffusers, the oracle of some tests, asks its hub for news unless told not to.
        "HF_HUB_OFFLINE": "1",
    }


_NETWORK_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
)
_attempts: list[str] | None = None


def _audit(event: str, arguments: tuple) -> None:
    if _attempts is None or event not in _NETWORK_EVENTS:
        return
    first = arguments[0]
    if isinstance(first, socket.socket) and first.family not in (socket.AF_INET, socket.AF_INET6):
        return
    attempt = f"{event} {arguments[1] if isinstance(first, socket.socket) else first!r}"
    _attempts.append(attempt)
    raise ConnectionAttemptError(attempt)


# An audit hook sees every way to a socket, also those that captured `socket.socket` before a test began. It stays for
# the life of the process, so it is added once and looks at _attempts.
sys.addaudithook(_audit)


@contextmanager
def forbid_connections() -> Iterator[list[str]]:
    """Within it, internet sockets raise ConnectionAttemptError; the list tells what was tried."""
    global _attempts
    before, _attempts = _attempts, []
    try:
        yield _attempts
    finally:
        _attempts = before


class LogWatch(logging.Handler):
    """Collects log messages at WARNING and above which the test did not announce with `caplog.at_level`."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        super().__init__(logging.WARNING)
        self._caplog = caplog
        self.unexpected: list[str] = []

    def __enter__(self) -> LogWatch:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        announced = self._caplog.handler.level
        if not 0 < announced <= record.levelno:
            self.unexpected.append(
                f"{record.levelname} {record.name} ({record.filename}:{record.lineno}): {record.getMessage()}"
            )
