"""What a person decides about a data set, acted out at once: one object for a window's state.

The decisions (how pictures come in, what is left out, which class each has) hold immediately, and the page shows them;
the prepared ImageSet follows in the background. The newest decision wins, and the set before stays until it is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.data.catalog_index import CatalogIndex, ClassesShown
from studio.app.data.examination import Examination
from studio.app.data.jobs import Drops, OpenedData, index_data, open_drops, prepare_data
from studio.app.data.shared_sources import catalog_of
from studio.app.runner import JobHandle, Runner
from studio.app.state import StudioState
from studio.app.undo import Change, undo_stack_of
from studio.data import edits
from studio.data.preparation import Preparation
from studio.data.sources.source import Catalog, ScanOptions, SheetGrid
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.data.findings import HealthReport
    from studio.data.image_set import ImageSet
    from studio.data.origins import Origins
    from studio.data.report import ImportReport

SETTLE_MS = 220
"""A decision is carried out when no other one followed for so long: a drag is one preparation, not fifty."""


@dataclass(frozen=True)
class Augmentation:
    """What training may do to a picture each time it is seen; see `studio.training.augmentation`."""

    horizontal_flips: bool = False
    vertical_flips: bool = False
    quarter_turns: bool = False
    largest_shift: int = 0


@dataclass(frozen=True)
class _Decisions:
    """What can be undone; `data` tells which open data set it is about."""

    data: object
    options: ScanOptions
    preparation: Preparation


class DataEditing(QObject):
    """Found by `data_editing_of(state)`; GUI thread only."""

    opened = Signal()
    """Another data set is open, or none."""
    changed = Signal()
    """Something was decided; the pictures of the page look different."""
    prepared = Signal()
    """The state's picture set is what was decided."""
    working_changed = Signal()
    """A preparation began or ended."""
    examined = Signal()
    """`health` is there."""
    augmentation_changed = Signal()
    failed = Signal(object, str)
    """A StudioError, and the traceback of a defect; what was there before is still there."""

    def __init__(self, state: StudioState) -> None:
        super().__init__(state)
        self._state = state
        self._runner: Runner | None = None
        self._data: object = object()
        self._drops: Drops = ()
        self._own: ImageSet | None = None
        self._catalog: Catalog | None = None
        self._index: CatalogIndex | None = None
        self._origins: Origins | None = None
        self._decided = _Decisions(self._data, ScanOptions(), Preparation())
        self._carried_out = self._decided
        self._left_out: NDArray[np.int64] | None = None
        self._classes: ClassesShown | None = None
        self._handle: JobHandle | None = None
        self._indexing: JobHandle | None = None
        self._pending = self._decided
        self.augmentation = Augmentation()
        self._examination = Examination(state, self)
        self._examination.examined.connect(self.examined)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._carry_out)
        state.image_set_changed.connect(self._on_image_set)

    def use(self, runner: Runner) -> None:
        """Work with this background thread."""
        if self._runner is None:
            self._runner = runner
            self._examination.use(runner)
            self._on_image_set()

    # What is open

    @property
    def catalog(self) -> Catalog | None:
        """Everything that was found; None when nothing is open."""
        return self._catalog

    @property
    def index(self) -> CatalogIndex | None:
        """Names and classes of the catalog; None while they are looked at."""
        return self._index

    @property
    def paths(self) -> tuple[Path, ...]:
        """What was dropped; empty for pictures that did not come from files."""
        return tuple(path for drop in self._drops for path in drop)

    @property
    def drops(self) -> Drops:
        """The same by what was dropped together."""
        return self._drops

    @property
    def image_set(self) -> ImageSet | None:
        """The prepared set, which may be a moment behind the decisions."""
        return self._state.image_set

    @property
    def report(self) -> ImportReport | None:
        """How the pictures were taken in; None where they did not come from files."""
        return self._state.report

    @property
    def notes(self) -> tuple[str, ...]:
        """How files were read, where that is not plain."""
        return () if self._catalog is None else self._catalog.notes

    @property
    def preparation(self) -> Preparation:
        """How pictures come in, as decided."""
        return self._decided.preparation

    @property
    def options(self) -> ScanOptions:
        """How files are looked at, as decided."""
        return self._decided.options

    @property
    def concrete(self) -> Preparation:
        """The decided preparation with size and channels filled in as far as the last set tells them."""
        chosen, known = self.preparation, self._state.image_set
        if known is None:
            return chosen
        size = chosen.size or (known.width, known.height)
        return replace(chosen, size=size, channels=chosen.channels or known.channels)

    @property
    def working(self) -> JobHandle | None:
        """The preparation that goes on; None when the set is what was decided."""
        return self._handle

    @property
    def settled(self) -> bool:
        """Whether the state's set is what was decided."""
        return self._decided == self._carried_out and self._handle is None

    @property
    def health(self) -> HealthReport | None:
        """What is to be known about the set, as far as it was looked at; None without one."""
        return self._examination.health

    @property
    def left_out(self) -> NDArray[np.int64]:
        """The catalog's numbers of the pictures that are left out, ascending."""
        if self._left_out is None:
            excluded = self.preparation.excluded
            known = self._index is not None and excluded
            self._left_out = self._index.places(excluded) if known else np.zeros(0, np.int64)
        return self._left_out

    @property
    def classes(self) -> ClassesShown | None:
        """The classes as they will be; None while names are looked at."""
        if self._classes is None and self._index is not None:
            self._classes = self._index.shown(self.preparation)
        return self._classes

    def class_of(self, index: int) -> str | None:
        """The class of the catalog's picture `index` as it will be."""
        return None if self.classes is None else self.classes.name_of(index)

    def places_of(self, positions: Iterable[int]) -> list[int]:
        """The catalog's numbers of pictures given by their position in the prepared set."""
        if self._origins is None:
            return [int(position) for position in positions]
        return self._origins.indices[np.asarray(list(positions), dtype=np.int64)].tolist()

    def places_in_set(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in the prepared set these pictures of the catalog are: the position of the first piece of each, and how
        many pieces there are; 0 for what is not in it."""
        if self._origins is None:
            return indices, np.ones(len(indices), np.int64)
        first = np.searchsorted(self._origins.indices, indices)
        return first, np.searchsorted(self._origins.indices, indices, side="right") - first

    # Opening

    def take(self, opened: OpenedData) -> None:
        """This data set is open now, in place of the one before."""
        self._stop_working()
        before = self._catalog
        self._data = object()
        self._drops, self._catalog, self._index = opened.drops, opened.catalog, opened.index
        self._origins = opened.origins
        self._decided = _Decisions(self._data, opened.catalog.options, opened.preparation)
        self._carried_out = self._decided
        self._left_out = self._classes = None
        if before is not None:
            before.close()
        self._set_image_set(opened.image_set, opened.report)
        self.opened.emit()

    def set_augmentation(self, augmentation: Augmentation) -> None:
        """What training may do to pictures, for the preview."""
        if augmentation != self.augmentation:
            self.augmentation = augmentation
            self.augmentation_changed.emit()

    # Deciding

    def decide(self, title: str, preparation: Preparation, merge: object = None) -> None:
        """Bring pictures in another way; can be undone as `title`. Decisions with the same `merge` are one."""
        self._push(title, replace(self._decided, preparation=preparation), merge)

    def look_differently(self, title: str, options: ScanOptions, merge: object = None) -> None:
        """Look at the files in another way (cut sheets, take frames); can be undone as `title`."""
        self._push(title, replace(self._decided, options=options), merge)

    def leave_out(self, indices: Iterable[int]) -> None:
        """Leave these pictures of the catalog out."""
        names = self._names(indices) - self.preparation.excluded
        if names:
            self.decide(_counted("Leave out", len(names)), edits.exclude(self.preparation, names))

    def bring_back(self, indices: Iterable[int]) -> None:
        """Take these pictures of the catalog after all."""
        names = self._names(indices) & self.preparation.excluded
        if names:
            self.decide(_counted("Bring back", len(names)), edits.include(self.preparation, names))

    def relabel(self, indices: Iterable[int], class_name: str) -> None:
        """Give these pictures of the catalog this class, which may be a new one."""
        assert self._index is not None
        chosen = [index for index in indices if self.class_of(index) != class_name]
        if not chosen or not class_name.strip():
            return
        class_name = class_name.strip()
        renamed = self.preparation.renamed
        back, given = [], []
        for index in chosen:
            code = int(self._index.classes[index])
            own = self._index.class_names[code] if code >= 0 else None
            (back if own is not None and renamed.get(own, own) == class_name else given).append(
                self._index.names[index]
            )
        preparation = edits.relabel(edits.relabel(self.preparation, back, None), given, class_name)
        self.decide(_counted(f"Call {class_name}", len(chosen)), preparation)

    def rename_class(self, before: str, after: str) -> None:
        """Give a class another name; with the name of another class the two become one."""
        assert self._index is not None
        after = after.strip()
        if not after or after == before:
            return
        self.decide(f"Rename {before}", edits.rename_class(self.preparation, before, after))

    def set_focus(self, index: int, focus: tuple[float, float] | None, merge: object = None) -> None:
        """The point of a picture that stays in view; None for its middle."""
        assert self._index is not None
        names = (self._index.names[index],)
        self.decide("Crop", edits.set_focus(self.preparation, names, focus), merge)

    def cut_sheet(self, name: str, grid: SheetGrid | None, merge: object = None) -> None:
        """Cut the sheet of this name by a grid, or take it as one picture."""
        others = tuple(entry for entry in self.options.sheets if entry[0] != name)
        sheets = (*others, (name, grid))
        self.look_differently("Cut the sheet", replace(self.options, sheets=sheets), merge)

    def _names(self, indices: Iterable[int]) -> frozenset[str]:
        assert self._index is not None
        return frozenset(self._index.names[int(index)] for index in indices)

    def _push(self, title: str, decisions: _Decisions, merge: object) -> None:
        if decisions == self._decided:
            return
        undo_stack_of(self._state).push(Change(title, self._decide, self._decided, decisions, merge))

    def _decide(self, decisions: object) -> None:
        assert isinstance(decisions, _Decisions)
        # What was decided about another data set has gone with it.
        if decisions.data is not self._data or decisions == self._decided:
            return
        self._decided = decisions
        self._left_out = self._classes = None
        self._settle.start()
        self.changed.emit()
        self.working_changed.emit()

    # Carrying out

    @Slot()
    def _carry_out(self) -> None:
        if self._runner is None or self._catalog is None or not self._runner.accepting:
            return
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._decided == self._carried_out:
            self.working_changed.emit()
            return
        decided = self._decided
        if decided.options == self._carried_out.options:
            handle = self._runner.interject(prepare_data(self._catalog, decided.preparation), "Preparing pictures")
            handle.succeeded.connect(self._on_prepared)
        else:
            job = open_drops(self._drops, decided.options, decided.preparation, name=self._catalog.title)
            handle = self._runner.interject(job, "Looking at the pictures again")
            handle.succeeded.connect(self._on_looked_again)
        handle.failed.connect(self._on_failed)
        handle.cancelled.connect(self._on_cancelled)
        self._handle = handle
        self._pending = decided
        self.working_changed.emit()

    @Slot(object)
    def _on_prepared(self, result: object) -> None:
        if self.sender() is not self._handle:
            return
        self._handle = None
        self._carried_out = self._pending
        self._origins = result.origins
        self._set_image_set(result.image_set, result.report)
        self.working_changed.emit()
        self.prepared.emit()

    @Slot(object)
    def _on_looked_again(self, opened: OpenedData) -> None:
        if self.sender() is not self._handle:
            opened.catalog.close()
            return
        self._handle = None
        before, self._catalog, self._index = self._catalog, opened.catalog, opened.index
        self._origins = opened.origins
        self._carried_out = self._pending
        self._left_out = self._classes = None
        if before is not None:
            before.close()
        self._set_image_set(opened.image_set, opened.report)
        self.working_changed.emit()
        self.opened.emit()
        self.prepared.emit()

    @Slot(object, str)
    def _on_failed(self, error: StudioError, details: str) -> None:
        if self.sender() is self._handle:
            self._handle = None
            self.working_changed.emit()
            self.failed.emit(error, details)

    @Slot()
    def _on_cancelled(self) -> None:
        # A person pressed Cancel: what was decided is taken back, for nothing would follow it.
        if self.sender() is self._handle:
            self._handle = None
            self._decided = self._carried_out
            self._left_out = self._classes = None
            self.changed.emit()
            self.working_changed.emit()

    def cancel(self) -> None:
        """Stop the preparation that goes on; things are again as they were before it."""
        if self._handle is not None:
            self._handle.cancel()

    def _set_image_set(self, image_set: ImageSet, report: object) -> None:
        self._own = image_set
        self._examination.forget(self._origins, self._carried_out.preparation)
        self._state.set_image_set(image_set, report)
        self._examination.begin()

    @Slot()
    def _on_image_set(self) -> None:
        """Somebody else opened pictures: those of a run that goes on, of a script."""
        image_set = self._state.image_set
        # A training that goes on brings its own pictures, which may be these.
        if self._runner is None or (image_set is not None and image_set is self._own):
            return
        self._own = image_set
        self._stop_working()
        before = self._catalog
        self._data = object()
        self._drops, self._index, self._origins = (), None, None
        self._decided = _Decisions(self._data, ScanOptions(), Preparation())
        self._carried_out = self._decided
        self._left_out = self._classes = None
        self._examination.forget(None, Preparation())
        if before is not None:
            before.close()
        self._catalog = None if image_set is None else catalog_of(image_set)
        if self._catalog is not None:
            self._indexing = self._runner.interject(index_data(self._catalog), "Looking at names")
            self._indexing.succeeded.connect(self._on_indexed)
            self._examination.begin()
        self.opened.emit()

    @Slot(object)
    def _on_indexed(self, index: CatalogIndex) -> None:
        if self.sender() is self._indexing:
            self._indexing = None
            self._index = index
            self._classes = None
            self.opened.emit()

    def _stop_working(self) -> None:
        self._settle.stop()
        self._examination.stop()
        for handle in (self._handle, self._indexing):
            if handle is not None:
                handle.cancel()
        self._handle = self._indexing = None
        self.working_changed.emit()


def _counted(words: str, count: int) -> str:
    return f"{words}: 1 picture" if count == 1 else f"{words}: {count:,} pictures"


def data_editing_of(state: StudioState, runner: Runner | None = None) -> DataEditing:
    """The one DataEditing of a window's state, made at the first call; works once it was given a runner."""
    found = state.findChild(DataEditing)
    editing = found if found is not None else DataEditing(state)
    if runner is not None:
        editing.use(runner)
    return editing
