"""What of the plane can be shown, and what is read off it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.app.plane.slice_jobs import ProbePictures


class Shown(StrEnum):
    """Whose field is shown."""

    EXACT = "exact"
    LEARNED = "learned"
    DIFFERENCE = "difference"


class Space(StrEnum):
    """Which space of pictures the plane lies in."""

    TWO_PIXELS = "two pixels"
    PRINCIPAL = "principal directions"
    THREE_PICTURES = "three pictures"


class Layer(StrEnum):
    """What the canvas draws."""

    DATA = "data"
    DENSITY = "density"
    FIELD = "field"
    TRAJECTORIES = "trajectories"
    SAMPLES = "samples"


@dataclass(frozen=True, eq=False)
class ProbeReading:
    """What the denoiser says of the probe's picture: points and arrows in the plane, float64 (2,).

    z: z_t, where the probe is. eps: ε̂. subtracted: −c ε̂, what the next step takes off. x0: x̂0. t: of this reading.
    cluster_shares: the posterior probability of each cluster, (K,), from the exact denoiser; None for image models.
    pictures: of image models, what is there as pictures; None for two pixels, whose coordinates are their pictures.
    """

    z: NDArray[np.float64]
    eps: NDArray[np.float64]
    subtracted: NDArray[np.float64]
    x0: NDArray[np.float64]
    t: int
    cluster_shares: NDArray[np.float64] | None
    pictures: ProbePictures | None = None
