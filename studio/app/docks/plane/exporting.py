"""The ways out of the plane: its picture, a film from noise to the pictures, and its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QSize, Slot
from PySide6.QtGui import QPainter

from studio.app.plane.idle_work import IdleWork
from studio.app.plot_export import PICTURE_KINDS, export_picture, picture_array
from studio.app.widgets.export_menu import ExportButton, film_kinds
from studio.app.widgets.plane_view import PlaneView
from studio.errors import SettingsError
from studio.generation.numbers import write_arrays, write_table

if TYPE_CHECKING:
    from studio.app.docks.plane.page import PlanePage
    from studio.app.runner import JobHandle, Runner

FILM_SIZE = QSize(720, 540)
FILM_FRAMES = 72
FILM_RATE = 18.0
NUMBER_KINDS = ((".csv", "Table, CSV"), (".npz", "Arrays, NPZ"))


class PlaneExports(QObject):
    """Adds the exports of a page to a button. Failures and finished files are told through the button."""

    def __init__(self, page: PlanePage, button: ExportButton, runner: Runner) -> None:
        super().__init__(page)
        self._page, self._button, self._runner = page, button, runner
        self._frames: list[np.ndarray] = []
        self._drawing = IdleWork(self)
        self._paths: dict[JobHandle, Path] = {}
        button.add("Picture of the plane", "plane.png", PICTURE_KINDS, self.write_picture)
        button.add("Film from noise to the pictures", "plane.gif", film_kinds(), self.write_film)
        button.add("Numbers of the field", "field.csv", NUMBER_KINDS, self.write_field)
        button.add("Numbers of the trajectories", "trajectories.csv", NUMBER_KINDS, self.write_trajectories)

    def write_picture(self, path: Path) -> Path:
        """The canvas as it is now, without what follows the mouse."""
        canvas = self._page.canvas
        self._page.composer.compose()
        return export_picture((canvas.size(), self._paint), path)

    def write_film(self, path: Path, frames: int = FILM_FRAMES) -> object:
        """Play from noise to the pictures once, on the screen too, and write what is seen at a size of its own.

        The frames are drawn between everything else; the file is written in the background.
        """
        self._frames.clear()
        self._drawing.begin(self._film(path, frames))
        return self._drawing

    def write_field(self, path: Path) -> Path:
        """The field on the grid that is shown."""
        field = self._page.scene.field
        if field is None:
            raise SettingsError("There is no field to write yet.", "Paint or choose pictures, or show the exact field.")
        columns = {"t": np.full(len(field.points), field.t + 1)}
        for name, values in (
            ("z", field.points),
            ("predicted_noise", field.eps),
            ("taken_off", field.subtracted),
            ("picture", field.x0),
            ("movement", field.movement),
        ):
            columns[f"{name}_1"], columns[f"{name}_2"] = values.T
        return _write(path, columns)

    def write_trajectories(self, path: Path) -> Path:
        """Each point of each walk shown."""
        scene = self._page.scene
        walks, times = scene.trajectories, np.asarray(scene.trajectory_times)
        if not walks:
            raise SettingsError("There are no trajectories to write yet.", "Wait until they are drawn, then try again.")
        axis = "along" if scene.is_slice else "pixel"
        points = np.concatenate([np.zeros((0, 2)), *walks])
        columns = {
            "trajectory": np.repeat(np.arange(1, len(walks) + 1), len(times)),
            "t": np.tile(times + 1, len(walks)),
            f"{axis}_1": points[:, 0],
            f"{axis}_2": points[:, 1],
        }
        return _write(path, columns)

    def finish(self) -> None:
        """Draw all frames of a film at once, for tests."""
        self._drawing.finish()

    def _film(self, path: Path, frames: int) -> Iterator[object]:
        scene, canvas = self._page.scene, self._page.canvas
        before, last = scene.t, scene.schedule.step_count - 1
        # A slice is asked where it is looked at: another view would ask for other answers, and both in turn.
        size = canvas.size() if scene.is_slice else FILM_SIZE
        view = canvas.view if scene.is_slice else PlaneView.home(FILM_SIZE, canvas.reach)
        for t in np.linspace(last, 0, frames).round().astype(int).tolist():
            scene.set_t(t)
            drawing = self._page.composer.drawing(view)
            while scene.asking and not self._page.is_answered():
                yield
                drawing = self._page.composer.drawing(view)
            paint = _Painting(canvas, view, replace(drawing, note=f"t = {t + 1}"))
            self._frames.append(picture_array((size, paint), 1.0))
            yield
        scene.set_t(before)
        self._page.composer.compose()
        handle = self._runner.interject(_write_film(list(self._frames), path), f"Writing {path.name}")
        self._frames.clear()
        self._paths[handle] = path
        handle.succeeded.connect(self._on_written)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_finished)

    def _paint(self, painter: QPainter) -> None:
        self._page.canvas.paint(painter, self._page.canvas.view)

    @Slot(object)
    def _on_written(self, path: object) -> None:
        self._button.exported.emit(path)

    @Slot(object, str)
    def _on_failed(self, error: object, details: str) -> None:
        self._button.failed.emit(error)

    @Slot()
    def _on_finished(self) -> None:
        self._paths.pop(self.sender(), None)


class _Painting:
    def __init__(self, canvas: object, view: PlaneView, drawing: object) -> None:
        self._canvas, self._view, self._drawing = canvas, view, drawing

    def __call__(self, painter: QPainter) -> None:
        self._canvas.paint(painter, self._view, self._drawing)


def _write(path: Path, columns: dict[str, np.ndarray]) -> Path:
    writer = write_arrays if path.suffix.lower() == ".npz" else write_table
    return writer(path, columns, overwrite=True)


def _write_film(frames: list[np.ndarray], path: Path) -> Iterator[object]:
    from studio.generation.films import write_film

    yield from ()
    return write_film(frames, path, FILM_RATE, overwrite=True)
