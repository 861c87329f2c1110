"""Algorithm 20.1 line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.arrangements import SLOW_MOTION
from studio.app.theme import Space
from studio.app.widgets.view_switch import ViewSwitch

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class SlowMotionStage(QWidget):
    """Algorithm 20.1 line by line."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slow-motion-stage")
        self.view_switch = ViewSwitch(SLOW_MOTION, self)
        header = QHBoxLayout()
        header.addStretch(1)
        header.addWidget(self.view_switch)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        column.addLayout(header)
        column.addStretch(1)
