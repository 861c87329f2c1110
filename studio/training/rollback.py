"""Back to the last state that was sound: what a run falls back on when its loss is no number any more.

A copy of everything that training changes lies on the device beside it. It is renewed only when the losses up to it
were looked at and the weights are finite, so there is always one to go back to: in the first steps, the beginning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.errors import LossNotFinite
from studio.training.events import MarkKind
from studio.training.history import LossHistory

if TYPE_CHECKING:
    from studio.training.run import TrainingRun

SAFE_STEPS = 50
"""Steps between two copies of a run that is counted in pictures: it must go back to the same state wherever it runs."""

SAFE_SECONDS = 3.0
"""Training time between two copies of a run that is counted in minutes."""

MOST_SETBACKS = 6
"""So often in a row, without having come any further, a run is taken back; then it is given up."""

_RUNNING_AWAY = 4.0
"""A stretch whose mean loss is so many times that of the one before may be on its way to infinity: no copy is made."""


@dataclass(frozen=True, eq=False)
class SafeState:
    """All that a step changes, between two steps. Tensors lie on the run's device."""

    step: int
    images_seen: int
    seconds: float
    weights: tuple[Tensor, ...]
    average: tuple[Tensor, ...]
    moments: tuple[Mapping[str, Tensor], ...]
    losses: LossHistory


@torch.no_grad()
def copy_state(run: TrainingRun) -> SafeState:
    """A copy of the state of `run` as it is now."""
    states = run.optimizer.state
    return SafeState(
        step=run.step,
        images_seen=run.images_seen,
        seconds=run.seconds,
        weights=_copies(run.network.state_dict().values()),
        average=_copies(run.average.network.state_dict().values()),
        moments=tuple(
            {key: value.clone() for key, value in states[parameter].items()}
            for parameter in run.parameters
            if parameter in states
        ),
        losses=run.losses.copy(),
    )


@torch.no_grad()
def restore_state(run: TrainingRun, state: SafeState) -> None:
    """Make `run` what it was when `state` was copied, but for its settings, its learning rate and its files."""
    for network, copies in ((run.network, state.weights), (run.average.network, state.average)):
        for tensor, copied in zip(network.state_dict().values(), copies, strict=True):
            tensor.copy_(copied)
    run.optimizer.zero_grad(set_to_none=True)
    if state.moments:
        for parameter, moments in zip(run.parameters, state.moments, strict=True):
            run.optimizer.state[parameter] = {key: value.clone() for key, value in moments.items()}
    else:
        # Before the first step there are none.
        run.optimizer.state.clear()
    run.set_back(state.step, state.images_seen, state.seconds, state.losses.copy())


@torch.no_grad()
def is_finite(run: TrainingRun) -> bool:
    """Whether all weights, their averages and the optimizer's moments are finite numbers. Waits for the device."""
    tensors = [*run.parameters, *run.average.network.parameters()]
    for moments in run.optimizer.state.values():
        tensors += [moments[key] for key in ("exp_avg", "exp_avg_sq") if key in moments]
    return bool(torch.isfinite(torch.stack(torch._foreach_norm(tensors))).all())


class Safety:
    """Keeps the state to go back to, and counts how often that was needed."""

    def __init__(self, run: TrainingRun) -> None:
        """The state as it is now must be sound: that of a new run or of a checkpoint."""
        self._state = copy_state(run)
        self._usual_loss: float | None = None
        self._setbacks = 0

    @property
    def state(self) -> SafeState:
        """The last sound state."""
        return self._state

    def due(self, run: TrainingRun) -> bool:
        """Whether the last copy is long enough ago."""
        if run.settings.budget.images is not None:
            return run.step > self._state.step and run.step % SAFE_STEPS == 0
        return run.seconds - self._state.seconds >= SAFE_SECONDS

    def renew(self, run: TrainingRun, losses: Sequence[float], *, always: bool = False) -> None:
        """Copy the state as it is now, unless the `losses` since the last copy, all finite, say that it runs away.

        always: whatever they say. Raises LossNotFinite when the weights are no numbers.
        """
        if not is_finite(run):
            raise LossNotFinite("The weights of the network are no longer finite numbers.", run.remedy_for_divergence())
        mean = math.fsum(losses) / len(losses) if losses else self._usual_loss
        if not always and self._usual_loss is not None and mean > _RUNNING_AWAY * self._usual_loss:
            return
        self._usual_loss = mean
        if run.step > self._state.step:
            self._setbacks = 0
        self._state = copy_state(run)

    def go_back(self, run: TrainingRun, error: LossNotFinite) -> None:
        """Take `run` back to the last sound state, halve its learning rate, save it and mark the place.

        Raises `error` when that was done too often already; the run is then in that state all the same. Raises
        StorageError when its files cannot be written; it can then go on as well.
        """
        self._setbacks += 1
        ran_away_at = run.seconds
        restore_state(run, self._state)
        if self._setbacks > MOST_SETBACKS:
            self._setbacks = 0
            run.save_checkpoint()
            raise error
        run.rate_factor /= 2.0
        run.mark(
            MarkKind.ROLLED_BACK,
            "rate halved",
            f"The loss ran away at {clock(ran_away_at)}. Training went back to {clock(run.seconds)} with half the "
            f"learning rate, {run.plateau_learning_rate:.3g}, and goes on.",
        )
        run.save_checkpoint()


def clock(seconds: float) -> str:
    """Training time for people, such as "1:05" or "2:00:10"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _copies(tensors: Iterable[Tensor]) -> tuple[Tensor, ...]:
    return tuple(tensor.detach().clone() for tensor in tensors)
