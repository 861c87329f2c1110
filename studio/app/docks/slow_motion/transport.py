"""What is under the sheet: one line or step on, play and its pace, some steps at once; or the way to pause."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.docks.slow_motion.trail import LossTrail
from studio.app.slow_motion.source import Source
from studio.app.slow_motion.walk import SPEEDS, TrainingWalk
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import IconButton, Label, PrimaryButton, SecondaryButton, SegmentedControl

SHORT_RUN, LONG_RUN = 10, 100
_HEIGHT = 76
_MAKING = "Loading the mathematics and making a small network…"


class Transport(QWidget):
    """Buttons for what the keyboard does as well, and the losses so far."""

    run_on = Signal(int)
    """So many steps at once."""

    def __init__(self, walk: TrainingWalk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._walk = walk
        self.trail = LossTrail(self)
        self.next_line = PrimaryButton("Next line", "step-forward", self)
        self.next_line.set_tooltip("Next line", "→ or Space", "After the last line, the next step begins.")
        self.back = IconButton("step-back", "Line before", "←", self, bordered=True)
        self.play = IconButton("play", "Play", "P", self, bordered=True)
        self.speed = SegmentedControl(SPEEDS, self, name="Pace", dense=True)
        self.speed.set_value(1.0)
        self.speed.set_option_tooltip(1.0, "A line every 1¼ seconds.")
        self.next_step = SecondaryButton("Next step", "", self)
        self.next_step.set_tooltip("Next step", "Enter", "To the last line of this step, then of the next one.")
        self.short = SecondaryButton(f"{SHORT_RUN} steps", "", self)
        self.short.set_tooltip(f"{SHORT_RUN} steps at once", reason="See how the loss falls; then slowly again.")
        self.long = SecondaryButton(f"{LONG_RUN} steps", "", self)
        self.long.set_tooltip(f"{LONG_RUN} steps at once", reason="See how the loss falls; then slowly again.")
        self.stop = IconButton("stop", "Stop after this step", "Esc", self)
        self.start_over = IconButton("refresh", "Start over with a new network", parent=self)
        self._words = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self.pause_training = PrimaryButton("Pause the training", "pause", self)
        self.pause_training.set_tooltip("Pause the training", reason="It can go on exactly where it stood.")
        for button in (self.next_line, self.next_step, self.short, self.long, self.pause_training):
            # A click leaves the keyboard with the sheet, where the next key goes on.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._lay_out()
        self._connect()

    @property
    def words(self) -> str:
        """The muted line: what goes on."""
        return self._words.text()

    def say(self, sentence: str) -> None:
        """Show a sentence in the muted line, until something else goes on."""
        self._words.setText(sentence)

    @property
    def waits_for_pause(self) -> bool:
        """A training runs at full speed: all there is to do here is to pause it."""
        return self._pages.currentIndex() == 1

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(Space.S)
        first.addWidget(self.back)
        first.addWidget(self.next_line)
        first.addWidget(self.play)
        first.addWidget(self.speed)
        first.addSpacing(Space.S)
        first.addWidget(self.next_step)
        first.addWidget(self.short)
        first.addWidget(self.long)
        first.addWidget(self.stop)
        first.addWidget(self.start_over)
        first.addStretch(1)
        controls = QWidget(self)
        column = QVBoxLayout(controls)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(first)
        column.addWidget(self._words)
        column.addStretch(1)

        waiting = QWidget(self)
        row = QHBoxLayout(waiting)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.L)
        row.addWidget(self.pause_training, 0, Qt.AlignmentFlag.AlignVCenter)
        sentences = QVBoxLayout()
        sentences.setSpacing(2)
        sentences.addStretch(1)
        sentences.addWidget(Label("A training runs at full speed.", waiting, weight=QFont.Weight.DemiBold))
        sentences.addWidget(Label("Pause it to walk through its next steps line by line.", waiting, role="muted"))
        sentences.addStretch(1)
        row.addLayout(sentences, 1)

        self._pages = QStackedWidget(self)
        self._pages.addWidget(controls)
        self._pages.addWidget(waiting)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.L)
        layout.addWidget(self._pages, 3)
        layout.addWidget(self.trail, 2)
        self.setFixedHeight(_HEIGHT)

    def _connect(self) -> None:
        walk = self._walk
        self.next_line.clicked.connect(walk.next_line)
        self.back.clicked.connect(walk.previous_line)
        self.play.clicked.connect(walk.toggle)
        self.next_step.clicked.connect(walk.next_step)
        self.short.clicked.connect(self._run_short)
        self.long.clicked.connect(self._run_long)
        self.stop.clicked.connect(walk.stop)
        self.start_over.clicked.connect(walk.start_over)
        self.pause_training.clicked.connect(walk.pause_training)
        self.speed.value_changed.connect(self._set_speed)
        for signal in (walk.source_changed, walk.step_changed, walk.line_changed, walk.busy_changed):
            signal.connect(self.refresh)
        walk.playing_changed.connect(self.refresh)
        walk.losses_changed.connect(self._show_losses)
        self._show_losses()

    @Slot()
    def refresh(self) -> None:
        """Everything as the walk is now; while nobody can see it, that waits."""
        if not self.isVisible():
            return
        walk = self._walk
        self._pages.setCurrentIndex(1 if walk.source is Source.AT_FULL_SPEED else 0)
        self.play.set_icon("pause" if walk.playing else "play")
        self.play.set_tooltip("Pause" if walk.playing else "Play")
        self.back.setEnabled(walk.line > 0)
        for button in (self.short, self.long):
            button.setEnabled(not walk.busy)
        self.stop.setVisible(walk.busy and walk.wanted > 1)
        self.start_over.setVisible(walk.can_start_over)
        self._words.setText(self._sentence())

    def _sentence(self) -> str:
        walk = self._walk
        if walk.busy:
            if walk.source is Source.OWN and walk.run is None:
                return _MAKING
            return "The step is being taken…" if walk.wanted == 1 else f"{walk.wanted} steps are being taken…"
        if walk.source is Source.PAUSED:
            return "These are steps of the paused training: it goes on from where you leave it."
        return "A small network of this page's own: nothing else is changed by its steps."

    @Slot()
    def _show_losses(self) -> None:
        self.trail.set_losses(self._walk.losses)

    @Slot()
    def _run_short(self) -> None:
        self._walk.run_on(SHORT_RUN)

    @Slot()
    def _run_long(self) -> None:
        self._walk.run_on(LONG_RUN)

    @Slot(object)
    def _set_speed(self, speed: object) -> None:
        self._walk.set_speed(float(speed))
