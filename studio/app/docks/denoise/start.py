"""What the microscope shows before the first run: models at hand, each one click away from its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.model_facts import measures, origin, title_of
from studio.app.state import ModelChoice
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label
from studio.app.widgets.model_card import StarterCard

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_MOST_CARDS = 4


class DenoiseStart(QWidget):
    """Cards of the models at hand; a click denoises at once."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self._cards: dict[StarterCard, ModelChoice] = {}
        self._headline = Label("Watch a picture come out of noise", size=FontSize.HEADLINE, weight=600)
        self._sentence = Label("", role="muted")
        self._row = QHBoxLayout()
        self._row.setSpacing(Space.L)
        layout = QVBoxLayout(self)
        layout.setSpacing(Space.S)
        layout.addStretch(1)
        for label in (self._headline, self._sentence):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        layout.addSpacing(Space.M)
        layout.addLayout(self._row)
        layout.addStretch(2)
        state.model_choices_changed.connect(self._show_cards)
        self._denoising.running_changed.connect(self._show_running)
        self._denoising.models.changed.connect(self._show_models)
        self._show_cards()

    @property
    def cards(self) -> tuple[StarterCard, ...]:
        return tuple(self._cards)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._denoising.models.read_ahead(tuple(self._cards.values()), self._runner)

    @Slot()
    def _show_cards(self) -> None:
        choices = self._state.model_choices()[:_MOST_CARDS]
        if tuple(self._cards.values()) == choices:
            return
        while self._row.count():
            item = self._row.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        self._cards = {}
        self._row.addStretch(1)
        for choice in choices:
            card = StarterCard("Denoise", self)
            card.clicked.connect(self._start)
            self._cards[card] = choice
            self._row.addWidget(card)
        self._row.addStretch(1)
        self.setFocusProxy(next(iter(self._cards), None))
        self._show_models()
        self._show_running()
        if self.isVisible():
            self._denoising.models.read_ahead(choices, self._runner)

    @Slot()
    def _show_models(self) -> None:
        for card, choice in self._cards.items():
            model = self._denoising.models.known(choice)
            if model is None:
                card.set_words(choice.title, origin(choice, None))
            else:
                card.set_words(title_of(choice, model), origin(choice, model), measures(model))
                card.set_pictures(model.preview)

    @Slot()
    def _show_running(self) -> None:
        running = self._denoising.running
        # Cards stay enabled: a greyed one would lose the keyboard to some other panel. A second press does nothing.
        if running:
            self._sentence.setText("Preparing the model…")
        elif self._cards:
            self._sentence.setText("Choose a model. Its first pictures take a few seconds.")
        else:
            self._sentence.setText("Train a model first, or open one from a file at the left.")

    @Slot()
    def _start(self) -> None:
        choice = self._cards.get(self.sender())
        if choice is not None and not self._denoising.running:
            self._denoising.start(choice, self._runner)
