"""Runs from the same noise, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.arrangements import COMPARE
from studio.app.comparing.choices import Question
from studio.app.comparing.comparing import comparing_of
from studio.app.comparing.export import (
    ARRAY_KINDS,
    SHEET_KINDS,
    TABLE_KINDS,
    arrays_job,
    film_job,
    settled,
    sheet_job,
    table_job,
)
from studio.app.docks.compare.start import CompareStart
from studio.app.docks.compare.table import CompareTable
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import Label
from studio.app.widgets.export_menu import ExportButton, film_kinds
from studio.app.widgets.view_switch import ViewSwitch
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.generation.comparison_export import Album, View

_FILM_RATE = 12.0
_EXPORT = "Save this comparison…"


class CompareStage(QWidget):
    """Questions to begin with, then the table of cells."""

    opened = Signal(object)
    """int: the run of this cell was put under the microscope."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare-stage")
        self._runner = runner
        self._comparing = comparing_of(state)
        self.view_switch = ViewSwitch(COMPARE, self)
        self.start_page = CompareStart(state)
        self.table = CompareTable(state)
        self.export = ExportButton(self, _EXPORT)
        self._title = Label("", size=FontSize.HEADLINE, weight=600)
        self._held = Label("", role="muted", size=FontSize.LABEL, elided=True)
        self._banner = Banner()
        self._pages = QStackedWidget()
        self._lay_out()
        self._connect()
        self._show_album()

    def _lay_out(self) -> None:
        self.export.add("Labelled sheet of this moment", "comparison.png", SHEET_KINDS, self._save_sheet)
        self.export.add("Film with labels", "comparison.gif", film_kinds(), self._save_film)
        self.export.add("Pictures and noise as arrays", "comparison.npz", ARRAY_KINDS, self._save_arrays)
        self.export.add("Numbers of the cells", "comparison.csv", TABLE_KINDS, self._save_table)
        header = QHBoxLayout()
        header.setSpacing(Space.M)
        header.addWidget(self._title)
        header.addWidget(self._held, 1)
        header.addWidget(self.view_switch)
        header.addWidget(self.export)
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.S)
        layout.addLayout(header)
        layout.addWidget(self._banner)
        layout.addWidget(self._pages, 1)

    def _connect(self) -> None:
        comparing = self._comparing
        comparing.album_changed.connect(self._show_album)
        comparing.running_changed.connect(self._clear_error)
        comparing.failed.connect(self._show_error)
        comparing.exported.connect(self._show_exported)
        self.start_page.asked.connect(self._ask)
        self.table.cell_opened.connect(self._open)
        self.export.failed.connect(self._show_error)
        theme().changed.connect(self._repaint)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))
        painter.end()

    @Slot(object)
    def _ask(self, question: Question) -> None:
        choice = self.start_page.choice()
        if choice is not None:
            self._comparing.set_settings(question.applied(self._comparing.settings))
            self._comparing.start(choice, self._runner)

    @Slot()
    def _show_album(self) -> None:
        album = self._comparing.album
        page = self.start_page if album is None else self.table
        # The card that was pressed goes away; its keys go on to the playhead rather than to some other panel.
        focus = self.window().focusWidget()
        follows = page is self.table and focus is not None and self.start_page.isAncestorOf(focus)
        self._pages.setCurrentWidget(page)
        self.setFocusProxy(page)
        if follows:
            page.setFocus(Qt.FocusReason.OtherFocusReason)
        self.export.setEnabled(album is not None)
        self.export.set_tooltip(_EXPORT, reason="" if album is not None else "Compare first: there are no cells yet")
        self._title.setText("Compare" if album is None else album.comparison.title)
        self._held.setText("" if album is None else " · ".join((album.model_name, *album.comparison.held)))

    @Slot(object)
    def _open(self, cell: int) -> None:
        if self._comparing.open_in_microscope(cell):
            self.opened.emit(cell)

    @Slot(bool)
    def _clear_error(self, running: bool) -> None:
        if running:
            self._banner.clear()

    @Slot(object)
    def _show_error(self, error: StudioError) -> None:
        self._banner.show_error(error)

    @Slot(object)
    def _show_exported(self, path: object) -> None:
        self._banner.show_message(f"The comparison was saved as {path}.", kind="ok")

    @Slot()
    def _repaint(self) -> None:
        self.update()

    def _shown(self) -> tuple[Album, View]:
        album, view = self._comparing.album, self._comparing.view
        assert album is not None
        assert view is not None
        return settled(album), view

    def _save_sheet(self, path: Path) -> object:
        album, view = self._shown()
        job = sheet_job(album, view, self._comparing.playback.position, path)
        return self._comparing.export(job, path, self._runner)

    def _save_film(self, path: Path) -> object:
        rate = min(self._comparing.playback.rate, _FILM_RATE)
        return self._comparing.export(film_job(*self._shown(), rate, path), path, self._runner)

    def _save_arrays(self, path: Path) -> object:
        album, _ = self._shown()
        return self._comparing.export(arrays_job(album, path), path, self._runner)

    def _save_table(self, path: Path) -> object:
        album, view = self._shown()
        return self._comparing.export(table_job(album, view.reference, path), path, self._runner)
