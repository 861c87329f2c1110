"""The space of two-pixel pictures, and slices of larger ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.arrangements import PLANE
from studio.app.theme import FontSize, Space, theme
from studio.app.torch_gate import TorchGate
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import Label
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.panel_ground import PanelGround
from studio.app.widgets.view_switch import ViewSwitch
from studio.app.widgets.waiting import waiting_words

if TYPE_CHECKING:
    from studio.app.docks.plane.page import PlanePage
    from studio.app.runner import Runner
    from studio.app.state import StudioState


TITLE = "Space of two-pixel pictures"


class PlaneStage(PanelGround):
    """Header, and the page below it as soon as torch is loaded."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plane-stage")
        # The keyboard waits here until the canvas is there to take it.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._state, self._runner = state, runner
        self.page: PlanePage | None = None
        self.view_switch = ViewSwitch(PLANE, self)
        self.export_button = ExportButton(self)
        self.export_button.setEnabled(False)
        self.banner = Banner()
        self.title = Label(TITLE, self, size=FontSize.HEADLINE, weight=600, elided=True)
        header = QHBoxLayout()
        header.setSpacing(Space.S)
        header.addWidget(self.title, 1)
        header.addWidget(self.view_switch)
        header.addWidget(self.export_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.L, Space.M, Space.L, Space.S)
        self._column.setSpacing(Space.S)
        self._column.addLayout(header)
        self._column.addWidget(self.banner)
        self._waiting = waiting_words(self)
        self._column.addWidget(self._waiting, 1)
        self.export_button.failed.connect(self._show_error)
        self.export_button.exported.connect(self._show_exported)
        theme().changed.connect(self._retheme)
        gate = TorchGate(runner, self)
        if gate.is_open:
            self._show_page()
        else:
            gate.opened.connect(self._show_page)

    @Slot()
    def _show_page(self) -> None:
        from studio.app.docks.plane.exporting import PlaneExports
        from studio.app.docks.plane.page import PlanePage

        had_focus = self.hasFocus()
        self.page = PlanePage(self._state, self)
        self._column.replaceWidget(self._waiting, self.page)
        self._column.setStretchFactor(self.page, 1)
        self._waiting.hide()
        self._waiting.deleteLater()
        self.setFocusProxy(self.page)
        self.page.scene.pictures.refused.connect(self._show_error)
        self.page.scene.failed.connect(self._show_error)
        self.page.scene.space_changed.connect(self._show_title)
        self.exports = PlaneExports(self.page, self.export_button, self._runner)
        self.export_button.setEnabled(True)
        if had_focus:
            self.page.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _show_title(self) -> None:
        assert self.page is not None
        self.title.setText("A slice through image space" if self.page.scene.is_slice else TITLE)

    @Slot(object)
    def _show_error(self, error: object) -> None:
        self.banner.show_error(error)

    @Slot(object)
    def _show_exported(self, path: object) -> None:
        self.banner.show_message(f"Saved as {path}.", kind="ok")

    @Slot()
    def _retheme(self) -> None:
        self.update()
