"""The pictures of the open data set for the page: read in the background as they come into sight."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from studio.app.data.editing import DataEditing
from studio.app.data.looks import (
    Detail,
    detail_of,
    kept_shares,
    thumbnail_as_it_is,
    thumbnail_as_it_will_be,
    thumbnail_of_prepared,
)
from studio.app.data.thumbnails import Readings, Thumbnail
from studio.app.imaging import screen_images
from studio.app.widgets.grid_cells import Cell
from studio.data.preparation import Preparation

if TYPE_CHECKING:
    from studio.data.image_set import ImageSet

AS_THEY_ARE, AS_THEY_WILL_BE = "are", "will be"
_DETAIL_BUDGET = 48 * 2**20


class DataPictures(QObject):
    """Cells of a grid by the numbers of the catalog; `changed` when some can be painted better than before."""

    changed = Signal()
    detail_changed = Signal()

    def __init__(self, editing: DataEditing, parent: QObject) -> None:
        super().__init__(parent)
        self._editing = editing
        self._view = AS_THEY_WILL_BE
        self._side = 72
        self._left_out: frozenset[int] = frozenset()
        self._thumbnails = Readings(self)
        self._details = Readings(self, _DETAIL_BUDGET)
        self._detail_of: int | None = None
        self._thumbnails.arrived.connect(self.changed)
        self._details.arrived.connect(self.detail_changed)
        editing.opened.connect(self._start_over)
        editing.changed.connect(self._on_changed)
        editing.prepared.connect(self._on_changed)

    @property
    def size_bytes(self) -> int:
        """What the small pictures take in memory."""
        return self._thumbnails.size_bytes

    @property
    def view(self) -> str:
        """AS_THEY_ARE or AS_THEY_WILL_BE."""
        return self._view

    def set_view(self, view: str) -> None:
        self._view = view
        self.changed.emit()

    def set_side(self, side: int) -> None:
        """How many device pixels a cell is wide."""
        self._side = side

    def cell(self, index: int) -> Cell:
        """What is known of a picture now."""
        thumbnail = self._thumbnails.get((self._view, index))
        faded = index in self._left_out
        if not isinstance(thumbnail, Thumbnail):
            return Cell(faded=faded)
        badge = f"×{thumbnail.pieces}" if thumbnail.pieces > 1 and self._view == AS_THEY_WILL_BE else ""
        return Cell(thumbnail.image, thumbnail.boxes, faded, badge, broken=bool(thumbnail.words))

    def trouble_with(self, index: int) -> str:
        """Why a picture cannot be shown; '' when it can, or is not read yet."""
        thumbnail = self._thumbnails.get((self._view, index))
        return thumbnail.words if isinstance(thumbnail, Thumbnail) else ""

    def fill(self, indices: NDArray[np.int64]) -> None:
        """Before these are painted: take those that lie ready in the prepared set, all in one go.

        Only pictures that need no shrinking; everything else is for `want`.
        """
        image_set = self._editing.image_set
        if not self._lies_ready or image_set is None:
            return
        version = self._version_of_set(image_set)
        missing = [index for index in indices.tolist() if not self._thumbnails.is_current((self._view, index), version)]
        if not missing:
            return
        first, pieces = self._editing.places_in_set(np.array(missing, np.int64))
        there = np.flatnonzero(pieces > 0)
        images = screen_images(np.asarray(image_set.images[first[there]])) if len(there) else []
        for place, image in zip(there.tolist(), images, strict=True):
            self._thumbnails.put((self._view, missing[place]), version, Thumbnail(image, (), int(pieces[place])))

    @property
    def _lies_ready(self) -> bool:
        image_set = self._editing.image_set
        ready = self._view == AS_THEY_WILL_BE and self._editing.settled and image_set is not None
        return ready and max(image_set.width, image_set.height) <= self._side

    @staticmethod
    def _version_of_set(image_set: ImageSet) -> object:
        return "prepared", id(image_set)

    @Slot(object)
    def want(self, indices: Sequence[int]) -> None:
        """Read these pictures, the first one first."""
        catalog = self._editing.catalog
        if catalog is None:
            return
        preparation, names, image_set = self._editing.concrete, self._editing.index, self._editing.image_set
        make = thumbnail_as_it_is if self._view == AS_THEY_ARE else thumbnail_as_it_will_be
        numbers = np.asarray(indices, np.int64)
        prepared = self._view == AS_THEY_WILL_BE and self._editing.settled and image_set is not None
        first, pieces = (
            self._editing.places_in_set(numbers) if prepared else (numbers, np.zeros(len(numbers), np.int64))
        )
        ready = self._lies_ready
        wanted = []
        for index, position, count in zip(indices, first.tolist(), pieces.tolist(), strict=True):
            if count and ready:
                # `fill` takes it when it is painted.
                continue
            key = (self._view, index)
            if count:
                version: object = (self._version_of_set(image_set), self._side)
                maker = partial(thumbnail_of_prepared, image_set.images, position, count, self._side)
            else:
                focus = preparation.focus_of(names.names[index]) if names is not None else None
                version = (*_of_all(preparation), focus, self._side)
                maker = partial(make, catalog, index, preparation, self._side)
            if not self._thumbnails.is_current(key, version):
                wanted.append((key, version, maker))
        self._thumbnails.request(wanted)

    def detail(self, index: int) -> Detail | None:
        """A picture closely, perhaps as decided a moment ago; None while it is read. `detail_changed` follows."""
        catalog, preparation = self._editing.catalog, self._editing.concrete
        if catalog is None:
            return None
        names = self._editing.index
        focus = preparation.focus_of(names.names[index]) if names is not None else None
        version = (*_of_all(preparation), focus)
        if not self._details.is_current(index, version):
            self._details.request([(index, version, partial(detail_of, catalog, index, preparation))])
        found = self._details.get(index)
        return found if isinstance(found, Detail) else None

    def shares(self, index: int, size: tuple[int, int]) -> tuple[tuple[float, float, float, float], ...]:
        """What is kept of a picture of this size as it is decided now, before anything is read again."""
        names = self._editing.index
        name = names.names[index] if names is not None else ""
        return kept_shares(size, name, self._editing.concrete)

    def rest(self) -> None:
        """Nobody looks: read nothing more."""
        self._thumbnails.request(())

    def stop(self) -> None:
        """End what is read in the background."""
        self._thumbnails.stop()
        self._details.stop()

    @Slot()
    def _start_over(self) -> None:
        self._thumbnails.clear()
        self._details.clear()
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        self._left_out = frozenset(self._editing.left_out.tolist())
        self.changed.emit()


def _of_all(preparation: Preparation) -> tuple[object, ...]:
    """What of a preparation is the same for every picture and shows."""
    return preparation.size, preparation.fit, preparation.channels, preparation.ground
