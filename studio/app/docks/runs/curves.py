"""The curves of the compared runs over each other, with their values where the pointer is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.docks.runs.words import distinct_titles
from studio.app.plot_export import export_picture
from studio.app.runs.browsing import run_browsing_of
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.controls import Label, SegmentedControl
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.overlay_plot import RUN_LOOKS, OverlaidCurve, OverlayPlot, value_words
from studio.generation.numbers import write_table

if TYPE_CHECKING:
    from studio.app.runs.run_jobs import RunEntry
    from studio.app.state import StudioState
    from studio.training.run_curves import RunCurve

_COLUMNS = 3
_TITLE_WIDTH = 170

QUANTITIES = (
    ("loss", "Loss", "The error of the predicted noise while it trains, as a running average."),
    ("validation", "Validation", "The error on a fixed draw: the same pictures, levels and noise each time."),
    ("distance", "Quality", "A Fréchet distance to the training pictures; lower is better, within one data set."),
    ("learning_rate", "Rate", "The learning rate of the steps."),
)
_MISSING = {
    "loss": "no loss was written yet",
    "validation": "none of these runs was validated",
    "distance": "none of these runs measured its quality",
    "learning_rate": "no learning rate was written yet",
}


class LineSwatch(QWidget):
    """A short piece of a curve, as it looks in the plot."""

    def __init__(self, parent: QWidget, look: CurveLook) -> None:
        super().__init__(parent)
        self._look = look
        self.setFixedSize(QSize(28, 16))
        theme().changed.connect(self._retheme)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self._look.pen(self.devicePixelRatioF()))
        middle = self.height() / 2
        painter.drawLine(QPointF(0, middle), QPointF(self.width(), middle))

    @Slot()
    def _retheme(self) -> None:
        self.update()


class _LegendEntry(QWidget):
    def __init__(self, parent: QWidget, look: CurveLook) -> None:
        super().__init__(parent)
        self.title = Label("", self, size=FontSize.LABEL)
        self.value = Label("—", self, size=FontSize.LABEL, weight=600)
        self.value.keep_width_for("0.00000")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(LineSwatch(self, look))
        row.addWidget(self.title)
        row.addWidget(self.value)
        row.addStretch(1)

    def set_title(self, title: str) -> None:
        """The run's title, as much of it as there is room for in a row of them."""
        self.title.setText(self.title.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, _TITLE_WIDTH))
        self.title.setToolTip(title)


