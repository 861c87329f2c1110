"""The bar of time below the plane: first, play, loop, which moment it is, and the strip from noise to pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import IconButton, Label
from studio.app.widgets.math_text import MathLabel, Term
from studio.app.widgets.plane_time_strip import SIDE, PlaneTimeStrip

if TYPE_CHECKING:
    from studio.app.plane.scene import PlaneScene

THUMBNAIL_SHARES = (1.0, 0.85, 0.7, 0.56, 0.42, 0.3, 0.2, 0.1, 0.0)
_THUMBNAIL_MS = 150


class PlaneTimeBar(QWidget):
    """Shows and moves the scene's moment."""

    def __init__(self, scene: PlaneScene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = scene
        moment = scene.moment
        self.first = IconButton("skip-start", "To pure noise", "Home", self)
        self.play = IconButton("play", "Play from noise to pictures", "Space", self, bordered=True)
        self.loop = IconButton("loop", "Play again and again", parent=self, checkable=True)
        self.loop.setChecked(moment.loop)
        self.strip = PlaneTimeStrip(self)
        self._time = MathLabel(parent=self, spacing=0)
        self._signal = MathLabel(parent=self, spacing=0)
        self._thumbnails = QTimer(self)
        self._thumbnails.setSingleShot(True)
        self._thumbnails.setInterval(_THUMBNAIL_MS)
        self._thumbnails.timeout.connect(self._draw_thumbnails)
        self._stale = True
        self._build()
        self.first.clicked.connect(self._go_to_noise)
        self.play.clicked.connect(moment.toggle)
        self.loop.toggled.connect(moment.set_loop)
        self.strip.seek_requested.connect(scene.set_t)
        self.strip.play_requested.connect(moment.toggle)
        moment.playing_changed.connect(self._show_playing)
        moment.loop_changed.connect(self.loop.setChecked)
        scene.t_changed.connect(self._show_moment)
        scene.pictures_changed.connect(self._renew_thumbnails)
        scene.schedule_changed.connect(self._renew_thumbnails)

    def _build(self) -> None:
        numbers = QVBoxLayout()
        numbers.setSpacing(0)
        numbers.addStretch(1)
        numbers.addWidget(self._time)
        numbers.addWidget(self._signal)
        numbers.addStretch(1)
        self._time.setFixedWidth(92)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XS)
        for widget in (self.first, self.play, self.loop):
            row.addWidget(widget)
        row.addSpacing(Space.S)
        row.addLayout(numbers)
        row.addWidget(Label("pure noise", self, role="muted", size=FontSize.LABEL))
        row.addWidget(self.strip, 1)
        self._end = Label("the pictures", self, role="muted", size=FontSize.LABEL)
        row.addWidget(self._end)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._draw_thumbnails()
        self._show_moment()

    def hideEvent(self, event: QHideEvent) -> None:
        # Nobody sees it play.
        self._scene.moment.pause()
        super().hideEvent(event)

    @Slot()
    def _go_to_noise(self) -> None:
        self._scene.set_t(self._scene.schedule.step_count - 1)

    @Slot(bool)
    def _show_playing(self, playing: bool) -> None:
        self.play.set_icon("pause" if playing else "play")
        self.play.set_tooltip("Pause" if playing else "Play from noise to pictures")

    @Slot()
    def _show_moment(self) -> None:
        if not self.isVisible():
            return
        scene = self._scene
        self._time.set_terms(
            (Term("t", "text", FontSize.SECTION), Term(f" = {scene.t + 1}", "text", FontSize.SECTION, True, 600))
        )
        self._signal.set_terms(
            (Term("α_t", "muted", FontSize.LABEL), Term(f" = {scene.alpha_bar:.3f}", "muted", FontSize.LABEL, True))
        )
        self.strip.set_moment(scene.t, self._density(scene.t))

    @Slot()
    def _renew_thumbnails(self) -> None:
        # A stroke of the brush changes them with every dab: they follow when the hand rests.
        self._stale = True
        if self.isVisible():
            self._thumbnails.start()

    @Slot()
    def _draw_thumbnails(self) -> None:
        self._stale = False
        last = self._scene.schedule.step_count - 1
        levels = [round(share * last) for share in THUMBNAIL_SHARES]
        # Of a slice only the density of this very moment is known.
        shown = [] if self._scene.is_slice else [(t, self._density(t)) for t in levels]
        self.strip.set_thumbnails(last + 1, shown)
        self._show_moment()

    def _density(self, t: int) -> np.ndarray | None:
        from studio.app.plane.scene import HOME

        if self._scene.is_slice:
            return None
        return self._scene.density_image(HOME, (SIDE, SIDE), t)
