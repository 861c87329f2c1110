"""Asking for files: what to open, and where to save a model."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from studio.app import jobs
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.trace_opening import TRACE_SUFFIX
from studio.app.runner import Runner
from studio.app.settings import Recent, Settings
from studio.app.state import StudioState
from studio.app.widgets.export_menu import ask_where_to_save
from studio.app.window.opening import MODEL_FILTER, MODEL_SUFFIX, PICTURE_FILTER, RUN_FILTER, Opener
from studio.errors import StudioError

_EVERYTHING = "All files (*)"
_FILTERS = {"model": MODEL_FILTER, "run": RUN_FILTER}


class FileDialogs(QObject):
    """Each method asks, and begins what was asked for unless the person went back."""

    saved = Signal(object)
    """Path of a model that was saved."""
    failed = Signal(object, str)

    def __init__(self, state: StudioState, runner: Runner, settings: Settings, opener: Opener, window: QWidget) -> None:
        super().__init__(window)
        self._state = state
        self._runner = runner
        self._settings = settings
        self._opener = opener
        self._window = window

    @Slot()
    def open_files(self) -> None:
        filters = ";;".join((PICTURE_FILTER, MODEL_FILTER, RUN_FILTER, _EVERYTHING))
        names, _ = QFileDialog.getOpenFileNames(
            self._window, "Open pictures, a model or a recorded run", self._settings.last_folder, filters
        )
        self._opener.open(names)

    @Slot()
    def open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, "Open a folder of pictures", self._settings.last_folder)
        if folder:
            self._opener.open([folder])

    def open_recent(self, recent: Recent) -> None:
        """Open what was open before, or ask where it is now."""
        if not recent.missing:
            self._opener.open(recent.paths)
        elif recent.kind in _FILTERS:
            name, _ = QFileDialog.getOpenFileName(
                self._window, f"Where is {recent.title}?", self._settings.last_folder, _FILTERS[recent.kind]
            )
            self._reopen(recent, name)
        else:
            folder = QFileDialog.getExistingDirectory(
                self._window, f"Where are the pictures of {recent.title}?", self._settings.last_folder
            )
            self._reopen(recent, folder)

    @Slot()
    def save_model(self) -> None:
        source = self._state.model
        choice = self._state.model_choice
        if self._state.run is not None and (source is None or choice is None or choice.path is None):
            source = next(iter(self._state.model_choices()))
        if source is None:
            return
        title = self._state.image_set.name if self._state.image_set is not None else "model"
        suggestion = str(Path(self._settings.last_folder) / f"{title}{MODEL_SUFFIX}")
        path = ask_where_to_save(self._window, "Save the model", suggestion, ((MODEL_SUFFIX, "Models"),))
        if path is None:
            return
        self._settings.last_folder = path.parent
        job = jobs.save_model(source, path, run=self._state.run)
        handle = self._runner.interject(job, f"Saving {path.name}", essential=True)
        handle.succeeded.connect(self.saved)
        handle.failed.connect(self.failed)

    @Slot()
    def save_run(self) -> None:
        """Save the run under the microscope with all its branches."""
        trace, denoising = self._state.trace, denoising_of(self._state)
        if trace is None or not len(trace):
            denoising.failed.emit(StudioError("There is no run to save yet.", "Denoise first."))
            return
        if denoising.running_trace is not None and denoising.running_trace.root is trace.root:
            denoising.failed.emit(StudioError("The run still goes on.", "Pause it, or wait for its end, then save it."))
            return
        suggestion = str(Path(self._settings.last_folder) / f"run{TRACE_SUFFIX}")
        kinds = ((TRACE_SUFFIX, "Recorded runs"),)
        path = ask_where_to_save(self._window, "Save the run with its branches", suggestion, kinds)
        if path is not None:
            self._settings.last_folder = path.parent
            branches_of(self._state).save(trace.root, path, self._runner)

    def _reopen(self, recent: Recent, found: str) -> None:
        if found:
            self._settings.forget_recent(recent)
            self._opener.open([found])
