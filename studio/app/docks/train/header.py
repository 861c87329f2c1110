"""The head of the training stage: the one primary button, time left, progress, and what to do when it ends."""

from __future__ import annotations

import time

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.app.theme import FontSize, Size, Space, theme
from studio.app.training.controller import Phase
from studio.app.widgets.controls import IconButton, Label, PrimaryButton, SecondaryButton, SegmentedControl
from studio.app.widgets.fitting import Fact, FactRow, FittingLabel
from studio.app.widgets.moments import clock
from studio.app.widgets.progress_track import ProgressTrack

NARROW = 760
WIDE_ENOUGH_FOR_BOTH = 850
NARROWEST = 520
_INTENTS = (("sketch", "Sketch\n1 min"), ("good", "Good\n4 min"), ("patient", "Patient\n30 min"))

_FACTS = (
    Fact("step", "step 0,000", 4),
    Fact("epoch", "epoch 00.0", 1),
    Fact("speed", "0,000 pictures/s", 3),
    Fact("saved", "saved just now", 2, at_end=True),
)

_BUTTON = {
    Phase.IDLE: ("Start", "play", True),
    Phase.STARTING: ("Starting…", "play", False),
    Phase.RUNNING: ("Pause", "pause", True),
    Phase.PAUSING: ("Pausing…", "pause", False),
    Phase.PAUSED: ("Resume", "play", True),
    Phase.STOPPING: ("Stopping…", "stop", False),
    Phase.KEEPING: ("Saving…", "save", False),
}


