"""The guide of the tour: presses, waits and photographs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import StudioError, TrainingError

if TYPE_CHECKING:
    from studio.app.main_window import MainWindow

PATIENCE_SECONDS = 120.0


class Guide:
    """Waits for what was set going in the window, and keeps pictures of the way. The stops are functions of it."""

    def __init__(self, window: MainWindow, out: Path) -> None:
        from studio.app.microscope.denoising import denoising_of

        self.window = window
        self.out = out
        self.denoising = denoising_of(window.state)
        self._began = time.monotonic()
        self._failures: list[StudioError] = []
        self.denoising.failed.connect(self._failures.append)
        window.opener.failed.connect(self._failures.append)
        window.panels.training.controller.failed.connect(self.note_failure)

    def wait(
        self, what: str, ready: Callable[[], bool], patience: float = PATIENCE_SECONDS, *, strict: bool = True
    ) -> None:
        """Let the window live until `ready`; raises the first error that came up, and one when it takes too long."""
        deadline = time.monotonic() + patience
        while not ready():
            if self._failures:
                raise self._failures[0]
            if time.monotonic() > deadline:
                if not strict:
                    return
                raise TrainingError(f"Nothing came of {what} for {patience:.0f} s.", "Try a longer or smaller tour.")
            self.breathe(0.02)

    def breathe(self, seconds: float = 0.0) -> None:
        """Let the window live: a real event loop, which also does what was put off until later."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def settle(self) -> None:
        """Wait for what the window does by itself once nothing is touched, such as comparing with the data."""
        self.breathe(0.6)
        self.wait("the window to settle", lambda: not self.window.runner.busy, 20, strict=False)

    def photograph(self, name: str) -> None:
        """Keep what the window shows as a picture of that name."""
        self.breathe(0.4)
        path = self.out / f"{name}.png"
        self.window.grab().save(str(path))
        self.say(f"photographed the window: {path.name}")

    def note_failure(self, error: StudioError, _details: str = "") -> None:
        """What goes wrong in the window ends the tour."""
        self._failures.append(error)

    def say(self, text: str) -> None:
        """Print it, with the time since the tour began."""
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)
