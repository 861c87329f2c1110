"""The validation draw: the same pictures, noise levels and noise each time, so that only the network changes the loss.

The loss of a step jumps from one to the next because each sees other pictures and above all other t. Here everything is
drawn once, as a function of the seed; the pictures are ones that are never trained on, where there are enough to spare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range
from studio.diffusion.forward import diffuse
from studio.diffusion.parameterization import training_target
from studio.training.events import LEVEL_BANDS, Validated
from studio.training.levels import bands_of
from studio.training.micro_batches import in_parts
from studio.training.objective import draw_timesteps
from studio.training.randomness import Purpose, mix, step_generator
from studio.training.settings import TrainingSettings

if TYPE_CHECKING:
    from studio.training.run import TrainingRun

SMALLEST_SET = 500
"""With fewer pictures none is held out: each of them counts for what the model learns."""

COST_SHARE = 0.03
"""The largest share of training time that validation may take."""

_MOST_VALIDATIONS = 200

_PATIENCE = 10.0
"""The second validation waits until training has taken so many times as long as the first validation did."""


def held_out_indices(count: int, settings: TrainingSettings) -> NDArray[np.int64]:
    """The positions of the pictures that are validated with and never trained on, ascending, int64 (K,); often none.

    A function of the seed and of how many pictures there are. K = held_out_share of them, and no more than are looked
    at in one validation.
    """
    held_out = min(settings.validation_pictures, int(count * settings.held_out_share))
    if count < SMALLEST_SET or held_out == 0:
        return np.empty(0, np.int64)
    return np.sort(_order(settings.seed, count)[:held_out])


def usable_indices(count: int, settings: TrainingSettings) -> NDArray[np.int64] | None:
    """The positions of the pictures that are trained on, ascending, int64 (count - K,); None for all of them."""
    held_out = held_out_indices(count, settings)
    return np.setdiff1d(np.arange(count), held_out) if len(held_out) else None


class ValidationDraw:
    """M pictures, each at a noise level and with noise of its own, the levels spread evenly over 1..T.

    indices: which pictures, int64 (M,); one may occur more than once. t: int64 (M,), 0-based. Both on the CPU.
    held_out: whether none of them is trained on.
    """

    def __init__(self, image_set: ImageSet, settings: TrainingSettings, step_count: int) -> None:
        size = settings.validation_pictures
        held_out = held_out_indices(image_set.count, settings)
        self.held_out = len(held_out) > 0
        # In an order that has nothing to do with that of the levels, or pictures and levels would go together.
        order = _order(settings.seed, image_set.count)
        pictures = order[: len(held_out)] if self.held_out else order
        self.indices = np.resize(pictures, size)
        # Always drawn on the CPU: a run that moves to another device is validated with the same numbers.
        self._random = step_generator(settings.seed, 0, purpose=Purpose.VALIDATION)
        self.t = draw_timesteps("stratified", size, step_count, self._random)
        self._image_set = image_set

    def noise(self) -> Tensor:
        """epsilon, float32 (M, C, H, W), the same each time."""
        shape = (self._image_set.channels, self._image_set.height, self._image_set.width)
        random = torch.Generator().manual_seed(mix(self._random.initial_seed(), Purpose.STEP))
        return torch.randn((len(self.t), *shape), generator=random)

    def pictures(self) -> Tensor:
        """x, float32 (M, C, H, W) in [-1, 1], as they are: nothing is mirrored or moved."""
        return to_model_range(self._image_set.images[self.indices])

    def labels(self) -> Tensor | None:
        """The class of each, int64 (M,), or None where there are none."""
        labels = self._image_set.labels
        return None if labels is None else torch.from_numpy(labels[self.indices])


@torch.no_grad()
def errors_of(run: TrainingRun, network: nn.Module, draw: ValidationDraw) -> NDArray[np.float64]:
    """The mean squared error of the predicted noise of each picture of the draw, float64 (M,)."""
    device = run.torch_device
    x, noise, t, labels = draw.pictures(), draw.noise(), draw.t, draw.labels()
    told = labels if run.class_names else None

    def part(numbers: Sequence[int]) -> Tensor:
        at = slice(numbers[0], numbers[-1] + 1)
        levels = t[at].to(device)
        z_t = diffuse(run.schedule, x[at].to(device), levels, noise[at].to(device))
        target = training_target(
            run.settings.parameterization,
            x[at].to(device),
            noise[at].to(device),
            run.alpha_bar[levels].view(-1, 1, 1, 1),
        )
        with run.autocast():
            output = network(z_t, levels, class_labels=None if told is None else told[at].to(device))
        error = (output.float() - target).square().mean(dim=(1, 2, 3))
        return run.noise_error_weight[levels] * error

    size = run.settings.batch_size
    parts = [in_parts(part, range(start, min(start + size, len(t)))) for start in range(0, len(t), size)]
    return torch.cat(parts).double().cpu().numpy()


def validate(run: TrainingRun, draw: ValidationDraw) -> Validated:
    """The loss of the averaged and of the raw weights as they are now. Nothing of the run changes.

    Raises OutOfMemory when not even one picture can be put through the network.
    """
    averaged = errors_of(run, run.average.network, draw)
    # A new run's average is its weights.
    raw = averaged if run.step == 0 else errors_of(run, run.network, draw)
    bands = bands_of(run.schedule.step_count)[draw.t.numpy()]
    counts = np.bincount(bands, minlength=LEVEL_BANDS)
    sums = np.bincount(bands, weights=averaged, minlength=LEVEL_BANDS)
    return Validated(
        step=run.step,
        images_seen=run.images_seen,
        seconds=run.seconds,
        loss=float(averaged.mean()),
        raw_loss=float(raw.mean()),
        level_losses=tuple(float(total / count) if count else None for total, count in zip(sums, counts, strict=True)),
        held_out=draw.held_out,
    )


class ValidationPlan:
    """When to validate: at the beginning, then as often as COST_SHARE of the time allows, but no more than some 200
    times in a run. The first, which also pays for everything that happens once, is no part of that."""

    def __init__(self, fraction: float, *, begun: bool) -> None:
        self._first = not begun
        self._fraction = fraction
        self._began: float | None = None
        self._spent = 0.0
        self._last_cost = 0.0

    def due(self, fraction: float, seconds: float, *, wanted: bool = False) -> bool:
        """Whether to validate now. wanted: this would be a good moment, such as that of a row of the wall."""
        if self._began is None:
            self._began = seconds
        if self._first:
            return True
        if not wanted and fraction - self._fraction < 1.0 / _MOST_VALIDATIONS:
            return False
        if not self._spent:
            # The first says at most what the next will cost.
            return seconds - self._began >= _PATIENCE * self._last_cost
        return self._spent + self._last_cost <= COST_SHARE * (seconds - self._began)

    def done(self, fraction: float, cost_seconds: float) -> None:
        """Take note of a validation and of what it cost."""
        if not self._first:
            self._spent += cost_seconds
        self._last_cost = cost_seconds
        self._first = False
        self._fraction = fraction

    def stand_at(self, fraction: float) -> None:
        """Go on from `fraction`, after the run was set back or its budget changed."""
        self._fraction = min(self._fraction, fraction)


def _order(seed: int, count: int) -> NDArray[np.int64]:
    bits = np.random.Philox(key=mix(seed, Purpose.HELD_OUT, count)).random_raw(count)
    return np.argsort(bits, kind="stable")
