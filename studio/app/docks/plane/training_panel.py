"""The content of the small model's panel: one button, the time, the falling loss, and the angle to the exact field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.plane.scene import PlaneScene
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import IconButton, Label, PrimaryButton
from studio.app.widgets.labels import tooltip_text
from studio.app.widgets.plane_loss import FallingLoss

if TYPE_CHECKING:
    from studio.app.plane.small_model import TrainingState
    from studio.app.runner import Runner

_REDRAW_MS = 100
_NO_PICTURES = "There are no pictures to learn from yet."
_NOT_OF_A_SLICE = "It learns two-pixel pictures; a slice shows the model that is chosen in Denoise."
_LOSS = "Mean squared error of the predicted noise, averaged over the last steps."
_BEST = "The error of the exact denoiser: where two pictures could have given the same z, nobody can know which."
_ANGLE = "Between the learned and the exact movement: the mean over t and over where noisy pictures lie."


class SmallModelPanel(QWidget):
    """Follows the scene's small model."""

    def __init__(self, scene: PlaneScene, runner: Runner, parent: QWidget) -> None:
        super().__init__(parent)
        self._scene, self._model, self._runner = scene, scene.small_model, runner
        self.button = PrimaryButton("Train", "play", self)
        self.again = IconButton("refresh", "Begin anew", parent=self, dense=True)
        self.time = Label("", self, weight=600)
        self.step = Label("", self, role="muted", size=FontSize.LABEL)
        self.curve = FallingLoss(self)
        self.loss, self.best, self.angle = (self._number() for _ in range(3))
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_REDRAW_MS)
        self._soon.timeout.connect(self._show)
        self._build()
        self.button.clicked.connect(self._act)
        self.again.clicked.connect(self._begin_anew)
        self._model.changed.connect(self._later)
        scene.pictures_changed.connect(self._later)
        scene.space_changed.connect(self._later)
        self._show()

    def _number(self) -> Label:
        label = Label("—", self, size=FontSize.LABEL, weight=600)
        label.keep_width_for("0.000")
        return label

    def _build(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.time)
        words.addWidget(self.step)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(self.button)
        head.addLayout(words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(head)
        column.addWidget(self.curve)
        for words_, number, reason in (
            ("loss", self.loss, _LOSS),
            ("best possible", self.best, _BEST),
            ("angle to exact", self.angle, _ANGLE),
        ):
            row = QHBoxLayout()
            name = Label(words_, self, role="muted", size=FontSize.LABEL)
            for label in (name, number):
                label.setToolTip(tooltip_text(words_.capitalize(), reason=reason))
            row.addWidget(name)
            row.addStretch(1)
            row.addWidget(number)
            column.addLayout(row)
        column.setSpacing(Space.XS)
        column.addStretch(1)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    @Slot()
    def _act(self) -> None:
        state = self._model.state
        if state.running:
            self._model.pause()
        elif state.finished:
            self._begin_anew()
        else:
            self._scene.train(self._runner)
        self._show()

    @Slot()
    def _begin_anew(self) -> None:
        self._model.restart(self._runner)

    @Slot()
    def _later(self) -> None:
        if self.isVisible() and not self._soon.isActive():
            self._soon.start()

    @Slot()
    def _show(self) -> None:
        state, there = self._model.state, len(self._scene.pictures.points) > 0 and not self._scene.is_slice
        self._show_button(state, there)
        if state.begun:
            planned = f" of {state.planned_seconds:.0f}" if state.planned_seconds and not state.finished else ""
            self.time.setText(f"{state.seconds:.0f}{planned} s")
            self.step.setText(f"step {state.step:,}")
        else:
            self.time.setText("Not begun")
            self.step.setText("takes seconds")
        history, most = self._model.losses, self.curve.most_points
        end = state.seconds / state.fraction if state.fraction > 0.02 else max(state.seconds, 1.0) * 2
        self.curve.set_curves(
            history.raw("minutes", most), history.smoothed("minutes", most // 2), state.best_loss, end / 60.0
        )
        self.loss.setText(_three(state.loss))
        self.best.setText(_three(state.best_loss))
        self.angle.setText("—" if state.angle is None else f"{state.angle:.1f}°")

    def _show_button(self, state: TrainingState, there: bool) -> None:
        if state.running:
            self.button.set_text("Pause", "pause")
        elif state.finished:
            self.button.set_text("Again", "refresh")
        else:
            self.button.set_text("Go on" if state.begun else "Train", "play")
        self.button.setEnabled(there or state.running)
        reason = _NOT_OF_A_SLICE if self._scene.is_slice else "" if there else _NO_PICTURES
        self.button.set_tooltip(self.button.text(), "", reason)
        self.again.setEnabled(state.begun and there)


def _three(value: float | None) -> str:
    return "—" if value is None else f"{value:.3f}"
