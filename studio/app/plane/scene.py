"""The pixel plane: its pictures, the moment shown, the field, walks from noise, and the probe.

There is one for each StudioState, found by `plane_scene_of`. The canvas and the panels show it; none of them knows of
the others. Loads torch, so it is imported once the TorchGate is open.

Everything is computed when it is asked for and kept until something changes: several changes between two paintings of
the screen cost one computation. What takes longer than a moment is done in slices (`IdleWork`) or in the background.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import torch
from PySide6.QtCore import QObject, Signal, Slot

from studio.app.plane.idle_work import IdleWork
from studio.app.plane.moment import Moment
from studio.app.plane.one_thread import one_thread
from studio.app.plane.pictures import Brush, PlanePictures, Point
from studio.app.plane.small_model import SmallModel
from studio.app.plane.small_training import PlaneTask
from studio.app.undo import undo_stack_of
from studio.diffusion import DataSetDenoiser, NoiseSchedule, PictureNoise, cosine
from studio.diffusion.plane import (
    Extent,
    Field,
    PlaneSlice,
    Walk,
    angle_between,
    density,
    difference,
    field,
    grid,
    pixel_plane,
    share_inside,
    walk_steps,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.data.painting import Painting
    from studio.diffusion import Denoiser

FIRST_KIND = "four-blobs"
HOME = Extent(-1.9, 1.9, -1.9, 1.9)
GRID = 31
SHOWN_WALKS = 24
COUNTED_WALKS = 500
WALK_STEPS = 50
SAMPLES = 400
WALK_SEED = 20
AFTER_MS = 120
"""Walks follow a stroke this much later."""


class Shown(StrEnum):
    """Whose field is shown."""

    EXACT = "exact"
    LEARNED = "learned"
    DIFFERENCE = "difference"


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
    cluster_shares: the posterior probability of each cluster, (K,), from the exact denoiser; None without clusters.
    """

    z: NDArray[np.float64]
    eps: NDArray[np.float64]
    subtracted: NDArray[np.float64]
    x0: NDArray[np.float64]
    t: int
    cluster_shares: NDArray[np.float64] | None


