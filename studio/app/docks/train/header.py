"""The head of the training stage: the one primary button, time left, progress, and what the next run is to be."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from studio.app.arrangements import TRAIN
from studio.app.theme import FontSize, Space, theme
from studio.app.training.controller import Phase
from studio.app.widgets.controls import IconButton, Label, PrimaryButton, SecondaryButton, SegmentedControl
from studio.app.widgets.finding import Finding
from studio.app.widgets.fitting import Fact, FactRow, FittingLabel
from studio.app.widgets.moments import clock
from studio.app.widgets.progress_track import ProgressTrack
from studio.app.widgets.view_switch import ViewSwitch

NARROW = 600
WIDE_ENOUGH_FOR_CAPTIONS = 760
WIDE_ENOUGH_FOR_BOTH = 640
NARROWEST = 520
_INTENTS = (("sketch", "Sketch", "1 min"), ("good", "Good", "4 min"), ("patient", "Patient", "30 min"))
INTENTS = tuple(name for name, _, _ in _INTENTS)
"""The presets' names, the shortest first."""

_ABOUT = {
    "sketch": "A small network: something to see within a minute.",
    "good": "The best for some minutes without a graphics card.",
    "patient": "A larger network: finer pictures for those who can wait.",
}

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


@dataclass(frozen=True)
class IntentWords:
    """What stands below an intent: how long it takes, when pictures become recognisable, and both as sentences.

    recognisable: such as "0:25", '' while it is not known.
    """

    time: str
    recognisable: str = ""
    reason: str = ""


class TrainingHeader(QWidget):
    """Shows what it is told; what the person wants comes out as signals."""

    primary_clicked = Signal()
    keep_requested = Signal()
    discard_requested = Signal()
    intent_changed = Signal(object)
    """One of the presets' names."""
    options_toggled = Signal(bool)
    change_requested = Signal()
    """The person wants to change the training that goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._phase = Phase.IDLE
        self._saved_at: float | None = None
        self._refusal = ""
        self._intent_words = {name: IntentWords(time) for name, _, time in _INTENTS}
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

    def show_options(self, shown: bool) -> None:
        """Open or fold the settings."""
        self._advanced.setChecked(shown)

    def set_intent(self, intent: str) -> None:
        self._intent.set_value(intent)

    @property
    def change_button(self) -> SecondaryButton:
        """Below it the window for changes opens."""
        return self._change

    @property
    def verdict(self) -> str:
        """What is said of the memory before the start."""
        return self._verdict.text if not self._verdict.isHidden() else ""

    def set_intent_words(self, words: dict[str, IntentWords]) -> None:
        """What stands below the intents; those that are not named keep theirs."""
        self._intent_words |= words
        self._show_intents()

    def show_verdict(self, sentence: str, role: str = "") -> None:
        """A sentence below the clock while nothing trains, such as one about memory; '' for none."""
        icon = {"warn": "warning", "error": "error"}.get(role, "info")
        if sentence:
            self._verdict.show_finding(icon, role, sentence)
        self._verdict_wanted = bool(sentence)
        self._fit()

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
        self._track.set_flag(None)
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
        self._verdict = Finding(self)
        self._verdict.hide()
        self._verdict_wanted = False
        self.view_switch = ViewSwitch(TRAIN, self)
        self._intent_label = Label("Intent", self, role="muted", size=FontSize.LABEL)
        self._intent = SegmentedControl([(name, title) for name, title, _ in _INTENTS], self, name="Intent")
        self._intent.set_value("good")
        self._intent.value_changed.connect(self.intent_changed)
        self._shown_captions: tuple[str, ...] = ()
        self._show_intents()
        self._change = SecondaryButton("Change…", parent=self)
        self._change.set_tooltip("Change…", reason="Another learning rate, or more time, while it goes on.")
        self._change.clicked.connect(self.change_requested)
        self._advanced = IconButton("settings", "Advanced settings", parent=self, checkable=True, bordered=True)
        self._advanced.toggled.connect(self.options_toggled)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(Space.S)
        top.addWidget(self.view_switch)
        top.addStretch(1)
        for widget in (self._intent_label, self._intent, self._change, self._advanced):
            top.addWidget(widget)
        words = QHBoxLayout()
        words.setSpacing(Space.S)
        words.addWidget(self._headline)
        words.addWidget(self._detail, 1)
        words.setAlignment(self._detail, Qt.AlignmentFlag.AlignBottom)
        middle = QVBoxLayout()
        middle.setSpacing(2)
        middle.addLayout(words)
        middle.addWidget(self._track)
        middle.addWidget(self._facts)
        middle.addWidget(self._below)
        middle.addWidget(self._verdict)
        row = QHBoxLayout()
        row.setSpacing(Space.M)
        row.addWidget(self._primary)
        row.addWidget(self._stop)
        row.addLayout(middle, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.M, Space.M)
        column.setSpacing(Space.S)
        column.addLayout(top)
        column.addLayout(row)
        self.view_switch.setVisible(self.view_switch.option_count > 1)

    def _show_intents(self) -> None:
        wide = self.width() >= WIDE_ENOUGH_FOR_CAPTIONS
        captions = []
        for name, title, _ in _INTENTS:
            words = self._intent_words[name]
            more = f" · recognisable {words.recognisable}" if wide and words.recognisable else ""
            captions.append(f"{title}\n{words.time}{more}")
        if tuple(captions) == self._shown_captions:
            return
        self._shown_captions = tuple(captions)
        self._intent.set_options([(name, label) for (name, _, _), label in zip(_INTENTS, captions, strict=True)])
        for name, _, _ in _INTENTS:
            reason = self._intent_words[name].reason
            self._intent.set_option_tooltip(name, "\n".join(part for part in (_ABOUT[name], reason) if part))

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
        going_on = self._phase is not Phase.IDLE
        changing = self._phase in (Phase.RUNNING, Phase.PAUSED, Phase.PAUSING)
        # A run that goes on has its intent; where room is short its choice gives way.
        shown = not going_on or self.width() >= WIDE_ENOUGH_FOR_BOTH
        self._primary.setMinimumWidth(112 if self.width() < NARROW else 148)
        self._intent.setVisible(shown)
        self._intent_label.setVisible(shown and self.width() >= WIDE_ENOUGH_FOR_CAPTIONS)
        self._change.setVisible(changing)
        self._show_intents()
        numbers = bool(self._facts.text("step"))
        # Once it is over, how fast it was and when it was saved matter no more.
        self._facts.set_wanted(*(("step", "epoch", "speed", "saved") if going_on else ("step", "epoch")))
        # Before the first numbers their line is free, and wider than what is left beside the headline.
        verdict = self._verdict_wanted and not going_on
        below = self.width() < NARROW and not numbers and not verdict
        self._facts.setVisible(not below and not verdict)
        self._verdict.setVisible(verdict)
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
