"""The bar at the bottom: where it computes, how fast, what runs now with its Cancel, and what was said last."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QStatusBar, QToolButton, QWidget

from studio.app.icons import icon, icon_pixmap
from studio.app.runner import JobHandle, JobState, Runner
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.window.activity import Activity, read_activity

OFFLINE = "Offline: the studio never opens a connection"
_PATIENCE_MS = 250
_MESSAGE_MS = 12_000
_FLAT = "QToolButton { min-height: 20px; max-height: 20px; padding: 0 6px; }"


class _Rule(QWidget):
    """A thin upright line between two groups."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(1, 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().tokens.color("border"))
        painter.end()


class _IconLabel(QLabel):
    """An icon that takes the colours of the theme that is on."""

    def __init__(self, name: str, role: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name, self._role = name, role
        self._draw()

    def set_icon(self, name: str, role: str) -> None:
        self._name, self._role = name, role
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._draw()
        super().changeEvent(event)

    def _draw(self) -> None:
        self.setPixmap(icon_pixmap(self._name, 14, self._role, self.devicePixelRatioF()))


class StatusBar(QStatusBar):
    """Listens to the runner by itself; device and messages are told to it."""

    device_clicked = Signal()
    cancel_requested = Signal(object)
    """The handle whose Cancel was pressed. The window decides what that means: training is stopped and kept."""

    def __init__(self, runner: Runner, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("status-bar")
        self.setSizeGripEnabled(False)
        self.setFixedHeight(Size.STATUS_BAR)
        self.setFont(ui_font(FontSize.LABEL))
        self._runner = runner
        self._shown: JobHandle | None = None
        self._training: JobHandle | None = None
        self._activities: dict[JobHandle, Activity] = {}
        self._begun: dict[JobHandle, float] = {}
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._choose_job)
        body = QWidget(self)
        self._row = QHBoxLayout(body)
        self._row.setContentsMargins(Space.XS, 0, Space.M, 0)
        self._row.setSpacing(Space.S)

        self._device = QToolButton(body)
        self._device.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._device.setIcon(icon("chip", "muted"))
        self._device.setIconSize(QSize(14, 14))
        self._device.setProperty("flat", True)
        self._device.setFont(ui_font(FontSize.LABEL, 600))
        self._device.setStyleSheet(_FLAT)
        self._device.setText(" …")
        self._device.clicked.connect(self.device_clicked)
        self._precision = self._label("muted")
        self._speed = self._label()
        self._left = self._label()
        self._job = self._label()
        self._progress = QProgressBar(body)
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(96)
        self._progress.setAccessibleName("Progress")
        self._cancel = QToolButton(body)
        self._cancel.setText("Cancel")
        self._cancel.setStyleSheet(_FLAT)
        self._cancel.setFont(ui_font(FontSize.LABEL, 600))
        self._cancel.clicked.connect(self._cancel_shown)
        self._message_icon = _IconLabel("check", "ok", body)
        self._message = self._label("muted")
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

        self._row.addWidget(self._device)
        self._row.addWidget(self._precision)
        self._rules = {}
        for name, widgets in (
            ("speed", (self._speed,)),
            ("left", (self._left,)),
            ("job", (self._job, self._progress, self._cancel)),
            ("message", (self._message_icon, self._message)),
        ):
            self._rules[name] = _Rule(body)
            self._row.addWidget(self._rules[name])
            for widget in widgets:
                self._row.addWidget(widget, 1 if widget is self._message else 0)
        self._row.addStretch(0)
        offline = _IconLabel("lock", "muted", body)
        self._row.addWidget(offline)
        offline_text = self._label("muted")
        offline_text.setText(OFFLINE)
        self._row.addWidget(offline_text)
        self.addWidget(body, 1)

        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.timeout.connect(self._clear_message)
        self._clear_message()
        self._show_job(None)
        runner.job_started.connect(self._on_job_started)
        runner.job_finished.connect(self._on_job_finished)
        runner.cancel_overdue.connect(self._on_overdue)

    def set_device(self, label: str, precision: str) -> None:
        """Where it computes, such as "CPU, 2 cores", and in what numbers, such as "bf16"."""
        # Qt sets the words close to the icon.
        self._device.setText(f" {label}")
        self._device.setToolTip("Where models are trained and run. Click to change it.")
        self._device.setAccessibleName(f"Device: {label}")
        self._precision.setText(precision)

    @Slot(object)
    def set_training(self, handle: JobHandle | None) -> None:
        """Which job is the training: it is stopped and its model kept, where others are cancelled."""
        self._training = handle
        if self._shown is not None:
            self._show_state(self._shown)

    def say(self, text: str, icon_name: str = "check", role: str = "ok") -> None:
        """Show a short message for a while."""
        self._message.setText(text)
        self._message.setToolTip(text)
        self._message_icon.set_icon(icon_name, role)
        for widget in (self._rules["message"], self._message_icon, self._message):
            widget.setVisible(True)
        self._forget.start(_MESSAGE_MS)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().tokens.color("panel"))
        painter.end()

    def _label(self, role: str = "text") -> QLabel:
        label = QLabel(self)
        label.setFont(ui_font(FontSize.LABEL))
        label.setProperty("role", role)
        return label

    @Slot(object)
    def _on_job_started(self, handle: JobHandle) -> None:
        handle.events.connect(self._on_events)
        handle.state_changed.connect(self._on_state_changed)
        self._begun[handle] = time.monotonic()
        self._patience.start(_PATIENCE_MS)

    @Slot(object)
    def _on_job_finished(self, handle: JobHandle) -> None:
        self._activities.pop(handle, None)
        self._begun.pop(handle, None)
        self._choose_job()

    @Slot()
    def _choose_job(self) -> None:
        # What was begun last is what the person at the screen waits for; training is seen again after it. What is over
        # before it could be read is not shown at all.
        since = time.monotonic() - 0.9 * _PATIENCE_MS / 1000
        jobs = [
            handle
            for handle in self._runner.jobs
            if not handle.background and handle.state is not JobState.QUEUED and self._begun.get(handle, 0.0) <= since
        ]
        self._show_job(jobs[-1] if jobs else None)

    @Slot(object)
    def _on_state_changed(self, state: JobState) -> None:
        self._choose_job()
        if self._shown is not None and self.sender() is self._shown:
            self._show_state(self._shown)

    @Slot(list)
    def _on_events(self, events: list) -> None:
        for event in reversed(events):
            activity = read_activity(event)
            if activity is not None:
                self._activities[self.sender()] = activity
                if self.sender() is self._shown:
                    self._show_activity(activity)
                return

    @Slot(object)
    def _on_overdue(self, handle: JobHandle) -> None:
        self.say(f"“{handle.title}” is still finishing its step; it stops right after it.", "clock", "warn")

    @Slot()
    def _cancel_shown(self) -> None:
        if self._shown is not None:
            self.cancel_requested.emit(self._shown)

    def _show_job(self, handle: JobHandle | None) -> None:
        if handle is self._shown and handle is not None:
            return
        self._shown = handle
        for widget in (self._rules["job"], self._job, self._progress, self._cancel):
            widget.setVisible(handle is not None)
        self._show_activity(self._activities.get(handle, Activity()))
        if handle is not None:
            self._show_state(handle)

    def _show_state(self, handle: JobHandle) -> None:
        words = {
            JobState.PAUSED: f"{handle.title}: paused",
            JobState.PAUSING: f"{handle.title}: pausing…",
            JobState.CANCELLING: f"{handle.title}: stopping…",
        }
        self._job.setText(words.get(handle.state, handle.title))
        self._cancel.setEnabled(handle.state is not JobState.CANCELLING)
        if handle is self._training:
            self._cancel.setText("Stop")
            self._cancel.setToolTip("Stop training and keep the model")
        else:
            self._cancel.setText("Cancel")
            self._cancel.setToolTip(f"Cancel “{handle.title}”")
        self._cancel.setAccessibleName(self._cancel.toolTip())

    def _show_activity(self, activity: Activity) -> None:
        known = activity.fraction is not None
        self._progress.setRange(0, 1000 if known else 0)
        self._progress.setValue(round(1000 * activity.fraction) if known else 0)
        self._progress.setToolTip(activity.text)
        for rule, label, value, unit in (
            (self._rules["speed"], self._speed, activity.speed, "pictures/s"),
            (self._rules["left"], self._left, activity.left, "left"),
        ):
            label.setText(f"<b>{value}</b>&nbsp; {unit}" if value else "")
            label.setAccessibleName(f"{value} {unit}" if value else "")
            rule.setVisible(bool(value))
            label.setVisible(bool(value))

    @Slot()
    def _clear_message(self) -> None:
        for widget in (self._rules["message"], self._message_icon, self._message):
            widget.setVisible(False)
