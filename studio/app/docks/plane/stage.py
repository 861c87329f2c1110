"""The space of two-pixel pictures, and slices of larger ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.arrangements import PLANE
from studio.app.theme import Space
from studio.app.widgets.view_switch import ViewSwitch

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class PlaneStage(QWidget):
    """The space of two-pixel pictures, and slices of larger ones."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plane-stage")
        self.view_switch = ViewSwitch(PLANE, self)
        header = QHBoxLayout()
        header.addStretch(1)
        header.addWidget(self.view_switch)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        column.addLayout(header)
        column.addStretch(1)
