"""Which training there is to walk through."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from studio.app.runner import JobState
from studio.app.state import StudioState

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet
    from studio.training.run import TrainingRun


class Source(Enum):
    """What there is to walk through."""

    AT_FULL_SPEED = auto()
    """A training runs: it has to be paused first."""
    PAUSED = auto()
    """The training that stands still."""
    ENDED = auto()
    """The training that ended last, on the pictures that are open."""
    OWN = auto()
    """A small run of the walk's own, made with its first step."""


def source_of(state: StudioState) -> Source:
    """What there is to walk through now."""
    training, run = state.training, state.run
    if training is not None:
        return Source.PAUSED if training.state is JobState.PAUSED and run is not None else Source.AT_FULL_SPEED
    return Source.ENDED if run is not None and _is_of(run, state.image_set) else Source.OWN


def _is_of(run: TrainingRun, image_set: ImageSet | None) -> bool:
    return image_set is None or (run.data.name, run.data.count) == (image_set.name, image_set.count)
