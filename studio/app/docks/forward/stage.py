"""The forward process: a picture on its way to noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.arrangements import FORWARD
from studio.app.plot_export import PICTURE_KINDS
from studio.app.theme import FontSize, Space, theme
from studio.app.torch_gate import TorchGate
from studio.app.widgets.controls import IconButton, Label
from studio.app.widgets.export_menu import ExportButton, film_kinds
from studio.app.widgets.math_text import MathLabel, Term
from studio.app.widgets.view_switch import ViewSwitch
from studio.app.widgets.waiting import waiting_words

if TYPE_CHECKING:
    from studio.app.docks.forward.view import ForwardView
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class ForwardStage(QWidget):
    """Waits for the mathematics (torch) to be loaded in the background, then shows the forward process."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("forward-stage")
        self._state = state
        self._runner = runner
        self.view: ForwardView | None = None
        """The page's content; None until torch is loaded."""
        self.headline = MathLabel((Term("To noise", size=FontSize.HEADLINE, words=True, weight=600),), self, spacing=0)
        self.sentence = Label(
            "The forward process adds noise until nothing of the picture is left", self, role="muted", elided=True
        )
        self.another = IconButton("dice", "Another picture", parent=self)
        self.other_noise = IconButton("refresh", "Other noise", parent=self)
        self.open = IconButton("open", "A picture of your own…", parent=self)
        self.another.set_tooltip("Another picture", "of the open set")
        self.other_noise.set_tooltip("Other noise", "The same picture with noise from the next seed")
        self.open.set_tooltip("A picture of your own…", "Or drop one anywhere on this page, or paste it")
        self.export = ExportButton(self)
        self.view_switch = ViewSwitch(FORWARD, self)
        self._waiting = waiting_words(self)
        self._build()
        theme().changed.connect(self._repaint)
        gate = TorchGate(runner, self)
        if gate.is_open:
            self._show_view()
        else:
            gate.opened.connect(self._show_view)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))
        painter.end()

    def _build(self) -> None:
        header = QHBoxLayout()
        header.setSpacing(Space.S)
        header.addWidget(self.headline)
        header.addSpacing(Space.M)
        header.addWidget(self.sentence, 1)
        for button in (self.another, self.open, self.other_noise, self.export):
            button.setEnabled(False)
        for widget in (self.another, self.open, self.other_noise, self.view_switch, self.export):
            header.addWidget(widget)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(Space.L, Space.S, Space.L, Space.S)
        self._column.setSpacing(Space.S)
        self._column.addLayout(header)
        self._column.addWidget(self._waiting, 1)

    @Slot()
    def _show_view(self) -> None:
        from studio.app.docks.forward.view import ForwardView

        self.view = view = ForwardView(self._state, self._runner, self)
        self._waiting.hide()
        self._column.addWidget(view, 1)
        self.setFocusProxy(view)
        process = view.process
        self.another.clicked.connect(process.take_another)
        self.other_noise.clicked.connect(process.take_other_noise)
        self.open.clicked.connect(self._browse)
        self.export.add("The strips as a picture", "to-noise.png", PICTURE_KINDS, view.write_strips)
        self.export.add("The measurement as a plot", "moments.svg", PICTURE_KINDS, view.write_plot)
        self.export.add("A film of both ways to noise", "to-noise.gif", film_kinds(), view.write_film)
        self.export.add(
            "The numbers", "forward.csv", ((".csv", "Table"), (".npz", "Arrays of NumPy")), view.write_numbers
        )
        self.export.exported.connect(view.show_exported)
        self.export.failed.connect(process.failed)
        process.changed.connect(self._show_head)
        process.playback.position_changed.connect(self._show_head)
        self._show_head()

    @Slot()
    def _show_head(self) -> None:
        from studio.app.forward.words import headline

        assert self.view is not None
        process = self.view.process
        self.open.setEnabled(True)
        for button in (self.another, self.other_noise, self.export):
            button.setEnabled(process.ready)
        if process.ready:
            assert process.picture is not None
            self.headline.set_terms(headline(process))
            self.sentence.setText(process.picture.title)

    @Slot()
    def _browse(self) -> None:
        assert self.view is not None
        self.view.browse()

    @Slot()
    def _repaint(self) -> None:
        self.update()
