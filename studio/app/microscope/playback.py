"""The playhead of a recorded reverse run: which moment is on the screen, and how it moves by itself.

Positions count the recorded steps 0..n-1 from noise to picture; position n, there once the run is complete, is the
finished picture. The playhead knows nothing of models: it only says which recorded moment to show.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.film_clock import FilmClock

SPEEDS: tuple[tuple[float, str], ...] = ((0.25, "¼×"), (0.5, "½×"), (1.0, "1×"), (2.0, "2×"))

_FILM_SECONDS = 5.0
"""A film of ordinary length lasts this long at 1×, so that 20 steps can be followed and 200 do not bore."""
_SLOWEST_RATE, _FASTEST_RATE = 4.0, 60.0
_REST_SECONDS = 1.0
"""A looping film rests on the finished picture, which is what one waited for."""


class Playback(FilmClock):
    """A playhead over `count` recorded positions, of `planned` that there will be when the run is complete."""

    position_changed = Signal(object)
    """int: the position now shown."""
    extent_changed = Signal()
    """`count` or `planned` changed."""
    follow_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._position = 0
        self._count = 0
        self._planned = 0
        self._speed = 1.0
        self._loop = True
        self._follow = True
        self._follow_interrupted = False
        self._progress = 0.0

    @property
    def position(self) -> int:
        return self._position

    @property
    def count(self) -> int:
        """How many positions can be shown now."""
        return self._count

    @property
    def planned(self) -> int:
        """How many positions there will be once the run is complete."""
        return self._planned

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def loop(self) -> bool:
        return self._loop

    @property
    def follow(self) -> bool:
        """Whether the playhead moves on by itself to the newest moment while the run goes on."""
        return self._follow

    @property
    def rate(self) -> float:
        """Positions a second while playing."""
        return self._speed * min(max(self._planned / _FILM_SECONDS, _SLOWEST_RATE), _FASTEST_RATE)

    def begin(self, planned: int) -> None:
        """A new run starts: nothing recorded yet, `planned` positions to come."""
        self.pause()
        self._position, self._count, self._planned = 0, 0, planned
        if self._follow_interrupted:
            self._follow_interrupted = False
            self._set_follow(True)
        self.extent_changed.emit()
        self.position_changed.emit(0)

    def show_other(self, count: int, planned: int, position: int) -> None:
        """Another run that is recorded already: `count` of its `planned` positions, one of which is shown."""
        self.pause()
        self._count, self._planned = count, planned
        self._position = max(0, min(position, count - 1))
        self.extent_changed.emit()
        self.position_changed.emit(self._position)

    def go_on(self) -> None:
        """The run goes on after a stop: whoever followed it before looking back follows it again."""
        self.pause()
        if self._follow_interrupted:
            self._follow_interrupted = False
            self._set_follow(True)
        if self._follow:
            self._show(self._count - 1)

    def extend(self, count: int, planned: int | None = None) -> None:
        """`count` positions are recorded now; a follower moves to the newest of them."""
        grew, self._count = count > self._count, count
        if planned is not None:
            self._planned = planned
        self.extent_changed.emit()
        if grew and self._follow and not self.playing:
            self._show(count - 1)

    def seek(self, position: int) -> None:
        """Shows a position chosen by hand, the nearest there is; this stops following and playing."""
        self.pause()
        if self._follow and position < self._count - 1 and self._count < self._planned:
            # Looking back while the run goes on must not be undone by the next frame.
            self._follow_interrupted = True
            self._set_follow(False)
        self._show(position)

    @Slot()
    def step_forward(self) -> None:
        self.seek(self._position + 1)

    @Slot()
    def step_back(self) -> None:
        self.seek(self._position - 1)

    @Slot()
    def go_to_first(self) -> None:
        self.seek(0)

    @Slot()
    def go_to_last(self) -> None:
        self.seek(self._count - 1)

    @Slot()
    def play(self) -> None:
        """Plays from here, or from the start when at the end."""
        if self._count < 2 or self.playing:
            return
        if self._position >= self._count - 1:
            self._show(0)
        self._progress = float(self._position)
        self.start_clock()

    def set_speed(self, speed: float) -> None:
        self._speed = float(speed)

    def set_loop(self, loop: bool) -> None:
        self._loop = loop

    def set_follow(self, follow: bool) -> None:
        """Turned on or off by hand; on at once shows the newest moment."""
        self._follow_interrupted = False
        self._set_follow(follow)
        if follow and 0 < self._count < self._planned:
            self.pause()
            self._show(self._count - 1)

    def advance(self, seconds: float) -> None:
        """Moves a playing playhead on by this much time: late ticks skip positions rather than slow the film."""
        self._progress += seconds * self.rate
        end = self._count - 1
        if self._progress < end + 1:
            self._show(int(self._progress))
        elif not self._loop or self._count < self._planned:
            self._show(end)
            self.pause()
        elif self._progress < end + 1 + _REST_SECONDS * self.rate:
            self._show(end)
        else:
            self._progress = 0.0
            self._show(0)

    def _show(self, position: int) -> None:
        position = max(0, min(position, self._count - 1))
        if position != self._position:
            self._position = position
            self.position_changed.emit(position)

    def _set_follow(self, follow: bool) -> None:
        if follow != self._follow:
            self._follow = follow
            self.follow_changed.emit(follow)
