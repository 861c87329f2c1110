"""The loss panel: how the error of the network falls while it trains."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import Space
from studio.app.training.loss_history import LossHistory, decimate
from studio.app.training.record import RunRecord, record_of
from studio.app.widgets.controls import IconButton, SegmentedControl
from studio.app.widgets.curve_legend import CurveLegend, LegendEntry
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.loss_plot import RAW, SMOOTHED, VALIDATION, LossCurves, LossPlot, Mark, Points, loss_words

REDRAW_MS = 500
"""At most two new pictures of the curve a second, whatever the training does: each costs some milliseconds."""


class LossDock(StudioDock):
    """Loss of every step thin, running average thick, validation dashed, current values below."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("lossDock", "Loss", "error of the predicted noise", parent)
        self._record = record_of(state, runner)
        self._plot = LossPlot(self)
        self._scale = SegmentedControl([("log", "Log"), ("linear", "Linear")], self, name="Scale", dense=True)
        self._scale.set_option_tooltip("log", "Late, small changes stay visible.")
        self._scale.set_option_tooltip("linear", "Distances are what they are.")
        self._axis = IconButton("image", "Count in pictures", parent=self, checkable=True, dense=True)
        self._axis.set_tooltip("Count in pictures", reason="Pictures shown to the network instead of minutes.")
        self._legend = CurveLegend(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        self._build()
        self._scale.value_changed.connect(self._set_scale)
        self._axis.toggled.connect(self._set_axis)
        self._record.changed.connect(self._on_changed)
        self._record.axis_changed.connect(self._redraw)
        self._redraw()

    @property
    def history(self) -> LossHistory:
        """The losses of the run that is shown."""
        return self._record.loss

    @property
    def plot(self) -> LossPlot:
        return self._plot

    @property
    def record(self) -> RunRecord:
        """The run that is shown."""
        return self._record

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw()

    def _build(self) -> None:
        export = ExportButton(self, "Export the curves…")
        export.add("Picture of the curves", "loss.png", PICTURE_KINDS, self._write_picture)
        export.add("Table of the curves", "loss.csv", "CSV (*.csv)", self._write_table)
        self._export = export
        self.title_actions().addWidget(self._scale)
        self.title_actions().addWidget(export)
        legend = QHBoxLayout()
        legend.setSpacing(Space.S)
        legend.addWidget(self._legend, 1)
        legend.addWidget(self._axis)
        body = QWidget(self)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.XS)
        layout.addWidget(self._plot, 1)
        layout.addLayout(legend)
        self.set_body(body)

    @Slot()
    def _on_changed(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot(object)
    def _set_scale(self, scale: object) -> None:
        self._record.set_logarithmic(scale == "log")
        self._plot.set_logarithmic(scale == "log")

    @Slot(bool)
    def _set_axis(self, pictures: bool) -> None:
        self._record.set_axis("images" if pictures else "minutes")

    @Slot()
    def _redraw(self) -> None:
        record, axis = self._record, self._record.axis
        if not self.isVisible() and self._plot.points_shown:
            return
        most = self._plot.most_points
        self._plot.set_curves(
            LossCurves(
                raw=record.loss.raw(axis, most),
                # The running average is smooth: half as many points draw the same line.
                smoothed=record.loss.smoothed(axis, most // 2),
                validation=self._validated("loss"),
                raw_validation=self._validated("raw_loss"),
                marks=tuple(Mark(self._place(mark), mark.words, mark.role) for mark in record.marks),
                axis=axis,
                expected_end=record.expected_end(),
            )
        )
        newest = record.validations[-1] if record.validations else None
        average = record.loss.latest_smoothed
        self._legend.set_entries(
            (
                LegendEntry(SMOOTHED, ("smoothed",), loss_words(average) if math.isfinite(average) else "", 2),
                LegendEntry(RAW, ("raw",), "", 0),
                LegendEntry(VALIDATION, ("validation", "valid."), "" if newest is None else loss_words(newest.loss), 1),
            )
        )
        self._legend.setToolTip(_explanation(newest))

    @property
    def legend(self) -> CurveLegend:
        return self._legend

    def _place(self, event: object) -> float:
        return event.seconds / 60.0 if self._record.axis == "minutes" else float(event.images_seen)

    def _validated(self, name: str) -> Points:
        events = self._record.validations
        x = np.array([self._place(event) for event in events], dtype=np.float64)
        return decimate(x, np.array([getattr(event, name) for event in events], dtype=np.float64), 400)

    def _write_picture(self, path: Path) -> Path:
        return export_picture(self.widget(), path)

    def _write_table(self, path: Path) -> Path:
        from studio.generation.numbers import write_table

        return write_table(path, loss_table(self._record), overwrite=True)


def loss_table(record: RunRecord) -> dict[str, list[object]]:
    """The curves as columns of a table, by pictures seen: a line for each step held, validation and mark."""
    seconds, images, raw, smoothed = record.loss.held()
    rows: list[tuple[object, ...]] = [
        (second / 60, int(image), loss, average, None, None, "")
        for second, image, loss, average in zip(seconds, images, raw, smoothed, strict=True)
    ]
    rows += [(e.seconds / 60, e.images_seen, None, None, e.loss, e.raw_loss, "") for e in record.validations]
    rows += [(m.seconds / 60, m.images_seen, None, None, None, None, m.words) for m in record.marks]
    rows.sort(key=lambda row: row[1])
    names = ("minutes", "images", "loss", "smoothed", "validation", "raw_validation", "mark")
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}


def _explanation(newest: object | None) -> str:
    if newest is None:
        return "The loss on a fixed draw: the same pictures, t and noise each time. It comes with the next validation."
    pictures = (
        "on pictures that are not trained on" if newest.held_out else "on training pictures: too few to spare any"
    )
    return (
        f"Averaged weights {loss_words(newest.loss)}, raw weights {loss_words(newest.raw_loss)}\n"
        f"The same draw each time, {pictures}."
    )
