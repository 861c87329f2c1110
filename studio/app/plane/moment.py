"""Which moment of the diffusion the plane shows, and how it moves by itself: from noise to pictures."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.film_clock import FilmClock

FILM_SECONDS = 6.0
"""From pure noise to the pictures."""
_REST_SECONDS = 1.2
"""A loop rests on the pictures, which is what one waited for."""


class Moment(FilmClock):
    """t in 0..T−1, and its playing from T−1 down to 0."""

    changed = Signal(int)
    loop_changed = Signal(bool)

    def __init__(self, parent: QObject, step_count: int, t: int) -> None:
        super().__init__(parent)
        self._step_count = step_count
        self._t = t
        self._loop = True
        self._progress = 0.0

    @property
    def t(self) -> int:
        return self._t

    @property
    def step_count(self) -> int:
        return self._step_count

    @property
    def loop(self) -> bool:
        return self._loop

    def set_loop(self, loop: bool) -> None:
        if loop != self._loop:
            self._loop = loop
            self.loop_changed.emit(loop)

    def set_step_count(self, step_count: int) -> None:
        """Another schedule: the same share of the way is shown."""
        if step_count != self._step_count:
            share = self._t / max(self._step_count - 1, 1)
            self._step_count = step_count
            self._show(round(share * (step_count - 1)))

    def seek(self, t: int) -> None:
        """Shows a moment that was chosen by hand; this stops the playing."""
        self.pause()
        self._show(t)

    @Slot()
    def play(self) -> None:
        """On from here; from pure noise where there is nothing left to come."""
        if self.playing:
            return
        if self._t == 0:
            self._show(self._step_count - 1)
        self._progress = 1.0 - self._t / max(self._step_count - 1, 1)
        self.start_clock()

    def advance(self, seconds: float) -> None:
        """Moves on by this much time: late ticks skip moments rather than slow the film."""
        self._progress += seconds / FILM_SECONDS
        if self._progress < 1.0:
            self._show(round((1.0 - self._progress) * (self._step_count - 1)))
        elif not self._loop:
            self._show(0)
            self.pause()
        elif self._progress < 1.0 + _REST_SECONDS / FILM_SECONDS:
            self._show(0)
        else:
            self._progress = 0.0
            self._show(self._step_count - 1)

    def _show(self, t: int) -> None:
        t = max(0, min(int(t), self._step_count - 1))
        if t != self._t:
            self._t = t
            self.changed.emit(t)
