"""Collecting cycles in the GUI thread only.

Python's cyclic collector runs in whichever thread happens to allocate. If that is the worker, it may destroy Qt
objects there, which crashes the process. So the automatic collector is switched off and a timer in the GUI thread
does its work, generation by generation, at the thresholds the collector itself would have used.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

_INTERVAL_MS = 1000
_YOUNGER_PER_OLDER = 10


class GuiCollector(QObject):
    """Switches the automatic collector off and collects on a timer; `release` gives the work back."""

    def __init__(self, parent: QObject | None = None, interval_ms: int = _INTERVAL_MS) -> None:
        super().__init__(parent)
        self._young_threshold = gc.get_threshold()[0] or 700
        self._timer = QTimer(self)
        self._timer.setInterval(interval_ms)
        self._timer.timeout.connect(self.collect)
        gc.disable()
        self._timer.start()

    @Slot()
    def collect(self) -> None:
        """Collect what is due: mostly nothing, or the young generation in well below a millisecond."""
        young, middle, old = gc.get_count()
        if old > _YOUNGER_PER_OLDER:
            gc.collect(2)
        elif middle > _YOUNGER_PER_OLDER:
            gc.collect(1)
        elif young > self._young_threshold:
            gc.collect(0)

    @staticmethod
    def set_aside() -> None:
        """Take everything there is out of the collector's sight: modules and classes never become garbage."""
        gc.collect()
        gc.freeze()

    def release(self) -> None:
        """Stop the timer and let Python collect by itself again."""
        self._timer.stop()
        gc.enable()
