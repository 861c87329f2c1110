"""Brings what is measured of the intents to the header: the times below them, and a verdict before the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app.docks.train.header import INTENTS, TrainingHeader
from studio.app.docks.train.stage_words import intent_words, verdict_of
from studio.app.training.estimates import Estimates
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.docks.train.options import TrainingOptions
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.training.estimate import TrainingEstimate


class IntentEstimates(QObject):
    """Asks for the recipe as it stands in the options first, then for the other intents."""

    changed = Signal()
    """Something is known that was not."""

    def __init__(self, state: StudioState, runner: Runner, header: TrainingHeader, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._header = header
        self._options: TrainingOptions | None = None
        self._estimates = Estimates(state, runner, self)
        self._estimates.changed.connect(self._show)
        state.device_changed.connect(self.ask)

    @property
    def own(self) -> TrainingEstimate | None:
        """Of the recipe as it stands, None while it is not known."""
        return self._estimates.of(self._header.intent)

    def allow(self, allowed: bool) -> None:
        """Measure, or do not: a training needs the machine for itself."""
        self._estimates.allow(allowed)

    def take_options(self, options: TrainingOptions) -> None:
        """Follow these settings."""
        self._options = options
        options.changed.connect(self.ask)

    @Slot()
    def ask(self) -> None:
        """Have measured what is not known yet."""
        if self._options is None or self._state.image_set is None:
            return
        own = self._header.intent
        try:
            recipes = {own: self._options.recipe()}
        except StudioError:
            recipes = {}
        recipes |= {name: self._options.preset_of(name) for name in INTENTS if name != own}
        self._estimates.ask(recipes)
        self._show()

    @Slot()
    def _show(self) -> None:
        if self._options is None:
            return
        presets = {name: self._options.preset_of(name)[0] for name in INTENTS}
        self._header.set_intent_words({name: intent_words(presets[name], self._estimates.of(name)) for name in INTENTS})
        self._header.show_verdict(*verdict_of(self.own))
        self.changed.emit()
