"""Ending a training, and ending the program while one goes on: nothing is lost without having been asked about.

The window closes only when the background thread has nothing to do any more.
"""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QMessageBox, QWidget

from studio.app import jobs
from studio.app.runner import JobHandle, Runner
from studio.app.state import StudioState
from studio.errors import StudioError


class Answer(Enum):
    """What to do with the training when the window is to be closed."""

    SAVE = auto()
    KEEP_TRAINING = auto()
    DISCARD = auto()


class Closing(QObject):
    """Asks, saves and waits; `ready` when the window may close."""

    ready = Signal()
    waiting = Signal(str)
    """A sentence saying what the window waits for."""
    failed = Signal(object, str)
    """The StudioError and traceback because of which the window stays open."""

    def __init__(self, state: StudioState, runner: Runner, window: QWidget) -> None:
        super().__init__(window)
        self._state = state
        self._runner = runner
        self._window = window
        self._leaving = False
        self._saving: JobHandle | None = None

    @property
    def leaving(self) -> bool:
        """The window is on its way to be closed."""
        return self._leaving

    def may_close(self) -> bool:
        """True when the window may close now. Otherwise it has been asked or begun, and `ready` may come later."""
        if not self._runner.busy:
            return True
        if self._leaving:
            # Something was begun since; it is not what the person waits for now.
            if self._saving is None or not self._saving.alive:
                self._cancel_all()
            return False
        answer = self.ask() if self._trains else Answer.DISCARD
        if answer is Answer.KEEP_TRAINING:
            return False
        # The training may have come to its end by itself while the question stood there.
        self._leave(save=answer is Answer.SAVE and self._trains)
        return not self._runner.busy

    def save_and_leave(self) -> None:
        """Begin to close without asking, saving a training that goes on."""
        if self._runner.busy and not self._leaving:
            self._leave(save=self._trains)

    @property
    def _trains(self) -> bool:
        return self._state.training is not None and self._state.training.alive

    def ask(self) -> Answer:
        """Put the question. The safe answer is the default; Escape keeps training."""
        box = QMessageBox(self._window)
        box.setObjectName("closing-question")
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle("Training goes on")
        box.setText("<b>A model is in training.</b>")
        box.setInformativeText("Saved now, the training can be taken up later at exactly this point.")
        save = box.addButton("Save and close", QMessageBox.ButtonRole.AcceptRole)
        keep = box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
        discard = box.addButton("Close without saving", QMessageBox.ButtonRole.DestructiveRole)
        discard.setToolTip("The last checkpoint that was saved stays.")
        box.setDefaultButton(save)
        box.setEscapeButton(keep)
        box.exec()
        clicked = box.clickedButton()
        box.deleteLater()
        if clicked is save:
            return Answer.SAVE
        return Answer.DISCARD if clicked is discard else Answer.KEEP_TRAINING

    def _leave(self, *, save: bool) -> None:
        self._leaving = True
        self._runner.idle.connect(self._on_idle)
        if save:
            self._save_then_cancel()
        else:
            self._cancel_all()

    def _save_then_cancel(self) -> None:
        self.waiting.emit("Saving the training, then closing…")
        for handle in self._runner.jobs:
            if handle is not self._state.training and not handle.essential:
                handle.cancel()
        job = jobs.save_checkpoint(self._state.run)
        self._saving = self._runner.interject(job, "Saving the training", essential=True)
        self._saving.succeeded.connect(self._cancel_all)
        self._saving.failed.connect(self._on_save_failed)

    @Slot()
    def _cancel_all(self) -> None:
        self.waiting.emit("Closing when the step that runs is done…")
        for handle in self._runner.jobs:
            if not handle.essential:
                handle.cancel()

    @Slot(object, str)
    def _on_save_failed(self, error: StudioError, trace: str) -> None:
        self._leaving = False
        self._runner.idle.disconnect(self._on_idle)
        self.failed.emit(error, trace)

    @Slot()
    def _on_idle(self) -> None:
        if self._leaving:
            self.ready.emit()
