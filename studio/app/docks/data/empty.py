"""The Data page before there is anything: what can be dropped, and what to begin with instead."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.train.starter_cards import StarterCards
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.controls import Label
from studio.app.widgets.drop_area import DropArea
from studio.app.widgets.finding import StateIcon

_WIDTH = 720
_KINDS = (
    ("folder", "Folders", "nested as they are; subfolders become classes"),
    ("image", "Pictures", "PNG, JPEG, WebP, … · sheets of sprites are cut"),
    ("film", "Films", "GIF, APNG, WebP: every frame, or the first"),
    ("layers", "Archives", "ZIP and TAR, with all of these inside"),
    ("database", "Data sets", "IDX, CIFAR, NPZ and NPY, Parquet"),
    ("log", "Tables", "CSV of path and label"),
)


class EmptyData(QWidget):
    """Drop anything here, or take a starter set."""

    dropped = Signal(object)
    browse_requested = Signal()
    starter_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.area = DropArea("Drop your pictures here", "or paste them · or click to choose files", self, compact=False)
        self.area.dropped.connect(self.dropped)
        self.area.browse_requested.connect(self.browse_requested)
        self.starters = StarterCards(self)
        self.starters.chosen.connect(self.starter_requested)
        kinds = QVBoxLayout()
        kinds.setSpacing(Space.S)
        kinds.addWidget(Label("what can be dropped", self, role="muted", size=FontSize.LABEL))
        for icon_name, title, words in _KINDS:
            kinds.addWidget(_Kind(icon_name, title, words, self))
        kinds.addStretch(1)
        below = QHBoxLayout()
        below.setSpacing(Space.XXL)
        below.addLayout(kinds, 1)
        starters = QVBoxLayout()
        starters.addWidget(self.starters)
        starters.addStretch(1)
        below.addLayout(starters, 1)
        inside = QWidget(self)
        inside.setMaximumWidth(_WIDTH)
        column = QVBoxLayout(inside)
        column.setSpacing(Space.XL)
        column.addStretch(1)
        self.area.setMinimumHeight(180)
        column.addWidget(self.area)
        column.addLayout(below)
        column.addStretch(2)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.XXL, Space.L, Space.XXL, Space.L)
        row.addStretch(1)
        row.addWidget(inside, 100)
        row.addStretch(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))


class _Kind(QWidget):
    def __init__(self, icon_name: str, title: str, words: str, parent: QWidget) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(StateIcon(icon_name, "muted", self, 16))
        head = Label(title, self, weight=600)
        head.setMinimumWidth(72)
        row.addWidget(head, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(Label(words, self, role="muted", size=FontSize.LABEL), 1)
