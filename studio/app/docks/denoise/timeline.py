"""The timeline of the reverse process: film strip, transport, and what the numbers do over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.microscope.playback import SPEEDS
from studio.app.microscope.transport import handle_transport_key
from studio.app.theme import FontSize, Size, Space
from studio.app.widgets.controls import MINUS, CheckField, IconButton, Label, SecondaryButton, SegmentedControl
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_film import ExportFilmDialog, ask_for_file
from studio.app.widgets.film_strip import Film
from studio.app.widgets.lanes import Curve, Lane
from studio.app.widgets.math_text import Formula, Term
from studio.app.widgets.timeline import TimelineView

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_KINDS = (
    (FilmKind.Z, Formula("z", "z, the noisy picture")),
    (FilmKind.EPSILON, Formula("ε̂", "ε̂, the predicted noise")),
    (FilmKind.X0, Formula("x̂_0", "x̂₀, the predicted picture")),
)
_FILM_NAMES = {FilmKind.Z: "Noisy picture", FilmKind.EPSILON: "Predicted noise", FilmKind.X0: "Predicted picture"}
_KIND_HELP = {
    FilmKind.Z: "The picture as it is at each moment, from noise to picture",
    FilmKind.EPSILON: "The noise that the model sees in it",
    FilmKind.X0: "The picture that would be left without that noise",
}

_SUBTITLE = "noise on the left, picture on the right; the plots share the playhead"
_NO_FILM = "Denoise first: there is no film yet"
_GROWTH_MS = 80
_MOST_DECIBELS = 40
"""Beyond this one sees only noise, or only the picture; the first step of a cosine schedule lies at −87."""


class TimelineDock(StudioDock):
    """One playhead for everything that the denoising workspace shows."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("timeline", "Timeline", _SUBTITLE, parent)
        self._runner = runner
        self._denoising = denoising_of(state)
        self._playback = self._denoising.playback
        self.view = TimelineView()
        # Steps may come in faster than a film is worth drawing anew.
        self._growth = QTimer(self)
        self._growth.setSingleShot(True)
        self._growth.setInterval(_GROWTH_MS)
        self._growth.timeout.connect(self._show_frames)
        self._build()
        self._connect()
        self._show_frames()
        self._show_playing()

    def _build(self) -> None:
        self._film_choice = SegmentedControl(_KINDS, name="Film of", dense=True)
        for kind, help_text in _KIND_HELP.items():
            self._film_choice.set_option_tooltip(kind, help_text)
        self._follow = CheckField("Follow the run", self._playback.follow, tooltip="Stay at the newest moment")
        self._first = IconButton("skip-start", "First moment", "Home")
        self._back = IconButton("step-back", "One step back", "←")
        self._play = IconButton("play", "Play", "Space", bordered=True)
        self._play.setFixedWidth(52)
        self._forward = IconButton("step-forward", "One step on", "→")
        self._last = IconButton("skip-end", "Last moment", "End")
        self._loop = IconButton("loop", "Play again and again", checkable=True)
        self._loop.setChecked(self._playback.loop)
        self._speed = SegmentedControl(SPEEDS, name="Speed", dense=True)
        self._speed.set_value(self._playback.speed)
        self._export = SecondaryButton("Export film…", "film", dense=True)

        row = QHBoxLayout()
        row.setContentsMargins(Size.DOCK_PADDING, Space.XS, Size.DOCK_PADDING, Space.XS)
        row.setSpacing(Space.S)
        left, right = QHBoxLayout(), QHBoxLayout()
        for widget in (Label("Film of", role="muted", size=FontSize.LABEL), self._film_choice, self._follow):
            left.addWidget(widget)
        left.insertSpacing(2, Space.S)
        left.addStretch(1)
        right.addStretch(1)
        for widget in (self._loop, self._speed, self._export):
            right.addWidget(widget)
        for layout in (left, right):
            layout.setSpacing(Space.S)
        row.addLayout(left, 1)
        for button in (self._first, self._back, self._play, self._forward, self._last):
            row.addWidget(button)
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
        self._first.clicked.connect(playback.go_to_first)
        self._back.clicked.connect(playback.step_back)
        self._play.clicked.connect(playback.toggle)
        self._forward.clicked.connect(playback.step_forward)
        self._last.clicked.connect(playback.go_to_last)
        self._loop.toggled.connect(playback.set_loop)
        self._speed.value_changed.connect(playback.set_speed)
        self._follow.clicked.connect(playback.set_follow)
        self._film_choice.value_changed.connect(denoising.set_kind)
        self._export.clicked.connect(self._open_export)
        self.view.seek_requested.connect(playback.seek)
        self.view.play_requested.connect(playback.toggle)
        playback.position_changed.connect(self.view.set_position)
        playback.playing_changed.connect(self._show_playing)
        playback.follow_changed.connect(self._follow.setChecked)
        denoising.frames_changed.connect(self._show_frames)
        denoising.frames_grew.connect(self._grow)
        denoising.running_changed.connect(self._show_frames)
        denoising.picture_changed.connect(self._show_frames)
        denoising.kind_changed.connect(self._show_frames)
        denoising.images_outdated.connect(self._show_frames)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not handle_transport_key(self._denoising.playback, event):
            super().keyPressEvent(event)

    @Slot()
    def _show_frames(self) -> None:
        frames, picture = self._denoising.frames, self._denoising.picture
        if frames is None:
            self.view.set_film(None)
            self.view.set_lanes(())
        else:
            self.view.set_film(film_of(frames, self._denoising.kind, picture, self._playback.planned))
            self.view.set_lanes(lanes_of(frames, picture))
            self.view.set_position(self._playback.position)
        self._film_choice.set_value(self._denoising.kind)
        there = frames is not None and frames.count > 1
        for button in (self._first, self._back, self._play, self._forward, self._last):
            button.setEnabled(there)
            button.set_tooltip(button.accessibleName(), reason="" if there else _NO_FILM)
        self._export.setEnabled(there)
        self._export.set_tooltip("Export film", reason="" if there else _NO_FILM)

    @Slot()
    def _grow(self) -> None:
        if not self._growth.isActive():
            self._growth.start()

    @Slot()
    def _show_playing(self) -> None:
        playing = self._playback.playing
        self._play.set_icon("pause" if playing else "play")
        self._play.set_tooltip("Pause" if playing else "Play")

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
            path = ask_for_file(self, "Save the film", "denoising.gif", "GIF (*.gif)")
            if path is not None:
                self._denoising.export(dialog.request(), path, self._runner)
        dialog.deleteLater()


