"""The sample wall with its title, its empty state, and the plane of points that belongs to two-pixel pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.app.docks.train.point_cloud import PointCloud
from studio.app.theme import FontSize, Size, Space
from studio.app.widgets.controls import IconButton, Label, Rule, SegmentedControl
from studio.app.widgets.export_menu import ExportButton, film_kinds
from studio.app.widgets.fitting import FittingLabel
from studio.app.widgets.moments import Moment, WallView
from studio.app.widgets.panel_ground import PanelGround
from studio.app.widgets.sample_wall import SampleWall
from studio.app.widgets.wall_empty import WallEmpty

if TYPE_CHECKING:
    from studio.app.runner import Runner

FILM_SECONDS = 6.0
FILM_SIDE = 480
"""Films are enlarged by the whole multiple that comes nearest to so many pixels."""

_GAP = 2
_VIEWS = ((WallView.RAW, "Raw"), (WallView.AVERAGED, "EMA"), (WallView.BOTH, "Both"))


class WallPanel(PanelGround):
    """Wraps one SampleWall; `wall` takes the moments."""

    moment_chosen = Signal(object)
    """The Moment whose row is lit, or None."""
    exported = Signal(object)
    """The path of a picture that is there now."""
    export_failed = Signal(object)
    """StudioError"""

    def __init__(self, runner: Runner, parent: QWidget) -> None:
        super().__init__(parent)
        self._runner = runner
        self.wall = SampleWall(self)
        self.empty = WallEmpty(self)
        self.cloud = PointCloud(self)
        self.cloud.hide()
        self._film = IconButton("film", "Show as a film", parent=self, checkable=True, dense=True)
        self._view = SegmentedControl(_VIEWS, self, name="Weights", dense=True)
        self._view.set_value(WallView.AVERAGED)
        self._view.set_option_tooltip(WallView.RAW, "The weights as they are after the last step.")
        self._view.set_option_tooltip(WallView.AVERAGED, "Their moving average: what the model will be.")
        self._view.set_option_tooltip(WallView.BOTH, "The same noise through both, beside each other.")
        self._view.value_changed.connect(self._set_view)
        self.wall.view_changed.connect(self._on_view)
        self.wall.raw_available.connect(self._allow_raw)
        self._export = ExportButton(self, "Export the wall…")
        self._export.add("Picture of the wall", "sample-wall.png", "PNG (*.png)", self._write_picture)
        self._export.add("Film of the wall", "sample-wall.gif", film_kinds(), self._write_film)
        self._export.add("Film of the marked column", "sample.gif", film_kinds(), self._write_column)
        self._export.exported.connect(self.exported)
        self._export.failed.connect(self.export_failed)
        self._allow_raw(False)
        self._allow_film(False)
        self._film.toggled.connect(self.wall.show_film)
        self.wall.film_toggled.connect(self._film.setChecked)
        self.wall.moment_chosen.connect(self._on_moment)
        head = QWidget(self)
        head.setFixedHeight(Size.DOCK_TITLE)
        title = QHBoxLayout(head)
        title.setContentsMargins(Size.DOCK_PADDING, 0, Space.S, 0)
        title.setSpacing(Space.S)
        title.addWidget(Label("Sample wall", head, size=FontSize.LABEL, weight=QFont.Weight.DemiBold))
        self._order = FittingLabel(head)
        self.show_order(classes=False)
        title.addWidget(self._order, 1)
        title.addWidget(self._view)
        title.addWidget(self._export)
        title.addWidget(self._film)
        filled = QWidget(self)
        row = QHBoxLayout(filled)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self.wall, 1)
        row.addWidget(self.cloud, 0, Qt.AlignmentFlag.AlignTop)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(filled)
        inner = QVBoxLayout()
        inner.setContentsMargins(Space.S, Space.XS, Space.S, 0)
        inner.addWidget(pages)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, Space.S)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(Rule(self))
        column.addLayout(inner, 1)

    def show_data(self, images: NDArray[np.uint8] | None) -> None:
        """Show the plane of points for pictures uint8 (N, 1, 2, 1); hide it for all others."""
        points = images is not None and images.shape[1:] == (1, 2, 1)
        self.cloud.setVisible(points)
        self.cloud.set_data(images if points else None)

    def show_order(self, *, classes: bool) -> None:
        """Say what stands beside each other in a row."""
        self._classes = classes
        column = "class" if classes else "seed"
        if self.wall.view is WallView.BOTH:
            self._order.set_wordings(f"each {column} twice: raw weights, then their average", "raw, then EMA")
        else:
            self._order.set_wordings(f"one row a moment, one column a {column}", f"a row a moment, a column a {column}")

    @Slot(bool)
    def _allow_raw(self, allowed: bool) -> None:
        self._view.setEnabled(allowed)
        self._view.setToolTip("" if allowed else "There is one kind of rows only: see “Raw rows” in the settings.")

    @Slot(object)
    def _set_view(self, view: object) -> None:
        self.wall.set_view(WallView(str(view)))

    @Slot(object)
    def _on_view(self, view: object) -> None:
        self._view.set_value(view)
        self.show_order(classes=self._classes)

    def _write_picture(self, path: Path) -> Path:
        from studio.generation.export import picture_image, save_image

        return save_image(picture_image(wall_sheet(self.wall.rows), _scale(self.wall.rows)), path, overwrite=True)

    def _write_film(self, path: Path) -> object:
        moments = self.wall.shown_moments
        return self._film_of([_grid(moment.pictures) for moment in moments], path)

    def _write_column(self, path: Path) -> object:
        column = self.wall.current_column
        return self._film_of([moment.pictures[column] for moment in self.wall.shown_moments], path)

    def _film_of(self, frames: list[NDArray[np.uint8]], path: Path) -> object:
        side = max(frames[0].shape[:2])
        job = film_job(frames, path, scale=max(1, FILM_SIDE // side))
        handle = self._runner.interject(job, f"Writing {path.name}")
        handle.succeeded.connect(self.exported)
        handle.failed.connect(self.export_failed)
        return handle

    def _allow_film(self, allowed: bool) -> None:
        self._film.setEnabled(allowed)
        self._export.setEnabled(allowed)
        self._film.set_tooltip("Show as a film", "" if allowed else "There is something to show after the first row.")

    @Slot(object)
    def _on_moment(self, moment: object) -> None:
        self._pages.setCurrentIndex(1 if self.wall.rows else 0)
        self._allow_film(len(self.wall.moments) > 0)
        self.cloud.set_samples(None if moment is None else moment.pictures)
        self.moment_chosen.emit(moment)


def film_job(frames: Sequence[NDArray[np.uint8]], path: Path, scale: int) -> Iterator[object]:
    """Write pictures uint8 (H, W, C), oldest first, as a film of some seconds; returns the path. Raises StudioError."""
    from studio.generation.films import write_film

    yield from ()
    rate = min(max(len(frames) / FILM_SECONDS, 4.0), 25.0)
    # The dialog of the operating system has asked before overwriting.
    return write_film(frames, path, fps=rate, scale=scale, overwrite=True)


def wall_sheet(rows: Sequence[Moment]) -> NDArray[np.uint8]:
    """The rows of a wall below each other as one picture uint8 (H, W, C), oldest first. `rows` must not be empty."""
    return _tiled([[*moment.pictures] for moment in rows])


def _grid(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pictures of a moment, uint8 (N, H, W, C), as one that is about as high as wide."""
    count, height, width = pictures.shape[:3]
    columns = min(range(1, count + 1), key=lambda n: (abs(n * width - -(-count // n) * height), n))
    blank = np.zeros_like(pictures[0])
    padded = [*pictures, *[blank] * (-count % columns)]
    return _tiled([padded[i : i + columns] for i in range(0, len(padded), columns)])


def _tiled(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    height, width, channels = rows[0][0].shape
    columns = max(len(row) for row in rows)
    shape = (len(rows) * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    # Transparent pictures stand on nothing, all others on the dark canvas.
    sheet = np.full(shape, 0 if channels == 4 else 19, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + _GAP), j * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def _scale(rows: Sequence[Moment]) -> int:
    """How much a sheet is enlarged, so that pictures of few pixels can be looked at."""
    return max(1, 64 // max(rows[-1].pictures.shape[1:3]))
