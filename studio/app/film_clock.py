"""What lets something play by itself in real time: a timer, and the clock that says how late its ticks are."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal, Slot

_TICK_MS = 16


class FilmClock(QObject):
    """While it plays, `advance` is called with the seconds that have passed since the last time. Subclasses say what
    that means, and where playing begins (`play`, which calls `start_clock`)."""

    playing_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    @Slot()
    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    @Slot()
    def play(self) -> None:
        raise NotImplementedError

    @Slot()
    def pause(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def start_clock(self) -> None:
        """Play from now on."""
        self._clock.start()
        self._timer.start()
        self.playing_changed.emit(True)

    def advance(self, seconds: float) -> None:
        """Moves on by this much time: late ticks skip moments rather than slow the film."""
        raise NotImplementedError

    @Slot()
    def _tick(self) -> None:
        self.advance(self._clock.restart() / 1000)
