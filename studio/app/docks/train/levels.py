"""Loss by timestep: which noise levels the network has understood, and which it still guesses at, over the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import Size, Space
from studio.app.training.level_history import LevelHistory
from studio.app.training.record import record_of
from studio.app.widgets.controls import SegmentedControl
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.heat_map import HeatMap, HeatTable
from studio.app.widgets.loss_plot import axis_end

REDRAW_MS = 250
_USUAL_LEVELS = 1000
_EMPTY = "bright where the network errs most: it comes with the training"
_EMPTY_VALIDATION = "it comes with the first validation"


class LevelsDock(StudioDock):
    """A heat map under the loss curve, on the same clock."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("levelsDock", "Loss by timestep", "same clock as the curve above", parent)
        self._state = state
        self._record = record_of(state, runner)
        self._map = HeatMap("Loss by timestep", self)
        self._source = SegmentedControl([("training", "Train"), ("validation", "Valid.")], self, name="Of", dense=True)
        self._source.set_option_tooltip("training", "The pictures that are trained on, with noise as it is drawn.")
        self._source.set_option_tooltip("validation", "The fixed draw: the same pictures, t and noise each time.")
        self._export = ExportButton(self, "Export the map…")
        self._export.add("Picture of the map", "loss-by-timestep.png", PICTURE_KINDS, self._write_picture)
        self._export.add("Table of the map", "loss-by-timestep.csv", "CSV (*.csv)", self._write_table)
        for widget in (self._source, self._export):
            self.title_actions().addWidget(widget)
        self.set_body(self._map, padding=Size.DOCK_PADDING)
        self.widget().layout().setContentsMargins(Size.DOCK_PADDING, Space.S, Size.DOCK_PADDING, Space.S)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        self._source.value_changed.connect(self._redraw)
        self._record.scale_changed.connect(self._map.set_logarithmic)
        self._record.changed.connect(self._on_changed)
        self._record.axis_changed.connect(self._redraw)
        state.run_changed.connect(self._redraw)
        self._redraw()

    @property
    def map(self) -> HeatMap:
        return self._map

    @property
    def source(self) -> SegmentedControl:
        """Which losses are shown: "training" or "validation"."""
        return self._source

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw()

    @Slot()
    def _on_changed(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _redraw(self) -> None:
        if not self.isVisible():
            return
        of_training = self._source.value() == "training"
        history = self._record.levels if of_training else self._record.validation_levels
        message = _EMPTY if of_training or not len(self._record.levels) else _EMPTY_VALIDATION
        self._map.set_table(self._table(history), message)

    def _table(self, history: LevelHistory) -> HeatTable | None:
        if not len(history):
            return None
        axis = self._record.axis
        reached = np.array([self._record.reached()])
        end = axis_end(reached, self._record.expected_end(), axis)
        return HeatTable(history.edges(axis), history.table(), axis, end, self._level_count())

    def _level_count(self) -> int:
        schedule = getattr(self._state.run, "schedule", None) or self._state.schedule
        return _USUAL_LEVELS if schedule is None else schedule.step_count

    def _write_picture(self, path: Path) -> Path:
        return export_picture(self.widget(), path)

    def _write_table(self, path: Path) -> Path:
        from studio.generation.numbers import write_table

        table = self._map.table
        if table is None:
            return write_table(path, {"until": []}, overwrite=True)
        columns: dict[str, object] = {f"until_{table.axis}": table.edges[1:]}
        for band in range(table.values.shape[0]):
            low, high = table.band_range(band)
            columns[f"t_{low}_{high}"] = table.values[band]
        return write_table(path, columns, overwrite=True)
