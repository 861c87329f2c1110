"""The left of the Data page: how pictures come in, how the set is, which classes it has."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.app.data.editing import DataEditing
from studio.app.docks.data.controls import PreparationControls
from studio.app.docks.data.sheets import SheetList
from studio.app.docks.train.dataset_health import HealthLine, health_lines, shares_of, verdict
from studio.app.docks.train.health_list import HealthList
from studio.app.theme import Space, theme
from studio.app.widgets.class_bars import ClassBars
from studio.app.widgets.controls import Rule, SecondaryButton, SectionLabel
from studio.app.widgets.finding import Finding

WIDTH = 280
MOST_CLASSES = 200


class SidePanel(QWidget):
    """Scrolls when it is higher than the window."""

    finding_chosen = Signal(object)
    """A HealthLine that is about certain pictures."""
    class_chosen = Signal(str)
    rename_requested = Signal(str)
    """The class that is to be called something else."""

    def __init__(self, editing: DataEditing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editing = editing
        self.setFixedWidth(WIDTH)
        inside = QWidget()
        self.controls = PreparationControls(editing, inside)
        self.sheets = SheetList(editing, inside)
        self.verdict = Finding(inside)
        self.health = HealthList(inside)
        self.health.finding_chosen.connect(self.finding_chosen)
        self.copies = SecondaryButton("Leave out all exact copies", "copy", inside, dense=True)
        self.copies.set_tooltip("Leave out all exact copies", reason="One of each stays.")
        self.copies.clicked.connect(self._leave_out_copies)
        self.bars = ClassBars(inside)
        self.bars.setToolTip("Click to see a class, double-click to rename it.")
        self.bars.chosen.connect(self.class_chosen)
        self.bars.renamed.connect(self.rename_requested)
        self._classes = QWidget(inside)
        self._lay_out(inside)
        editing.opened.connect(self._show)
        editing.changed.connect(self._show)
        editing.prepared.connect(self._show)
        editing.examined.connect(self._show)
        theme().changed.connect(self._repaint)
        self._show()

    def _lay_out(self, inside: QWidget) -> None:
        head = QHBoxLayout()
        head.addWidget(SectionLabel("Health", inside), 1)
        head.addWidget(self.verdict)
        classes = QVBoxLayout(self._classes)
        classes.setContentsMargins(0, Space.M, 0, 0)
        classes.setSpacing(Space.XS)
        classes.addWidget(SectionLabel("Classes", self._classes))
        classes.addWidget(Rule(self._classes))
        classes.addWidget(self.bars)
        column = QVBoxLayout(inside)
        column.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        column.setSpacing(Space.XS)
        column.addWidget(SectionLabel("How they come in", inside))
        column.addWidget(Rule(inside))
        column.addSpacing(Space.XS)
        column.addWidget(self.controls)
        column.addWidget(self.sheets)
        column.addSpacing(Space.M)
        column.addLayout(head)
        column.addWidget(Rule(inside))
        column.addWidget(self.health)
        column.addWidget(self.copies)
        column.addWidget(self._classes)
        column.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))

    @property
    def lines(self) -> tuple[HealthLine, ...]:
        """The findings shown."""
        return tuple(each.line for each in self.health.findings if each.line is not None)

    @Slot()
    def _show(self) -> None:
        editing = self._editing
        image_set = editing.image_set
        if image_set is None:
            return
        health = editing.health
        assert health is not None
        lines = health_lines(health, editing.notes)
        overall = verdict(lines)
        self.verdict.show_finding(overall.state.value, overall.state.role, overall.text)
        self.health.show_lines(lines, editing.report.skipped if editing.report is not None else ())
        self.copies.setVisible(any(line.are_copies and len(line.pairs) for line in lines))
        shares = shares_of(image_set, MOST_CLASSES)
        self._classes.setVisible(bool(shares))
        self.bars.set_shares(shares)

    @Slot()
    def _leave_out_copies(self) -> None:
        copies = [line.pairs[:, 0] for line in self.lines if line.are_copies]
        positions = np.unique(np.concatenate(copies)) if copies else np.zeros(0, np.int64)
        self._editing.leave_out(self._editing.places_of(positions))

    @Slot()
    def _repaint(self) -> None:
        self.update()
