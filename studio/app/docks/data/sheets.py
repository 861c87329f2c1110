"""Sheets of sprites among what was dropped, and the place where the grid of one is set."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.data.editing import DataEditing
from studio.app.data.jobs import read_sheet
from studio.app.runner import JobHandle, Runner
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import CheckField, Label, NumberEdit, Rule, SecondaryButton, SectionLabel
from studio.app.widgets.sheet_view import SheetView
from studio.app.window.activity import count
from studio.data.sources.source import SheetFound, SheetGrid

MOST_SHEETS = 8
_LARGEST = 4096


class SheetList(QWidget):
    """A line a sheet, with a button that opens its grid; hidden when there is none."""

    edit_requested = Signal(object)
    """A SheetFound."""

    def __init__(self, editing: DataEditing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editing = editing
        self._rows: list[_SheetRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, Space.M, 0, 0)
        self._column.setSpacing(Space.XS)
        self._column.addWidget(SectionLabel("Sheets", self))
        self._column.addWidget(Rule(self))
        editing.opened.connect(self._show)
        editing.changed.connect(self._show)
        self._show()

    @property
    def rows(self) -> tuple[QWidget, ...]:
        return tuple(self._rows)

    @Slot()
    def _show(self) -> None:
        sheets = () if self._editing.catalog is None else self._editing.catalog.sheets[:MOST_SHEETS]
        self.setVisible(bool(sheets))
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = [_SheetRow(sheet, self._editing, self) for sheet in sheets]
        for row in self._rows:
            row.edit_requested.connect(self.edit_requested)
            self._column.addWidget(row)


class _SheetRow(QWidget):
    edit_requested = Signal(object)

    def __init__(self, sheet: SheetFound, editing: DataEditing, parent: QWidget) -> None:
        super().__init__(parent)
        self._sheet = sheet
        grid = grid_of(sheet, editing)
        name = Label(sheet.name.rpartition("/")[2], self, size=FontSize.LABEL, elided=True)
        words = "one picture" if grid is None else "{} × {} cells".format(*grid.cells(*sheet.size))
        cut = SecondaryButton("Cut…" if grid is None else "Grid…", "grid", self, dense=True)
        cut.set_tooltip("Set the grid", reason="See the sheet, and how it is cut into pictures.")
        cut.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(name, 1)
        row.addWidget(Label(words, self, role="muted", size=FontSize.LABEL))
        row.addWidget(cut)

    @Slot()
    def _ask(self) -> None:
        self.edit_requested.emit(self._sheet)


def grid_of(sheet: SheetFound, editing: DataEditing) -> SheetGrid | None:
    """The grid that a sheet is cut by as decided; None where it is one picture."""
    for name, grid in editing.options.sheets:
        if name == sheet.name:
            return grid
    return sheet.grid if sheet.certain else None


class SheetEditor(QWidget):
    """The sheet with its grid, numbers beside it; what is changed acts at once."""

    closed = Signal()

    def __init__(self, editing: DataEditing, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editing = editing
        self._runner = runner
        self._sheet: SheetFound | None = None
        self._reading: JobHandle | None = None
        self._last_grid: SheetGrid | None = None
        self.title = Label("", self, weight=600, elided=True)
        self.count = Label("", self, role="muted", size=FontSize.LABEL)
        self.whole = SecondaryButton("", parent=self, dense=True)
        self.whole.clicked.connect(self._toggle_whole)
        self.done = SecondaryButton("Done", "check", self, dense=True)
        self.done.clicked.connect(self.closed)
        self.view = SheetView(self)
        self.view.grid_dragged.connect(self._drag)
        self.numbers: dict[str, tuple[NumberEdit, NumberEdit]] = {}
        self.skip_empty = CheckField("Leave out empty cells", True, self)
        self.skip_empty.value_changed.connect(self._type)
        self._lay_out()
        editing.changed.connect(self._show)
        editing.opened.connect(self._show)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(self.title, 1)
        head.addWidget(self.count)
        head.addWidget(self.whole)
        head.addWidget(self.done)
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.S)
        grid.setVerticalSpacing(Space.XS)
        fields = (
            ("count", "Columns and rows", 1),
            ("cell", "Cell, px", 1),
            ("margin", "Margin, px", 0),
            ("gap", "Gap, px", 0),
        )
        for column, (key, words, least) in enumerate(fields):
            pair = (NumberEdit(least, _LARGEST, 1, parent=self), NumberEdit(least, _LARGEST, 1, parent=self))
            self.numbers[key] = pair
            grid.addWidget(Label(words, self, role="muted", size=FontSize.LABEL), 0, 2 * column, 1, 2)
            for axis, edit in enumerate(pair):
                edit.setAccessibleName(f"{words}, {('across', 'down')[axis]}")
                edit.setToolTip(f"{words}, {('across', 'down')[axis]}")
                edit.value_changed.connect(self._type_count if key == "count" else self._type)
                grid.addWidget(edit, 1, 2 * column + axis)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.view, 1)
        column.addLayout(grid)
        column.addWidget(self.skip_empty)

    @property
    def sheet(self) -> SheetFound | None:
        """The sheet that is set."""
        return self._sheet

    def edit(self, sheet: SheetFound) -> None:
        """Show this sheet; its pixels are read in the background."""
        self._sheet = sheet
        self._last_grid = grid_of(sheet, self._editing) or sheet.grid
        self.view.show_sheet(None)
        job = read_sheet(self._editing.drops, self._editing.options, sheet.name)
        self._reading = self._runner.interject(job, "Reading the sheet")
        self._reading.succeeded.connect(self._on_read)
        self._show()

    @Slot(object)
    def _on_read(self, pixels: object) -> None:
        if self.sender() is self._reading:
            self._reading = None
            self.view.show_sheet(pixels)
            self._show()

    @Slot()
    def _show(self) -> None:
        sheet = self._sheet
        if sheet is None:
            return
        grid = grid_of(sheet, self._editing)
        self._last_grid = grid or self._last_grid
        self.title.setText(f"{sheet.name} · {sheet.size[0]} × {sheet.size[1]}")
        self.view.show_grid(grid)
        self.whole.set_text("Take it as one picture" if grid is not None else "Cut it into pictures")
        for pair in self.numbers.values():
            for edit in pair:
                edit.setEnabled(grid is not None)
        self.skip_empty.setEnabled(grid is not None)
        if grid is None:
            self.count.setText("one picture")
            return
        values = {"count": grid.cells(*sheet.size), "cell": grid.cell, "margin": grid.margin, "gap": grid.gap}
        for key, pair in self.numbers.items():
            for edit, value in zip(pair, values[key], strict=True):
                edit.set_value(value)
        self.skip_empty.blockSignals(True)
        self.skip_empty.set_value(grid.skip_empty)
        self.skip_empty.blockSignals(False)
        taken, empty = self.view.count
        words = count(taken, "picture") if taken or empty else ""
        self.count.setText(f"{words} · {empty:,} empty" if empty else words)

    def _set(self, grid: SheetGrid | None, merge: object = None) -> None:
        assert self._sheet is not None
        self._editing.cut_sheet(self._sheet.name, grid, merge)

    @Slot(object, object)
    def _drag(self, grid: SheetGrid, drag: object) -> None:
        self._set(grid, drag)

    @Slot()
    def _type(self) -> None:
        if self._sheet is None or self._last_grid is None:
            return
        cell, margin, gap = (
            (int(pair[0].value()), int(pair[1].value()))
            for pair in (self.numbers["cell"], self.numbers["margin"], self.numbers["gap"])
        )
        self._set(SheetGrid(cell, margin, gap, self.skip_empty.value()))

    @Slot()
    def _type_count(self) -> None:
        """So many columns and rows: the cells become as large as they can be."""
        if self._sheet is None or self._last_grid is None:
            return
        grid = self._last_grid
        cell = tuple(
            max(1, (self._sheet.size[axis] - grid.margin[axis] + grid.gap[axis]) // int(edit.value()) - grid.gap[axis])
            for axis, edit in enumerate(self.numbers["count"])
        )
        self._set(replace(grid, cell=(cell[0], cell[1])))

    @Slot()
    def _toggle_whole(self) -> None:
        assert self._sheet is not None
        cut = grid_of(self._sheet, self._editing) is not None
        self._set(None if cut else self._last_grid)
