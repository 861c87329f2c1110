"""The jobs behind a slice through the image space of real pictures: find the plane, answer at its points. No Qt.

The exact answers are those of at most `MOST_PICTURES` pictures of the set: with all sixty thousand of a large set one
field would take minutes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from studio.app.plane.one_thread import one_thread
from studio.data.pixels import to_model_range
from studio.diffusion import DataSetDenoiser, DDIMSampler
from studio.diffusion.plane import (
    Extent,
    Field,
    PlaneSlice,
    density_on,
    field,
    grid,
    pixel_plane,
    plane_through,
    principal_plane,
)
from studio.networks.devices import choose_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.data.image_set import ImageSet
    from studio.diffusion import Denoiser, NoiseSchedule
    from studio.library.bundle import ModelBundle

MOST_PICTURES = 2000
DENSITY_CELLS = 40
_POINTS_AT_ONCE = 32
_MARGIN = 1.35


@dataclass(frozen=True, eq=False)
class SliceReady:
    """A plane through the pictures of a set.

    exact: of a sample of them, whose places in the plane are `points`, (M, 2), and classes `labels`, (M,). home: what
    to look at first. whole: how many pictures the set has.
    """

    plane: PlaneSlice
    exact: DataSetDenoiser
    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    home: Extent
    whole: int


@dataclass(frozen=True, eq=False)
class SliceQuestion:
    """What is asked at t: the field in `points` (G, 2) by each denoiser that is wanted, the density over `extent`, and
    the probe, (2,), by the learned model where that is wanted."""

    plane: PlaneSlice
    t: int
    points: NDArray[np.float64]
    extent: Extent
    probe: NDArray[np.float64]
    wants_exact: bool
    wants_learned: bool

    def has_field_of(self, other: SliceQuestion) -> bool:
        """Whether the other is answered by this one's answer, but for the probe."""
        return (
            self.plane is other.plane
            and self.t == other.t
            and self.extent == other.extent
            and np.array_equal(self.points, other.points)
            and self.wants_exact >= other.wants_exact
            and self.wants_learned >= other.wants_learned
        )

    def has_probe_of(self, other: SliceQuestion) -> bool:
        """Whether the other's probe is answered too."""
        same_model = self.wants_learned == other.wants_learned
        return (
            same_model and self.plane is other.plane and self.t == other.t and bool((self.probe == other.probe).all())
        )


@dataclass(frozen=True, eq=False)
class ProbePictures:
    """What is at the probe, float32 (C, H, W) each: z_t, ε̂, what the step takes off (with its sign), x̂0."""

    z: torch.Tensor
    eps: torch.Tensor
    subtracted: torch.Tensor
    x0: torch.Tensor


@dataclass(frozen=True, eq=False)
class ProbeAnswer:
    """field: of one point. pictures: what is there."""

    question: SliceQuestion
    field: Field
    pictures: ProbePictures


@dataclass(frozen=True, eq=False)
class FieldAnswer:
    """exact, learned: the fields that were asked for, else None. density: float64 (DENSITY_CELLS, DENSITY_CELLS) in
    0..1, the first row at the bottom, over question.extent."""

    question: SliceQuestion
    exact: Field | None
    learned: Field | None
    density: NDArray[np.float64]


def find_slice(
    image_set: ImageSet, schedule: NoiseSchedule, chosen: Sequence[int] | None, seed: int = 0
) -> Iterator[object]:
    """The plane of principal directions, or through the three `chosen` pictures; returns a SliceReady.

    Raises SettingsError when the pictures span no plane.
    """
    yield from ()
    images = image_set.images
    if chosen is not None:
        plane = plane_through(to_model_range(images[list(chosen)]))
    elif images.shape[1:] == (1, 2, 1):
        plane = pixel_plane()
    else:
        plane = principal_plane(images)
    kept = np.arange(len(images))
    if len(images) > MOST_PICTURES:
        kept = np.sort(np.random.Generator(np.random.Philox(seed)).permutation(len(images))[:MOST_PICTURES])
    if chosen is not None:
        kept = np.union1d(kept, np.asarray(chosen))
    pictures = np.ascontiguousarray(images[kept])
    points = plane.coordinates(to_model_range(pictures))
    labels = np.zeros(len(kept), np.int64) if image_set.labels is None else image_set.labels[kept]
    half = _MARGIN * max(float(np.abs(points).max()), 1.0)
    home = Extent(-half, half, -half, half)
    return SliceReady(plane, DataSetDenoiser(schedule, pictures), points, labels, home, len(images))


class LearnedModel:
    """The denoiser of a model, built in the background at the first question."""

    def __init__(self, model: ModelBundle) -> None:
        self.model = model
        self._denoiser: Denoiser | None = None

    def denoiser(self) -> Denoiser:
        if self._denoiser is None:
            self._denoiser = self.model.denoiser(choose_device("cpu"))
        return self._denoiser


def answer(
    question: SliceQuestion, ready: SliceReady, learned: LearnedModel | None, probe_only: bool
) -> Iterator[ProbeAnswer | FieldAnswer | str]:
    """What is said on the slice: yields the ProbeAnswer, then, unless `probe_only`, the FieldAnswer, and words between
    its parts. Raises StudioError where the model cannot answer."""
    with one_thread():
        exact, schedule = ready.exact, ready.exact.schedule
        network = None if learned is None or not question.wants_learned else learned.denoiser()
        probe = _at_probe(exact if network is None else network, schedule, question)
    yield probe
    if probe_only:
        return
    with one_thread():
        cells = grid(question.extent, DENSITY_CELLS)
        density = density_on(exact, question.plane, question.t, cells).reshape(DENSITY_CELLS, DENSITY_CELLS)
    yield "density"
    exact_field = learned_field = None
    if question.wants_exact:
        exact_field = yield from _in_parts(exact, schedule, question)
    if network is not None:
        learned_field = yield from _in_parts(network, schedule, question)
    yield FieldAnswer(question, exact_field, learned_field, density)


def _at_probe(denoiser: Denoiser, schedule: NoiseSchedule, question: SliceQuestion) -> ProbeAnswer:
    dtype = torch.float64 if isinstance(denoiser, DataSetDenoiser) else torch.float32
    point = question.probe[np.newaxis]
    found = field(denoiser, schedule, question.plane, question.t, point, dtype=dtype)
    z = question.plane.points(point, dtype)
    prediction = denoiser.predict(z, question.t)
    eps = prediction.eps.to("cpu", torch.float32)[0]
    taken_off = -DDIMSampler().coefficients(schedule, found.t, found.s).predicted_noise * eps
    pictures = ProbePictures(z[0].to(torch.float32), eps, taken_off, prediction.x0.to("cpu", torch.float32)[0])
    return ProbeAnswer(question, found, pictures)


def _in_parts(denoiser: Denoiser, schedule: NoiseSchedule, question: SliceQuestion) -> Generator[str, None, Field]:
    dtype = torch.float64 if isinstance(denoiser, DataSetDenoiser) else torch.float32
    parts = []
    for start in range(0, len(question.points), _POINTS_AT_ONCE):
        points = question.points[start : start + _POINTS_AT_ONCE]
        with one_thread():
            parts.append(field(denoiser, schedule, question.plane, question.t, points, dtype=dtype))
        yield "field"
    names = ("points", "eps", "subtracted", "x0", "movement", "within")
    return replace(parts[0], **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
