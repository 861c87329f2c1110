"""The timeline of the reverse process: film strip, transport, and what the numbers do over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.app.docks.denoise.branch_here import BranchHere, open_branch_menu
from studio.app.docks.denoise.lanes import LANE_TITLES, LaneKind, film_of, lanes_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.frames import FilmKind
from studio.app.microscope.nearest import NearestSearch
from studio.app.microscope.playback import SPEEDS
from studio.app.microscope.run_numbers import run_columns
from studio.app.microscope.transport import handle_run_key, handle_transport_key, toggle_run
from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.theme import FontSize, Size, Space
from studio.app.widgets.controls import CheckField, IconButton, Label, SecondaryButton, SegmentedControl
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_film import ExportFilmDialog, ask_for_film
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.math_text import Formula
from studio.app.widgets.timeline import TimelineView
from studio.app.widgets.transport_buttons import TransportButtons

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_KINDS = (
    (FilmKind.Z, Formula("z", "z, the noisy picture")),
    (FilmKind.EPSILON, Formula("ε̂", "ε̂, the predicted noise")),
    (FilmKind.X0, Formula("x̂_0", "x̂₀, the predicted picture")),
)
_KIND_HELP = {
    FilmKind.Z: "The picture as it is at each moment, from noise to picture",
    FilmKind.EPSILON: "The noise that the model sees in it",
    FilmKind.X0: "The picture that would be left without that noise",
}

_SUBTITLE = "noise on the left, picture on the right; the plots share the playhead"
_NO_FILM = "Denoise first: there is no film yet"
_GROWTH_MS = 80
_SLICE_SECONDS = 0.004
"""Measuring takes no more of the GUI thread at a time; the whole of a thousand steps takes half a second."""


class TimelineDock(StudioDock):
    """One playhead for everything that the denoising workspace shows."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("timeline", "Timeline", _SUBTITLE, parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self._playback = self._denoising.playback
        self.view = TimelineView()
        # Steps may come in faster than a film is worth drawing anew.
        self._growth = QTimer(self)
        self._growth.setSingleShot(True)
        self._growth.setInterval(_GROWTH_MS)
        self._growth.timeout.connect(self._show_frames)
        self._measuring = QTimer(self)
        self._measuring.setSingleShot(True)
        self._measuring.timeout.connect(self._measure)
        self._lanes = set(LaneKind)
        self.nearest = NearestSearch(self._denoising, state, runner, self)
        self._build()
        self._connect()
        self._show_frames()
        self._show_control()

    def _build(self) -> None:
        self._film_choice = SegmentedControl(_KINDS, name="Film of", dense=True)
        for kind, help_text in _KIND_HELP.items():
            self._film_choice.set_option_tooltip(kind, help_text)
        self._run = SecondaryButton("Pause run", "pause", dense=True)
        self._step = IconButton("step-run", "Take one more step", "N")
        self._follow = CheckField("Follow the run", self._playback.follow, tooltip="Stay at the newest moment")
        self.transport = TransportButtons(self._playback, moment="step", last="Last moment")
        self._loop = IconButton("loop", "Play again and again", checkable=True)
        self._loop.setChecked(self._playback.loop)
        self._speed = SegmentedControl(SPEEDS, name="Speed", dense=True)
        self._speed.set_value(self._playback.speed)
        self._choose_lanes = IconButton("eye", "Choose the lanes…")
        self.export = ExportButton(self, "Export the numbers or the picture…")
        self.export.add("Numbers of the run", "run.csv", "CSV (*.csv)", self._write_numbers)
        self.export.add("Tensors of this picture", "picture.npz", "NPZ (*.npz)", self._write_picture_arrays)
        self.export.add("Tensors of the batch", "batch.npz", "NPZ (*.npz)", self._write_batch_arrays)
        self.export.add("Timeline as a picture", "timeline.png", PICTURE_KINDS, self._write_timeline)
        self.export.failed.connect(self._denoising.failed)
        self.export.exported.connect(self._denoising.exported)
        self.title_actions().addWidget(self.export)
        self._export = SecondaryButton("Export film…", "film", dense=True)
        self._branch = BranchHere(self._state, self._runner)

        row = QHBoxLayout()
        row.setContentsMargins(Size.DOCK_PADDING, Space.XS, Size.DOCK_PADDING, Space.XS)
        row.setSpacing(Space.S)
        left, right = QHBoxLayout(), QHBoxLayout()
        film = Label("Film of", role="muted", size=FontSize.LABEL)
        for widget in (film, self._film_choice, self._run, self._step, self._follow):
            left.addWidget(widget)
        left.insertSpacing(2, Space.S)
        left.addStretch(1)
        right.addStretch(1)
        for widget in (self._loop, self._speed, self._choose_lanes, self._branch, self._export):
            right.addWidget(widget)
        for layout in (left, right):
            layout.setSpacing(Space.S)
        row.addLayout(left, 1)
        row.addWidget(self.transport)
        row.addLayout(right, 1)

        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addLayout(row)
        column.addWidget(self.view, 1)
        self.set_body(body, padding=0)

    def _connect(self) -> None:
        playback, denoising = self._playback, self._denoising
        self._loop.toggled.connect(playback.set_loop)
        self._speed.value_changed.connect(playback.set_speed)
        self._follow.clicked.connect(playback.set_follow)
        self._film_choice.value_changed.connect(denoising.set_kind)
        self._export.clicked.connect(self._open_export)
        self._run.clicked.connect(self._toggle_run)
        self._step.clicked.connect(self._take_step)
        self._choose_lanes.clicked.connect(self._open_lanes)
        denoising.control_changed.connect(self._show_control)
        self.nearest.changed.connect(self._grow)
        self.view.context_requested.connect(self._open_branches)
        self.view.seek_requested.connect(playback.seek)
        self.view.play_requested.connect(playback.toggle)
        playback.position_changed.connect(self.view.set_position)
        playback.follow_changed.connect(self._follow.setChecked)
        denoising.frames_changed.connect(self._show_frames)
        denoising.frames_grew.connect(self._grow)
        denoising.running_changed.connect(self._show_frames)
        denoising.picture_changed.connect(self._show_frames)
        denoising.kind_changed.connect(self._show_frames)
        denoising.images_outdated.connect(self._show_frames)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if handle_transport_key(self._playback, event) or handle_run_key(self._denoising, self._runner, event):
            return
        super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._want_nearest()
        self._grow()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._want_nearest()

    @property
    def shown_lanes(self) -> frozenset[LaneKind]:
        """The lanes that are on the screen, as soon as there is a run."""
        return frozenset(self._lanes)

    def show_lane(self, kind: LaneKind, shown: bool) -> None:
        """Put a lane on the screen, or away."""
        (self._lanes.add if shown else self._lanes.discard)(kind)
        self._want_nearest()
        self._show_frames()

    def make_lane_menu(self) -> QMenu:
        """The lanes that can be shown; lives until it is closed."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for kind, title in LANE_TITLES.items():
            action = menu.addAction(title)
            action.setData(kind)
            action.setCheckable(True)
            action.setChecked(kind in self._lanes)
        menu.triggered.connect(self._choose_lane)
        return menu

    @Slot()
    def _open_lanes(self) -> None:
        self.make_lane_menu().popup(self._choose_lanes.mapToGlobal(QPoint(0, self._choose_lanes.height())))

    @Slot(QAction)
    def _choose_lane(self, action: QAction) -> None:
        self.show_lane(LaneKind(action.data()), action.isChecked())

    def _want_nearest(self) -> None:
        self.nearest.set_wanted(LaneKind.NEAREST in self._lanes and self.isVisible())

    @Slot()
    def _measure(self) -> None:
        frames = self._denoising.frames
        if frames is not None and not frames.measures.advance(self._denoising.picture, _SLICE_SECONDS):
            self._measuring.start()
        self._grow()

    @Slot()
    def _show_frames(self) -> None:
        frames, picture = self._denoising.frames, self._denoising.picture
        self.view.expect_lanes(len(self._lanes))
        if frames is None:
            self.view.set_film(None)
            self.view.set_lanes(())
        else:
            if not frames.measures.advance(picture, _SLICE_SECONDS) and not self._measuring.isActive():
                self._measuring.start()
            self.view.set_film(film_of(frames, self._denoising.kind, picture, self._playback.planned))
            self.view.set_lanes(lanes_of(frames, picture, self._lanes, self.nearest.note))
            self.view.set_position(self._playback.position)
        self._film_choice.set_value(self._denoising.kind)
        there = frames is not None and frames.count > 1
        self.transport.allow(there, _NO_FILM)
        self.export.setEnabled(there)
        self.export.set_tooltip("Export the numbers or the picture…", "" if there else "Denoise first")
        self._export.setEnabled(there)
        self._export.set_tooltip("Export film", reason="" if there else _NO_FILM)

    @Slot()
    def _grow(self) -> None:
        if not self._growth.isActive():
            self._growth.start()

    @Slot()
    def _show_control(self) -> None:
        """Pause while a run goes on, go on and one step while it stands still."""
        denoising = self._denoising
        stopped = denoising.can_go_on
        self._run.set_text("Go on" if stopped else "Pause run", "play" if stopped else "pause")
        self._run.setEnabled(denoising.can_pause or stopped)
        self._step.setEnabled(stopped)
        if stopped:
            self._run.set_tooltip("Go on with the run", "P", "As if it had never stopped")
        else:
            self._run.set_tooltip("Pause the run", "P", "" if denoising.can_pause else self._why_not_stepped())
        self._step.set_tooltip("Take one more step", "" if stopped else self._why_not_stepped())

    def _why_not_stepped(self) -> str:
        trace = None if self._denoising.frames is None else self._denoising.frames.trace
        if self._denoising.running:
            return "Pause the run first"
        if trace is None:
            return "Denoise first"
        return "The run is complete" if trace.complete else "The model of this run is not at hand"

    @Slot()
    def _toggle_run(self) -> None:
        toggle_run(self._denoising, self._runner)

    @Slot()
    def _take_step(self) -> None:
        if self._denoising.can_go_on:
            self._denoising.take_step(self._runner)

    @Slot(int, QPoint)
    def _open_branches(self, position: int, place: QPoint) -> None:
        open_branch_menu(self, self._state, self._runner, position, place)

    def _write_numbers(self, path: Path) -> Path | None:
        from studio.generation.numbers import write_table

        frames = self._denoising.frames
        if frames is None or not frames.count:
            return None
        return write_table(path, run_columns(frames, self._denoising.picture), overwrite=True)

    def _write_picture_arrays(self, path: Path) -> object:
        return self._denoising.export_arrays(self._denoising.picture, path, self._runner)

    def _write_batch_arrays(self, path: Path) -> object:
        return self._denoising.export_arrays(None, path, self._runner)

    def _write_timeline(self, path: Path) -> Path:
        return export_picture(self.view, path)

    @Slot()
    def _open_export(self) -> None:
        frames = self._denoising.frames
        if frames is None or not frames.count:
            return
        self._playback.pause()
        dialog = ExportFilmDialog(
            frames, self._denoising.kind, self._denoising.picture, self._playback.rate, self.window()
        )
        if dialog.exec():
            path = ask_for_film(self, "Save the film", "denoising")
            if path is not None:
                self._denoising.export(dialog.request(), path, self._runner)
        dialog.deleteLater()