class PlaneScene(QObject):
    """See the module. GUI thread only."""

    pictures_changed = Signal()
    t_changed = Signal(int)
    schedule_changed = Signal()
    shown_changed = Signal(object)
    """Shown"""
    field_changed = Signal()
    trajectories_changed = Signal()
    """Also when `share_inside` became known."""
    probe_changed = Signal()
    """It was moved, or what is said of it changed."""
    layers_changed = Signal()

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._schedule = state.schedule if state.schedule is not None else cosine(1000)
        self.pictures = PlanePictures(self, undo_stack_of(state), FIRST_KIND)
        count = self._schedule.step_count
        self.moment = Moment(self, count, round(0.35 * (count - 1)))
        self._plane = pixel_plane()
        self._shown = Shown.EXACT
        self._layers = frozenset(Layer) - {Layer.SAMPLES}
        self._grid = grid(HOME, GRID)
        self._probe: Point = (-0.22, 1.2)
        self._starts: tuple[Point, ...] = ()
        self._exact: Denoiser | None = None
        self._field: Field | None = None
        self._walk: Walk | None = None
        self._share_inside: float | None = None
        self._walking = IdleWork(self)
        self.small_model = SmallModel(self, self._small_task)
        self.small_model.learned.connect(self._on_learned)
        self.small_model.changed.connect(self._on_training)
        self._was_training = False
        self.pictures.changed.connect(self._on_pictures)
        self.moment.changed.connect(self._on_moment)
        state.schedule_changed.connect(self._on_schedule)
        self._walk_anew()

    # The pictures

    @property
    def painting(self) -> Painting:
        return self.pictures.painting

    @property
    def points(self) -> NDArray[np.float64]:
        """The data, (M, 2)"""
        return self.pictures.points

    @property
    def labels(self) -> NDArray[np.int64]:
        """The cluster of each, (M,)"""
        return self.pictures.labels

    @property
    def kind(self) -> str:
        return self.pictures.kind

    @property
    def brush(self) -> Brush:
        return self.pictures.brush

    @property
    def plane(self) -> PlaneSlice:
        """Which plane of image space this is."""
        return self._plane

    # The moment

    @property
    def schedule(self) -> NoiseSchedule:
        return self._schedule

    @property
    def t(self) -> int:
        """0..T−1; a person sees t + 1"""
        return self.moment.t

    def set_t(self, t: int) -> None:
        self.moment.seek(t)

    @property
    def alpha_bar(self) -> float:
        """ᾱ_t at the moment shown."""
        return self._schedule.alpha_bar_at(self.t)

    # The field

    @property
    def shown(self) -> Shown:
        return self._shown

    def set_shown(self, shown: Shown | str) -> None:
        """Whose field is shown; where nothing is learned yet, "learned" and "difference" show none."""
        if Shown(shown) is not self._shown:
            self._shown = Shown(shown)
            self.shown_changed.emit(self._shown)
            self._field_is_old()
            self._walk_anew()

    def set_grid(self, extent: Extent, columns: int, rows: int) -> None:
        """Where the field is wanted: columns × rows arrows over this part of the plane."""
        points = grid(extent, columns, rows)
        if not np.array_equal(points, self._grid):
            self._grid = points
            self._field_is_old()

    @property
    def field(self) -> Field | None:
        """The field at this moment; None without pictures or where nothing is learned."""
        if self._field is None:
            self._field = self._asked(self._shown, self._grid)
        return self._field

    def field_of(self, shown: Shown | str, points: NDArray[np.float64]) -> Field | None:
        """Whatever field at this moment at points of one's own (G, 2)."""
        return self._asked(Shown(shown), points)

    @property
    def mean_angle(self) -> float | None:
        """Between the learned and the exact movement at this moment over the grid, weighted with the density of q(z_t),
        degrees; None where nothing is learned."""
        exact, learned = self._asked(Shown.EXACT, self._grid), self._asked(Shown.LEARNED, self._grid)
        if exact is None or learned is None:
            return None
        weights = self._density_at(self._grid)
        return float(np.average(angle_between(learned, exact), weights=weights)) if weights.sum() > 0 else None

    def density_image(self, extent: Extent, resolution: tuple[int, int], t: int | None = None) -> NDArray[np.float32]:
        """q(z_t) as the canvas draws it: float32 (rows, columns) in 0..1, the first row at the top, 1 where it is
        largest. resolution: (columns, rows). t: of this moment when not given; −1 for the pictures themselves."""
        with one_thread():
            values = density(self.points, self._schedule, self.t if t is None else t, extent, resolution)
        largest = float(values.max())
        return (values[::-1] / largest if largest > 0.0 else values).astype(np.float32)

    # Walks from noise

    @property
    def trajectories(self) -> list[NDArray[np.float64]]:
        """The walks shown, each (steps + 1, 2), from noise to picture; those that were added come last."""
        return [] if self._walk is None else list(self._walk.points.transpose(1, 0, 2))

    @property
    def trajectory_times(self) -> tuple[int, ...]:
        """The t of each of their points, falling; −1 at the end."""
        return () if self._walk is None else self._walk.times

    def trajectories_at(self, t: float) -> NDArray[np.float64]:
        """Where the walks are at t, (N, 2)."""
        return np.zeros((0, 2)) if self._walk is None else self._walk.at(t)

    @property
    def added_starts(self) -> tuple[Point, ...]:
        """Where walks were begun by hand."""
        return self._starts

    def add_trajectory(self, start: Point) -> None:
        """One more walk, from this point as pure noise."""
        self._starts = (*self._starts, (float(start[0]), float(start[1])))
        self._walk_anew()

    def forget_added(self) -> None:
        """Leave out the walks that were added."""
        if self._starts:
            self._starts = ()
            self._walk_anew()

    @property
    def share_inside(self) -> float | None:
        """The share of `COUNTED_WALKS` walks that end in a cluster, 0..1; None while it is being found out."""
        return self._share_inside

    @property
    def samples(self) -> NDArray[np.float64]:
        """Draws of q(z_t) at this moment, (SAMPLES, 2): the same pictures with the same noise at every moment."""
        if not len(self.points):
            return np.zeros((0, 2))
        generator = np.random.Generator(np.random.Philox(WALK_SEED))
        chosen = self.points[generator.integers(len(self.points), size=SAMPLES)]
        noise = generator.standard_normal((SAMPLES, 2))
        t = self.t
        return np.sqrt(self.alpha_bar) * chosen + np.sqrt(self._schedule.one_minus_alpha_bar_at(t)) * noise

    # The small model

    def train(self, runner: Runner) -> None:
        """Train the small model, in view: the learned field is shown from here on. Goes on where it was paused.

        Raises DataError when there are no pictures.
        """
        begins = not self.small_model.state.begun
        self.small_model.train(runner)
        if begins and self._shown is Shown.EXACT:
            self.set_shown(Shown.LEARNED)

    @property
    def training(self) -> bool:
        """The small model trains now."""
        return self.small_model.running

    # The probe

    @property
    def probe(self) -> Point:
        return self._probe

    def set_probe(self, point: Point) -> None:
        point = (float(point[0]), float(point[1]))
        if point != self._probe:
            self._probe = point
            self.probe_changed.emit()

    def probe_reading(self) -> ProbeReading | None:
        """What is said of the probe: by the learned model where its field is shown, else exactly. None without
        pictures, or where nothing is learned."""
        shown = Shown.EXACT if self._shown is Shown.EXACT else Shown.LEARNED
        found = self._asked(shown, np.array([self._probe]))
        if found is None:
            return None
        return ProbeReading(
            z=found.points[0],
            eps=found.eps[0],
            subtracted=found.subtracted[0],
            x0=found.x0[0],
            t=found.t,
            cluster_shares=self.cluster_shares(self._probe),
        )

    def cluster_shares(self, point: Point) -> NDArray[np.float64] | None:
        """How likely z_t at `point` comes from each cluster at this moment, (K,), in the order of the labels."""
        exact, count = self.exact, self.pictures.cluster_count
        if not isinstance(exact, DataSetDenoiser):
            return None
        found = exact.responsibilities(self._plane.points([point]), self.t, count=len(self.points))
        shares = np.zeros(count)
        np.add.at(shares, self.labels[found.indices[0].numpy()], found.weights[0].numpy())
        return shares

    # What is drawn

    @property
    def layers(self) -> frozenset[Layer]:
        return self._layers

    def set_layer(self, layer: Layer | str, shown: bool) -> None:
        layers = self._layers | {Layer(layer)} if shown else self._layers - {Layer(layer)}
        if layers != self._layers:
            self._layers = layers
            self.layers_changed.emit()

    # Who answers

    @property
    def exact(self) -> Denoiser | None:
        """The exact denoiser of the pictures; None without any."""
        if self._exact is None and len(self.points):
            self._exact = DataSetDenoiser(self._schedule, self.painting.image_set().images)
        return self._exact

    @property
    def learned(self) -> Denoiser | None:
        """The small model as it is now; None while nothing is learned."""
        return self.small_model.denoiser

    def settle(self) -> None:
        """Finish at once what is otherwise done between two paintings of the screen, for exports and tests."""
        self._walking.finish()

    def _asked(self, shown: Shown, points: NDArray[np.float64]) -> Field | None:
        if shown is Shown.DIFFERENCE:
            learned, exact = self._asked(Shown.LEARNED, points), self._asked(Shown.EXACT, points)
            return None if learned is None or exact is None else difference(learned, exact)
        denoiser = self.exact if shown is Shown.EXACT else self.learned
        if denoiser is None:
            return None
        with one_thread():
            return field(denoiser, self._schedule, self._plane, self.t, points, dtype=_dtype(denoiser))

    def _density_at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        exact = self.exact
        assert isinstance(exact, DataSetDenoiser)
        return exact.log_density(self._plane.points(points), self.t).exp().numpy()

    def _field_is_old(self) -> None:
        self._field = None
        self.field_changed.emit()
        self.probe_changed.emit()

    def _small_task(self) -> PlaneTask:
        return PlaneTask.with_preset(self.painting.image_set(), self._schedule, self._all_starts())

    def _all_starts(self) -> NDArray[np.float64]:
        """The noise that shown walks begin with: first the same as of those that are counted."""
        drawn = PictureNoise(WALK_SEED, range(SHOWN_WALKS), (1, 1, 2)).initial().reshape(-1, 2).numpy()
        return np.concatenate([drawn.astype(np.float64), np.array(self._starts, float).reshape(-1, 2)])

    def _walk_anew(self) -> None:
        self._share_inside = None
        self.small_model.set_starts(self._all_starts())
        self._walking.begin(self._walks(), AFTER_MS if self.pictures.in_stroke else 0)

    def _walks(self) -> Iterator[object]:
        denoiser = self.exact if self._shown is Shown.EXACT else self.learned
        if denoiser is None:
            self._walk = None
            self.trajectories_changed.emit()
            return
        how = {"seed": WALK_SEED, "steps": WALK_STEPS, "dtype": _dtype(denoiser)}
        for walked in walk_steps(denoiser, self._schedule, self._plane, starts=self._all_starts(), **how):
            yield walked
        self._walk = walked
        self.trajectories_changed.emit()
        for walked in walk_steps(denoiser, self._schedule, self._plane, count=COUNTED_WALKS, **how):
            yield walked
        regions = self.painting.regions()
        self._share_inside = share_inside(walked.ends, regions.centres, regions.reaches)
        self.trajectories_changed.emit()

    @Slot()
    def _on_pictures(self) -> None:
        self._exact = None
        self.small_model.pictures_changed()
        self.pictures_changed.emit()
        self._field_is_old()
        self._walk_anew()

    @Slot()
    def _on_learned(self) -> None:
        if self._shown is Shown.EXACT:
            return
        self._field_is_old()
        snapshot = self.small_model.snapshot
        if snapshot is not None and self.training:
            self._walking.drop()
            self._walk, self._share_inside = snapshot.walk, None
            self.trajectories_changed.emit()

    @Slot()
    def _on_training(self) -> None:
        was, self._was_training = self._was_training, self.training
        if was and not self.training and self._shown is not Shown.EXACT:
            # With all steps, and counted: while it trains every snapshot brings its own.
            self._walk_anew()

    @Slot(int)
    def _on_moment(self, t: int) -> None:
        self._field = None
        self.t_changed.emit(t)
        self.field_changed.emit()
        self.probe_changed.emit()

    @Slot(object)
    def _on_schedule(self, schedule: NoiseSchedule | None) -> None:
        if schedule is None or schedule == self._schedule:
            return
        self._schedule = schedule
        self._exact = None
        self.small_model.pictures_changed()
        self.schedule_changed.emit()
        self.moment.set_step_count(schedule.step_count)
        self._field_is_old()
        self._walk_anew()


def _dtype(denoiser: Denoiser) -> torch.dtype:
    return torch.float64 if isinstance(denoiser, DataSetDenoiser) else torch.float32


def plane_scene_of(state: StudioState) -> PlaneScene:
    """The one PlaneScene of a state, made at the first call."""
    found = state.findChild(PlaneScene)
    return found if found is not None else PlaneScene(state)
