"""From the scene to what the canvas draws: each part is made anew only when what it shows has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer, Slot

from studio.app.docks.plane.tools import plane_hand_of
from studio.app.plane.scene import Layer, PlaneScene, Shown
from studio.app.widgets.plane_canvas import TWO_PIXELS_REACH, PlaneCanvas
from studio.app.widgets.plane_drawing import (
    Arrows,
    Cloud,
    Paths,
    PlaneDrawing,
    ProbeArrows,
    Thumbnail,
    two_pixel_corners,
)
from studio.app.widgets.plane_view import PlaneView
from studio.data.pixels import to_model_range
from studio.diffusion.plane import Extent, Field, angle_between, difference, grid

if TYPE_CHECKING:
    from studio.app.state import StudioState
    from studio.diffusion.plane import PlaneSlice

GRID = 31
"""Arrows along the longer side."""
CLOUD_CELL = 4
"""Pixels of the screen to a cell of the density, which is smooth between them."""

_ARROW_ROOM, _SPARSE_ARROW_ROOM = 0.92, 0.7
_AXIS_ENDS = 0.82 * np.array(((-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)))
_SLICE_MARGIN = 1.25
_EVERYTHING = frozenset({"cloud", "points", "arrows", "paths", "samples"})


class SliceThumbnails:
    """Pictures on a slice: the three it was laid through, otherwise what its axes mean, at their ends."""

    def __init__(self, state: StudioState, scene: PlaneScene) -> None:
        self._state, self._scene, self._hand = state, scene, plane_hand_of(state)
        self._plane: PlaneSlice | None = None
        self._made: tuple[Thumbnail, ...] = ()

    def __call__(self) -> tuple[Thumbnail, ...]:
        plane = self._scene.plane
        if self._scene.opening:
            return ()
        if plane is not self._plane:
            self._plane, self._made = plane, self._make(plane)
        return self._made

    def _make(self, plane: PlaneSlice) -> tuple[Thumbnail, ...]:
        images = self._state.image_set
        if self._hand.chosen and images is not None:
            pictures = to_model_range(images.images[list(self._hand.chosen)])
            places = plane.coordinates(pictures)
        else:
            center, reach = slice_home(self._scene.points)
            places = np.array(center) + _AXIS_ENDS * reach
            pictures = plane.points(places)
        values = np.moveaxis(pictures.numpy(), 1, -1)
        return tuple(Thumbnail((float(x), float(y)), picture) for (x, y), picture in zip(places, values, strict=True))


class PlaneComposer(QObject):
    """Follows the scene and the canvas's view; several changes before the next painting cost one drawing."""

    def __init__(self, scene: PlaneScene, canvas: PlaneCanvas, slice_thumbnails: SliceThumbnails) -> None:
        super().__init__(canvas)
        self._slice_thumbnails = slice_thumbnails
        self._scene, self._canvas = scene, canvas
        self._old: set[str] = set(_EVERYTHING)
        self._parts: dict[str, object] = {}
        self._corners = two_pixel_corners()
        self._angle: float | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.compose)
        scene.pictures_changed.connect(self._on_pictures)
        scene.t_changed.connect(self._on_moment)
        scene.schedule_changed.connect(self._on_everything)
        scene.space_changed.connect(self._on_space)
        scene.field_changed.connect(self._on_field)
        scene.trajectories_changed.connect(self._on_paths)
        scene.probe_changed.connect(self._on_probe)
        scene.layers_changed.connect(self._on_everything)
        canvas.view_changed.connect(self._on_view)

    @Slot()
    def compose(self) -> None:
        """Hand the canvas everything as it is now."""
        if not self._canvas.isVisible():
            return
        self._soon.stop()
        self._canvas.set_drawing(self.drawing(self._canvas.view))

    def drawing(self, view: PlaneView) -> PlaneDrawing:
        """The scene in a view."""
        scene, layers = self._scene, self._scene.layers
        if self._parts.get("view") != view:
            self._old |= {"cloud", "arrows"}
            self._parts["view"] = view
        if "cloud" in self._old:
            self._parts["cloud"] = self._cloud(view) if Layer.DENSITY in layers and len(scene.points) else None
        if "points" in self._old:
            self._parts["points"] = scene.points if Layer.DATA in layers else np.zeros((0, 2))
        if "arrows" in self._old:
            self._parts["arrows"] = self._arrows(view) if Layer.FIELD in layers else None
        if "paths" in self._old:
            self._parts["paths"] = self._paths() if Layer.TRAJECTORIES in layers else ()
        if "samples" in self._old:
            self._parts["samples"] = scene.samples if Layer.SAMPLES in layers else np.zeros((0, 2))
        self._old.clear()
        return PlaneDrawing(
            cloud=self._parts["cloud"],
            points=self._parts["points"],
            arrows=self._parts["arrows"],
            paths=self._parts["paths"],
            samples=self._parts["samples"],
            probe=self._probe(),
            thumbnails=self._slice_thumbnails() if scene.is_slice else self._corners,
            axis_names=scene.plane.names,
            square=not scene.is_slice,
            marks=(0.0,) if scene.is_slice else (-1.0, 0.0, 1.0),
            note=self._note(),
        )

    def _cloud(self, view: PlaneView) -> Cloud:
        resolution = (max(2, round(view.width / CLOUD_CELL)), max(2, round(view.height / CLOUD_CELL)))
        return Cloud(self._scene.density_image(Extent(*view.extent), resolution), view.extent)

    def _arrows(self, view: PlaneView) -> Arrows | None:
        scene, extent, longer = self._scene, Extent(*view.extent), max(view.width, view.height)
        columns = max(2, round(GRID * view.width / longer))
        rows = max(2, round(GRID * view.height / longer))
        scene.set_grid(extent, columns, rows)
        room = _ARROW_ROOM * longer / GRID / view.scale
        self._angle = None
        if scene.shown is not Shown.DIFFERENCE:
            field = scene.field
            if field is None:
                return None
            room = _room(field.points, room)
            return Arrows(field.points, _fitting(field, field.drawn_scale(room), room))
        # Of a slice only what was answered is known, and where it was asked.
        points = grid(extent, columns, rows)
        if scene.is_slice:
            field = scene.field
            points = points if field is None else field.points
        learned, exact = scene.field_of(Shown.LEARNED, points), scene.field_of(Shown.EXACT, points)
        if learned is None or exact is None:
            return None
        room = _room(points, room)
        angles, weights = angle_between(learned, exact), None
        if not scene.is_slice:
            weights = scene.density_image(extent, (columns, rows))[::-1].ravel() + 1e-12
        self._angle = float(np.average(angles, weights=weights))
        # Drawn to the measure of what it is a difference of, or small ones would look large.
        field = difference(learned, exact)
        return Arrows(points, _fitting(field, exact.drawn_scale(room), room), by_size=True, longest=room)

    def _paths(self) -> tuple[Paths, ...]:
        walks = self._scene.trajectories
        if not walks:
            return ()
        times, t = self._scene.trajectory_times, self._scene.t
        walked = Paths(np.stack(walks, axis=1), times, t)
        if not self._scene.is_slice:
            return (walked,)
        x0 = self._scene.trace_x0_path[:, np.newaxis]
        return (Paths(x0, times, t, "d3"), walked)

    def _probe(self) -> ProbeArrows | None:
        reading = self._scene.probe_reading()
        if reading is None:
            return None
        z, eps, subtracted, x0 = (
            (float(pair[0]), float(pair[1])) for pair in (reading.z, reading.eps, reading.subtracted, reading.x0)
        )
        return ProbeArrows(z, eps, subtracted, x0)

    def _note(self) -> str:
        scene = self._scene
        if scene.opening:
            return "Laying a plane through the pictures…"
        if scene.is_slice and scene.shown is not Shown.EXACT and not scene.has_learned:
            return "There is no model for these pictures: choose one in Denoise."
        if not len(scene.points):
            return "Paint some pictures with the brush, or choose some at the left."
        if scene.shown is not Shown.EXACT and not scene.has_learned:
            return "Nothing is learned yet: train the small model."
        if scene.shown is Shown.DIFFERENCE and self._angle is not None:
            return f"learned and exact are {self._angle:.1f}° apart on average here"
        return ""

    def _later(self, *parts: str) -> None:
        self._old.update(parts)
        if self._canvas.isVisible() and not self._soon.isActive():
            self._soon.start()

    @Slot()
    def _on_pictures(self) -> None:
        self._later("cloud", "points", "arrows", "samples")

    @Slot()
    def _on_moment(self) -> None:
        self._later("cloud", "arrows", "paths", "samples")

    @Slot()
    def _on_field(self) -> None:
        # The density of a slice is answered together with its field.
        self._later("arrows", *(("cloud",) if self._scene.is_slice else ()))

    @Slot()
    def _on_paths(self) -> None:
        self._later("paths")

    @Slot()
    def _on_probe(self) -> None:
        self._later()

    @Slot()
    def _on_view(self) -> None:
        # Now rather than soon: what lies on the canvas must not swim while it is zoomed.
        if self._canvas.isVisible():
            self.compose()

    @Slot()
    def _on_space(self) -> None:
        if self._scene.is_slice:
            center, reach = slice_home(self._scene.points)
            self._canvas.set_home(reach, center)
        else:
            self._canvas.set_home(TWO_PIXELS_REACH)
        self._later(*_EVERYTHING)

    @Slot()
    def _on_everything(self) -> None:
        self._later(*_EVERYTHING)


def slice_home(points: np.ndarray) -> tuple[tuple[float, float], float]:
    """The middle of all points (M, 2) and how far to show around it."""
    if not len(points):
        return (0.0, 0.0), 1.0
    low, high = points.min(0), points.max(0)
    return tuple(((low + high) / 2).tolist()), _SLICE_MARGIN * max(float((high - low).max()) / 2, 1e-3)


def _room(points: np.ndarray, room: float) -> float:
    """How long an arrow may be: a slice is asked at fewer points, which leaves each more room."""
    rows = np.unique(points[:, 1])
    return max(room, _SPARSE_ARROW_ROOM * float(rows[1] - rows[0])) if len(rows) > 1 else room


def _fitting(field: Field, scale: float, room: float) -> np.ndarray:
    """The movement as it is drawn, (G, 2): to scale, but none much longer than there is room."""
    vectors = field.movement * scale
    lengths = np.hypot(*vectors.T)[:, np.newaxis]
    return vectors * np.minimum(1.0, 1.1 * room / np.maximum(lengths, 1e-12))
