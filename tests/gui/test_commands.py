"""The registry of commands, the search over it, and what is drawn from it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow, QMenuBar

from studio.app.commands import Command, Commands
from studio.app.settings import Settings
from studio.app.window.fuzzy import match, ranked
from studio.app.window.palette import CommandPalette
from studio.app.window.shortcuts import ShortcutSheet


@pytest.fixture
def window(qtbot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.resize(800, 600)
    return window


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def commands(window: QMainWindow, calls: list[str]) -> Commands:
    commands = Commands(window)
    for identity, title, menu, shortcut, section in (
        ("file.open", "Open…", "File", "Ctrl+O", ""),
        ("file.quit", "Quit", "File", "Ctrl+Q", "quit"),
        ("view.dark", "Dark", "View/Theme", "", ""),
        ("view.light", "Light", "View/Theme", "", ""),
        ("hidden.one", "Only in the search", "", "", ""),
    ):
        commands.add(
            Command(identity, title, lambda name=identity: calls.append(name), menu, shortcut, section=section)
        )
    return commands


def calls_nothing() -> None:
    pass


def titles(menu) -> list[str]:
    return ["—" if action.isSeparator() else action.text() for action in menu.actions()]


def test_menus_are_filled_by_path_with_a_rule_between_sections(window: QMainWindow, commands: Commands) -> None:
    bar = QMenuBar(window)
    commands.fill(bar)
    shown = [action.text() for action in bar.actions() if action.isVisible()]
    assert shown == ["File", "View"]
    assert titles(commands.menu("File")) == ["Open…", "—", "Quit"]
    assert titles(commands.menu("View/Theme")) == ["Dark", "Light"]
    commands.add(Command("view.system", "System", calls_nothing, "View/Theme"))
    assert titles(commands.menu("View/Theme")) == ["Dark", "Light", "System"]


def test_the_menu_runs_the_callback_without_arguments(commands: Commands, calls: list[str]) -> None:
    commands.action("file.open").trigger()
    assert commands.run("view.dark")
    assert calls == ["file.open", "view.dark"]


def test_a_command_that_is_refused_says_why_and_does_nothing(commands: Commands, calls: list[str]) -> None:
    commands.refuse("file.open", "Nothing can be opened while it rains.")
    assert not commands.run("file.open")
    assert calls == []
    assert "rains" in commands.action("file.open").toolTip()
    assert "Ctrl+O" in commands.action("file.open").toolTip()
    commands.allow("file.open")
    assert commands.run("file.open")
    assert "rains" not in commands.action("file.open").toolTip()


def test_ids_and_shortcuts_are_given_once(commands: Commands) -> None:
    with pytest.raises(ValueError, match=r"file\.open"):
        commands.add(Command("file.open", "Again", lambda: None))
    with pytest.raises(ValueError, match=r"Ctrl\+O"):
        commands.add(Command("file.other", "Other", lambda: None, shortcut="Ctrl+O"))


def test_of_exclusive_commands_one_is_on(window: QMainWindow) -> None:
    commands = Commands(window)
    for name in "ab":
        commands.add(Command(name, name, lambda: None, exclusive="group"))
    commands.set_checked("a", True)
    commands.run("b")
    assert [commands.action(name).isChecked() for name in "ab"] == [False, True]


@pytest.mark.parametrize(
    ("query", "text", "fits"),
    [
        ("op", "Open", True),
        ("of", "Open folder", True),
        ("po", "Open", False),
        ("", "anything", True),
        ("OPEN F", "Open folder", True),
        ("xyz", "Open", False),
        ("openn", "Open", False),
    ],
)
def test_letters_have_to_come_in_order(query: str, text: str, fits: bool) -> None:
    assert (match(query, text) is not None) is fits


def test_the_beginnings_of_words_win(qapp) -> None:
    names = ["Show the log", "Theme: Dark", "Batch", "Stop the thing"]
    assert ranked("th", names, str)[0] == "Theme: Dark"
    assert ranked("td", names, str)[0] == "Theme: Dark"
    found = match("dark", "Theme: Dark")
    assert found is not None
    assert found[1] == (7, 8, 9, 10)


def test_the_search_shows_recent_commands_first_and_runs_what_is_chosen(
    window: QMainWindow, commands: Commands, calls: list[str]
) -> None:
    settings = Settings(window)
    palette = CommandPalette(commands, settings, window)
    settings.add_recent_command("file.quit")
    window.show()
    palette.open()
    assert palette._model.found[0].id == "file.quit"
    assert {command.id for command in palette._model.found} == {command.id for command in commands.all()}
    QTest.keyClicks(palette._field, "light")
    QTest.keyClick(palette._field, Qt.Key.Key_Return)
    assert calls == ["view.light"]
    assert not palette.isVisible()
    assert settings.recent_commands == ("view.light", "file.quit")


def test_the_search_goes_with_the_arrow_keys_and_refuses_what_cannot_be_done(
    window: QMainWindow, commands: Commands, calls: list[str]
) -> None:
    palette = CommandPalette(commands, Settings(window), window)
    commands.refuse("view.dark", "It is dark already.")
    window.show()
    palette.open()
    QTest.keyClicks(palette._field, "theme")
    assert [command.id for command in palette._model.found] == ["view.dark", "view.light"]
    QTest.keyClick(palette._field, Qt.Key.Key_Return)
    assert calls == []
    assert palette.isVisible()
    QTest.keyClick(palette._field, Qt.Key.Key_Down)
    QTest.keyClick(palette._field, Qt.Key.Key_Down)
    assert palette._list.currentIndex().row() == 1
    QTest.keyClick(palette._field, Qt.Key.Key_Return)
    assert calls == ["view.light"]


def test_the_sheet_lists_every_key(window: QMainWindow, commands: Commands) -> None:
    from PySide6.QtWidgets import QLabel

    sheet = ShortcutSheet(commands, window)
    texts = [label.text() for label in sheet.findChildren(QLabel)]
    for wanted in ("Open", "Ctrl+O", "Quit", "Ctrl+Q", "File", "On the timeline"):
        assert wanted in texts
