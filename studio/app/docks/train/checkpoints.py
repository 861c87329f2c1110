"""Checkpoints: the moments of the run that were kept, each a model of its own and a place to go on from."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.imaging import screen_images
from studio.app.state import ModelChoice, ModelSource
from studio.app.theme import FontSize, Space
from studio.app.training.controller import Phase, TrainingController, new_model_path
from studio.app.training.kept import kept_of
from studio.app.training.record import record_of
from studio.app.widgets.checkpoint_list import CheckpointEntry, CheckpointList
from studio.app.widgets.controls import Label, SecondaryButton, SegmentedControl
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_menu import ExportButton, ask_where_to_save
from studio.app.widgets.loss_plot import loss_words
from studio.app.widgets.moments import Moment, clock

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.app.widgets.sample_wall import SampleWall
    from studio.library.bundle import ModelBundle
    from studio.training.kept_checkpoints import KeptCheckpoint

MODEL_KINDS = ((".safetensors", "Models"),)
_EMPTY = "Checkpoints come while a model trains. Each is a model of its own, and a place to go back to."
_BACK = "A new run begins as this one stood then. This one stays as it is: nothing is lost."


class CheckpointsDock(StudioDock):
    """A list, and what can be done with the one that is chosen."""

    go_back_requested = Signal(object)
    """A KeptCheckpoint."""
    saved = Signal(object)
    """The path of a model that was written where the person wanted it."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("checkpointsDock", "Checkpoints", "go back, or use the model as it was", parent)
        self._state = state
        self._record = record_of(state, runner)
        self._kept = kept_of(state, runner)
        self._controller: TrainingController | None = None
        self._wall: SampleWall | None = None
        self._saving: Path | None = None
        self.list = CheckpointList(self)
        self._build()
        self.list.chosen.connect(self._on_chosen)
        self.list.taken.connect(self._go_back)
        self._kept.changed.connect(self._show)
        self._kept.failed.connect(self._on_failed)
        self._kept.model_made.connect(self._on_model)
        self._record.recalled.connect(self._show)
        self._record.rolled_back.connect(self._kept.read)
        state.followed_changed.connect(self._on_chosen)
        self._show()

    def join(self, controller: TrainingController, wall: SampleWall) -> None:
        """Listen to the controller of the training, and take the small pictures from its wall."""
        self._controller, self._wall = controller, wall
        controller.phase_changed.connect(self._on_chosen)
        wall.moment_chosen.connect(self._show)

    @property
    def buttons(self) -> tuple[SecondaryButton, SecondaryButton, SecondaryButton]:
        """Go back here, use this model, save it."""
        return self._back, self._use, self._save

    @property
    def weights(self) -> SegmentedControl:
        """Averaged or raw weights, for the model."""
        return self._weights

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    def _build(self) -> None:
        empty = Label(_EMPTY, self, role="muted", size=FontSize.LABEL, wrap=True)
        self._back = SecondaryButton("Go back here", "flag", self)
        self._back.clicked.connect(self._go_back)
        self._weights = SegmentedControl([("averaged", "EMA"), ("raw", "Raw")], self, name="Weights", dense=True)
        self._weights.set_option_tooltip("averaged", "The averaged weights: usually the better pictures.")
        self._weights.set_option_tooltip("raw", "The weights as they were after that step.")
        self._use = SecondaryButton("Use this model", "check", self)
        self._use.set_tooltip("Use this model", reason="Keep it in your library; every workspace can use it then.")
        self._use.clicked.connect(self._use_model)
        self._save = SecondaryButton("Save model as…", "save", self)
        self._save.clicked.connect(self._save_model)
        side = QVBoxLayout()
        side.setSpacing(Space.S)
        side.addWidget(self._back)
        side.addSpacing(Space.S)
        weights = QHBoxLayout()
        weights.addWidget(Label("Weights", self, role="muted", size=FontSize.LABEL))
        weights.addWidget(self._weights)
        weights.addStretch(1)
        side.addLayout(weights)
        side.addWidget(self._use)
        side.addWidget(self._save)
        side.addStretch(1)
        filled = QWidget(self)
        row = QHBoxLayout(filled)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.L)
        row.addWidget(self.list, 1)
        row.addLayout(side)
        self._pages = QStackedWidget(self)
        self._pages.addWidget(empty)
        self._pages.addWidget(filled)
        self._export = ExportButton(self, "Export the list…")
        self._export.add("Table of the checkpoints", "checkpoints.csv", "CSV (*.csv)", self._write_table)
        self.title_actions().addWidget(self._export)
        self.set_body(self._pages)

    @Slot()
    def _show(self) -> None:
        if not self.isVisible():
            return
        kept = self._kept.kept
        self._pages.setCurrentIndex(1 if kept else 0)
        self.list.set_entries([self._entry(each) for each in reversed(kept)])
        self._on_chosen()

    def _entry(self, kept: KeptCheckpoint) -> CheckpointEntry:
        loss = self._record.loss_at(kept.images_seen)
        if not math.isfinite(loss) and kept.loss is not None:
            loss = kept.loss
        validated = self._record.validation_at(kept.images_seen)
        validation = kept.validation_loss if validated is None else validated.loss
        moment = self._moment(kept)
        return CheckpointEntry(
            kept,
            clock(kept.seconds) if kept.step else "start",
            f"step {kept.step:,}",
            (("loss", loss_words(loss)), ("validation", "—" if validation is None else loss_words(validation))),
            () if moment is None else tuple(screen_images(moment.pictures)),
        )

    def _moment(self, kept: KeptCheckpoint) -> Moment | None:
        """The row of the wall that shows best what the checkpoint could draw: the last one up to it."""
        moments = () if self._wall is None else self._wall.moments
        before = [moment for moment in moments if moment.step <= kept.step]
        return before[-1] if before else None

    @Slot()
    def _on_chosen(self) -> None:
        chosen = self.list.current is not None
        phase = Phase.IDLE if self._controller is None else self._controller.phase
        reason = ""
        if self._state.followed is not None:
            reason = "Another process trains the run that is shown."
        elif phase in (Phase.STARTING, Phase.STOPPING, Phase.KEEPING):
            reason = "In a moment."
        self._back.setEnabled(chosen and not reason)
        self._back.set_tooltip("Go back here", reason=reason or _BACK)
        for button in (self._use, self._save):
            button.setEnabled(chosen)

    @Slot()
    def _go_back(self) -> None:
        kept = self.list.current
        if kept is not None and self._back.isEnabled():
            self.go_back_requested.emit(kept)

    @Slot()
    def _use_model(self) -> None:
        kept = self.list.current
        if kept is not None:
            self._saving = None
            self._kept.write_model(kept, self._raw, new_model_path(self._title(kept)))

    @Slot()
    def _save_model(self) -> None:
        kept = self.list.current
        if kept is None:
            return
        path = ask_where_to_save(self, "Save the model", f"{self._title(kept)}.safetensors", MODEL_KINDS)
        if path is not None:
            self._saving = path
            self._kept.write_model(kept, self._raw, path)

    @property
    def _raw(self) -> bool:
        return self._weights.value() == "raw"

    def _title(self, kept: KeptCheckpoint) -> str:
        image_set = None if self._controller is None else self._controller.image_set
        name = "Model" if image_set is None else image_set.name
        return f"{name} at step {kept.step}{' raw' if self._raw else ''}"

    @Slot(object, object)
    def _on_model(self, model: ModelBundle, path: Path) -> None:
        if self._saving == path:
            self._saving = None
            self.saved.emit(path)
        else:
            self._state.set_model(model, ModelChoice(ModelSource.FILE, path.stem, path))

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        self._saving = None
        self.failed.emit(error)

    def _write_table(self, path: Path) -> Path:
        from studio.generation.numbers import write_table

        names = ("step", "images_seen", "seconds", "loss", "validation_loss")
        columns = {name: [getattr(kept, name) for kept in self._kept.kept] for name in names}
        return write_table(path, columns, overwrite=True)
