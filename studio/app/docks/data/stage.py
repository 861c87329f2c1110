"""The Data page: every picture before it is learned, and every decision about it with what it leads to."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.arrangements import DATA
from studio.app.data.editing import data_editing_of
from studio.app.data.pictures import DataPictures
from studio.app.docks.data.detail import DetailPanel
from studio.app.docks.data.empty import EmptyData
from studio.app.docks.data.exporting import add_exports
from studio.app.docks.data.footer import GridFooter
from studio.app.docks.data.menus import DataMenu
from studio.app.docks.data.sheets import SheetEditor
from studio.app.docks.data.side import SidePanel
from studio.app.docks.data.toolbar import GridToolbar
from studio.app.docks.train.dataset_health import HealthLine, class_counts, size_words
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import FontSize, Size, Space, theme
from studio.app.undo import undo_stack_of
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import Label, SecondaryButton
from studio.app.widgets.data_grid import DataGrid
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.view_switch import ViewSwitch
from studio.data.report import ImportReport
from studio.data.sources.source import SheetFound
from studio.errors import StudioError

_LARGE_SET = 400
_LONGEST_TITLE = 380
_CELL_OF_MANY, _CELL_OF_FEW = 56, 96


class DataStage(QWidget):
    """Decisions at the left, all pictures in the middle, one of them closely at the right."""

    files_chosen = Signal(object)
    """Paths that were dropped."""
    browse_requested = Signal()
    starter_requested = Signal(str)

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("data-stage")
        self._state = state
        self.runner = runner
        self.editing = data_editing_of(state, runner)
        self.pictures = DataPictures(self.editing, self)
        self._only: tuple[str, np.ndarray, int] | None = None
        self._filtering = QTimer(self)
        self._filtering.setSingleShot(True)
        self._filtering.timeout.connect(self._show_filtered)
        self._make_widgets()
        self._lay_out()
        self._connect()
        self._on_opened()

    # Building

    def _make_widgets(self) -> None:
        self.headline = Label("Data", self, size=FontSize.HEADLINE, weight=600, elided=False)
        self.sentence = Label("", self, role="muted", elided=True)
        self.view_switch = ViewSwitch(DATA, self)
        self.export = ExportButton(self)
        self.more = SecondaryButton("Add or replace…", "drop", self)
        self.more.set_tooltip("Add or replace", reason="Choose files, or drop them anywhere in the window.")
        self.banner = Banner(self)
        self.side = SidePanel(self.editing, self)
        self.toolbar = GridToolbar(self)
        self.grid = DataGrid(self, name="Pictures of the data set")
        self.grid.cell_for = self.pictures.cell
        self.grid.before_paint = self.pictures.fill
        self.grid.words_for = self._words_for
        self.sheet_editor = SheetEditor(self.editing, self.runner, self)
        self.footer = GridFooter(self.editing, self)
        self.detail = DetailPanel(self.editing, self.pictures, self)
        self.empty = EmptyData(self)
        self.menu = DataMenu(self.editing, self)

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(Space.L, Space.S, Space.L, Space.S)
        header.setSpacing(Space.S)
        header.addWidget(self.headline)
        header.addSpacing(Space.XS)
        header.addWidget(self.sentence, 1)
        header.addWidget(self.more)
        header.addWidget(self.view_switch)
        header.addWidget(self.export)
        middle = QVBoxLayout()
        middle.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        middle.setSpacing(Space.S)
        pictures = QWidget(self)
        over = QVBoxLayout(pictures)
        over.setContentsMargins(0, 0, 0, 0)
        over.setSpacing(Space.S)
        over.addWidget(self.toolbar)
        over.addWidget(self.grid, 1)
        self._middle = QStackedWidget(self)
        self._middle.addWidget(pictures)
        self._middle.addWidget(self.sheet_editor)
        middle.addWidget(self._middle, 1)
        middle.addWidget(self.footer)
        filled = QWidget(self)
        row = QHBoxLayout(filled)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Size.DOCK_GAP)
        row.addWidget(self.side)
        centre = _Ground(filled)
        centre.setLayout(middle)
        row.addWidget(centre, 1)
        row.addWidget(self.detail)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(filled)
        head = _Ground(self)
        head.setLayout(header)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(self.banner)
        column.addSpacing(Size.DOCK_GAP)
        column.addWidget(self._pages, 1)

    def _connect(self) -> None:
        editing, grid, toolbar = self.editing, self.grid, self.toolbar
        editing.opened.connect(self._on_opened)
        editing.changed.connect(self._on_changed)
        editing.prepared.connect(self._on_prepared)
        editing.failed.connect(self._on_failed)
        self.pictures.changed.connect(self._refresh_cells)
        grid.wanted.connect(self.pictures.want)
        grid.selection_changed.connect(self._on_selection)
        grid.remove_requested.connect(self.toggle_left_out)
        grid.context_requested.connect(self._show_menu)
        grid.cell_size_changed.connect(self._on_cell_size)
        toolbar.filter_changed.connect(self._choose_filter)
        toolbar.view_changed.connect(self._choose_view)
        toolbar.larger_clicked.connect(grid.larger)
        toolbar.smaller_clicked.connect(grid.smaller)
        self.detail.leave_out_requested.connect(self.leave_out)
        self.detail.bring_back_requested.connect(self.bring_back)
        self.menu.leave_out_requested.connect(self.leave_out)
        self.menu.bring_back_requested.connect(self.bring_back)
        self.footer.left_out_clicked.connect(self.show_left_out)
        self.footer.all_clicked.connect(self.show_all)
        self.side.finding_chosen.connect(self.show_finding)
        self.side.class_chosen.connect(self.show_class)
        self.side.sheets.edit_requested.connect(self.edit_sheet)
        self.sheet_editor.closed.connect(self.show_grid)
        self.side.rename_requested.connect(self.menu.ask_new_name)
        self.empty.dropped.connect(self.files_chosen)
        self.empty.browse_requested.connect(self.browse_requested)
        self.empty.starter_requested.connect(self.starter_requested)
        self.more.clicked.connect(self.browse_requested)
        theme().changed.connect(self._repaint)
        add_exports(self.export, self)
        self.export.failed.connect(self.banner.show_error)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("window"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_cell_size()
        self.grid.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.pictures.rest()

    # Which pictures are shown

    def show_picture(self, index: int) -> None:
        """Choose a picture of the catalog and bring it into sight."""
        if not self.grid.choose(index):
            self.show_all()
            self.grid.choose(index)
        self.grid.setFocus()

    @Slot(object)
    def edit_sheet(self, sheet: SheetFound) -> None:
        """Show how a sheet is cut."""
        self.sheet_editor.edit(sheet)
        self._middle.setCurrentWidget(self.sheet_editor)
        self.sheet_editor.done.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def show_grid(self) -> None:
        """Show the pictures again."""
        self._middle.setCurrentIndex(0)

    @Slot()
    def show_all(self) -> None:
        """Every picture, whatever was looked for."""
        self._only = None
        self.toolbar.clear()
        self._show_filtered()

    @Slot()
    def show_left_out(self) -> None:
        """The pictures that are left out."""
        self._show_only("left out", self.editing.left_out, 0)

    @Slot(str)
    def show_class(self, name: str) -> None:
        """The pictures of a class."""
        self._only = None
        self.toolbar.classes.set_value(name)
        self._show_filtered()

    @Slot(object)
    def show_finding(self, finding: HealthLine) -> None:
        """The pictures that a line of the health report is about, side by side where they belong together."""
        if len(finding.pairs):
            # The earlier one first: what is a copy of it stands at its right.
            positions, group_size = finding.pairs[:, ::-1].ravel(), 2
        else:
            positions, group_size = finding.indices, 0
        places = self.editing.places_of(positions)
        self._show_only(finding.text, np.array(places, np.int64), group_size)

    def _show_only(self, words: str, indices: np.ndarray, group_size: int) -> None:
        self._only = (words, indices, group_size)
        self.toolbar.clear()
        self._show_filtered()
        if len(indices):
            self.grid.choose(int(indices[0]))

    @Slot()
    def _choose_filter(self) -> None:
        self._only = None
        self._show_filtered()

    @Slot()
    def _show_filtered(self) -> None:
        editing, catalog = self.editing, self.editing.catalog
        if catalog is None:
            self.grid.set_indices(())
            return
        current = self.grid.current()
        indices, group_size, words = np.arange(catalog.count), 0, ""
        if self._only is not None:
            words, indices, group_size = self._only
        elif editing.index is not None and editing.classes is not None:
            if self.toolbar.class_name is not None:
                indices = editing.classes.pictures_of(self.toolbar.class_name)
            if self.toolbar.words:
                found = editing.index.matching(self.toolbar.words)
                indices = found[np.isin(found, indices, assume_unique=True)]
        self.grid.set_indices(indices, group_size)
        if current is not None:
            self.grid.choose(current)
        filtered = self._only is not None or self.toolbar.class_name is not None or bool(self.toolbar.words)
        self.footer.show_shown(len(indices), catalog.count, words, filtered=filtered)

    # What happens

    @Slot()
    def _on_opened(self) -> None:
        catalog = self.editing.catalog
        sheet = self.sheet_editor.sheet
        if catalog is None or sheet is None or sheet.name not in {each.name for each in catalog.sheets}:
            self.show_grid()
        self._pages.setCurrentIndex(0 if catalog is None else 1)
        self.more.setVisible(catalog is not None)
        self.export.setEnabled(catalog is not None)
        self._only = None
        self.toolbar.clear()
        self.banner.clear()
        self.grid.set_indices(())
        self._show_classes()
        self._show_words()
        if catalog is not None:
            self.grid.set_cell_size(_CELL_OF_MANY if catalog.count > _LARGE_SET else _CELL_OF_FEW)
        self._show_filtered()
        if catalog is not None and catalog.count:
            self.grid.choose(0)

    @Slot()
    def _on_changed(self) -> None:
        self.banner.clear()
        self._show_classes()
        self._show_words()
        if self.toolbar.class_name is not None:
            # Pictures that changed their class leave, once this turn's work is done.
            self._filtering.start(0)
        self.detail.show_chosen(self.grid.current(), self.grid.chosen())

    @Slot()
    def _on_prepared(self) -> None:
        self._show_words()

    @Slot(object, str)
    def _on_failed(self, error: StudioError, details: str) -> None:
        self.banner.show_error(error, details, [("Undo", undo_stack_of(self._state).undo)])

    def _show_classes(self) -> None:
        classes = self.editing.classes
        self.toolbar.set_classes(classes.names if classes is not None else ())

    def _show_words(self) -> None:
        catalog, image_set = self.editing.catalog, self._state.image_set
        if catalog is None or image_set is None:
            self.headline.setText("Data")
            self.sentence.setText("see every picture before a network does")
            return
        metrics = self.headline.fontMetrics()
        self.headline.setText(metrics.elidedText(catalog.title, Qt.TextElideMode.ElideMiddle, _LONGEST_TITLE))
        noun = "picture" if image_set.count == 1 else "pictures"
        self.sentence.setText(f"{image_set.count:,} {noun} · {size_words(image_set)}")

    @Slot()
    def _on_selection(self) -> None:
        chosen = self.grid.chosen()
        self.footer.show_chosen(len(chosen))
        self.detail.show_chosen(self.grid.current(), chosen)

    @Slot()
    def _on_cell_size(self) -> None:
        self.pictures.set_side(round(self.grid.cell_size * self.devicePixelRatioF()))
        self.grid.refresh()

    @Slot(object)
    def _choose_view(self, view: object) -> None:
        self.pictures.set_view(str(view))
        self.grid.refresh()

    @Slot()
    def _refresh_cells(self) -> None:
        self.grid.refresh()

    @Slot(QPoint)
    def _show_menu(self, position: QPoint) -> None:
        self.menu.show_for(self.grid.chosen().tolist(), position)

    # Decisions

    @Slot()
    def leave_out(self) -> None:
        """Leave out what is chosen."""
        self.editing.leave_out(self.detail.about())

    @Slot()
    def bring_back(self) -> None:
        """Take what is chosen after all."""
        self.editing.bring_back(self.detail.about())

    @Slot()
    def toggle_left_out(self) -> None:
        """Leave out what is chosen, or bring it back when all of it is out."""
        out = set(self.editing.left_out.tolist())
        chosen = self.grid.chosen().tolist()
        if chosen and all(index in out for index in chosen):
            self.editing.bring_back(chosen)
        else:
            self.editing.leave_out(chosen)

    def report(self) -> ImportReport:
        """How the pictures were taken in; made up from the set where they did not come from files."""
        image_set, report = self._state.image_set, self._state.report
        assert image_set is not None
        if report is not None:
            return report
        shape = (image_set.height, image_set.width, image_set.channels)
        return ImportReport(image_set.name, image_set.count, shape, class_counts=dict(class_counts(image_set)))

    def _words_for(self, index: int) -> str:
        names = self.editing.index
        parts = [names.names[index]] if names is not None else [f"picture {index + 1:,}"]
        if (class_name := self.editing.class_of(index)) is not None:
            parts.append(class_name)
        if trouble := self.pictures.trouble_with(index):
            parts.append(f"left out: {trouble}")
        return "\n".join(parts)

    @Slot()
    def _repaint(self) -> None:
        self.update()


class _Ground(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))
