"""New or copied? What the model makes beside what it was shown, and whether it only remembers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.theme import FontSize, Size, Space
from studio.app.training.record import record_of
from studio.app.widgets.controls import Label
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.finding import Finding
from studio.app.widgets.pair_strip import PairStrip, SmallCurve

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.training.events import QualityMeasured

SOME_COPIED = 0.05
"""From this share on copies are a warning: fewer occur by chance among pictures that are much alike."""

FAR_FROM_DATA = 4.0
"""Pictures whose distance to the data is so many times that of real ones are not like the data yet."""

_CURVES_FROM = 190
_EMPTY = "The first comparison comes once there are pictures to compare."


class NoveltyDock(StudioDock):
    """Pairs of sample and nearest training picture, a verdict, and both measures over the run."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("noveltyDock", "New or copied?", "sample beside its nearest training picture", parent)
        self._record = record_of(state, runner)
        self._pairs = PairStrip(self)
        self._verdict = Finding(self)
        self._quality = SmallCurve("distance to the data", "d3", self)
        self._copied = SmallCurve("copied", "d4", self)
        self._quality.setToolTip(
            "Distance to the data\nFréchet distance of features; compares within this run only.\n"
            "Dashed: how far as many real pictures are from each other."
        )
        self._copied.setToolTip(
            "Copied\nThe share of samples nearer to a training picture than real pictures ever are."
        )
        self._export = ExportButton(self, "Export the comparison…")
        self._export.add("Picture of the comparison", "new-or-copied.png", PICTURE_KINDS, self._write_picture)
        self._export.add("Table of the measures", "quality.csv", "CSV (*.csv)", self._write_table)
        self.title_actions().addWidget(self._export)
        self._build()
        self._record.quality_measured.connect(self._show)
        self._record.recalled.connect(self._show)
        self._record.rolled_back.connect(self._show)
        self._record.axis_changed.connect(self._show)
        self._show()

    @property
    def verdict(self) -> str:
        """What is said of the newest samples; '' before there are any."""
        return self._verdict.text if self._pages.currentIndex() == 1 else ""

    @property
    def pairs(self) -> PairStrip:
        return self._pairs

    @property
    def curves(self) -> tuple[SmallCurve, SmallCurve]:
        """Quality and copied share over the run."""
        return self._quality, self._copied

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._curves.setVisible(self.height() >= _CURVES_FROM)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    def _build(self) -> None:
        empty = Label(_EMPTY, self, role="muted", size=FontSize.LABEL, wrap=True)
        empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty = empty
        self._curves = QWidget(self)
        row = QHBoxLayout(self._curves)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.L)
        row.addWidget(self._quality, 1)
        row.addWidget(self._copied, 1)
        filled = QWidget(self)
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addWidget(self._pairs, 1)
        column.addWidget(self._verdict)
        column.addWidget(self._curves)
        self._curves.hide()
        self._pages = QStackedWidget(self)
        self._pages.addWidget(empty)
        self._pages.addWidget(filled)
        self.set_body(self._pages)
        self.widget().layout().setContentsMargins(Size.DOCK_PADDING, Space.S, Size.DOCK_PADDING, Space.S)

    @Slot()
    def _show(self) -> None:
        if not self.isVisible():
            return
        newest, qualities = self._record.latest_with_pictures, self._record.qualities
        latest = qualities[-1] if qualities else None
        self._pages.setCurrentIndex(0 if latest is None else 1)
        if latest is None:
            return
        self._pairs.setVisible(newest is not None)
        if newest is not None:
            self._pairs.set_pairs(newest.examples, newest.nearest, newest.nearest_distances, newest.copy_threshold)
        self._verdict.show_finding(*verdict(latest))
        end = self._record.expected_end()
        self._quality.set_points(
            [(self._place(each), each.distance) for each in qualities if each.distance is not None],
            end,
            "—" if latest.distance is None else f"{latest.distance:.3g}",
            latest.floor,
        )
        self._copied.set_points(
            [(self._place(each), each.copied) for each in qualities if each.copied is not None],
            end,
            "—" if latest.copied is None else f"{latest.copied:.0%}",
        )

    def _place(self, event: QualityMeasured) -> float:
        return event.seconds / 60.0 if self._record.axis == "minutes" else float(event.images_seen)

    def _write_picture(self, path: Path) -> Path:
        return export_picture(self.widget(), path)

    def _write_table(self, path: Path) -> Path:
        from studio.generation.numbers import write_table

        events = self._record.qualities
        names = ("seconds", "step", "images_seen", "distance", "floor", "copied", "pictures")
        return write_table(path, {name: [getattr(event, name) for event in events] for name in names}, overwrite=True)


def verdict(event: QualityMeasured) -> tuple[str, str, str]:
    """Icon, colour role and sentence for what was measured."""
    far = event.distance is not None and event.floor and event.distance > FAR_FROM_DATA * event.floor
    if event.copied is None:
        return "info", "muted", "Too few pictures to tell copies from chance."
    if event.copied >= SOME_COPIED:
        return "warning", "warn", f"{event.copied:.0%} copied. The model remembers pictures instead of making new ones."
    if far:
        return "info", "muted", "New, but not like the training pictures yet."
    if event.copied > 0:
        return (
            "check",
            "ok",
            f"New, but for {max(0.01, event.copied):.0%}. As far from the training set as held-out pictures.",
        )
    return "check", "ok", "New. As far from the training set as held-out pictures are."