class RunCurvesPanel(QWidget):
    """Which quantity, on which axis and scale; the plot; and a legend that reads it."""

    shown_changed = Signal()
    """Other curves are shown."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browsing = run_browsing_of(state)
        self.quantity = SegmentedControl([(key, words) for key, words, _ in QUANTITIES], self, name="Curve", dense=True)
        for key, _, reason in QUANTITIES:
            self.quantity.set_option_tooltip(key, reason)
        self.axis = SegmentedControl([("minutes", "Time"), ("images", "Pictures")], self, name="Against", dense=True)
        self.axis.set_option_tooltip("minutes", "Training time: fair between machines only if they are the same.")
        self.axis.set_option_tooltip("images", "Pictures seen: how much each run learns from the same work.")
        self.scale = SegmentedControl([("log", "Log"), ("linear", "Linear")], self, name="Scale", dense=True)
        self.plot = OverlayPlot("Curves of the runs", self)
        self._legend = [_LegendEntry(self, look) for look in RUN_LOOKS]
        self._lay_out()
        browsing = self._browsing
        for signal in (browsing.chosen_changed, browsing.details_changed, browsing.runs_changed):
            signal.connect(self.show_curves)
        for control in (self.quantity, self.axis, self.scale):
            control.value_changed.connect(self.show_curves)
        self.plot.pointed.connect(self._read)
        self.show_curves()

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """Title and value of each curve, as they are read."""
        return tuple((each.title.text(), each.value.text()) for each in self._legend if not each.isHidden())

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        head.addWidget(self.quantity)
        head.addStretch(1)
        head.addWidget(self.axis)
        head.addWidget(self.scale)
        legend = QGridLayout()
        legend.setContentsMargins(Space.XS, 0, Space.XS, 0)
        legend.setHorizontalSpacing(Space.XL)
        legend.setVerticalSpacing(2)
        for number, entry in enumerate(self._legend):
            legend.addWidget(entry, number // _COLUMNS, number % _COLUMNS)
        for column in range(_COLUMNS):
            legend.setColumnStretch(column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, Space.S)
        layout.setSpacing(Space.S)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        layout.addLayout(legend)

    @Slot()
    def show_curves(self) -> None:
        """Draw what is known of the compared runs now."""
        entries = self._browsing.chosen
        titles = distinct_titles([entry.summary for entry in entries])
        for place, entry in enumerate(self._legend):
            entry.setVisible(place < len(entries))
            if place < len(entries):
                entry.set_title(titles[place])
        curves = tuple(self._curve(place, entry) for place, entry in enumerate(entries))
        read = any(
            self._browsing.detail(entry.summary.folder) is not None or entry.summary.step == 0 for entry in entries
        )
        quantity = str(self.quantity.value())
        message = _MISSING[quantity] if read else "reading…" if entries else "choose runs at the left"
        self.plot.set_curves(
            curves,
            axis=str(self.axis.value()),
            logarithmic=self.scale.value() == "log",
            message=message,
            marks=self._marks(entries),
        )
        self._read(None)
        self.shown_changed.emit()

    def _curve(self, place: int, entry: RunEntry) -> OverlaidCurve:
        detail = self._browsing.detail(entry.summary.folder)
        name = str(entry.summary.folder)
        if detail is None:
            return OverlaidCurve(name, np.zeros(0), np.zeros(0), RUN_LOOKS[place])
        curve: RunCurve = getattr(detail.curves, str(self.quantity.value()))
        x = curve.seconds / 60.0 if self.axis.value() == "minutes" else curve.images_seen
        return OverlaidCurve(name, x, curve.values, RUN_LOOKS[place])

    def _marks(self, entries: Sequence[RunEntry]) -> tuple[tuple[float, str], ...]:
        """What changed in a run that is shown alone: over several curves nobody could tell whose marks they are."""
        detail = self._browsing.detail(entries[0].summary.folder) if len(entries) == 1 else None
        if detail is None:
            return ()
        minutes = self.axis.value() == "minutes"
        return tuple((mark.seconds / 60.0 if minutes else mark.images_seen, mark.text) for mark in detail.curves.marks)

    @Slot(object)
    def _read(self, x: float | None) -> None:
        """The values at x, or the newest ones."""
        for entry, curve in zip(self._legend, self.plot.curves, strict=False):
            newest = float(curve.y[-1]) if len(curve.y) else None
            entry.value.setText(value_words(newest if x is None else curve.value_at(x)))

    # Files

    def save_picture(self, path: Path) -> Path:
        """The plot with its legend as PNG or SVG. Raises StudioError."""
        return export_picture(self, path)

    def save_table(self, path: Path) -> Path:
        """All curves of the compared runs as CSV, a line a point. Raises StudioError."""
        columns: dict[str, list[object]] = {name: [] for name in ("run", "curve", "seconds", "images_seen", "value")}
        for entry in self._browsing.chosen:
            detail = self._browsing.detail(entry.summary.folder)
            if detail is None:
                continue
            for name in ("loss", "validation", "raw_validation", "distance", "copied", "learning_rate"):
                curve: RunCurve = getattr(detail.curves, name)
                count = len(curve)
                columns["run"] += [entry.summary.folder.name] * count
                columns["curve"] += [name] * count
                columns["seconds"] += curve.seconds.tolist()
                columns["images_seen"] += curve.images_seen.astype(int).tolist()
                columns["value"] += curve.values.tolist()
        return write_table(path, columns, overwrite=True)