def film_of(frames: Frames, kind: FilmKind, picture: int, planned: int | None = None) -> Film:
    """The film strip of one picture. `planned` positions are laid out: all there will be, or fewer after a cancel."""
    _, height, width = frames.picture_shape
    times = frames.planned_times
    planned = len(times) if planned is None else planned
    shown = [*times[:planned]]
    if 0 < frames.count <= planned:
        # What the newest step led to, where a walk that goes back up will then begin at another moment.
        shown[frames.count - 1] = frames.time(frames.count - 1)
    return Film(
        planned=planned,
        count=frames.count,
        times=shown,
        thumbnail=lambda position: frames.thumbnail(position, kind, picture),
        picture_size=(width, height),
        name=(Term(_FILM_NAMES[kind], "text", FontSize.LABEL, words=True),),
    )


def lanes_of(frames: Frames, picture: int) -> list[Lane]:
    """The lanes under the film: norms, signal to noise, and the share of the predicted picture beyond its range."""
    measures = frames.measures
    norms = {kind: measures.rms(kind, picture) for kind in FilmKind}
    low, high = _norm_range(norms)
    snr = measures.snr_db
    snr_low, snr_high = _decibel_range(frames)
    beyond = measures.beyond(picture) * 100
    clip = frames.trace.run.thresholding.acts
    most = max(5.0, math.ceil(float(beyond.max()) if len(beyond) else 0.0))
    return [
        Lane(
            name=(
                Term("Norms", size=FontSize.LABEL, words=True),
                Term("z", "text", FontSize.LABEL),
                Term("ε̂", "d2", FontSize.LABEL),
                Term("x̂_0", "d3", FontSize.LABEL),
            ),
            curves=(
                Curve(norms[FilmKind.Z], "text"),
                Curve(norms[FilmKind.EPSILON], "d2", "dash"),
                Curve(norms[FilmKind.X0], "d3", "dot"),
            ),
            low=low,
            high=high,
            low_text=f"{low:g}",
            high_text=f"{high:g}",
            tooltip="Norms of z, ε̂ and x̂0, divided by the root of the number of values: 1 is what pure noise has",
        ),
        Lane(
            name=(Term("Signal to noise, dB", size=FontSize.LABEL, words=True),),
            curves=(Curve(snr, "d1"),),
            low=snr_low,
            high=snr_high,
            low_text=_decibels(snr_low, "≤ " if snr_low == -_MOST_DECIBELS else ""),
            high_text=_decibels(snr_high, "≥ " if snr_high == _MOST_DECIBELS else ""),
            decimals=1,
            signed=True,
            tooltip="α/(1−α) of the noise schedule in decibels: at 0 picture and noise are equally strong",
        ),
        Lane(
            name=(
                Term("x̂_0", "d3", FontSize.LABEL),
                Term("clipped, batch" if clip else "beyond the range", size=FontSize.LABEL, words=True),
            ),
            curves=(Curve(beyond, "d4"),),
            low=0.0,
            high=most,
            low_text="0",
            high_text=f"{most:.0f} %",
            decimals=1,
            suffix=" %",
            tooltip="Share of the values of x̂0 that lay outside of −1…1 before clipping, in the whole batch"
            if clip
            else "Share of the values of x̂0, in this picture, that lie outside of −1…1",
        ),
    ]


def _norm_range(norms: dict[FilmKind, np.ndarray]) -> tuple[float, float]:
    values = np.concatenate(list(norms.values()))
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = math.floor(float(values.min()) * 5) / 5, math.ceil(float(values.max()) * 5) / 5
    # One wild step must not flatten all the others.
    high = min(high, max(2.0, math.ceil(float(np.quantile(values, 0.98)) * 7.5) / 5))
    return round(low, 1), round(max(high, low + 0.2), 1)


def _decibel_range(frames: Frames) -> tuple[float, float]:
    snr = frames.trace.schedule.snr
    ends = [10 * math.log10(max(float(snr[t]), 1e-30)) for t in (frames.trace.pairs[0][0], frames.trace.pairs[-1][0])]
    low, high = max(math.floor(min(ends)), -_MOST_DECIBELS), min(math.ceil(max(ends)), _MOST_DECIBELS)
    return float(low), float(max(high, low + 1))


def _decibels(value: float, prefix: str) -> str:
    return prefix + f"{value:+.0f}".replace("-", MINUS)
