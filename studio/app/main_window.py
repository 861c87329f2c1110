"""The one window: it builds the parts, connects them, and knows nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, Slot
from PySide6.QtGui import QCloseEvent, QDragMoveEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QMainWindow

from studio.app import jobs
from studio.app.arrangements import COMPARE, DATA, DENOISE, PLANE, START, TRAIN, WORKSPACES
from studio.app.commands import Commands
from studio.app.microscope.denoising import denoising_of
from studio.app.panels import make_panels
from studio.app.process.logs import LogKeeper
from studio.app.runner import JobHandle, Runner
from studio.app.settings import Settings
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.undo import undo_stack_of
from studio.app.widgets.drop_zones import ADD, DropZones
from studio.app.widgets.file_drops import AcceptsFiles, DropVeil
from studio.app.widgets.view_switch import ViewSwitch
from studio.app.window.about import about_box
from studio.app.window.activity import count
from studio.app.window.closing import Closing
from studio.app.window.device_choice import MENU as DEVICE_MENU
from studio.app.window.device_choice import DeviceChoice
from studio.app.window.file_dialogs import FileDialogs
from studio.app.window.living_doors import LivingDoors
from studio.app.window.opening import Opener
from studio.app.window.palette import CommandPalette
from studio.app.window.run_visits import RunVisits
from studio.app.window.shortcuts import ShortcutSheet
from studio.app.window.stage import Stage
from studio.app.window.start_page import StartPage
from studio.app.window.status_bar import StatusBar
from studio.app.window.top_bar import TopBar
from studio.app.window.window_commands import add_commands, refuse_what_cannot_be_done
from studio.app.workspaces import Workspaces, bring_on_screen
from studio.data.starter import starter_sets
from studio.errors import StudioError
from studio.library.starter import starter_models

DEFAULT_SIZE = (1440, 900)


class MainWindow(AcceptsFiles, QMainWindow):
    """Call `begin` after it was shown; `close` waits for the background thread by itself."""

    def __init__(
        self, settings: Settings, *, keeper: LogKeeper | None = None, prepare_thread: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self.setObjectName("main-window")
        self.setWindowTitle("Diffusion Studio")
        self.setDockNestingEnabled(True)
        self.settings = settings
        self.state = StudioState(self)
        self.runner = Runner(self, prepare=prepare_thread)
        self.commands = Commands(self)
        self.opener = Opener(self.state, self.runner, settings, self)
        self.closing = Closing(self.state, self.runner, self)
        self.file_dialogs = FileDialogs(self.state, self.runner, settings, self.opener, self)
        self.palette_popup = CommandPalette(self.commands, settings, self)

        self._starters = tuple((starter.id, starter.title) for starter in starter_sets())
        self._models = {model.id: model for model in starter_models()}
        self.state.set_starter_models(
            tuple(ModelChoice(ModelSource.STARTER, model.title, model.path) for model in self._models.values())
        )
        self.panels = make_panels(self.state, self.runner, keeper, self)
        self.start_page = StartPage(settings, self._starters, self)
        self.start_page.set_models(tuple(model.title for model in self._models.values()))
        self.doors = LivingDoors(
            self.start_page, self.runner, {model.id: model.path for model in self._models.values()}, self
        )
        self.stage = Stage(self)
        self.stage.add_page(START, self.start_page)
        for name, page in self.panels.pages.items():
            self.stage.add_page(name, page)
        self.setCentralWidget(self.stage)
        self.workspaces = Workspaces(self, WORKSPACES, self.panels.docks, settings)
        add_commands(self, self._starters)
        self.device_choice = DeviceChoice(self.state, self.runner, settings, self.commands, self)
        self.top_bar = TopBar(self.commands, self.workspaces.all, self)
        self.setMenuWidget(self.top_bar)
        self.status_bar = StatusBar(self.runner, self)
        self.setStatusBar(self.status_bar)
        self.veil = DropVeil("Let go to open", self)
        self.zones = DropZones(self)
        self.accept_files()
        self.run_visits = RunVisits(self)
        self._warmed_up = False
        self._connect()
        self._restore_window()

    def _connect(self) -> None:
        self.top_bar.family_chosen.connect(self.workspaces.switch_to_family)
        for switch in self.stage.findChildren(ViewSwitch):
            switch.chosen.connect(self.workspaces.switch)
        self.top_bar.start_chosen.connect(self.show_start_page)
        self.top_bar.search_requested.connect(self.palette_popup.open)
        self.top_bar.help_requested.connect(self.show_shortcuts)
        self.workspaces.changed.connect(self._on_workspace)
        self.opener.started.connect(self.stage.follow_opening)
        self.opener.pictures_opened.connect(self._on_pictures)
        self.opener.model_opened.connect(self._on_model)
        self.opener.run_opened.connect(self._show_microscope)
        self.opener.report_ready.connect(self._on_report)
        self.opener.failed.connect(self.stage.show_error)
        self.file_dialogs.saved.connect(self._on_model_saved)
        self.file_dialogs.failed.connect(self.stage.show_error)
        self.device_choice.failed.connect(self.stage.show_error)
        self.device_choice.shown.connect(self.status_bar.set_device)
        self.status_bar.device_clicked.connect(self._show_device_menu)
        dataset = self.panels.docks["dataset"]
        dataset.files_chosen.connect(self.opener.bring)
        dataset.browse_requested.connect(self.file_dialogs.open_files)
        dataset.starter_requested.connect(self.open_starter)
        dataset.picture_requested.connect(self.show_data)
        dataset.finding_requested.connect(self._show_finding)
        dataset.class_requested.connect(self._show_class)
        data = self.panels.pages[DATA]
        data.files_chosen.connect(self.opener.bring)
        data.browse_requested.connect(self.file_dialogs.open_files)
        data.starter_requested.connect(self.open_starter)
        self.opener.choice_needed.connect(self._ask_add_or_replace)
        self.panels.pages[COMPARE].opened.connect(self._show_microscope)
        self.panels.training.save_requested.connect(self.file_dialogs.save_model)
        self.panels.training.open_requested.connect(self.file_dialogs.open_folder)
        self.panels.training.device_requested.connect(self.device_choice.choose)
        self.panels.training.controller.phase_changed.connect(self._update_commands)
        self.status_bar.cancel_requested.connect(self._cancel_job)
        self.closing.ready.connect(self._close_at_last, Qt.ConnectionType.QueuedConnection)
        self.closing.waiting.connect(self._say_waiting)
        self.closing.failed.connect(self.stage.show_error)
        self.state.training_changed.connect(self.status_bar.set_training)
        self.state.image_set_changed.connect(self._show_name)
        self.state.image_set_changed.connect(self._update_commands)
        self.state.model_changed.connect(self._update_commands)
        self.state.run_changed.connect(self._update_commands)
        self.state.model_choices_changed.connect(self._update_commands)
        undo_stack_of(self.state).changed.connect(self._update_commands)
        self.doors.settled.connect(self.warm_up)
        page = self.start_page
        page.watch_requested.connect(self.watch_a_model)
        page.choose_requested.connect(self.file_dialogs.open_folder)
        page.starter_requested.connect(self.open_starter)
        page.plane_requested.connect(self.open_the_plane)
        page.open_requested.connect(self.file_dialogs.open_files)
        page.recent_chosen.connect(self.file_dialogs.open_recent)
        self._update_commands()

    def _restore_window(self) -> None:
        self.resize(*DEFAULT_SIZE)
        self.restoreGeometry(self.settings.geometry)
        bring_on_screen(self)
        last = self.settings.workspace
        known = {workspace.name for workspace in self.workspaces.all}
        self.workspaces.switch(START if self.settings.show_start_page or last not in known else last)

    @Slot()
    def begin(self) -> None:
        """What may wait until the window is on the screen: devices, starter models, the living doors."""
        self.stage.page(self.workspaces.current).setFocus(Qt.FocusReason.OtherFocusReason)
        self.device_choice.look()
        self.doors.set_active(self.workspaces.current == START)

    @Slot()
    def warm_up(self) -> None:
        """Load what the first training would have to wait for, once."""
        if not self._warmed_up:
            self._warmed_up = True
            self.runner.start(jobs.prepare(), "Preparing…")

    # What the doors of the start page lead to

    @Slot()
    def show_start_page(self) -> None:
        self.workspaces.switch(START)

    @Slot()
    def watch_a_model(self) -> None:
        """Show the microscope, with a model at work in it when there is one."""
        self.workspaces.switch(DENOISE)
        if denoising_of(self.state).frames is None:
            self.denoise_again()

    @Slot(str)
    def open_starter(self, identity: str) -> None:
        self.opener.open_starter(identity, dict(self._starters)[identity])

    @Slot()
    def open_the_plane(self) -> None:
        """Show the space of two-pixel pictures."""
        self.workspaces.switch(PLANE)

    @Slot()
    def train_or_pause(self) -> None:
        """Start, pause or resume the training, and show it."""
        self.workspaces.switch(TRAIN)
        self.panels.training.primary_action()

    @Slot()
    def discard_training(self) -> None:
        self.workspaces.switch(TRAIN)
        self.panels.training.ask_to_discard()

    @Slot()
    def denoise_again(self) -> None:
        """Denoise with the model that is chosen, and show it."""
        self.workspaces.switch(DENOISE)
        denoising = denoising_of(self.state)
        choices = self.state.model_choices()
        if not denoising.running and choices:
            denoising.start(self.state.model_choice or choices[0], self.runner)

    # Files

    def files_dropped(self, paths: list[Path]) -> None:
        if self.run_visits.take_drop(paths):
            return
        if self.opener.must_ask(paths):
            (self.opener.add if self.zones.choice == ADD else self.opener.open)(paths)
        else:
            self.opener.open(paths)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        super().dragMoveEvent(event)
        self.zones.point(event.position())

    def dropEvent(self, event: QDropEvent) -> None:
        self.zones.point(event.position())
        super().dropEvent(event)

    @Slot(object)
    def _ask_add_or_replace(self, paths: tuple[Path, ...]) -> None:
        name = paths[0].name if len(paths) == 1 else count(len(paths), "file")
        actions = [("Add to it", partial(self.opener.add, paths)), ("Replace it", partial(self.opener.open, paths))]
        remedy = f"{self.state.image_set.name} is open."
        self.stage.show_message(f"Add {name} to the open pictures, or replace them?", remedy, "info", actions)

    @Slot(object)
    def show_data(self, index: int | None = None) -> None:
        """Show every picture of the data set, one of them closely."""
        self.workspaces.switch(DATA)
        if index is not None:
            self.panels.pages[DATA].show_picture(index)

    @Slot(object)
    def _show_finding(self, finding: object) -> None:
        self.workspaces.switch(DATA)
        self.panels.pages[DATA].show_finding(finding)

    @Slot(str)
    def _show_class(self, name: str) -> None:
        self.workspaces.switch(DATA)
        self.panels.pages[DATA].show_class(name)

    def files_over(self, over: bool) -> None:
        asks = over and self.opener.offers_to_add
        self.veil.lift(over and not asks)
        if asks:
            self.zones.lift(self.state.image_set.name)
        else:
            self.zones.hide()

    @Slot()
    def paste(self) -> None:
        data: QMimeData = QGuiApplication.clipboard().mimeData()
        if not self.opener.open_mime(data):
            self.stage.show_message("There is no picture to paste.", "Copy a picture or picture files first.", "warn")

    @Slot(object)
    def _on_pictures(self, image_set: object) -> None:
        if self.workspaces.current != DATA:
            self.workspaces.switch(TRAIN)
        self.status_bar.say(f"{image_set.name}: {count(image_set.count, 'picture')} ready to train on")

    @Slot(object)
    def _on_model(self, bundle: object) -> None:
        self.workspaces.switch(DENOISE)
        self.status_bar.say(f"{self.state.model_choice.title} is open")

    @Slot(object)
    def _on_report(self, report: object) -> None:
        self.panels.log.add_report(report)
        if report.skipped and self.workspaces.current != DATA:
            left_out = count(len(report.skipped), "file")
            verb = "was" if len(report.skipped) == 1 else "were"
            text = f"{count(report.taken, 'picture')} taken; {left_out} {verb} left out."
            first = report.skipped[0]
            remedy = f"{Path(first.path).name}: {first.reason}"
            self.stage.show_message(text, remedy, "warn", [("See all", self.show_log)], report.to_text())
        else:
            self.stage.banner.clear()

    @Slot(object)
    def _show_microscope(self, _: object) -> None:
        self.workspaces.switch(DENOISE)

    @Slot(object)
    def _on_model_saved(self, path: Path) -> None:
        self.status_bar.say(f"Saved {path.name}")

    # The frame of the window

    @Slot(str)
    def _on_workspace(self, name: str) -> None:
        self.stage.show_page(name)
        # Otherwise Qt hands the focus on to whatever stands next, and the keyboard starts in the middle of a panel.
        self.stage.page(name).setFocus(Qt.FocusReason.OtherFocusReason)
        self.top_bar.set_workspace(name)
        self.settings.workspace = name
        self._update_commands()
        if self.isVisible():
            self.doors.set_active(name == START)
            if name != START:
                self.warm_up()

    @Slot()
    def _update_commands(self) -> None:
        refuse_what_cannot_be_done(self)

    @Slot()
    def _show_device_menu(self) -> None:
        menu = self.commands.menu(DEVICE_MENU)
        place = self.status_bar.mapToGlobal(self.status_bar.rect().topLeft())
        menu.popup(place - QPoint(0, menu.sizeHint().height()))

    @Slot(object)
    def _show_name(self, image_set: object) -> None:
        if image_set is None:
            self.top_bar.set_name("")
        else:
            self.top_bar.set_name(image_set.name, f"{image_set.width} × {image_set.height}")

    @Slot(object)
    def _cancel_job(self, handle: JobHandle) -> None:
        # A press on Cancel must not cost what was learned: a training is ended and its model kept.
        if handle is self.state.training:
            self.panels.training.stop_and_keep()
        else:
            handle.cancel()

    @Slot(str)
    def _say_waiting(self, sentence: str) -> None:
        self.doors.set_active(False)
        self.status_bar.say(sentence, "clock", "muted")

    @Slot(str, str)
    def show_defect(self, line: str, details: str) -> None:
        """Something failed that nobody expected: say so, with the traceback to copy."""
        error = StudioError(f"A defect of the program: {line}", "Your work goes on; copy the details to report it.")
        self.stage.show_error(error, details)

    def show_last_crash(self, details: str) -> None:
        """The last session ended in a crash, and this is what it left."""
        remedy = "Trainings lose at most what came after their last checkpoint. The details help to report it."
        self.stage.show_message("The studio stopped unexpectedly last time.", remedy, "warn", (), details)

    @Slot()
    def toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    @Slot()
    def go_to_next_panel(self) -> None:
        """Move the keyboard to the next dock, and after the last to the stage."""
        self.workspaces.go_to_next_panel(self.stage.page(self.workspaces.current))

    @Slot()
    def show_shortcuts(self) -> None:
        sheet = ShortcutSheet(self.commands, self)
        sheet.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        sheet.open()

    @Slot()
    def show_log(self) -> None:
        if self.workspaces.current == START:
            self.workspaces.switch(TRAIN)
        self.panels.log.show()
        self.panels.log.raise_()

    @Slot()
    def show_about(self) -> None:
        about_box(self).open()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.closing.may_close() or not self.runner.shutdown(5000):
            event.ignore()
            return
        self.panels.pages[DATA].pictures.stop()
        self.workspaces.store()
        self.settings.geometry = self.saveGeometry()
        self.settings.save()
        event.accept()

    @Slot()
    def save_and_close(self) -> None:
        """Close without a question, saving a training that goes on."""
        self.closing.save_and_leave()
        self.close()

    @Slot()
    def _close_at_last(self) -> None:
        self.close()
