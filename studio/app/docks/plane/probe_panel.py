"""The content of the probe's panel: z_t large, then ε̂, what is taken off, and x̂₀, each with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from torch import Tensor

from studio.app.plane.scene import PlaneScene, ProbeReading
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label, Rule, format_number
from studio.app.widgets.math_text import MathLabel, Term
from studio.app.widgets.plane_reading import EdgedPicture, Share, ShareBars
from studio.app.widgets.shown_picture import Reading

MOST_SHARES = 6
_NOISE_LIMIT, _TAKEN_LIMIT = 3.0, 1.0
_SMALL = QSize(88, 44)
_LARGEST = 150
_SLICE_LARGEST, _SLICE_SMALL = 232, 84


@dataclass(frozen=True)
class _Row:
    name: str
    symbol: str
    role: str
    words: str
    reading: Reading
    limit: float = 1.0


_ROWS = (
    _Row("eps", "ε̂", "d2", "predicted noise", "signed", _NOISE_LIMIT),
    _Row("subtracted", "−cε̂", "text", "taken off", "signed", _TAKEN_LIMIT),
    _Row("x0", "x̂_0", "d3", "so, the picture", "values"),
)


class ProbePanel(QWidget):
    """Follows the scene's probe."""

    def __init__(self, scene: PlaneScene, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene = scene
        self.large = EdgedPicture("text", "values", QSize(2 * _LARGEST, _LARGEST), self)
        self.large.setAccessibleName("The probe as a picture")
        self.place = Label("", self, size=FontSize.LABEL)
        self.pictures: dict[str, EdgedPicture] = {}
        self.numbers: dict[str, Label] = {}
        self.bars = ShareBars(self)
        self._question = Label("Which cluster does it come from?", self, role="muted", size=FontSize.LABEL, wrap=True)
        self._rule = Rule(self)
        self._empty = Label("", self, role="muted", size=FontSize.LABEL, wrap=True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._show)
        self._build()
        scene.probe_changed.connect(self._later)
        scene.space_changed.connect(self._show_space)
        self._show()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.large)
        caption = QHBoxLayout()
        symbol = (Term("z_t", "text", FontSize.SECTION), Term("the probe as a picture", "muted", FontSize.LABEL, True))
        caption.addWidget(MathLabel(symbol, self, spacing=6), 1)
        caption.addWidget(self.place)
        column.addLayout(caption)
        column.addSpacing(Space.XS)
        for row in _ROWS:
            column.addLayout(self._row(row))
        column.addWidget(self._empty)
        column.addSpacing(Space.XS)
        column.addWidget(self._rule)
        column.addWidget(self._question)
        column.addWidget(self.bars)
        column.addStretch(1)

    def _row(self, row: _Row) -> QHBoxLayout:
        picture = EdgedPicture(row.role, row.reading, _SMALL, self)
        picture.setFixedWidth(_SMALL.width())
        picture.setAccessibleName(row.words)
        numbers = Label("", self, size=FontSize.LABEL)
        self.pictures[row.name], self.numbers[row.name] = picture, numbers
        words = QVBoxLayout()
        words.setSpacing(0)
        terms = (Term(row.symbol, row.role, FontSize.SECTION), Term(row.words, "muted", FontSize.LABEL, True))
        words.addWidget(MathLabel(terms, self, spacing=6))
        words.addWidget(numbers)
        words.addStretch(1)
        line = QHBoxLayout()
        line.setSpacing(Space.M)
        line.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        return line

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    @Slot()
    def _later(self) -> None:
        # Many things may change before the next painting of the screen.
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    @Slot()
    def _show(self) -> None:
        scene = self._scene
        reading = scene.probe_reading()
        if scene.is_slice:
            self._show_slice(reading)
            return
        self.large.set_picture(_picture(np.asarray(scene.probe)))
        self.place.setText(_pair(np.asarray(scene.probe)))
        for row in _ROWS:
            values = None if reading is None else getattr(reading, row.name)
            self.pictures[row.name].set_picture(None if values is None else _picture(values), row.limit)
            self.numbers[row.name].setText("—" if values is None else _pair(values))
        if not len(scene.points):
            self._empty.setText("Without pictures there is nothing to say: paint some.")
        elif reading is None:
            self._empty.setText("Nothing is learned yet. Train the small model at the left.")
        self._empty.setVisible(reading is None)
        shares = None if reading is None else reading.cluster_shares
        self._show_shares(shares)

    def _show_slice(self, reading: ProbeReading | None) -> None:
        """Of a slice: real pictures, with their least and largest value."""
        pictures = None if reading is None else reading.pictures
        self.place.setText(_pair(np.asarray(self._scene.probe)))
        self.large.set_picture(None if pictures is None else _channels_last(pictures.z))
        for row in _ROWS:
            values = None if pictures is None else _channels_last(getattr(pictures, row.name))
            self.pictures[row.name].set_picture(values, row.limit)
            self.numbers[row.name].setText("—" if values is None else _range(values))
        self._empty.setText(self._scene.obstacle(self._scene.space) or "The answer is on its way.")
        self._empty.setVisible(pictures is None)
        self._show_shares(None)

    @Slot()
    def _show_space(self) -> None:
        self._fit()
        self._show()

    def _fit(self) -> None:
        # Two pixels lie side by side: half as high as wide. Real pictures are about square.
        slice_ = self._scene.is_slice
        self.large.set_picture_height(min(self.width(), _SLICE_LARGEST) if slice_ else min(self.width() // 2, _LARGEST))
        for picture in self.pictures.values():
            picture.set_picture_height(_SLICE_SMALL if slice_ else _SMALL.height())

    def _show_shares(self, shares: NDArray[np.float64] | None) -> None:
        there = shares is not None and len(shares) > 1
        for widget in (self._rule, self._question, self.bars):
            widget.setVisible(there)
        if not there:
            return
        points, labels = self._scene.points, self._scene.labels
        # The order of the clusters stays while the probe moves, so that no bar jumps; only many are left out.
        chosen = np.sort(np.argsort(-shares, kind="stable")[:MOST_SHARES])
        self.bars.set_shares(
            [
                Share(f"cluster {label + 1}", _picture(points[labels == label].mean(0)), float(shares[label]))
                for label in chosen.tolist()
            ]
        )


def _picture(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two numbers as a picture (1, 2, 1)."""
    return np.asarray(values, float).reshape(1, 2, 1)


def _pair(values: NDArray[np.float64]) -> str:
    return f"{format_number(float(values[0]))}, {format_number(float(values[1]))}"


def _channels_last(picture: Tensor) -> NDArray[np.float64]:
    """(C, H, W) as (H, W, C)."""
    return np.moveaxis(picture.numpy(), 0, -1)


def _range(values: NDArray[np.float64]) -> str:
    return f"{format_number(float(values.min()), 1)} … {format_number(float(values.max()), 1)}"
