"""The loss panel: how the error of the network falls while it trains."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize, QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import FontSize, Space, theme
from studio.app.training.event_feed import EventFeed
from studio.app.training.loss_history import LossHistory
from studio.app.widgets.controls import Label, SegmentedControl
from studio.app.widgets.curve_look import weakened
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.loss_plot import LossPlot, Mark

REDRAW_MS = 200
"""At most ten new pictures of the curve a second, whatever the training does."""


class _Swatch(QWidget):
    """A piece of the curve a legend entry speaks of."""

    def __init__(self, role: str, thick: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._role, self._thick = role, thick
        self.setFixedSize(QSize(22, 12))
        theme().changed.connect(self._retheme)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        color = theme().color(self._role)
        painter.setPen(QPen(color if self._thick else weakened(color), 2 if self._thick else 1))
        painter.drawLine(0, 6, self.width(), 6)

    @Slot()
    def _retheme(self) -> None:
        self.update()


class LossDock(StudioDock):
    """Loss of every step thin, running average thick, current values below."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("lossDock", "Loss", "error of the predicted noise", parent)
        self._state = state
        self._history = LossHistory()
        self._marks: list[tuple[float, int, str]] = []
        self._fraction = 0.0
        self._plot = LossPlot(self)
        self._scale = SegmentedControl([("log", "Log"), ("linear", "Linear")], self, name="Scale", dense=True)
        self._scale.set_option_tooltip("log", "Late, small changes stay visible.")
        self._scale.set_option_tooltip("linear", "Distances are what they are.")
        self._axis = SegmentedControl([("minutes", "Time"), ("images", "Pictures")], self, name="Axis", dense=True)
        self._axis.set_option_tooltip("minutes", "Minutes of training, pauses not counted.")
        self._axis.set_option_tooltip("images", "Pictures shown to the network: comparable between computers.")
        self._smoothed = self._value_label()
        self._raw = self._value_label()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)
        self._build()
        self._scale.value_changed.connect(self._set_scale)
        self._axis.value_changed.connect(self._redraw)
        self._feed = EventFeed(state, self)
        self._feed.started.connect(self._on_started)
        self._feed.progressed.connect(self._on_progress)
        self._redraw()

    @property
    def history(self) -> LossHistory:
        """The losses of the run that is shown."""
        return self._history

    @property
    def plot(self) -> LossPlot:
        return self._plot

    def _value_label(self) -> Label:
        label = Label("—", self, size=FontSize.LABEL, weight=600)
        label.keep_width_for("0.00000")
        return label

    def _build(self) -> None:
        self.title_actions().addWidget(self._scale)
        legend = QHBoxLayout()
        legend.setSpacing(Space.S)
        for thick, words, value in ((True, "smoothed", self._smoothed), (False, "raw", self._raw)):
            legend.addWidget(_Swatch("d1", thick, self))
            legend.addWidget(Label(words, self, size=FontSize.LABEL))
            legend.addWidget(value)
            legend.addSpacing(Space.XS)
        legend.addStretch(1)
        legend.addWidget(self._axis)
        body = QWidget(self)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(self._plot, 1)
        layout.addLayout(legend)
        self.set_body(body)

    @Slot(object)
    def _on_started(self, event: object) -> None:
        if event.step == 0:
            self._history.clear()
            self._marks.clear()
        elif self._history.images_seen != event.images_seen:
            self._recall(event)
        if event.step > 0:
            self._marks.append((event.seconds, event.images_seen, "resumed"))
        self._fraction = event.fraction
        self._redraw()

    def _recall(self, event: object) -> None:
        """Draw what a run remembers of the time before it was resumed; its times are spread by pictures seen."""
        self._history.clear()
        self._marks.clear()
        run = self._state.run
        losses = getattr(run, "losses", None)
        pace = event.seconds / event.images_seen if event.images_seen else 0.0
        for images_seen, loss in list(losses.points) if losses is not None else ():
            self._history.append((loss,), images_seen * pace, int(images_seen))
        self._history.start_at(event.seconds, event.images_seen)

    @Slot(object)
    def _on_progress(self, event: object) -> None:
        before = self._history.not_finite_count
        self._history.append(event.losses, event.seconds, event.images_seen)
        if self._history.not_finite_count and not before:
            self._marks.append((event.seconds, event.images_seen, "not a number"))
        self._fraction = event.fraction
        if not self._timer.isActive():
            self._timer.start()

    @Slot(object)
    def _set_scale(self, scale: object) -> None:
        self._plot.set_logarithmic(scale == "log")

    @Slot()
    def _redraw(self) -> None:
        axis = str(self._axis.value())
        history = self._history
        most = self._plot.most_points
        reached = history.seconds / 60.0 if axis == "minutes" else float(history.images_seen)
        end = reached / self._fraction if self._fraction > 0.02 else reached
        marks = tuple(
            Mark(
                seconds / 60.0 if axis == "minutes" else images, label, "error" if label == "not a number" else "muted"
            )
            for seconds, images, label in self._marks
        )
        # The running average is smooth: half as many points draw the same line.
        self._plot.set_curves(
            history.raw(axis, most), history.smoothed(axis, most // 2), axis=axis, expected_end=end, marks=marks
        )
        self._smoothed.setText(_loss(history.latest_smoothed))
        self._raw.setText(_loss(history.latest))


def _loss(value: float) -> str:
    if not math.isfinite(value):
        return "—"
    return f"{value:.4f}" if 1e-3 <= value < 100 else f"{value:.2e}"
