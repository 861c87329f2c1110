"""One picture and one noise at a row of steps, for a schedule that changes while one looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studio.data.image_set import ImageSet
from studio.data.pixels import to_model_range, to_pictures
from studio.diffusion import NoiseSchedule, PictureNoise, diffuse

MANY_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
FEW_SHARES = (0.1, 0.2, 0.3, 0.4, 0.6, 1.0)
STRIP_SEED = 0


class ForwardStrip:
    """Keeps the picture and its noise, so that another schedule costs a few multiplications.

    position: which picture of the set. The noise is the same for every picture of a size.
    """

    def __init__(self, image_set: ImageSet, position: int) -> None:
        self.image_set, self.position = image_set, position
        self._picture = image_set.images[position]
        self._x = to_model_range(image_set.images[position : position + 1])
        self._noise = PictureNoise(STRIP_SEED, (0,), tuple(self._x.shape[1:])).initial()

    def pictures(
        self, schedule: NoiseSchedule, shares: Sequence[float] = MANY_SHARES
    ) -> tuple[tuple[int, ...], np.ndarray]:
        """Steps (1-based, 0 the picture itself) and uint8 (N, H, W, C): the picture at each, at `shares` of T."""
        steps = sorted({max(1, round(share * schedule.step_count)) for share in shares})
        noisy = [to_pictures(diffuse(schedule, self._x, step - 1, self._noise))[0] for step in steps]
        return (0, *steps), np.stack([self._picture, *noisy])
