"""A small dialog that asks what a film of the run should show, with its size and length before it is made."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from studio.app.imaging import fitted_size
from studio.app.microscope.film_export import FilmRequest, film_positions
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import (
    Label,
    LabelledRow,
    PrimaryButton,
    SecondaryButton,
    SectionLabel,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.export_menu import ask_where_to_save, film_kinds
from studio.app.widgets.film_strip import thumbnail_size

_PREVIEW = 112
_USUAL_SIDE = 280
_LARGEST_SIDE = 1024
_LABEL_WIDTH = 96


class ExportFilmDialog(QDialog):
    """Asks for a FilmRequest; `exec()` returns 1 when one was chosen, `request()` then gives it."""

    def __init__(
        self, frames: Frames, kind: FilmKind, picture: int, frames_per_second: float, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export film")
        self.setObjectName("export-film")
        self._frames = frames
        self._picture = picture
        _, self._height, self._width = frames.picture_shape
        self._build(kind, frames_per_second)
        self._show_size()

    def request(self) -> FilmRequest:
        """What was chosen."""
        return FilmRequest(
            kind=FilmKind(str(self._kind.value())),
            picture=self._picture if self._which.value() == "one" else None,
            fps=float(self._rate.value()),
            scale=int(self._scale.value()),
        )

    def _build(self, kind: FilmKind, frames_per_second: float) -> None:
        self._kind = SegmentedControl(
            ((FilmKind.Z, "The picture"), (FilmKind.EPSILON, "Its noise"), (FilmKind.X0, "The prediction")),
            name="Film of",
        )
        self._kind.set_value(kind)
        count = self._frames.picture_count
        self._which = SegmentedControl((("one", "The large one"), ("all", f"All {count}")), name="Pictures")
        self._rate = ValueSlider(
            "Speed", 2, 50, max(2, min(round(frames_per_second), 50)), suffix=" /s", label_width=_LABEL_WIDTH
        )
        usual, largest = (
            max(1, fitted_size(self._width, self._height, side, side)[0] // self._width)
            for side in (_USUAL_SIDE, _LARGEST_SIDE)
        )
        largest = max(2, largest)
        self._scale = ValueSlider("Enlarged", 1, largest, min(usual, largest), suffix="×", label_width=_LABEL_WIDTH)
        self._facts = Label("", role="muted", size=FontSize.LABEL)
        cancel, save = SecondaryButton("Cancel"), PrimaryButton("Save…", "film")
        save.setDefault(True)
        cancel.clicked.connect(self.reject)
        save.clicked.connect(self.accept)
        for control in (self._kind, self._which, self._rate, self._scale):
            control.value_changed.connect(self._show_size)

        controls = QVBoxLayout()
        controls.setSpacing(Space.M)
        controls.addWidget(SectionLabel("The denoising as a film"))
        controls.addWidget(LabelledRow("Film of", self._kind, label_width=_LABEL_WIDTH, stretch=False))
        row = LabelledRow("Pictures", self._which, label_width=_LABEL_WIDTH, stretch=False)
        row.setVisible(count > 1)
        controls.addWidget(row)
        controls.addWidget(self._rate)
        controls.addWidget(self._scale)
        controls.addWidget(self._facts)
        controls.addStretch(1)

        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(save)

        top = QHBoxLayout()
        top.setSpacing(Space.XL)
        top.addWidget(self._preview(kind), 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(controls, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.L)
        layout.setSpacing(Space.L)
        layout.addLayout(top, 1)
        layout.addLayout(buttons)

    def _preview(self, kind: FilmKind) -> QWidget:
        label = QLabel()
        width, height = thumbnail_size((self._width, self._height), 1.0, _PREVIEW, _PREVIEW)
        image = self._frames.thumbnail(self._frames.count - 1, kind, self._picture)
        label.setPixmap(QPixmap.fromImage(image.scaled(round(width), round(height))))
        label.setAccessibleName("The last moment of the film")
        return label

    @Slot()
    def _show_size(self) -> None:
        request = self.request()
        moments = len(film_positions(self._frames.step_count))
        width, height = self._width * request.scale, self._height * request.scale
        size = f"{width} × {height} pixels" if request.picture is not None else f"{width} × {height} pixels a picture"
        skipped = "" if moments == self._frames.count else f" of {self._frames.count}, evenly chosen"
        self._facts.setText(f"{moments} moments{skipped} · {moments / request.fps:.1f} s · {size}")


def ask_for_film(parent: QWidget, title: str, name: str) -> Path | None:
    """Where to save a film, in any of the formats that can be written here."""
    kinds = film_kinds()
    return ask_where_to_save(parent, title, name + kinds[0][0], kinds)
