"""The pictures of the plane: painted with a brush or chosen, and every stroke can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from studio.app.undo import Change, UndoStack
from studio.data.painting import Painting
from studio.errors import StudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Point = tuple[float, float]


@dataclass(frozen=True)
class Brush:
    """spread: standard deviation of a dab, in the range of a pixel, 0.01..0.5. count: points a dab, 1..100."""

    spread: float = 0.08
    count: int = 10


@dataclass(frozen=True)
class _Chosen:
    painting: Painting
    kind: str


class PlanePictures(QObject):
    """A Painting, the ready kind that it is (or '' once it was painted on), and the brush."""

    changed = Signal()
    brush_changed = Signal()
    refused = Signal(object)
    """StudioError: why a stroke could not be painted."""

    def __init__(self, parent: QObject, undo: UndoStack, kind: str) -> None:
        super().__init__(parent)
        self._undo = undo
        self._brush = Brush()
        self._chosen = _Chosen(Painting.ready(kind), kind)
        self._stroke: object | None = None
        self._cluster: int | None = None

    @property
    def painting(self) -> Painting:
        return self._chosen.painting

    @property
    def kind(self) -> str:
        """The ready kind shown; '' for what was painted."""
        return self._chosen.kind

    @property
    def points(self) -> NDArray[np.float64]:
        """(M, 2) in [−1, 1]"""
        return self.painting.points()

    @property
    def labels(self) -> NDArray[np.int64]:
        """(M,), which cluster each point is of"""
        return self.painting.labels()

    @property
    def cluster_count(self) -> int:
        return len(self.painting.clusters)

    @property
    def brush(self) -> Brush:
        return self._brush

    @property
    def in_stroke(self) -> bool:
        """The mouse is down."""
        return self._stroke is not None

    def set_brush(self, brush: Brush) -> None:
        if brush != self._brush:
            self._brush = brush
            self.brush_changed.emit()

    def choose(self, kind: str) -> None:
        """Show a ready kind. Raises SettingsError for an unknown one."""
        self._push(f"{Painting.ready(kind).name}", _Chosen(Painting.ready(kind), kind))

    def take(self, painting: Painting) -> None:
        """Show a painting that was made before."""
        self._push(painting.name, _Chosen(painting, ""))

    def begin_stroke(self) -> None:
        """All that is painted, erased or moved until `end_stroke` is one change."""
        self._stroke, self._cluster = object(), None

    def end_stroke(self) -> None:
        self._stroke = self._cluster = None

    def paint(self, centre: Point) -> None:
        """A dab of the brush. A stroke that begins on a cluster goes on with it, any other is a new cluster."""
        painting, brush = self.painting, self._brush
        cluster = self._cluster
        if cluster is None:
            cluster = painting.cluster_at(centre, brush.spread)
            cluster = painting.next_cluster if cluster is None else cluster
        try:
            painted = painting.add(centre, brush.spread, brush.count, cluster)
        except StudioError as error:
            self.refused.emit(error)
            return
        if self._stroke is not None:
            self._cluster = cluster
        self._push("Paint", _Chosen(painted, ""))

    def erase(self, centre: Point, radius: float) -> None:
        """Take away the points within `radius` of `centre`."""
        erased = self.painting.erase(centre, radius)
        if erased is not self.painting:
            self._push("Erase", _Chosen(erased, ""))

    def move(self, cluster: int, by: Point) -> None:
        """Move one cluster, as `cluster_at` tells it."""
        moved = self.painting.moved(cluster, by)
        if moved is not self.painting:
            self._push("Move cluster", _Chosen(moved, ""))

    def cluster_at(self, point: Point, within: float) -> int | None:
        """The cluster of the nearest point, if that is no farther than `within`."""
        return self.painting.cluster_at(point, within)

    def clear(self) -> None:
        """Take all points away."""
        if self.painting.dabs:
            self._push("Clear", _Chosen(Painting(), ""))

    def _push(self, title: str, after: _Chosen) -> None:
        if after != self._chosen:
            self._undo.push(Change(title, self._set, self._chosen, after, self._stroke))

    def _set(self, chosen: object) -> None:
        assert isinstance(chosen, _Chosen)
        if chosen != self._chosen:
            self._chosen = chosen
            self.changed.emit()
