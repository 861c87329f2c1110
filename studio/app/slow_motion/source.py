"""Which training there is to walk through."""

from __future__ import annotations

from enum import Enum, auto

from studio.app.runner import JobState
from studio.app.state import StudioState


class Source(Enum):
    """What there is to walk through."""

    AT_FULL_SPEED = auto()
    """A training runs: it has to be paused first."""
    PAUSED = auto()
    """The training that stands still."""
    OWN = auto()
    """A small run of the walk's own, made with its first step. The model of a training that ended is left as it is: it
    is what somebody kept, and the steps at its end are too small to see."""


def source_of(state: StudioState) -> Source:
    """What there is to walk through now."""
    training, run = state.training, state.run
    if training is not None:
        return Source.PAUSED if training.state is JobState.PAUSED and run is not None else Source.AT_FULL_SPEED
    return Source.OWN
