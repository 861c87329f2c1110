"""Runs from the same noise, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QShowEvent, Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.arrangements import COMPARE, DENOISE
from studio.app.comparing.choices import Question
from studio.app.comparing.comparing import comparing_of
from studio.app.comparing.export import (
    ARRAY_KINDS,
    NUMBER_KINDS,
    SHEET_KINDS,
    arrays_job,
    film_job,
    settled,
    sheet_job,
    table_job,
)
from studio.app.comparing.pictures import CellPictures
from studio.app.docks.compare.start import CompareStart
from studio.app.docks.compare.transport import CompareTransport
from studio.app.microscope.model_facts import duration
from studio.app.microscope.step_equation import shown_time
from studio.app.microscope.transport import handle_transport_key
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.banner import Banner
from studio.app.widgets.comparison_grid import ComparisonGrid, GridCell, TableShape
from studio.app.widgets.comparison_scrubber import ComparisonScrubber, SharedFilm
from studio.app.widgets.controls import MINUS, Label
from studio.app.widgets.export_menu import ExportButton, film_kinds
from studio.app.widgets.view_switch import ViewSwitch
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_GROWTH_MS = 60
_FILM_RATE = 12.0


class CompareStage(QWidget):
    """Questions to begin with, then the table of cells with one playhead for all."""

    opened = Signal(object)
    """int: a cell was put under the microscope."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare-stage")
        self._state = state
        self._runner = runner
        self._comparing = comparing_of(state)
        self._pictures: CellPictures | None = None
        self._grown: set[int] = set()
        # Steps may come in faster than a table is worth drawing anew.
        self._growth = QTimer(self)
        self._growth.setSingleShot(True)
        self._growth.setInterval(_GROWTH_MS)
        self._growth.timeout.connect(self._show_grown)
        self._stale = True
        self._build()
        self._connect()
        self._show_album()

    def _build(self) -> None:
        self.view_switch = ViewSwitch(COMPARE, self)
        self._title = Label("", size=FontSize.HEADLINE, weight=600)
        self._held = Label("", role="muted", size=FontSize.LABEL, elided=True)
        self.export = ExportButton(self, "Save this comparison…")
        self.export.add("Labelled sheet of this moment", "comparison.png", SHEET_KINDS, self._save_sheet)
        self.export.add("Film with labels", "comparison.gif", film_kinds(), self._save_film)
        self.export.add("Pictures and noise as arrays", "comparison.npz", ARRAY_KINDS, self._save_arrays)
        self.export.add("Numbers of the cells", "comparison.csv", NUMBER_KINDS, self._save_table)
        header = QHBoxLayout()
        header.setSpacing(Space.M)
        header.addWidget(self._title)
        header.addWidget(self._held, 1)
        header.addWidget(self.view_switch)
        header.addWidget(self.export)
        self._banner = Banner()
        self.start_page = CompareStart(self._state)
        self.grid = ComparisonGrid()
        self.transport = CompareTransport(self._state)
        self.scrubber = ComparisonScrubber()
        self._numbers = Label("", role="muted", size=FontSize.LABEL, elided=True)
        table = QWidget()
        column = QVBoxLayout(table)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.grid, 1)
        column.addWidget(self._numbers)
        column.addWidget(self.transport)
        column.addWidget(self.scrubber)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.S)
        layout.addLayout(header)
        layout.addWidget(self._banner)
        layout.addWidget(self._pages, 1)

    def _connect(self) -> None:
        comparing, playback = self._comparing, self._comparing.playback
        comparing.album_changed.connect(self._show_album)
        comparing.cells_grew.connect(self._grow)
        comparing.view_changed.connect(self._show_view)
        comparing.running_changed.connect(self._show_running)
        comparing.failed.connect(self._show_error)
        comparing.exported.connect(self._show_exported)
        playback.position_changed.connect(self._show_moment)
        self.start_page.asked.connect(self._ask)
        self.grid.cell_chosen.connect(self._choose_reference)
        self.grid.cell_opened.connect(self._open)
        self.grid.current_changed.connect(self._show_current)
        self.scrubber.seek_requested.connect(playback.seek)
        self.export.failed.connect(self._show_error)
        theme().changed.connect(self._retheme)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._comparing.album is None:
            super().keyPressEvent(event)
        elif event.key() == Qt.Key.Key_D and not event.modifiers():
            self.transport.difference.toggle()
        elif not handle_transport_key(self._comparing.playback, event):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._show_everything()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._comparing.playback.pause()
        self._stale = True

    @Slot(object)
    def _ask(self, question: Question) -> None:
        choice = self.start_page.choice()
        if choice is not None:
            self._comparing.set_settings(question.applied(self._comparing.settings))
            self._comparing.start(choice, self._runner)

    @Slot()
    def _show_album(self) -> None:
        album = self._comparing.album
        there = album is not None
        self._pictures = None if album is None else CellPictures(album)
        page = self._pages.widget(1 if there else 0)
        focus = self.window().focusWidget()
        follows = there and focus is not None and self.start_page.isAncestorOf(focus)
        self._pages.setCurrentWidget(page)
        self.setFocusProxy(self.grid if there else self.start_page)
        if follows:
            self.grid.setFocus(Qt.FocusReason.OtherFocusReason)
        self.export.setEnabled(there)
        self.export.set_tooltip(
            "Save this comparison…", reason="" if there else "Compare first: there are no cells yet"
        )
        if album is None:
            self._title.setText("Compare")
            self._held.setText("")
            return
        comparison = album.comparison
        self._title.setText(comparison.title)
        self._held.setText(" · ".join((album.model_name, *comparison.held)))
        from studio.generation.comparison_sheet import arranged

        count, _, height, width = album.runs[0].batch_shape
        self.grid.set_table(
            TableShape(comparison.row_labels, comparison.column_labels, (width, height), *arranged(count))
        )
        self._show_everything()

    @Slot()
    def _show_view(self) -> None:
        self._show_everything()

    @Slot(object)
    def _grow(self, cells: Sequence[int]) -> None:
        self._grown.update(cells)
        if not self._growth.isActive():
            self._growth.start()

    @Slot()
    def _show_grown(self) -> None:
        cells, self._grown = self._grown, set()
        album, view = self._comparing.album, self._comparing.view
        if album is None or view is None or not self.isVisible():
            return
        self.grid.set_busy(self._comparing.current_cell)
        # When the reference moves, so do all differences from it.
        everything = view.reference in cells and (view.difference or len(cells) > 1)
        self._show_cells(range(len(album.runs)) if everything else sorted(cells))
        if view.reference in cells:
            self._show_film()
        self._show_numbers()

    @Slot()
    def _show_running(self) -> None:
        if self._comparing.running:
            self._banner.clear()
        self._show_everything()
        self.grid.set_busy(self._comparing.current_cell)

    @Slot()
    def _show_everything(self) -> None:
        album, view = self._comparing.album, self._comparing.view
        if album is None or view is None:
            return
        if not self.isVisible():
            self._stale = True
            return
        self._stale = False
        self.grid.set_reference(view.reference)
        self._show_cells(range(len(album.runs)))
        self._show_film()
        self._show_numbers()

    @Slot()
    def _show_moment(self) -> None:
        album = self._comparing.album
        if album is None or not self.isVisible():
            self._stale = True
            return
        self._show_cells(range(len(album.runs)))
        self.scrubber.set_position(self._comparing.playback.position)
        self._show_numbers()

    def _show_cells(self, cells: Sequence[int]) -> None:
        album, view, time, pictures = (
            self._comparing.album,
            self._comparing.view,
            self._comparing.time,
            self._pictures,
        )
        if album is None or view is None or time is None or pictures is None:
            return
        moment, busy = self._comparing.playback.position, self._comparing.current_cell
        for cell in cells:
            there = album.is_there(cell)
            distance = pictures.distance(cell, moment, time, view) if there else None
            measure = "reference" if cell == view.reference else "" if distance is None else f"RMS {distance:.2f}"
            waiting = "" if there or not self._comparing.running else "waits"
            self.grid.set_cell(
                cell,
                GridCell(
                    images=pictures.images(cell, moment, time, view),
                    moment=self._time_words(cell) if there else waiting or "not made",
                    measure=measure if there else "",
                    busy=cell == busy,
                    name=album.comparison.cells[cell].label,
                ),
            )

    def _time_words(self, cell: int) -> str:
        album = self._comparing.album
        assert album is not None
        steps, position = len(album.runs[cell].pairs), self._comparing.position(cell)
        position = min(position, len(album.traces[cell]))
        if cell == self._comparing.current_cell:
            return f"{len(album.traces[cell])} of {steps}"
        if position == steps:
            calls = album.calls[cell]
            return "1 call" if calls == 1 else f"{calls:,} calls"
        return f"t {shown_time(album.runs[cell].pairs[position][0])}"

    def _show_film(self) -> None:
        album, view, time, pictures = (
            self._comparing.album,
            self._comparing.view,
            self._comparing.time,
            self._pictures,
        )
        if album is None or view is None or time is None or pictures is None:
            self.scrubber.set_film(None)
            return
        plain = type(view)(view.shown, view.alignment, view.reference)

        def thumbnail(moment: int) -> QImage | None:
            images = pictures.images(view.reference, moment, time, plain)
            return images[0] if images else None

        _, height, width = album.runs[0].shape
        cell = self.grid.current
        other = cell is not None and cell != view.reference
        self.scrubber.set_film(
            SharedFilm(
                time.count,
                tuple(_moment_label(time, moment) for moment in range(time.count)),
                thumbnail,
                (width, height),
                album.comparison.cells[view.reference].label,
                pictures.distances(cell, time, view) if other else None,
                f"RMS {MINUS} {album.comparison.cells[cell].label}" if other else "",
            )
        )
        self.scrubber.set_position(self._comparing.playback.position)

    @Slot()
    def _show_current(self) -> None:
        self._show_film()
        self._show_numbers()

    def _show_numbers(self) -> None:
        """The numbers of the cell that is pointed at."""
        album, view, time, cell = (
            self._comparing.album,
            self._comparing.view,
            self._comparing.time,
            self.grid.current,
        )
        if album is None or view is None or time is None:
            return
        if cell is None:
            self._numbers.setText("Click a cell to measure the others against it, double-click to see its steps")
            return
        steps, calls = len(album.runs[cell].pairs), album.calls[cell]
        parts = [album.comparison.cells[cell].label]
        if not album.is_there(cell):
            self._numbers.setText(f"{parts[0]} · {steps} steps, {calls} model calls, not made yet")
            return
        position = min(self._comparing.position(cell), len(album.traces[cell]))
        t = shown_time(album.runs[cell].pairs[position][0]) if position < steps else 0
        parts += [f"step {position} of {steps}", f"t = {t}", f"{calls:,} model calls"]
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

    @Slot(object)
    def _open(self, cell: int) -> None:
        if self._comparing.open_in_microscope(cell):
            self.opened.emit(cell)
            self.view_switch.chosen.emit(DENOISE)

    @Slot()
    def _retheme(self) -> None:
        if self._pictures is not None:
            self._pictures.forget_images()
            self._show_everything()
        self.update()

    @Slot(object)
    def _show_error(self, error: StudioError) -> None:
        self._banner.show_error(error)

    @Slot(object)
    def _show_exported(self, path: object) -> None:
        self._banner.show_message(f"The comparison was saved as {path}.", kind="ok")

    def _save_sheet(self, path: Path) -> object:
        album, view = self._comparing.album, self._comparing.view
        assert album is not None
        assert view is not None
        job = sheet_job(settled(album), view, self._comparing.playback.position, path)
        return self._comparing.export(job, path, self._runner)

    def _save_film(self, path: Path) -> object:
        album, view = self._comparing.album, self._comparing.view
        assert album is not None
        assert view is not None
        rate = min(self._comparing.playback.rate, _FILM_RATE)
        return self._comparing.export(film_job(settled(album), view, rate, path), path, self._runner)

    def _save_arrays(self, path: Path) -> object:
        album = self._comparing.album
        assert album is not None
        return self._comparing.export(arrays_job(settled(album), path), path, self._runner)

    def _save_table(self, path: Path) -> object:
        album, view = self._comparing.album, self._comparing.view
        assert album is not None
        assert view is not None
        return self._comparing.export(table_job(settled(album), view.reference, path), path, self._runner)


def _moment_label(time: object, moment: int) -> str:
    if time.alignment == "share":
        return f"{time.share(moment):.0%}".replace("%", "\u2009%")
    level = time.level(moment)
    if level is not None:
        return str(level)
    decibels = time.decibels(moment)
    return "picture" if decibels == float("inf") else f"{decibels:.0f} dB".replace("-", MINUS)
