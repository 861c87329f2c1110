"""The models that were read from their files, and how another one becomes the one that denoises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import ModelChoice, StudioState
    from studio.errors import StudioError
    from studio.library.bundle import ModelBundle


class KnownModels(QObject):
    """Reads model files in the background, each once."""

    changed = Signal()
    """A model was read from its file."""
    loading_changed = Signal(bool)
    failed = Signal(object)
    """StudioError: the model that was chosen could not be read."""

    def __init__(self, state: StudioState, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._loading: JobHandle | None = None
        self._choice_loading: ModelChoice | None = None
        self._models: dict[str, ModelBundle] = {}
        self._readings: dict[JobHandle, ModelChoice] = {}

    @property
    def loading(self) -> bool:
        """The model that was chosen is being read."""
        return self._loading is not None

    def choose(self, choice: ModelChoice, runner: Runner) -> None:
        """Make another model the one that denoises; a file is read in the background."""
        if self._loading is not None:
            self._loading.cancel()
        if choice.path is None:
            # What the live model is will be known when it is asked, between two steps of its training.
            self._state.set_model(None, choice)
            return
        known = self._models.get(choice.id)
        if known is not None:
            self._state.set_model(known, choice)
            return
        self._choice_loading = choice
        self._loading = handle = runner.interject(jobs.open_model(choice.path), f"Opening {choice.title}")
        handle.succeeded.connect(self._on_loaded)
        handle.failed.connect(self._on_load_failed)
        handle.finished.connect(self._on_load_finished)
        self.loading_changed.emit(True)

    def known(self, choice: ModelChoice) -> ModelBundle | None:
        """The model of a choice, if it was read before."""
        if choice == self._state.model_choice and self._state.model is not None:
            return self._state.model
        return self._models.get(choice.id)

    def read_ahead(self, choices: Iterable[ModelChoice], runner: Runner) -> None:
        """Read model files ahead, for their preview pictures; `changed` comes with each. A file that cannot be
        read is reported when it is chosen, not before."""
        under_way = set(self._readings.values())
        for choice in choices:
            if choice.path is None or choice in under_way or self.known(choice) is not None:
                continue
            handle = runner.interject(jobs.open_model(choice.path), f"Reading {choice.title}")
            self._readings[handle] = choice
            handle.succeeded.connect(self._on_read)
            handle.finished.connect(self._on_read_finished)

    @Slot(object)
    def _on_loaded(self, model: ModelBundle) -> None:
        if self.sender() is self._loading and self._choice_loading is not None:
            self._state.set_model(model, self._choice_loading)

    @Slot(object, str)
    def _on_load_failed(self, error: StudioError, details: str) -> None:
        if self.sender() is self._loading:
            self.failed.emit(error)

    @Slot()
    def _on_load_finished(self) -> None:
        if self.sender() is self._loading:
            self._loading = self._choice_loading = None
            self.loading_changed.emit(False)

    @Slot(object)
    def _on_read(self, model: ModelBundle) -> None:
        choice = self._readings.get(self.sender())
        if choice is not None:
            self._models[choice.id] = model
            self.changed.emit()

    @Slot()
    def _on_read_finished(self) -> None:
        self._readings.pop(self.sender(), None)
