"""What a person changes about a training that goes on: asked for from any thread, done between two steps."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

from studio.training.events import MarkKind
from studio.training.settings import Budget

if TYPE_CHECKING:
    from studio.training.run import TrainingRun


@dataclasses.dataclass(frozen=True)
class Change:
    """What is asked for; None leaves a thing as it is. learning_rate: that of the plateau, from now on."""

    learning_rate: float | None = None
    budget: Budget | None = None

    def numbers(self) -> tuple[float, float, float]:
        """The change as three numbers, 0 for None, which processes can agree on."""
        budget = self.budget
        images = 0 if budget is None or budget.images is None else budget.images
        minutes = 0.0 if budget is None or budget.minutes is None else budget.minutes
        return self.learning_rate or 0.0, float(images), minutes

    @classmethod
    def from_numbers(cls, learning_rate: float, images: float, minutes: float) -> Change:
        """The change that `numbers` gave."""
        budget = Budget(images=round(images)) if images else Budget(minutes=minutes) if minutes else None
        return cls(learning_rate or None, budget)


class ChangeBox:
    """Holds the newest wish of each kind until the trainer takes it. Any thread may put one in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._change = Change()

    @property
    def full(self) -> bool:
        """Whether anything is asked for."""
        return self._change != Change()

    def put(self, learning_rate: float | None = None, budget: Budget | None = None) -> None:
        """Ask for something; a wish of the same kind from before is forgotten."""
        with self._lock:
            old = self._change
            self._change = Change(learning_rate or old.learning_rate, budget or old.budget)

    def look(self) -> Change:
        """What is asked for, without taking it."""
        return self._change

    def forget(self, change: Change) -> None:
        """Take out what `look` gave, now that it is done; a wish that came in meanwhile stays."""
        with self._lock:
            new = self._change
            self._change = Change(
                None if new.learning_rate == change.learning_rate else new.learning_rate,
                None if new.budget == change.budget else new.budget,
            )


def apply_change(run: TrainingRun, change: Change) -> None:
    """Change the settings of `run`, say so on its curves, and write it down. Raises StorageError.

    A learning rate that is set stands for itself: what it was made smaller by after a divergence is over.
    """
    settings = run.settings
    if change.learning_rate is not None:
        before = run.plateau_learning_rate
        run.settings = settings = dataclasses.replace(settings, learning_rate=change.learning_rate)
        run.rate_factor = 1.0
        text = f"rate {change.learning_rate:.3g}"
        run.mark(
            MarkKind.LEARNING_RATE,
            text,
            f"The learning rate was changed from {before:.3g} to {change.learning_rate:.3g}.",
        )
    if change.budget is not None and change.budget != settings.budget:
        before, after = settings.budget, change.budget
        run.settings = dataclasses.replace(settings, budget=after)
        run.mark(
            MarkKind.BUDGET,
            _difference(before, after),
            f"The training now takes {_in_words(after)} in all, not {_in_words(before)}.",
        )
    run.write_description()


def _difference(before: Budget, after: Budget) -> str:
    if before.minutes is not None and after.minutes is not None:
        return f"{after.minutes - before.minutes:+.3g} min"
    if before.images is not None and after.images is not None:
        return f"{after.images - before.images:+,} pictures"
    return _in_words(after)


def _in_words(budget: Budget) -> str:
    if budget.minutes is not None:
        return f"{budget.minutes:.3g} min"
    return f"{budget.images:,} pictures"
