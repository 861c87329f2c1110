"""Work of some tens of milliseconds in the GUI thread, a few at a time, between everything else that happens there."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer, Slot

from studio.app.plane.one_thread import one_thread

SLICE_SECONDS = 0.005
"""How long the screen may wait for a slice of it."""


class IdleWork(QObject):
    """Draws on one generator at a time; a newer one takes the place of the one before."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._work: Iterator[object] | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)

    @property
    def busy(self) -> bool:
        """Something is left to do."""
        return self._work is not None

    def begin(self, work: Iterator[object], after_ms: int = 0) -> None:
        """Do this instead of what was under way, not before `after_ms` have passed without a newer one."""
        self._work = work
        self._timer.start(after_ms)

    def drop(self) -> None:
        """Leave what is under way."""
        self._work = None
        self._timer.stop()

    def finish(self) -> None:
        """Do all that is left at once."""
        while self._work is not None:
            self._step()

    @Slot()
    def _go_on(self) -> None:
        self._timer.setInterval(0)
        until = time.perf_counter() + SLICE_SECONDS
        while self._work is not None and time.perf_counter() < until:
            self._step()

    def _step(self) -> None:
        work = self._work
        assert work is not None
        # What is done may itself begin something newer.
        with one_thread():
            ended = next(work, self) is self
        if ended and self._work is work:
            self.drop()
