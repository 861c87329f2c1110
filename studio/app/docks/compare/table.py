"""The table of cells, the numbers of the one that is pointed at, and one playhead for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QShowEvent, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.comparing.comparing import comparing_of
from studio.app.comparing.pictures import CellPictures
from studio.app.docks.compare.transport import CompareTransport
from studio.app.microscope.model_facts import duration
from studio.app.microscope.step_equation import shown_time
from studio.app.microscope.transport import handle_transport_key
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.comparison_grid import ComparisonGrid, GridCell
from studio.app.widgets.comparison_layout import TableShape
from studio.app.widgets.comparison_scrubber import ComparisonScrubber, SharedFilm
from studio.app.widgets.controls import MINUS, Label

if TYPE_CHECKING:
    from studio.app.state import StudioState
    from studio.generation.comparison_export import Album, View
    from studio.generation.comparison_run import SharedTime

_GROWTH_MS = 60
_HINT = "Click a cell to measure the others against it, double-click it to see its steps"


class CompareTable(QWidget):
    """Shows the album of the Comparing. `cell_opened(object)`: the number of a cell that was double-clicked."""

    cell_opened = Signal(object)

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparing = comparing_of(state)
        self._pictures: CellPictures | None = None
        self._labels: tuple[SharedTime | None, tuple[str, ...]] = (None, ())
        self._stale = True
        self._grown: set[int] = set()
        # Steps may come in faster than a table is worth drawing anew.
        self._growth = QTimer(self)
        self._growth.setSingleShot(True)
        self._growth.setInterval(_GROWTH_MS)
        self._growth.timeout.connect(self._show_grown)
        self.grid = ComparisonGrid()
        self.transport = CompareTransport(state)
        self.scrubber = ComparisonScrubber()
        self._numbers = Label("", role="muted", size=FontSize.LABEL, elided=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.grid, 1)
        for widget in (self._numbers, self.transport, self.scrubber):
            column.addWidget(widget)
        self.setFocusProxy(self.grid)
        self._connect()
        self._begin()

    def _connect(self) -> None:
        comparing, playback = self._comparing, self._comparing.playback
        comparing.album_changed.connect(self._begin)
        comparing.cells_grew.connect(self._grow)
        comparing.view_changed.connect(self._show)
        comparing.running_changed.connect(self._show)
        playback.position_changed.connect(self._show_moment)
        self.grid.cell_chosen.connect(self._choose_reference)
        self.grid.cell_opened.connect(self.cell_opened)
        self.grid.current_changed.connect(self._show_current)
        self.scrubber.seek_requested.connect(playback.seek)
        theme().changed.connect(self._retheme)

    @property
    def numbers(self) -> str:
        """The line of numbers as it is read."""
        return self._numbers.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._comparing.album is not None and event.key() == Qt.Key.Key_D and not event.modifiers():
            self.transport.difference.toggle()
        elif not handle_transport_key(self._comparing.playback, event):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._show()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._comparing.playback.pause()

    def _now(self) -> tuple[Album, View, SharedTime, CellPictures] | None:
        comparing = self._comparing
        if comparing.album is None or comparing.view is None or comparing.time is None or self._pictures is None:
            return None
        return comparing.album, comparing.view, comparing.time, self._pictures

    @Slot()
    def _begin(self) -> None:
        album = self._comparing.album
        self._pictures = None if album is None else CellPictures(album)
        if album is None:
            self.grid.set_table(None)
            return
        from studio.generation.comparison_sheet import arranged

        count, _, height, width = album.runs[0].batch_shape
        comparison = album.comparison
        self.grid.set_table(
            TableShape(comparison.row_labels, comparison.column_labels, (width, height), *arranged(count))
        )
        self._show()

    @Slot(object)
    def _grow(self, cells: Iterable[int]) -> None:
        self._grown.update(cells)
        if not self._growth.isActive():
            self._growth.start()

    @Slot()
    def _show_grown(self) -> None:
        cells, self._grown = self._grown, set()
        now = self._now()
        if now is None or not self.isVisible():
            self._stale = True
            return
        album, view, _, _ = now
        cells &= set(range(len(album.runs)))
        self.grid.set_busy(self._comparing.current_cell)
        # When the reference moves, so do all differences from it.
        self._show_cells(range(len(album.runs)) if view.reference in cells else sorted(cells))
        if view.reference in cells:
            self._show_film()
        self._show_numbers()

    @Slot()
    def _show(self) -> None:
        now = self._now()
        self._stale = not self.isVisible()
        if now is None or self._stale:
            return
        album, view, _, _ = now
        self.grid.set_reference(view.reference)
        self._show_cells(range(len(album.runs)))
        self._show_film()
        self._show_numbers()

    @Slot()
    def _show_moment(self) -> None:
        now = self._now()
        if now is None or not self.isVisible():
            self._stale = True
            return
        self._show_cells(range(len(now[0].runs)))
        self.scrubber.set_position(self._comparing.playback.position)
        self._show_numbers()

    @Slot()
    def _show_current(self) -> None:
        self._show_film()
        self._show_numbers()

    def _show_cells(self, cells: Iterable[int]) -> None:
        now = self._now()
        if now is None:
            return
        album, view, time, pictures = now
        moment, busy = self._comparing.playback.position, self._comparing.current_cell
        for cell in cells:
            name = album.comparison.cells[cell].label
            if not album.is_there(cell):
                words = "waits" if self._comparing.running else "not made"
                self.grid.set_cell(cell, GridCell(moment=words, busy=cell == busy, name=name))
                continue
            distance = album.distance(cell, moment, time, view)
            measure = "reference" if cell == view.reference else "" if distance is None else f"RMS {distance:.2f}"
            images = pictures.images(cell, moment, time, view)
            self.grid.set_cell(cell, GridCell(images, self._moment_words(album, cell), measure, cell == busy, name))

    def _moment_words(self, album: Album, cell: int) -> str:
        steps, taken = len(album.runs[cell].pairs), len(album.traces[cell])
        position = min(self._comparing.position(cell), taken)
        if cell == self._comparing.current_cell:
            return f"{taken} of {steps}"
        if position == steps:
            calls = album.calls[cell]
            return "1 call" if calls == 1 else f"{calls:,} calls"
        return f"t {shown_time(album.runs[cell].pairs[position][0])}"

    def _show_film(self) -> None:
        now = self._now()
        if now is None:
            self.scrubber.set_film(None)
            return
        album, view, time, pictures = now
        # The film is of the reference, which differs from nothing.
        plain = replace(view, difference=False)

        def thumbnail(moment: int) -> QImage | None:
            images = pictures.images(view.reference, moment, time, plain)
            return images[0] if images else None

        _, height, width = album.runs[0].shape
        cell, labels = self.grid.current, [each.label for each in album.comparison.cells]
        other = cell is not None and cell != view.reference
        self.scrubber.set_film(
            SharedFilm(
                time.count,
                self._moment_labels(time),
                thumbnail,
                (width, height),
                labels[view.reference],
                pictures.distances(cell, time, view) if other and cell is not None else None,
                labels[cell] if other and cell is not None else "",
            )
        )
        self.scrubber.set_position(self._comparing.playback.position)

    def _moment_labels(self, time: SharedTime) -> tuple[str, ...]:
        # The same for as long as the axis is the same, and a thousand of them are not free.
        if self._labels[0] is not time:
            self._labels = (time, tuple(_moment_label(time, moment) for moment in range(time.count)))
        return self._labels[1]

    def _show_numbers(self) -> None:
        """The numbers of the cell that is pointed at."""
        now, cell = self._now(), self.grid.current
        if now is None or cell is None:
            self._numbers.setText(_HINT)
            return
        album, view, time, _ = now
        steps, calls = len(album.runs[cell].pairs), f"{album.calls[cell]:,} model calls"
        parts = [album.comparison.cells[cell].label]
        if not album.is_there(cell):
            self._numbers.setText(" · ".join((*parts, f"{steps} steps", calls, "not made yet")))
            return
        position = min(self._comparing.position(cell), len(album.traces[cell]))
        t = shown_time(album.runs[cell].pairs[position][0]) if position < steps else 0
        parts += [f"step {position} of {steps}", f"t = {t}", calls]
        if cell in album.seconds:
            parts.append(duration(album.seconds[cell]))
        distance = album.distance(cell, self._comparing.playback.position, time, view)
        if cell == view.reference:
            parts.append("the reference")
        elif distance is not None:
            parts.append(f"RMS difference {distance:.3f}")
        self._numbers.setText(" · ".join(parts))

    @Slot(object)
    def _choose_reference(self, cell: int) -> None:
        album = self._comparing.album
        if album is not None and album.is_there(cell):
            self._comparing.change_view(reference=cell)

    @Slot()
    def _retheme(self) -> None:
        if self._pictures is not None:
            self._pictures.forget_images()
            self._show()


def _moment_label(time: SharedTime, moment: int) -> str:
    if time.alignment == "share":
        return f"{100 * time.share(moment):.0f}\u2009%"
    level = time.level(moment)
    if level is not None:
        return str(level)
    decibels = time.decibels(moment)
    return "picture" if math.isinf(decibels) else f"{decibels:.0f} dB".replace("-", MINUS)
