"""Controls that scroll for want of room, and below them what starts something, which is always in sight."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from studio.app.theme import Size, Space


class ControlColumn(QWidget):
    """The body of a dock (without padding of its own): `controls`, a column to be filled, above the layout `start`."""

    def __init__(self, start: QLayout, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        inside = QWidget()
        self.controls = QVBoxLayout(inside)
        self.controls.setContentsMargins(Size.DOCK_PADDING, Size.DOCK_PADDING, Size.DOCK_PADDING, Space.S)
        self.controls.setSpacing(Space.S)
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setWidget(inside)
        self._area.verticalScrollBar().rangeChanged.connect(self._make_room_for_bar)
        start.setContentsMargins(Size.DOCK_PADDING, 0, Size.DOCK_PADDING, Size.DOCK_PADDING)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._area, 1)
        column.addLayout(start)

    @Slot(int, int)
    def _make_room_for_bar(self, _: int, farthest: int) -> None:
        # A bar stands in the padding, so that the controls keep their width.
        bar = self._area.verticalScrollBar().sizeHint().width() if farthest > 0 else 0
        margins = self.controls.contentsMargins()
        margins.setRight(max(Size.DOCK_PADDING - bar, 0))
        self.controls.setContentsMargins(margins)


def start_column(progress: QProgressBar, *below: QWidget) -> QVBoxLayout:
    """What starts a run: a thin bar of its progress, the button below it, and what there is to say."""
    column = QVBoxLayout()
    column.setSpacing(0)
    column.addWidget(progress)
    column.addSpacing(Space.XS)
    for position, widget in enumerate(below):
        if position:
            column.addSpacing(Space.S if position == len(below) - 1 else Space.XS)
        column.addWidget(widget)
    return column