class _Divider(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedWidth(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("border"))


class TrainingHeader(QWidget):
    """Shows what it is told; what the person wants comes out as signals."""

    primary_clicked = Signal()
    keep_requested = Signal()
    discard_requested = Signal()
    intent_changed = Signal(object)
    """One of the presets' names."""
    options_toggled = Signal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._phase = Phase.IDLE
        self._saved_at: float | None = None
        self._refusal = ""
        self._make_widgets()
        self._lay_out()
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._show_saved)
        self.show_phase(Phase.IDLE)

    @property
    def primary(self) -> PrimaryButton:
        return self._primary

    @property
    def track(self) -> ProgressTrack:
        return self._track

    @property
    def intent(self) -> str:
        """The preset that is on."""
        return str(self._intent.value())

    @property
    def headline(self) -> str:
        return self._headline.text()

    @property
    def detail(self) -> str:
        return self._detail.wordings()[0]

    @property
    def facts(self) -> tuple[str, str, str, str]:
        """Step, epoch, speed and when it was saved, as shown."""
        step, epoch, speed, saved = (self._facts.text(fact.name) for fact in _FACTS)
        return step, epoch, speed, saved

    def set_intent(self, intent: str) -> None:
        self._intent.set_value(intent)

    def set_refusal(self, reason: str) -> None:
        """Why training cannot begin; '' when it can."""
        self._refusal = reason
        self._show_button()

    def show_phase(self, phase: Phase) -> None:
        """The button, and whether there is something to stop."""
        self._phase = phase
        self._show_button()
        alive = phase in (Phase.RUNNING, Phase.PAUSING, Phase.PAUSED)
        self._stop.setVisible(alive or phase is Phase.STARTING)
        self._stop.setEnabled(alive)
        if alive:
            self._clock.start()
        else:
            self._clock.stop()
        self._fit()

    def show_words(self, headline: str, *detail: str) -> None:
        """The large line, and beside or below it the longest wording of `detail` there is room for, longest first."""
        self._headline.setText(headline)
        self._detail.set_wordings(*detail)
        self._below.set_wordings(*detail)

    def show_progress(self, step: int, epoch: float, speed: float | None, fraction: float) -> None:
        """The line of numbers and the bar."""
        first = not self._facts.text("step")
        self._facts.set_text("step", f"step {step:,}")
        self._facts.set_text("epoch", f"epoch {epoch:.1f}")
        self._facts.set_text("speed", f"{speed:,.0f} pictures/s" if speed else "")
        self._track.set_fraction(fraction)
        if first:
            self._fit()

    def clear_progress(self) -> None:
        """Before the first run."""
        for fact in _FACTS:
            self._facts.set_text(fact.name, "")
        self._saved_at = None
        self._track.set_fraction(0.0)
        self._track.set_marks(())
        self._fit()

    @Slot()
    def note_saved(self) -> None:
        """A checkpoint was written just now."""
        self._saved_at = time.monotonic()
        self._show_saved()

    def minimumSizeHint(self) -> QSize:
        # What is shown depends on the width, so the width must not depend on what is shown.
        return QSize(NARROWEST, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()

    def _make_widgets(self) -> None:
        self._primary = PrimaryButton("Start", "play", self, large=True)
        self._primary.clicked.connect(self.primary_clicked)
        self._stop = SecondaryButton("Stop", "stop", self)
        self._stop.set_tooltip("Stop", reason="Keep the model as it is now, or discard the run.")
        menu = QMenu(self._stop)
        menu.setToolTipsVisible(True)
        keep, discard = QAction("Stop and keep the model", menu), QAction("Stop and discard the run", menu)
        keep.setToolTip("The averaged weights become a model in your library.")
        discard.setToolTip("Everything this run has written is removed.")
        keep.triggered.connect(self._keep)
        discard.triggered.connect(self._discard)
        menu.addActions([keep, discard])
        self._stop.setMenu(menu)
        self._headline = Label("", self, size=FontSize.HEADLINE, weight=QFont.Weight.DemiBold)
        self._detail, self._below = FittingLabel(self), FittingLabel(self)
        self._track = ProgressTrack(self)
        self._facts = FactRow(_FACTS, self)
        self._divider = _Divider(self)
        self._intent_label = Label("Intent", self, role="muted", size=FontSize.LABEL)
        self._intent = SegmentedControl(_INTENTS, self, name="Intent")
        self._intent.set_value("good")
        self._intent.set_option_tooltip("sketch", "A small network: something to see within a minute.")
        self._intent.set_option_tooltip("good", "The best for some minutes without a graphics card.")
        self._intent.set_option_tooltip("patient", "A larger network: finer pictures for those who can wait.")
        self._intent.value_changed.connect(self.intent_changed)
        self._advanced = IconButton("settings", "Advanced settings", parent=self, checkable=True)
        self._advanced.toggled.connect(self.options_toggled)

    def _lay_out(self) -> None:
        words = QHBoxLayout()
        words.setSpacing(Space.S)
        words.addWidget(self._headline)
        words.addWidget(self._detail, 1)
        words.setAlignment(self._detail, Qt.AlignmentFlag.AlignBottom)
        middle = QVBoxLayout()
        middle.setSpacing(Space.XS)
        middle.addLayout(words)
        middle.addWidget(self._track)
        middle.addWidget(self._facts)
        middle.addWidget(self._below)
        side = QVBoxLayout()
        side.setSpacing(Space.XS)
        side.addWidget(self._intent_label)
        side.addWidget(self._intent)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.L, Space.M, Space.M, Space.M)
        row.setSpacing(Space.M)
        row.addWidget(self._primary)
        row.addWidget(self._stop)
        row.addLayout(middle, 1)
        row.addWidget(self._divider)
        row.addLayout(side)
        row.addWidget(self._advanced, 0, Qt.AlignmentFlag.AlignBottom)
        self.setMinimumHeight(Size.PRIMARY_LARGE + 2 * Space.L)

    def _show_button(self) -> None:
        words, icon, enabled = _BUTTON[self._phase]
        refused = self._phase is Phase.IDLE and bool(self._refusal)
        self._primary.set_text(words, icon)
        self._primary.setEnabled(enabled and not refused)
        tooltip = {
            Phase.RUNNING: "Stand still after this step; the model stays usable.",
            Phase.PAUSED: "Go on exactly where it stood.",
        }.get(self._phase, "Train a new model on the pictures that are open.")
        self._primary.set_tooltip(words, reason=self._refusal if refused else tooltip)

    def _fit(self) -> None:
        # A run that goes on has its intent; where room is short its choice gives way to the clock.
        shown = self.width() >= WIDE_ENOUGH_FOR_BOTH or self._phase is Phase.IDLE
        narrow = self.width() < NARROW
        self._primary.setMinimumWidth(112 if narrow else 148)
        for widget in (self._divider, self._intent_label, self._intent):
            widget.setVisible(shown)
        numbers = bool(self._facts.text("step"))
        going_on = self._phase is not Phase.IDLE
        # Once it is over, how fast it was and when it was saved matter no more.
        self._facts.set_wanted(*(("step", "epoch", "speed", "saved") if going_on else ("step", "epoch")))
        # Before the first numbers their line is free, and wider than what is left beside the headline.
        below = narrow and not numbers
        self._facts.setVisible(not below)
        self._below.setVisible(below)
        self._detail.setVisible(not below)

    @Slot()
    def _show_saved(self) -> None:
        if self._saved_at is None:
            self._facts.set_text("saved", "")
            return
        seconds = int(time.monotonic() - self._saved_at)
        if seconds < 2:
            self._facts.set_text("saved", "saved just now")
        elif seconds < 100:
            self._facts.set_text("saved", f"saved {seconds} s ago")
        else:
            self._facts.set_text("saved", f"saved {clock(seconds)} ago")

    @Slot()
    def _keep(self) -> None:
        self.keep_requested.emit()

    @Slot()
    def _discard(self) -> None:
        self.discard_requested.emit()
