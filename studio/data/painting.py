"""Two-pixel pictures that a person paints into the plane: dabs of a brush, each a small cloud of points.

A painting is a value: what is done to it makes another one, so that a stroke can be taken back. Each dab draws its
points by its own number and not after one another, so that erasing one leaves all others where they are.

The ready distributions of `mixtures` are paintings too, one dab for each of their clusters, to be painted over, erased
and moved as anything else. A dab ends at three standard deviations: a brush has an edge, and "within the cluster" then
means the same for what was painted and for what is sampled.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from studio.data.image_set import ImageSet
from studio.data.mixtures import MIXTURES, Draw, generate
from studio.errors import DataError, SettingsError

EDGE = 3.0
"""Standard deviations at which a round dab ends."""

MOST_POINTS = 6000
"""More than this are not painted: the exact field over them would no longer follow the hand."""

READY_POINTS = 1200

_BLOB_SPREADS = {"two-blobs": 0.12, "four-blobs": 0.1}
_BLOB_MIDDLES = {
    "two-blobs": ((-0.55, 0.55), (0.55, -0.55)),
    "four-blobs": ((-0.55, 0.55), (0.55, 0.55), (-0.55, -0.55), (0.55, -0.55)),
}
_HALF_RANGE = 127.5


@dataclass(frozen=True)
class Dab:
    """One touch of the brush: `count` points around `centre`, normally distributed with the standard deviation
    `spread` in each direction and cut off at `EDGE` of them.

    centre: (first pixel, second pixel). cluster: which cluster it belongs to, any whole number that is not negative.
    number: decides, with the seed, where its points fall. gone: which of its points were erased.
    kind, kind_class: of a ready distribution, of which it is the points of one cluster; `centre` is then how far they
    were moved, `spread` is 0 where they lie along a curve or fill a square, and no seed changes them. kind is empty for
    the brush.
    """

    centre: tuple[float, float]
    spread: float
    count: int
    cluster: int
    number: int = 0
    gone: frozenset[int] = frozenset()
    kind: str = ""
    kind_class: int = 0

    def points(self, seed: int = 0) -> NDArray[np.float64]:
        """Those that are left, (n, 2) in [−1, 1]."""
        points = self.all_points(seed)
        kept = np.ones(len(points), bool)
        kept[list(self.gone)] = False
        return points[kept]

    def all_points(self, seed: int = 0) -> NDArray[np.float64]:
        """Those that are left and those that were erased, (count, 2) in [−1, 1], read-only."""
        if self.kind:
            return _placed_of_kind(self.kind, self.kind_class, self.centre)
        return _placed(self.centre, self.spread, self.count, self.number, seed)


@dataclass(frozen=True)
class Regions:
    """Where a painting's pictures are: within `reaches[i]` of `centres[i]` for any i.

    centres: float64 (K, 2). reaches: float64 (K,). clusters: int64 (K,), the label of each.
    """

    centres: NDArray[np.float64]
    reaches: NDArray[np.float64]
    clusters: NDArray[np.int64]


@dataclass(frozen=True)
class Painting:
    """Dabs, in the order in which they were made. name: what its pictures are called on the screen."""

    dabs: tuple[Dab, ...] = ()
    name: str = "Painted"
    _points: dict = field(default_factory=dict, init=False, repr=False, compare=False, hash=False)

    @classmethod
    def ready(cls, kind: str) -> Painting:
        """One of `mixtures.MIXTURES`, of about `READY_POINTS` points. Raises SettingsError for an unknown kind."""
        if kind not in MIXTURES:
            raise SettingsError(
                f"There is no two-pixel mixture called {kind!r}.", f"Choose one of {', '.join(MIXTURES)}."
            )
        spread = _BLOB_SPREADS.get(kind, 0.0)
        classes = max(1, len(MIXTURES[kind].class_names))
        dabs = []
        for cluster in range(classes):
            count = len(_of_kind(kind, cluster))
            dabs.append(Dab((0.0, 0.0), spread, count, cluster, cluster, kind=kind, kind_class=cluster))
        return cls(tuple(dabs), MIXTURES[kind].label)

    @property
    def count(self) -> int:
        """How many points there are."""
        return sum(dab.count - len(dab.gone) for dab in self.dabs)

    @property
    def clusters(self) -> tuple[int, ...]:
        """The clusters that have points, in the order in which they were begun; label k means the k-th of them."""
        return tuple(dict.fromkeys(dab.cluster for dab in self.dabs))

    @property
    def next_cluster(self) -> int:
        """A number that no cluster has yet."""
        return max((dab.cluster for dab in self.dabs), default=-1) + 1

    def add(self, centre: tuple[float, float], spread: float, count: int, cluster: int) -> Painting:
        """With one more dab. Raises SettingsError where there would be more than `MOST_POINTS`, or for a brush that
        cannot be."""
        if not (0.0 < spread <= 1.0 and 1 <= count <= MOST_POINTS and cluster >= 0):
            raise SettingsError(f"A brush of {spread} with {count} points a dab is not possible.")
        if self.count + count > MOST_POINTS:
            raise SettingsError(f"There are {self.count:,} pictures already.", "Erase some before you paint more.")
        number = max((dab.number for dab in self.dabs), default=-1) + 1
        centre = (min(max(float(centre[0]), -1.0), 1.0), min(max(float(centre[1]), -1.0), 1.0))
        return replace(self, dabs=(*self.dabs, Dab(centre, float(spread), count, cluster, number)), name="Painted")

    def erase(self, centre: tuple[float, float], radius: float, seed: int = 0) -> Painting:
        """Without the points within `radius` of `centre`; itself when there are none."""
        dabs, found = [], False
        for dab in self.dabs:
            near = np.hypot(*(dab.all_points(seed) - np.asarray(centre)).T) <= radius
            gone = dab.gone | frozenset(np.flatnonzero(near).tolist())
            found = found or gone != dab.gone
            if len(gone) < dab.count:
                dabs.append(dab if gone == dab.gone else replace(dab, gone=gone))
        return replace(self, dabs=tuple(dabs), name="Painted") if found else self

    def moved(self, cluster: int, by: tuple[float, float]) -> Painting:
        """With one cluster moved by (first pixel, second pixel); what would leave [−1, 1] stays at its edge."""
        dabs = tuple(
            replace(dab, centre=(dab.centre[0] + float(by[0]), dab.centre[1] + float(by[1])))
            if dab.cluster == cluster
            else dab
            for dab in self.dabs
        )
        return replace(self, dabs=dabs, name="Painted") if dabs != self.dabs else self

    def cluster_at(self, point: tuple[float, float], within: float, seed: int = 0) -> int | None:
        """The cluster of the point that is nearest to `point`, if it is no farther than `within`."""
        points, labels = self.points(seed), self.labels(seed)
        if not len(points):
            return None
        distances = np.hypot(*(points - np.asarray(point)).T)
        nearest = int(distances.argmin())
        return self.clusters[labels[nearest]] if distances[nearest] <= within else None

    def points(self, seed: int = 0) -> NDArray[np.float64]:
        """All pictures, (M, 2) in [−1, 1], as a byte for each pixel can hold them; a function of the painting and the
        seed alone."""
        return self._placed(seed)[0]

    def labels(self, seed: int = 0) -> NDArray[np.int64]:
        """The cluster of each point, (M,), as its place in `clusters`."""
        return self._placed(seed)[1]

    def image_set(self, seed: int = 0) -> ImageSet:
        """uint8 (M, 1, 2, 1), classed by cluster. Raises DataError when nothing is painted."""
        points, labels = self._placed(seed)
        if not len(points):
            raise DataError("There are no pictures yet.", "Paint some, or choose a ready set.")
        levels = np.rint((points + 1.0) * _HALF_RANGE).astype(np.uint8)
        names = tuple(f"cluster {number + 1}" for number in range(len(self.clusters)))
        return ImageSet(self.name, levels.reshape(-1, 1, 2, 1), labels, names)

    def regions(self, seed: int = 0) -> Regions:
        """Where its pictures are: round dabs reach three standard deviations from their middle; points along a curve
        or in a square three times as far as it typically is from one of them to the next."""
        order = {cluster: label for label, cluster in enumerate(self.clusters)}
        centres, reaches, clusters = [np.zeros((0, 2))], [], []
        for dab in self.dabs:
            if dab.spread > 0.0:
                middle = _BLOB_MIDDLES[dab.kind][dab.kind_class] if dab.kind else (0.0, 0.0)
                centres.append(np.add([middle], dab.centre))
                reaches.append(EDGE * dab.spread)
                clusters.append(order[dab.cluster])
            else:
                points = _as_bytes(dab.points(seed))
                centres.append(points)
                reaches.extend([EDGE * typical_spacing(points)] * len(points))
                clusters.extend([order[dab.cluster]] * len(points))
        return Regions(np.concatenate(centres), np.array(reaches, float), np.array(clusters, np.int64))

    def _placed(self, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        if seed not in self._points:
            order = {cluster: label for label, cluster in enumerate(self.clusters)}
            parts = [(dab.points(seed), order[dab.cluster]) for dab in self.dabs]
            points = np.concatenate([np.zeros((0, 2)), *(points for points, _ in parts)])
            labels = np.concatenate([np.zeros(0, np.int64), *(np.full(len(p), label) for p, label in parts)])
            self._points[seed] = _frozen(_as_bytes(points)), _frozen(labels)
        return self._points[seed]


def typical_spacing(points: NDArray[np.float64]) -> float:
    """The median distance of a point (M, 2) to its nearest neighbour; at least the width of a grey level, 2/255."""
    least = 1.0 / _HALF_RANGE
    if len(points) < 2:
        return least
    distances = np.hypot(*(points[:, np.newaxis] - points).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)
    return max(float(np.median(distances.min(1))), least)


@lru_cache(maxsize=4096)
def _placed(centre: tuple[float, float], spread: float, count: int, number: int, seed: int) -> NDArray[np.float64]:
    draw = Draw(seed + (number << 64))
    # The radius of a round normal cloud, cut off at the edge: its squared half is exponential.
    share = -np.expm1(-0.5 * EDGE**2)
    radius = spread * np.sqrt(-2.0 * np.log1p(-share * draw.uniform(count)))
    angle = 2.0 * np.pi * draw.uniform(count)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + np.array(centre)
    return _frozen(np.clip(points, -1.0, 1.0))


@lru_cache(maxsize=64)
def _placed_of_kind(kind: str, kind_class: int, shift: tuple[float, float]) -> NDArray[np.float64]:
    return _frozen(np.clip(_of_kind(kind, kind_class) + np.array(shift), -1.0, 1.0))


@lru_cache(maxsize=64)
def _of_kind(kind: str, kind_class: int) -> NDArray[np.float64]:
    points, labels = _kind(kind)
    points = points[labels == kind_class]
    if kind in _BLOB_SPREADS:
        from_middle = points - np.array(_BLOB_MIDDLES[kind][kind_class])
        points = points[np.hypot(*from_middle.T) <= EDGE * _BLOB_SPREADS[kind]]
    return points


@lru_cache(maxsize=16)
def _kind(kind: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    images = generate(kind, READY_POINTS)
    labels = images.labels if images.labels is not None else np.zeros(images.count, np.int64)
    return images.images.reshape(-1, 2) / _HALF_RANGE - 1.0, labels


def _as_bytes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.rint((points + 1.0) * _HALF_RANGE) / _HALF_RANGE - 1.0


def _frozen(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values
