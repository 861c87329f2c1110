"""The five buttons of a playhead: first, back, play, on, last."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.app.microscope.playback import Playback
from studio.app.theme import Space
from studio.app.widgets.buttons import IconButton

_PLAY_WIDTH = 52


class TransportButtons(QWidget):
    """Moves a Playback, and shows whether it plays. moment: what one position is called; last: what is at the end."""

    def __init__(self, playback: Playback, parent: QWidget | None = None, *, moment: str, last: str) -> None:
        super().__init__(parent)
        self._playback = playback
        self.first = IconButton("skip-start", "First moment", "Home")
        self.back = IconButton("step-back", f"One {moment} back", "←")
        self.play = IconButton("play", "Play", "Space", bordered=True)
        self.play.setFixedWidth(_PLAY_WIDTH)
        self.forward = IconButton("step-forward", f"One {moment} on", "→")
        self.last = IconButton("skip-end", last, "End")
        self.buttons = (self.first, self.back, self.play, self.forward, self.last)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        for button in self.buttons:
            row.addWidget(button)
        self.first.clicked.connect(playback.go_to_first)
        self.back.clicked.connect(playback.step_back)
        self.play.clicked.connect(playback.toggle)
        self.forward.clicked.connect(playback.step_forward)
        self.last.clicked.connect(playback.go_to_last)
        playback.playing_changed.connect(self._show_playing)
        self._show_playing()

    def allow(self, there: bool, reason: str) -> None:
        """Whether there is something to move through; `reason`: why not."""
        for button in self.buttons:
            button.setEnabled(there)
            button.set_tooltip(button.accessibleName(), reason="" if there else reason)

    @Slot()
    def _show_playing(self) -> None:
        playing = self._playback.playing
        self.play.set_icon("pause" if playing else "play")
        self.play.set_tooltip("Pause" if playing else "Play")
