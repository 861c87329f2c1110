"""The commands of the main window: what they are called, where they stand, and which keys they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.app.arrangements import START
from studio.app.commands import Command
from studio.app.theme import theme
from studio.app.undo import undo_stack_of

if TYPE_CHECKING:
    from studio.app.main_window import MainWindow
    from studio.app.widgets.dock import StudioDock


def add_commands(window: MainWindow, starters: tuple[tuple[str, str], ...]) -> None:
    """Register everything the window can do. `starters` are ids and titles of the starter sets."""
    add = window.commands.add
    files = window.file_dialogs
    add(Command("file.open", "Open…", files.open_files, "File", "Ctrl+O", "open", "Pictures, IDX, NPZ or a model"))
    add(Command("file.open-folder", "Open folder…", files.open_folder, "File", "Ctrl+Shift+O", "folder"))
    for identity, title in starters:
        add(Command(f"file.starter.{identity}", title, _OpenStarter(window, identity, title), "File/Starter set"))
    add(
        Command(
            "file.save-model",
            "Save model as…",
            files.save_model,
            "File",
            "Ctrl+Shift+S",
            "save",
            "One file is enough to make pictures anywhere",
            section="save",
        )
    )
    add(
        Command(
            "file.save-run",
            "Save run as…",
            files.save_run,
            "File",
            icon="save",
            help="The run under the microscope with its branches, every step of it",
            section="save",
        )
    )
    add(Command("file.quit", "Quit", window.close, "File", "Ctrl+Q", section="quit"))
    changes = undo_stack_of(window.state)
    add(Command("edit.undo", "Undo", changes.undo, "Edit", "Ctrl+Z", "undo"))
    add(Command("edit.redo", "Redo", changes.redo, "Edit", "Ctrl+Shift+Z", "redo"))
    add(
        Command(
            "edit.paste",
            "Paste pictures",
            window.paste,
            "Edit",
            "Ctrl+V",
            "import",
            "Pictures, or copied files",
            section="paste",
        )
    )

    add(Command("view.start", "Start page", _Switch(window, START), "View", "Ctrl+0", section="workspaces"))
    for number, workspace in enumerate(window.workspaces.all, start=1):
        alone = workspace.title == workspace.family
        add(
            Command(
                f"view.{workspace.name}",
                workspace.title if alone else f"{workspace.family}: {workspace.title}",
                _Switch(window, workspace.name),
                "View",
                f"Ctrl+{number}",
                "workspace",
                section="workspaces",
            )
        )
    for choice, title, symbol in (("system", "System", "monitor"), ("light", "Light", "sun"), ("dark", "Dark", "moon")):
        command = Command(
            f"view.theme.{choice}",
            title,
            _ChooseTheme(window, choice),
            "View/Theme",
            icon=symbol,
            section="theme",
            exclusive="theme",
        )
        add(command).setChecked(theme().choice == choice)
    add(
        Command(
            "view.full-screen", "Full screen", window.toggle_full_screen, "View", "F11", "fullscreen", section="screen"
        )
    )

    stage = window.panels.training
    add(
        Command(
            "run.train",
            "Train, pause or resume",
            window.train_or_pause,
            "Run",
            "Ctrl+T",
            "training",
            section="training",
        )
    )
    add(
        Command(
            "run.stop",
            "Stop training and keep the model",
            stage.stop_and_keep,
            "Run",
            "Ctrl+Shift+T",
            "stop",
            section="training",
        )
    )
    add(
        Command(
            "run.discard",
            "Discard the training…",
            window.discard_training,
            "Run",
            icon="trash",
            help="Asks before anything is removed",
            section="training",
        )
    )
    add(
        Command("run.denoise", "Denoise again", window.denoise_again, "Run", "Ctrl+Return", "play", section="denoising")
    )
    for dock in window.panels.docks.values():
        _add_dock(window, dock)
    add(Command("window.next-panel", "Next panel", window.go_to_next_panel, "Window", "F6", section="layout"))
    add(Command("window.reset", "Reset layout", window.workspaces.reset, "Window", icon="refresh", section="layout"))

    add(Command("help.find", "Find a command…", window.palette_popup.open, "Help", "Ctrl+Shift+P", "search"))
    add(Command("help.shortcuts", "Shortcuts", window.show_shortcuts, "Help", "F1", "help"))
    add(Command("help.log", "Show the log", window.show_log, "Help", "Ctrl+Shift+L", "log", section="log"))
    add(
        Command(
            "help.diagnostics",
            "Copy diagnostics",
            window.panels.log.copy_diagnostics,
            "Help",
            icon="copy",
            help="Versions, machine and log, to report a defect",
            section="log",
        )
    )
    add(Command("help.about", "About Diffusion Studio", window.show_about, "Help", icon="info", section="about"))


def refuse_what_cannot_be_done(window: MainWindow) -> None:
    """Allow or refuse the commands that depend on what is open; call it when that changes."""
    state = window.state
    trains = window.panels.training.controller.alive
    has_model = state.model is not None or state.run is not None
    conditions = (
        ("window.reset", window.workspaces.current != START, "The start page has no panels."),
        ("file.save-model", has_model, "Train or open a model first."),
        ("run.train", trains or state.image_set is not None, "Open pictures or a starter set first."),
        ("run.stop", trains, "No training goes on."),
        ("run.discard", trains, "No training goes on."),
        ("run.denoise", bool(state.model_choices()), "Train or open a model first."),
    )
    changes = undo_stack_of(state)
    window.commands.action("edit.undo").setText(f"Undo {changes.next_undo}".rstrip())
    window.commands.action("edit.redo").setText(f"Redo {changes.next_redo}".rstrip())
    conditions = (
        *conditions,
        ("edit.undo", bool(changes.next_undo), "Nothing was changed yet."),
        ("edit.redo", bool(changes.next_redo), "Nothing was undone."),
    )
    for identity, possible, reason in conditions:
        if possible:
            window.commands.allow(identity)
        else:
            window.commands.refuse(identity, reason)


def _add_dock(window: MainWindow, dock: StudioDock) -> None:
    identity, title = dock.objectName(), dock.windowTitle()
    show = window.commands.add(
        Command(f"window.show.{identity}", title, _ToggleDock(dock), "Window", section="panels", checkable=True)
    )
    dock.toggleViewAction().toggled.connect(show.setChecked)
    window.commands.add(
        Command(
            f"window.float.{identity}",
            title,
            dock.float_action.toggle,
            "Window/Float",
            section="float",
        )
    )


class _OpenStarter:
    def __init__(self, window: MainWindow, identity: str, title: str) -> None:
        self._window, self._identity, self._title = window, identity, title

    def __call__(self) -> None:
        self._window.opener.open_starter(self._identity, self._title)


class _Switch:
    def __init__(self, window: MainWindow, name: str) -> None:
        self._window, self._name = window, name

    def __call__(self) -> None:
        self._window.workspaces.switch(self._name)


class _ChooseTheme:
    def __init__(self, window: MainWindow, choice: str) -> None:
        self._window, self._choice = window, choice

    def __call__(self) -> None:
        self._window.settings.theme = self._choice
        theme().set_choice(self._choice)


class _ToggleDock:
    def __init__(self, dock: StudioDock) -> None:
        self._dock = dock

    def __call__(self) -> None:
        if self._dock.isVisible():
            self._dock.hide()
        else:
            self._dock.show()
            self._dock.raise_()
