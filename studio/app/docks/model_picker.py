"""The card of the model that denoises; pressing it offers the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from studio.app.icons import icon
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.model_facts import measures, origin, preview_of, title_of
from studio.app.state import ModelChoice, ModelSource
from studio.app.widgets.controls import tooltip_text
from studio.app.widgets.model_card import ModelCard

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.library.bundle import ModelBundle

_MODEL_FILTER = "Models (*.safetensors)"
_ICONS = {ModelSource.LIVE: "training", ModelSource.FILE: "folder", ModelSource.STARTER: "star"}


class ModelPicker(ModelCard):
    """The model of the state, or the first at hand until one was chosen."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self.clicked.connect(self._open_menu)
        state.model_changed.connect(self.show_model)
        state.model_choices_changed.connect(self.show_model)
        self._denoising.models.loading_changed.connect(self.show_model)
        self._denoising.models.changed.connect(self.show_model)
        self.show_model()

    def choice(self) -> ModelChoice | None:
        """The chosen one, or the first at hand."""
        if self._state.model_choice is not None:
            return self._state.model_choice
        choices = self._state.model_choices()
        return choices[0] if choices else None

    def model(self) -> ModelBundle | None:
        """The model of the choice, if it was read already."""
        choice = self.choice()
        return None if choice is None else self._denoising.models.known(choice)

    @Slot()
    def show_model(self) -> None:
        """Its picture and words."""
        choice, model = self.choice(), self.model()
        if choice is None:
            self.set_words("No model yet", "choose one here,", "or train one")
            self.set_pictures(None)
        elif model is None:
            self.set_words(choice.title, "opening…" if self._denoising.models.loading else origin(choice, None))
            self.set_pictures(None)
        else:
            self.set_words(title_of(choice, model), origin(choice, model), measures(model))
            picture = preview_of(model)
            self.set_pictures(None if picture is None else picture[None])
        weights = "" if model is None else f"{model.parameter_count:,} weights"
        self.setToolTip(tooltip_text("Choose another model", reason=weights))

    def make_menu(self) -> QMenu:
        """The models at hand by where they come from, and the way to others; lives until it is closed."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        current, source = self.choice(), None
        for choice in self._state.model_choices():
            if source is not None and choice.source is not source:
                menu.addSeparator()
            source = choice.source
            action = menu.addAction(icon(_ICONS[choice.source]), choice.title)
            action.setData(choice)
            action.setCheckable(True)
            action.setChecked(choice == current)
        menu.addSeparator()
        menu.addAction(icon("open"), "Open…")
        menu.triggered.connect(self._take)
        return menu

    @Slot()
    def _open_menu(self) -> None:
        self.make_menu().popup(self.mapToGlobal(QPoint(0, self.height())))

    @Slot(QAction)
    def _take(self, action: QAction) -> None:
        choice = action.data()
        if choice is None:
            path = ask_for_model(self)
            if path is None:
                return
            choice = ModelChoice(ModelSource.FILE, path.stem, path)
        self._denoising.models.choose(choice, self._runner)


def ask_for_model(parent: QWidget) -> Path | None:
    """A model file chosen in the operating system's dialog."""
    name, _ = QFileDialog.getOpenFileName(parent.window(), "Open a model", "", _MODEL_FILTER)
    return Path(name) if name else None
