"""Algorithm 20.1 line by line, with the real tensors of a real step."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QFont, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.arrangements import SLOW_MOTION
from studio.app.docks.slow_motion.sheet import StepSheet
from studio.app.docks.slow_motion.transport import Transport
from studio.app.plot_export import PICTURE_KINDS, export_picture, picture_array
from studio.app.slow_motion import exports
from studio.app.slow_motion.slow_step import SlowStep
from studio.app.slow_motion.source import Source
from studio.app.slow_motion.walk import LINE_COUNT, walk_of
from studio.app.theme import FontSize, Space
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import Label
from studio.app.widgets.export_menu import ExportButton, film_kinds
from studio.app.widgets.panel_ground import PanelGround
from studio.app.widgets.view_switch import ViewSwitch
from studio.errors import SettingsError, StudioError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class SlowMotionStage(PanelGround):
    """The sheet with the algorithm and its tensors, what moves it on, and what run it is about."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("slow-motion-stage")
        self._state = state
        self._runner = runner
        self.walk = walk_of(state)
        self.walk.attach(runner)
        self.sheet = StepSheet(self)
        self.transport = Transport(self.walk, self)
        self.view_switch = ViewSwitch(SLOW_MOTION, self)
        self.banner = Banner(self)
        self._title = Label("Algorithm 20.1, line by line", self, size=FontSize.HEADLINE, weight=QFont.Weight.DemiBold)
        self._subtitle = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self.export = ExportButton(self, "Export this step…")
        self._offer_exports()
        self.setFocusProxy(self.sheet)
        self._lay_out()
        self._connect()
        self._show_step(self.walk.step)
        self._show_line(self.walk.line)

    @property
    def subtitle(self) -> str:
        """Which step of which run is shown."""
        return self._subtitle.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        walk = self.walk
        actions = {
            Qt.Key.Key_Right: walk.next_line,
            Qt.Key.Key_Space: walk.next_line,
            Qt.Key.Key_Left: walk.previous_line,
            Qt.Key.Key_Return: walk.next_step,
            Qt.Key.Key_Enter: walk.next_step,
            Qt.Key.Key_P: walk.toggle,
            Qt.Key.Key_Escape: walk.stop,
        }
        action = actions.get(event.key())
        if action is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
            return
        action()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_source()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        # Nobody is looking: no more steps are taken.
        self.walk.pause()

    def _lay_out(self) -> None:
        header = QHBoxLayout()
        header.setSpacing(Space.M)
        header.addWidget(self._title)
        header.addWidget(self._subtitle, 1)
        header.addWidget(self.view_switch)
        header.addWidget(self.export)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        column.setSpacing(Space.S)
        column.addLayout(header)
        column.addWidget(self.banner)
        column.addWidget(self.sheet, 1)
        column.addWidget(self.transport)

    def _connect(self) -> None:
        walk = self.walk
        walk.step_changed.connect(self._show_step)
        walk.line_changed.connect(self._show_line)
        walk.source_changed.connect(self._show_source)
        walk.busy_changed.connect(self._show_source)
        walk.failed.connect(self._show_error)
        self.sheet.line_clicked.connect(walk.show_line)
        self._state.image_set_changed.connect(self._show_source)
        self.export.exported.connect(self._show_exported)
        self.export.failed.connect(self._show_error)
        for button in self.transport.findChildren(QAbstractButton):
            button.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # On a button too the arrow keys go through the lines; Tab goes through the buttons.
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
            and not self.transport.speed.isAncestorOf(watched)
        ):
            self.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def _offer_exports(self) -> None:
        self.export.add("The sheet as it is now", "training-step.png", PICTURE_KINDS, self._write_picture)
        self.export.add("A film of its lines", "training-step.gif", film_kinds(), self._write_film)
        self.export.add("The tensors of this step", "training-step.npz", ((".npz", "NPZ"),), self._write_tensors)
        self.export.add("The numbers of this step", "training-step.csv", ((".csv", "CSV"),), self._write_numbers)
        self.export.add("The losses of all steps here", "losses.csv", ((".csv", "CSV"),), self._write_losses)

    def _write_picture(self, path: Path) -> Path:
        return export_picture((self.sheet.size(), partial(self.sheet.paint_sheet, lit_line=self.walk.line)), path)

    def _write_film(self, path: Path) -> object:
        self._need_step()
        size = self.sheet.size()
        frames = [picture_array((size, partial(self.sheet.paint_sheet, lit_line=line))) for line in range(LINE_COUNT)]
        handle = self._runner.interject(exports.film_job(frames, path), f"Writing {path.name}")
        handle.succeeded.connect(self._show_exported)
        handle.failed.connect(self._show_error)
        return handle

    def _write_tensors(self, path: Path) -> Path:
        return exports.write_tensors(self._need_step(), path)

    def _write_numbers(self, path: Path) -> Path:
        return exports.write_numbers(self._need_step(), path)

    def _write_losses(self, path: Path) -> Path:
        return exports.write_losses(self.walk.losses, path)

    def _need_step(self) -> SlowStep:
        if self.walk.step is None:
            raise SettingsError("There is no step to export yet.", "Take one first: press →.")
        return self.walk.step

    @Slot(object)
    def _show_step(self, step: SlowStep | None) -> None:
        if step is not None:
            self.banner.clear()
        self.sheet.set_step(step)
        self._show_source()

    @Slot(int)
    def _show_line(self, line: int) -> None:
        self.sheet.set_line(line)

    @Slot()
    def _show_source(self) -> None:
        if not self.isVisible():
            return
        walk, step = self.walk, self.walk.step
        run = {
            Source.AT_FULL_SPEED: "the training that runs",
            Source.PAUSED: "the paused training",
            Source.OWN: "a small network of its own",
        }[walk.source]
        about = f"{run} on “{walk.title}”" if walk.title else run
        self._subtitle.setText(about if step is None else f"step {step.number:,} of {about}")
        if walk.picture_size is not None:
            self.sheet.set_picture_size(*walk.picture_size)
        if walk.source is Source.AT_FULL_SPEED:
            self.sheet.set_invitation("Pause the training first", "Then its next steps are shown here, one by one.")
        elif walk.busy:
            self.sheet.set_invitation("One moment…", "The first step is being taken.")
        else:
            pictures = self._state.image_set.name if self._state.image_set is not None else "digits"
            what = "its next step" if walk.source is not Source.OWN else f"a first step on “{pictures}”"
            self.sheet.set_invitation("Press → for the first line", f"Takes {what}, then shows it line by line.")

    @Slot(object)
    def _show_exported(self, path: object) -> None:
        # Below the sheet: a banner would take room from the pictures, and they would jump.
        self.transport.say(f"Saved as {path}.")

    @Slot(object)
    def _show_error(self, error: StudioError) -> None:
        self.banner.show_error(error)
