"""How near the predicted pictures of a run come to the training pictures: searched for in the background."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app.microscope.measures import Nearest

if TYPE_CHECKING:
    from studio.app.microscope.denoising import Denoising
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.data.image_set import ImageSet
    from studio.diffusion.trace import Trace
    from studio.errors import StudioError

_SETTLE_MS = 300
"""Whoever goes through the pictures of a batch does not want every one of them compared."""
_READ_AT_A_TIME = 25


class NearestSearch(QObject):
    """Compares the picture under the microscope, once its run stands still, with the open training pictures.

    Only while it is `wanted`: whoever shows the distances says so.
    """

    changed = Signal()
    """What is known, or why it is not, changed."""

    def __init__(self, denoising: Denoising, state: StudioState, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._denoising = denoising
        self._state = state
        self._runner = runner
        self._wanted = False
        self._handle: JobHandle | None = None
        self._searched: tuple[Trace, int, ImageSet] | None = None
        self._failed = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._search)
        for signal in (denoising.frames_changed, denoising.picture_changed, denoising.running_changed):
            signal.connect(self._look_again)
        state.image_set_changed.connect(self._take_image_set)

    def set_wanted(self, wanted: bool) -> None:
        """Whether the distances are on the screen."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._look_again()

    @property
    def note(self) -> str:
        """Why the distances are not known yet, in few words."""
        frames, image_set = self._denoising.frames, self._state.image_set
        if frames is None:
            return ""
        if image_set is None:
            return "open the training pictures to see how near"
        if not _fits(image_set, frames.picture_shape):
            channels, height, width = frames.picture_shape
            colours = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
            return f"the open pictures are not {width}×{height} {colours}"
        if self._failed:
            return "the pictures could not be compared"
        return "compared when the run stands still" if self._denoising.running else "comparing…"

    @Slot()
    def _look_again(self) -> None:
        self._failed = False
        wish = self._wish()
        if self._handle is not None and wish != self._searched:
            self._handle.cancel()
        if wish is not None and wish != self._searched:
            self._settle.start()
        else:
            self._settle.stop()
        self.changed.emit()

    @Slot()
    def _take_image_set(self) -> None:
        if self._denoising.frames is not None:
            self._denoising.frames.measures.forget_nearest()
        self._look_again()

    def _wish(self) -> tuple[Trace, int, ImageSet] | None:
        """What there is to search for now."""
        frames, image_set, picture = self._denoising.frames, self._state.image_set, self._denoising.picture
        if not self._wanted or frames is None or not frames.step_count or image_set is None or self._denoising.running:
            return None
        if not _fits(image_set, frames.picture_shape):
            return None
        known = frames.measures.nearest(picture)
        if known is not None and known.image_set is image_set and len(known.distances) == frames.step_count:
            return None
        return frames.trace, picture, image_set

    @Slot()
    def _search(self) -> None:
        wish = self._wish()
        if wish is None or not self._runner.accepting:
            return
        if self._handle is not None:
            # The one before has still to end.
            self._settle.start()
            return
        self._searched = wish
        self._handle = self._runner.interject(_nearest_job(*wish), "Comparing with the training pictures")
        self._handle.succeeded.connect(self._take)
        self._handle.failed.connect(self._take_failure)
        self._handle.finished.connect(self._end)

    @Slot(object)
    def _take(self, nearest: Nearest | None) -> None:
        if nearest is not None and self._searched is not None:
            trace, picture, _ = self._searched
            self._denoising.frames_of(trace).measures.set_nearest(picture, nearest)

    @Slot(object, str)
    def _take_failure(self, error: StudioError, details: str) -> None:
        # The log has it; a lane is not worth a banner.
        self._failed = True

    @Slot()
    def _end(self) -> None:
        failed, self._handle, self._searched = self._failed, None, None
        if failed:
            self.changed.emit()
        else:
            self._look_again()


def _fits(image_set: ImageSet, shape: tuple[int, int, int]) -> bool:
    return (image_set.channels, image_set.height, image_set.width) == tuple(shape)


def _nearest_job(trace: Trace, picture: int, image_set: ImageSet) -> Iterator[object]:
    from studio.data.pixels import to_pictures
    from studio.evaluation.nearest import nearest_pictures

    predictions = []
    for index in range(len(trace)):
        try:
            predictions.append(to_pictures(trace.frame(index, picture).x0)[0])
        except (IndexError, KeyError):
            # The run was discarded meanwhile.
            return None
        if index % _READ_AT_A_TIME == 0:
            yield None
    found = yield from nearest_pictures(np.stack(predictions), image_set.images)
    return Nearest(image_set, found.distances[:, 0], found.indices[:, 0])
