"""What is remembered between two starts, and that nothing in the file can stop one."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings

from studio.app.settings import MOST_RECENTS, Recent, Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.ini"


def recent(name: str, folder: Path) -> Recent:
    return Recent("pictures", (str(folder / name),), name, "2 pictures, 8 × 8", 1.0)


def test_values_outlive_the_program(path: Path, tmp_path: Path) -> None:
    settings = Settings(path=path)
    settings.theme = "dark"
    settings.device = "cuda:0"
    settings.show_start_page = False
    settings.workspace = "denoise"
    settings.last_folder = tmp_path
    settings.set_layout("train", QByteArray(b"\x00\x01layout"))
    settings.add_recent(recent("boots", tmp_path))
    settings.add_recent_command("file.open")
    settings.save()
    again = Settings(path=path)
    assert (again.theme, again.device, again.show_start_page) == ("dark", "cuda:0", False)
    assert (again.workspace, again.last_folder) == ("denoise", str(tmp_path))
    assert again.layout("train") == QByteArray(b"\x00\x01layout")
    assert again.layout("denoise").isEmpty()
    assert [entry.title for entry in again.recents] == ["boots"]
    assert again.recents[0].opened > 1.0
    assert again.recent_commands == ("file.open",)


@pytest.mark.parametrize("text", ["", "not json", "{}", "[1, 2]", '[{"kind": "pictures"}]', '[{"kind": 3}]', "null"])
def test_a_damaged_list_of_recents_counts_as_empty(path: Path, text: str, caplog) -> None:
    store = QSettings(str(path), QSettings.Format.IniFormat)
    store.setValue("files/recents", text)
    store.setValue("window/theme", "purple")
    store.setValue("window/geometry", "what")
    store.sync()
    with caplog.at_level("WARNING"):
        settings = Settings(path=path)
        assert settings.recents == ()
    assert settings.theme == "system"
    assert settings.geometry.isEmpty()


def test_the_newest_recents_are_kept_each_once(path: Path, tmp_path: Path) -> None:
    settings = Settings(path=path)
    for number in range(MOST_RECENTS + 4):
        settings.add_recent(recent(f"set {number}", tmp_path))
    settings.add_recent(recent("set 6", tmp_path))
    titles = [entry.title for entry in settings.recents]
    assert len(titles) == MOST_RECENTS
    assert titles[:2] == ["set 6", f"set {MOST_RECENTS + 3}"]
    settings.forget_recent(settings.recents[0])
    assert "set 6" not in [entry.title for entry in settings.recents]


def test_what_is_gone_is_missing(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    assert not recent("here", tmp_path).missing
    assert recent("gone", tmp_path).missing


def test_a_folder_that_is_gone_is_not_offered(path: Path, tmp_path: Path) -> None:
    settings = Settings(path=path)
    settings.last_folder = tmp_path / "gone"
    assert settings.last_folder == str(Path.home())
