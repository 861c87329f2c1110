"""Opening what a person dropped, pasted or chose: pictures, models and recorded runs, always in the background.

A failure never touches what was open before; a success replaces it as a whole.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QObject, Signal, Slot
from PySide6.QtGui import QImage

from studio.app.data.editing import data_editing_of
from studio.app.data.jobs import OpenedData, open_data, open_drops
from studio.app.imaging import picture_image
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.trace_opening import TRACE_SUFFIX, OpenedRuns, open_model_or_runs, open_runs
from studio.app.runner import JobHandle, Runner
from studio.app.settings import Recent, Settings
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.widgets.file_drops import dropped_paths
from studio.app.window.activity import count
from studio.data.starter import starter_sets
from studio.errors import DataError, StudioError
from studio.paths import user_folder

_log = logging.getLogger(__name__)

MODEL_SUFFIX = ".safetensors"
MODEL_FILTER = "Models (*.safetensors)"
RUN_FILTER = "Recorded runs (*.trace)"
PICTURE_FILTER = (
    "Pictures and data sets (*.png *.apng *.jpg *.jpeg *.webp *.bmp *.gif *.tif *.tiff *.zip *.tar *.tgz "
    "*.gz *.bz2 *.xz *.npz *.npy *.bin *.parquet *.csv *.tsv *idx3-ubyte *idx1-ubyte)"
)
_PREVIEW_PICTURES = 4
_MOST_LINES = 2000


class Opener(QObject):
    """Starts the jobs that open things, and puts their results into the state."""

    started = Signal(object)
    """The handle of an opening that began."""
    pictures_opened = Signal(object)
    """The ImageSet that is open now."""
    model_opened = Signal(object)
    """The ModelBundle that is open now."""
    run_opened = Signal(object)
    """OpenedRuns: the recorded run that is under the microscope now."""
    report_ready = Signal(object)
    """The ImportReport of an import that succeeded."""
    choice_needed = Signal(object)
    """Pictures were brought while others are open: paths that `add` or `open` is to be called with."""
    failed = Signal(object)
    """A StudioError."""

    def __init__(self, state: StudioState, runner: Runner, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._settings = settings
        data_editing_of(state, runner)
        self._handle: JobHandle | None = None
        self._paths: tuple[Path, ...] = ()

    @property
    def handle(self) -> JobHandle | None:
        """The opening that goes on; None when none does."""
        return self._handle

    def open(self, paths: Sequence[Path | str]) -> None:
        """Open a model file, a recorded run, or anything else as pictures. A later call replaces one that still goes
        on."""
        chosen = tuple(Path(path).absolute() for path in paths)
        if not chosen:
            return
        folder = chosen[0].parent
        if folder.is_dir():
            self._settings.last_folder = folder
        models = [path for path in chosen if path.suffix.lower() in (MODEL_SUFFIX, TRACE_SUFFIX)]
        if models and len(chosen) > 1:
            what = "A model or a recorded run was dropped together with other files."
            self.failed.emit(DataError(what, "Drop one model, one run, or pictures, at a time."))
        elif models:
            read = open_runs if models[0].suffix.lower() == TRACE_SUFFIX else open_model_or_runs
            job = read(models[0], denoising_of(self._state).candidates())
            self._begin(job, f"Opening {models[0].name}", chosen, self._on_model_or_runs)
        else:
            name = chosen[0].name if len(chosen) == 1 else f"{chosen[0].parent.name}"
            self._begin(open_data(chosen), f"Opening {name}", chosen, self._on_pictures)

    def add(self, paths: Sequence[Path | str]) -> None:
        """Open pictures together with those that are open; what was decided about these holds on."""
        editing = data_editing_of(self._state)
        added = tuple(path for path in map(Path.absolute, map(Path, paths)) if path not in editing.paths)
        if not added:
            self.failed.emit(DataError("These pictures are open already.", "Drop others to add them."))
            return
        job = open_drops((*editing.drops, added), editing.options, editing.preparation, name=self._title())
        self._begin(job, "Adding pictures", (*editing.paths, *added), self._on_pictures)

    def _title(self) -> str | None:
        catalog = data_editing_of(self._state).catalog
        return None if catalog is None else catalog.title

    def bring(self, paths: Sequence[Path | str]) -> None:
        """Open what was dropped or pasted; with pictures open already, `choice_needed` asks what is meant."""
        if self.must_ask(paths):
            self.choice_needed.emit(tuple(Path(path) for path in paths))
        else:
            self.open(paths)

    @property
    def offers_to_add(self) -> bool:
        """Pictures from files are open, to which others can be added."""
        return bool(data_editing_of(self._state).paths)

    def must_ask(self, paths: Sequence[Path | str]) -> bool:
        """Whether these could be meant to be added as well as to replace what is open."""
        models = any(Path(path).suffix.lower() in (MODEL_SUFFIX, TRACE_SUFFIX) for path in paths)
        return bool(paths) and not models and self.offers_to_add

    def open_starter(self, identity: str, title: str) -> JobHandle:
        """Open a starter set."""
        path = next(starter.path for starter in starter_sets() if starter.id == identity)
        return self._begin(open_data((path,), name=title), f"Opening {title}", (), self._on_pictures)

    def open_mime(self, data: QMimeData) -> bool:
        """Open dropped or pasted files, paths that were copied as text, or a pasted picture; False when there is
        nothing of that kind in it."""
        paths = dropped_paths(data) or _paths_in(data.text() if data.hasText() else "")
        if paths:
            self.bring(paths)
            return True
        if data.hasImage():
            image = QImage(data.imageData())
            if not image.isNull():
                self._open_image(image)
                return True
        return False

    def _open_image(self, image: QImage) -> None:
        # Through a file, so that a pasted picture takes the same way as any other.
        folder = user_folder("pasted")
        content = bytes(image.convertToFormat(QImage.Format.Format_RGBA8888).constBits())
        path = folder / f"pasted-{hashlib.sha256(content).hexdigest()[:12]}.png"
        if not image.save(str(path)):
            self.failed.emit(StudioError("The pasted picture could not be stored.", "Save it as a file and open that."))
            return
        self.bring([path])

    def _begin(self, job: object, title: str, paths: tuple[Path, ...], on_success: object) -> JobHandle:
        if self._handle is not None:
            self._handle.cancel()
        handle = self._runner.interject(job, title)
        self._handle, self._paths = handle, paths
        handle.succeeded.connect(on_success)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_finished)
        self.started.emit(handle)
        return handle

    @Slot(object)
    def _on_pictures(self, result: OpenedData) -> None:
        if self.sender() is not self._handle:
            return
        image_set, report = result.image_set, result.report
        if not self._paths:
            # A starter set needs no account of how it came in.
            report = None
            result = replace(result, report=None)
        data_editing_of(self._state).take(result)
        if self._paths:
            size = f"{image_set.width} × {image_set.height}"
            detail = f"{count(image_set.count, 'picture')}, {size}"
            self._remember("pictures", image_set.name, detail, image_set.images[:_PREVIEW_PICTURES])
        if report is not None:
            self.report_ready.emit(report)
        self.pictures_opened.emit(image_set)

    @Slot(object)
    def _on_model_or_runs(self, result: object) -> None:
        if self.sender() is not self._handle:
            return
        if isinstance(result, OpenedRuns):
            self._show_runs(result)
        else:
            self._show_model(result)

    def _show_runs(self, opened: OpenedRuns) -> None:
        denoising_of(self._state).take_opened(opened)
        trace = opened.file.root
        frames = denoising_of(self._state).frames
        pictures = frames.pictures(frames.count - 1)[:_PREVIEW_PICTURES] if frames is not None and frames.count else []
        detail = f"recorded run, {count(len(trace), 'step')}"
        self._remember("run", self._paths[0].stem, detail, np.asarray(pictures))
        self.run_opened.emit(opened)

    def _show_model(self, bundle: object) -> None:
        path = self._paths[0]
        title = bundle.name or path.stem
        self._state.set_model(bundle, ModelChoice(ModelSource.FILE, title, path))
        channels, height, width = bundle.shape
        preview = bundle.preview
        pictures = preview[:_PREVIEW_PICTURES] if preview is not None else np.zeros((0, height, width, channels))
        self._remember("model", title, f"model, {width} × {height}", pictures)
        self.model_opened.emit(bundle)

    @Slot(object, str)
    def _on_failed(self, error: StudioError, _traceback: str) -> None:
        if self.sender() is self._handle:
            self.failed.emit(error)

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._handle:
            self._handle = None

    def _remember(self, kind: str, title: str, detail: str, pictures: np.ndarray) -> None:
        names = tuple(str(path) for path in self._paths)
        preview = _store_preview(names, pictures)
        self._settings.add_recent(Recent(kind, names, title, detail, 0.0, preview))


def _paths_in(text: str) -> list[Path]:
    """Files and folders that a copied text names, a line each; none when any line is something else."""
    lines = [line.strip().strip('"').removeprefix("file://") for line in text.splitlines() if line.strip()]
    paths = [Path(line) for line in lines[:_MOST_LINES]]
    try:
        return paths if paths and all(path.is_absolute() and path.exists() for path in paths) else []
    except OSError:
        return []


def _store_preview(names: tuple[str, ...], pictures: np.ndarray) -> str:
    """Up to four pictures in a square, as a PNG in the user's folder; '' when that cannot be done."""
    if len(pictures) == 0:
        return ""
    side = 2 if len(pictures) >= _PREVIEW_PICTURES else 1
    height, width, channels = pictures.shape[1:]
    sheet = np.zeros((side * height, side * width, channels), dtype=np.uint8)
    for number, picture in enumerate(pictures[: side * side]):
        row, column = divmod(number, side)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    try:
        path = user_folder("recent") / f"{hashlib.sha256('|'.join(names).encode()).hexdigest()[:16]}.png"
    except OSError as error:
        _log.info("no preview was kept: %s", error)
        return ""
    return str(path) if picture_image(sheet).save(str(path)) else ""
