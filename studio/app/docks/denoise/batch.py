"""The batch: all pictures of the run at the moment under the playhead; a click enlarges one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.transport import handle_transport_key
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.picture_grid import PictureGrid

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_EMPTY = "The pictures of a run appear here, each from its own noise."


class BatchDock(StudioDock):
    """Chooses which picture is under the microscope."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("batch", "Batch", "", parent)
        self._denoising = denoising_of(state)
        self._shown_position = -1
        self._shrink = 1
        self.grid = PictureGrid(name="Batch")
        self.grid.tooltip_for = self._tooltip
        empty = Label(_EMPTY, role="muted", size=FontSize.LABEL, wrap=True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        self._pages.addWidget(empty)
        self._pages.addWidget(self.grid)
        self.set_body(self._pages, padding=Space.S)
        self.grid.shrink_changed.connect(self._refit)
        self.grid.selected.connect(self._denoising.set_picture)
        self._denoising.picture_changed.connect(self._show_choice)
        self._denoising.frames_changed.connect(self._show_run)
        self._denoising.frames_grew.connect(self._show_if_stale)
        self._denoising.playback.position_changed.connect(self._show_moment)
        self._show_run()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_moment()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._shown_position = -1

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not handle_transport_key(self._denoising.playback, event):
            super().keyPressEvent(event)

    @Slot()
    def _show_run(self) -> None:
        frames = self._denoising.frames
        self._shown_position, self._shrink = -1, 1
        if frames is None:
            self.set_subtitle("")
            self._pages.setCurrentIndex(0)
            return
        count = frames.picture_count
        self.set_subtitle("one picture" if count == 1 else f"{count} pictures, one seed each")
        self._show_moment()

    @Slot()
    def _show_if_stale(self) -> None:
        if self._shown_position < 0:
            self._show_moment()

    @Slot()
    def _show_moment(self) -> None:
        frames = self._denoising.frames
        # A hidden panel must not cost time while scrubbing.
        if frames is None or not frames.count or not self.isVisible():
            return
        self._shown_position = self._denoising.playback.position
        _, height, width = frames.picture_shape
        self.grid.set_pictures(frames.pictures(self._shown_position, self._shrink), (width, height))
        self._pages.setCurrentIndex(1)
        self._show_choice()

    @Slot()
    def _refit(self) -> None:
        """Where pictures are drawn smaller than they are, they are read smaller too, which is several times faster."""
        if self.grid.shrink != self._shrink:
            self._shrink = self.grid.shrink
            self._show_moment()

    @Slot()
    def _show_choice(self) -> None:
        picture = self._denoising.picture
        if self.grid.selection() != picture and picture < self.grid.count:
            self.grid.set_selection(picture)

    @staticmethod
    def _tooltip(index: int) -> str:
        return f"Picture {index + 1}"
