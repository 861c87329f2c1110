"""The pixel plane: its pictures, the moment shown, the field, walks from noise, and the probe.

There is one for each StudioState, found by `plane_scene_of`. The canvas and the panels show it; none of them knows of
the others. Loads torch, so it is imported once the TorchGate is open.

Everything is computed when it is asked for and kept until something changes: several changes between two paintings of
the screen cost one computation. What takes longer than a moment is done in slices (`IdleWork`) or in the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from PySide6.QtCore import QObject, Signal, Slot

from studio.app.plane.image_space import ImageSpace
from studio.app.plane.moment import Moment
from studio.app.plane.one_thread import one_thread
from studio.app.plane.pictures import Brush, PlanePictures, Point
from studio.app.plane.reading import Layer, ProbeReading, Shown, Space
from studio.app.plane.slice_jobs import ProbePictures, SliceQuestion
from studio.app.plane.small_model import SmallModel
from studio.app.plane.small_training import PlaneTask
from studio.app.plane.walking import COUNTED_WALKS, WALK_SEED, PlaneWalks, Walking
from studio.app.undo import undo_stack_of
from studio.diffusion import DataSetDenoiser, NoiseSchedule, cosine
from studio.diffusion.plane import (
    Extent,
    Field,
    PlaneSlice,
    angle_between,
    density,
    difference,
    field,
    grid,
    pixel_plane,
    resampled,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.data.painting import Painting
    from studio.diffusion import Denoiser
    from studio.errors import StudioError

__all__ = [
    "COUNTED_WALKS",
    "GRID",
    "HOME",
    "Layer",
    "PlaneScene",
    "ProbeReading",
    "Shown",
    "Space",
    "plane_scene_of",
]

FIRST_KIND = "four-blobs"
HOME = Extent(-1.9, 1.9, -1.9, 1.9)
GRID = 31
SLICE_GRID = 13
"""A network is asked at far fewer points of a slice through real pictures: each costs as much as a whole picture."""
SAMPLES = 400
AFTER_MS = 120
"""Walks follow a stroke this much later."""


class PlaneScene(QObject):
    """See the module. GUI thread only."""

    pictures_changed = Signal()
    t_changed = Signal(int)
    schedule_changed = Signal()
    """T may be another one now."""
    space_changed = Signal()
    """Another plane, or `opening` began or ended."""
    shown_changed = Signal(object)
    """Shown"""
    field_changed = Signal()
    trajectories_changed = Signal()
    """Also when `share_inside` became known."""
    probe_changed = Signal()
    """It was moved, or what is said of it changed."""
    layers_changed = Signal()
    failed = Signal(object)
    """StudioError: why the small model could not be trained, or the slice not be asked."""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._space = Space.TWO_PIXELS
        self._own_schedule = state.schedule if state.schedule is not None else cosine(1000)
        self._own_plane = pixel_plane()
        self._shown = Shown.EXACT
        self._layers = frozenset(Layer) - {Layer.SAMPLES}
        self._view = (HOME, GRID, GRID)
        self._grid = grid(*self._view)
        self._probe: Point = (-0.22, 1.2)
        self._exact: DataSetDenoiser | None = None
        self._field: Field | None = None
        self._was_training = False
        count = self._own_schedule.step_count
        self.pictures = PlanePictures(self, undo_stack_of(state), FIRST_KIND)
        self.moment = Moment(self, count, round(0.35 * (count - 1)))
        self.small_model = SmallModel(self, self._small_task)
        self.images = ImageSpace(self, state)
        self._walks = PlaneWalks(self)
        self.pictures.changed.connect(self._on_pictures)
        self.moment.changed.connect(self._on_moment)
        self.small_model.learned.connect(self._on_learned)
        self.small_model.changed.connect(self._on_training)
        self.small_model.failed.connect(self.failed)
        self._walks.changed.connect(self.trajectories_changed)
        self.images.opened.connect(self._on_slice_opened)
        self.images.closed.connect(self._on_slice_closed)
        self.images.field_answered.connect(self._on_field_answered)
        self.images.probe_answered.connect(self.probe_changed)
        self.images.trace_moved.connect(self._on_trace)
        self.images.failed.connect(self._on_slice_failed)
        state.schedule_changed.connect(self._on_schedule)
        self._walk_anew()

    # The space and its pictures

    @property
    def space(self) -> Space:
        return self._space

    def obstacle(self, space: Space | str) -> str:
        """What is missing for a space, in words; '' when nothing is."""
        space = Space(space)
        return "" if space is Space.TWO_PIXELS else self.images.obstacle(three=space is Space.THREE_PICTURES)

    def set_space(self, space: Space | str, runner: Runner, chosen: Sequence[int] | None = None) -> None:
        """Look at another space; a slice is found in the background. chosen: three pictures of the open set, by number,
        for THREE_PICTURES. Nothing happens where there is an obstacle."""
        space = Space(space)
        if self.obstacle(space):
            return
        self._space = space
        if space is Space.TWO_PIXELS:
            self.images.close()
        else:
            self.images.open(runner, chosen if space is Space.THREE_PICTURES else None)
        self._on_other_space()

    @property
    def is_slice(self) -> bool:
        """The plane is a slice through real pictures."""
        return self._space is not Space.TWO_PIXELS

    @property
    def opening(self) -> bool:
        """The plane of a slice is being found."""
        return self.is_slice and self.images.ready is None

    @property
    def asking(self) -> bool:
        """A newer field than the one shown is on its way."""
        return self.is_slice and self.images.asking

    @property
    def plane(self) -> PlaneSlice:
        """Which plane of image space this is."""
        return self.images.plane if self.is_slice and self.images.plane is not None else self._own_plane

    @property
    def home(self) -> Extent:
        """The part of the plane to look at first."""
        return self.images.ready.home if self.is_slice and self.images.ready is not None else HOME

    @property
    def painting(self) -> Painting:
        return self.pictures.painting

    @property
    def points(self) -> NDArray[np.float64]:
        """The data in the plane, (M, 2); of a slice, where its pictures fall when dropped onto it."""
        if self.is_slice:
            return np.zeros((0, 2)) if self.images.ready is None else self.images.ready.points
        return self.pictures.points

    @property
    def labels(self) -> NDArray[np.int64]:
        """The cluster, or class, of each, (M,)"""
        if self.is_slice:
            return np.zeros(0, np.int64) if self.images.ready is None else self.images.ready.labels
        return self.pictures.labels

    @property
    def kind(self) -> str:
        return self.pictures.kind

    @property
    def brush(self) -> Brush:
        return self.pictures.brush

    # The moment

    @property
    def schedule(self) -> NoiseSchedule:
        return self.images.schedule if self.is_slice else self._own_schedule

    @property
    def t(self) -> int:
        """0..T−1; a person sees t + 1"""
        return self.moment.t

    def set_t(self, t: int) -> None:
        self.moment.seek(t)

    @property
    def alpha_bar(self) -> float:
        """ᾱ_t at the moment shown."""
        return self.schedule.alpha_bar_at(self.t)

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
        """Where the field is wanted: columns × rows arrows over this part of the plane; fewer on a slice."""
        self._view = (Extent(*extent), columns, rows)
        self._lay_grid()

    @property
    def field(self) -> Field | None:
        """The field at this moment; of a slice the newest that was answered, which tells its t. None without pictures
        or where nothing is learned."""
        if self.is_slice:
            self._ask()
            return self._answered(self._shown)
        if self._field is None:
            self._field = self._asked(self._shown, self._grid)
        return self._field

    def field_of(self, shown: Shown | str, points: NDArray[np.float64]) -> Field | None:
        """Whatever field at points of one's own (G, 2); of a slice only that of the points that were answered."""
        if not self.is_slice:
            return self._asked(Shown(shown), points)
        found = self._answered(Shown(shown))
        return found if found is not None and np.array_equal(found.points, points) else None

    @property
    def mean_angle(self) -> float | None:
        """Between the learned and the exact movement at this moment over the grid, degrees; weighted with the density
        of q(z_t) for two pixels, plain on a slice. None where one of them is not there."""
        exact, learned = self.field_of(Shown.EXACT, self._grid), self.field_of(Shown.LEARNED, self._grid)
        if exact is None or learned is None:
            return None
        if self.is_slice:
            return float(angle_between(learned, exact).mean())
        assert self.exact is not None
        weights = self.exact.log_density(self.plane.points(self._grid), self.t).exp().numpy()
        return float(np.average(angle_between(learned, exact), weights=weights)) if weights.sum() > 0 else None

    def density_image(self, extent: Extent, resolution: tuple[int, int], t: int | None = None) -> NDArray[np.float32]:
        """q(z_t) as the canvas draws it: float32 (rows, columns) in 0..1, the first row at the top, 1 where it is
        largest. resolution: (columns, rows). t: of this moment when not given, −1 the pictures themselves; of a slice
        there is only what was last answered."""
        if self.is_slice:
            answer = self.images.field
            if answer is None:
                return np.zeros((resolution[1], resolution[0]), np.float32)
            values = resampled(answer.density, answer.question.extent, extent, resolution)
        else:
            with one_thread():
                values = density(self.points, self.schedule, self.t if t is None else t, extent, resolution)
        largest = float(values.max())
        return (values[::-1] / largest if largest > 0.0 else values).astype(np.float32)

    # Walks from noise

    @property
    def trajectories(self) -> list[NDArray[np.float64]]:
        """The walks shown, each (steps + 1, 2), from noise to picture; those that were added come last. Asking for them
        has them walked anew where they are old: `trajectories_changed` comes a moment later. Of a slice, the path of
        the trace, if there is one of such pictures."""
        if self.is_slice:
            path = self.images.trace_path()[0]
            return [path] if len(path) else []
        self._walks.look()
        walk = self._walks.walk
        return [] if walk is None else list(walk.points.transpose(1, 0, 2))

    @property
    def trajectory_times(self) -> tuple[int, ...]:
        """The t of each of their points, falling; −1 at the end."""
        if self.is_slice:
            return self.images.trace_path()[2]
        return () if self._walks.walk is None else self._walks.walk.times

    @property
    def trace_x0_path(self) -> NDArray[np.float64]:
        """Of a slice, where x̂0 of the trace went, (K, 2), at the times of the trajectory."""
        return self.images.trace_path()[1] if self.is_slice else np.zeros((0, 2))

    def trajectories_at(self, t: float) -> NDArray[np.float64]:
        """Where the walks over two-pixel pictures are at t, (N, 2)."""
        return np.zeros((0, 2)) if self._walks.walk is None or self.is_slice else self._walks.walk.at(t)

    def add_trajectory(self, start: Point) -> None:
        """One more walk, from this point as pure noise."""
        self._walks.set_added((*self._walks.added, start))
        self._walk_anew()

    def forget_added(self) -> None:
        """Leave out the walks that were added."""
        if self._walks.added:
            self._walks.set_added(())
            self._walk_anew()

    @property
    def share_inside(self) -> float | None:
        """The share of `COUNTED_WALKS` walks that end in a cluster, 0..1; None while it is being found out."""
        return None if self.is_slice else self._walks.share_inside

    @property
    def samples(self) -> NDArray[np.float64]:
        """Draws of q(z_t) at this moment, (SAMPLES, 2): the same pictures with the same noise at every moment. Of a
        slice too: noise falls onto any plane as noise of two values."""
        points = self.points
        if not len(points):
            return np.zeros((0, 2))
        generator = np.random.Generator(np.random.Philox(WALK_SEED))
        chosen = generator.integers(len(points), size=SAMPLES)
        noise = np.sqrt(self.schedule.one_minus_alpha_bar_at(self.t)) * generator.standard_normal((SAMPLES, 2))
        shrunk = np.sqrt(self.alpha_bar) * self.plane.points(points[chosen])
        return self.plane.coordinates(shrunk) + noise

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
            self._ask()
            self.probe_changed.emit()

    def probe_reading(self) -> ProbeReading | None:
        """What is said of the probe: by the learned model where its field is shown, else exactly. Of a slice what was
        last answered. None without pictures, or where nothing is learned."""
        if self.is_slice:
            answer = self.images.probe
            return None if answer is None else _reading(answer.field, None, answer.pictures)
        shown = Shown.EXACT if self._shown is Shown.EXACT else Shown.LEARNED
        found = self._asked(shown, np.array([self._probe]))
        return None if found is None else _reading(found, self.cluster_shares(self._probe), None)

    def cluster_shares(self, point: Point) -> NDArray[np.float64] | None:
        """How likely z_t at `point` comes from each cluster at this moment, (K,), in the order of the labels; None
        without pictures, and on a slice."""
        exact = self.exact
        if exact is None or self.is_slice:
            return None
        with one_thread():
            found = exact.responsibilities(self.plane.points([point]), self.t, count=len(self.points))
        shares = np.zeros(self.pictures.cluster_count)
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
    def exact(self) -> DataSetDenoiser | None:
        """The exact denoiser of the pictures; None without any. Of a slice it is the background's."""
        if self.is_slice:
            return None if self.images.ready is None else self.images.ready.exact
        if self._exact is None and len(self.points):
            self._exact = DataSetDenoiser(self._own_schedule, self.painting.image_set().images)
        return self._exact

    @property
    def learned(self) -> Denoiser | None:
        """The small model as it is now; None while nothing is learned, and on a slice (see `has_learned`)."""
        return None if self.is_slice else self.small_model.denoiser

    @property
    def has_learned(self) -> bool:
        """There is a learned field to show."""
        return self.images.has_model if self.is_slice else self.learned is not None

    def settle(self) -> None:
        """Finish at once what is otherwise done between two paintings of the screen, for exports and tests."""
        self._walks.finish()

    def _asked(self, shown: Shown, points: NDArray[np.float64]) -> Field | None:
        if shown is Shown.DIFFERENCE:
            learned, exact = self._asked(Shown.LEARNED, points), self._asked(Shown.EXACT, points)
            return None if learned is None or exact is None else difference(learned, exact)
        denoiser = self.exact if shown is Shown.EXACT else self.learned
        if denoiser is None:
            return None
        with one_thread():
            return field(denoiser, self._own_schedule, self._own_plane, self.t, points, dtype=_dtype(denoiser))

    def _answered(self, shown: Shown) -> Field | None:
        answer = self.images.field
        if answer is None:
            return None
        if shown is not Shown.DIFFERENCE:
            return answer.exact if shown is Shown.EXACT else answer.learned
        return None if answer.learned is None or answer.exact is None else difference(answer.learned, answer.exact)

    def _ask(self) -> None:
        """Of a slice: have everything answered that is shown and not yet known."""
        if self.is_slice and self.images.plane is not None:
            extent, probe = self._view[0], np.array(self._probe)
            exact, learned = self._shown is not Shown.LEARNED, self._shown is not Shown.EXACT
            question = SliceQuestion(self.images.plane, self.t, self._grid, extent, probe, exact, learned)
            self.images.ask(question)

    def _lay_grid(self) -> None:
        extent, columns, rows = self._view
        if self.is_slice:
            share = min(1.0, SLICE_GRID / max(columns, rows))
            columns, rows = max(2, round(share * columns)), max(2, round(share * rows))
        points = grid(extent, columns, rows)
        if not np.array_equal(points, self._grid):
            self._grid = points
            self._field_is_old()

    def _field_is_old(self) -> None:
        self._field = None
        self._ask()
        self.field_changed.emit()
        self.probe_changed.emit()

    def _small_task(self) -> PlaneTask:
        return PlaneTask.with_preset(self.painting.image_set(), self._own_schedule, self._walks.starts)

    def _walk_anew(self) -> None:
        self.small_model.set_starts(self._walks.starts)
        self._walks.begin(self._walking, AFTER_MS if self.pictures.in_stroke else 0)
        self.trajectories_changed.emit()

    def _walking(self) -> Walking | None:
        denoiser = None if self.is_slice else self.exact if self._shown is Shown.EXACT else self.learned
        if denoiser is None:
            return None
        return Walking(denoiser, self._own_schedule, self.painting.regions(), _dtype(denoiser))

    def _on_other_space(self) -> None:
        self.moment.set_step_count(self.schedule.step_count)
        self._view = (self.home, *self._view[1:])
        self._lay_grid()
        self.space_changed.emit()
        self.schedule_changed.emit()
        self.pictures_changed.emit()
        self._field_is_old()
        self._walk_anew()

    @Slot()
    def _on_pictures(self) -> None:
        self._exact = None
        self.small_model.pictures_changed()
        if not self.is_slice:
            self.pictures_changed.emit()
            self._field_is_old()
            self._walk_anew()

    @Slot()
    def _on_learned(self) -> None:
        if self._shown is Shown.EXACT or self.is_slice:
            return
        self._field_is_old()
        snapshot = self.small_model.snapshot
        if snapshot is not None and self.training:
            self._walks.show(snapshot.walk)

    @Slot()
    def _on_training(self) -> None:
        was, self._was_training = self._was_training, self.training
        if was and not self.training and self._shown is not Shown.EXACT:
            # With all steps, and counted: while it trains every snapshot brings its own.
            self._walk_anew()

    @Slot(int)
    def _on_moment(self, t: int) -> None:
        self.t_changed.emit(t)
        self._field_is_old()

    @Slot(object)
    def _on_schedule(self, schedule: NoiseSchedule | None) -> None:
        if schedule is None or schedule == self._own_schedule:
            return
        self._own_schedule = schedule
        self._exact = None
        self.small_model.pictures_changed()
        if not self.is_slice:
            self.moment.set_step_count(schedule.step_count)
            self.schedule_changed.emit()
            self._field_is_old()
            self._walk_anew()

    @Slot()
    def _on_slice_opened(self) -> None:
        t = self.images.t_of_trace
        if t is not None:
            self.moment.seek(t)
        # Where data are: a slice through high dimensions has no scale of its own to guess a place by.
        self._probe = tuple(float(value) for value in self.points[0])
        self._on_other_space()

    @Slot()
    def _on_slice_closed(self) -> None:
        """The pictures or the model of the slice are gone."""
        self._space = Space.TWO_PIXELS
        self._on_other_space()

    @Slot(object)
    def _on_slice_failed(self, error: StudioError) -> None:
        if self.images.ready is None:
            self._on_slice_closed()
        self.failed.emit(error)

    @Slot()
    def _on_field_answered(self) -> None:
        self.field_changed.emit()

    @Slot()
    def _on_trace(self) -> None:
        if not self.is_slice:
            return
        t = self.images.t_of_trace
        if t is not None and t != self.t:
            self.moment.seek(t)
        else:
            self._field_is_old()
        self.trajectories_changed.emit()


def _reading(found: Field, shares: NDArray[np.float64] | None, pictures: ProbePictures | None) -> ProbeReading:
    return ProbeReading(found.points[0], found.eps[0], found.subtracted[0], found.x0[0], found.t, shares, pictures)


def _dtype(denoiser: Denoiser) -> torch.dtype:
    return torch.float64 if isinstance(denoiser, DataSetDenoiser) else torch.float32


def plane_scene_of(state: StudioState) -> PlaneScene:
    """The one PlaneScene of a state, made at the first call."""
    found = state.findChild(PlaneScene)
    return found if found is not None else PlaneScene(state)
