"""A run that another process trains, as the panels of the Train workspace see it: events, and words about it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.training.run_facts import RunFacts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from studio.training.events import TrainingEvent

DELIVERY_MS = 33
MOST_DELIVERY_SECONDS = 0.003
"""A long history is handed out a little at a time: the event loop must never be late because of it."""

QUIET_SECONDS = 60.0
"""A run that nobody has heard of for so long is said to be quiet."""


class FollowedRun(QObject):
    """Stands where a JobHandle stands for a training here: `events` is emitted in the GUI thread, in order.

    The first event is a TrainingStarted at step 0, and the run's whole history follows it.
    """

    events = Signal(list)
    """TrainingEvents."""
    state_changed = Signal()
    """It became quiet, was heard of again, or has finished."""

    def __init__(
        self, folder: Path, title: str, facts: RunFacts, settings: Mapping[str, Any], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.folder = folder
        self.title = title
        self.facts = facts
        self._raw_settings = settings
        self._waiting: deque[TrainingEvent] = deque()
        self._quiet = False
        self._finished = False
        self._fraction = 0.0
        self._delivery = QTimer(self)
        self._delivery.setInterval(DELIVERY_MS)
        self._delivery.timeout.connect(self._deliver)

    @property
    def raw_settings(self) -> Mapping[str, Any]:
        """The settings as plain JSON values."""
        return self._raw_settings

    @property
    def image_count(self) -> int:
        """How many pictures it trains on; 0 where it does not tell."""
        return self.facts.data_count or 0

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of its pictures; empty without any."""
        return self.facts.class_names

    @property
    def quiet(self) -> bool:
        """Nothing was written for a minute, and it is not finished."""
        return self._quiet and not self._finished

    @property
    def finished(self) -> bool:
        """Its budget is spent, or somebody has ended it."""
        return self._finished

    @property
    def fraction(self) -> float:
        """Of its budget."""
        return self._fraction

    @property
    def words(self) -> str:
        """A sentence for the head of the workspace."""
        if self._finished:
            return f"{self.title} has finished on another process"
        if self._quiet:
            return f"{self.title} has been quiet for over a minute"
        return f"Following {self.title} on another process"

    @property
    def refusal(self) -> str:
        """Why no training can begin here."""
        return f"“{self.title}” is shown, which another process trains. Let go of it to train here."

    def take(self, events: Sequence[TrainingEvent]) -> None:
        """Hand these out after those that wait."""
        self._waiting.extend(events)
        if self._waiting and not self._delivery.isActive():
            self._deliver()
            self._delivery.start()

    def heard(self, *, quiet_seconds: float, fraction: float, finished: bool) -> None:
        """What the last look at its folder said about it."""
        self._fraction = fraction
        quiet = quiet_seconds >= QUIET_SECONDS
        if (quiet, finished) != (self._quiet, self._finished):
            self._quiet, self._finished = quiet, finished
            self.state_changed.emit()

    def close(self) -> None:
        """Hand out nothing more."""
        self._waiting.clear()
        self._delivery.stop()

    @Slot()
    def _deliver(self) -> None:
        until = time.perf_counter() + MOST_DELIVERY_SECONDS
        while self._waiting and time.perf_counter() < until:
            self.events.emit([self._waiting.popleft()])
        if not self._waiting:
            self._delivery.stop()
