"""Waiting for torch without standing still: panels that need it fill themselves once the background has loaded it."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.runner import Runner


class TorchGate(QObject):
    """Opens once, when torch is loaded.

    Importing torch takes seconds and must not happen in the GUI thread; the first job in the background does it. All
    jobs share one thread, so when a job has ended no import is half done.
    """

    opened = Signal()

    def __init__(self, runner: Runner, parent: QObject) -> None:
        super().__init__(parent)
        self._runner = runner
        self._open = "torch" in sys.modules and not runner.busy
        if not self._open:
            runner.job_finished.connect(self._look)

    @property
    def is_open(self) -> bool:
        """Whether torch can be used without waiting."""
        return self._open

    @Slot()
    def _look(self) -> None:
        if not self._open and "torch" in sys.modules:
            self._open = True
            self._runner.job_finished.disconnect(self._look)
            self.opened.emit()
