from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.data.report import SkippedFile
from studio.data.sources.entry import natural_key
from studio.data.sources.folder import UNSORTED, FoundFile, ScanProgress, classes_from_folders, find_files


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def shown(*paths: Path) -> list[str]:
    return [event.shown for event in find_files(paths) if isinstance(event, FoundFile)]


def skipped(*paths: Path) -> dict[str, str]:
    return {event.path: event.reason for event in find_files(paths) if isinstance(event, SkippedFile)}


def test_natural_order() -> None:
    names = ["b1", "a10", "A2", "a1", "a", "10", "9", "a2b10", "a2b9"]
    assert sorted(names, key=natural_key) == ["9", "10", "a", "a1", "A2", "a2b9", "a2b10", "a10", "b1"]


def test_files_come_before_folders_and_both_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "10.png", "9.png", "b/1.png", "a10/1.png", "a9/2.png", "a9/deep/1.png")
    assert shown(tmp_path) == ["9.png", "10.png", "a9/2.png", "a9/deep/1.png", "a10/1.png", "b/1.png"]


def test_litter_is_passed_over_and_hidden_files_are_named(tmp_path: Path) -> None:
    touch(tmp_path, ".DS_Store", "Thumbs.db", "desktop.ini", "._1.png", "__MACOSX/x", ".git/config", "1.png", ".2.png")
    assert shown(tmp_path) == ["1.png"]
    assert skipped(tmp_path) == {".2.png": "hidden"}


def test_loose_files_and_several_folders(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "dog/1.png", "loose.png")
    found = [event for event in find_files([tmp_path / "cat", tmp_path / "dog"]) if isinstance(event, FoundFile)]
    assert [(file.shown, file.folders) for file in found] == [("cat/1.png", ("cat",)), ("dog/1.png", ("dog",))]
    assert shown(tmp_path / "loose.png") == ["loose.png"]
    assert skipped(tmp_path / "gone.png") == {"gone.png": "not there"}


def test_progress_is_told_folder_by_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/1.png")
    progress = [event for event in find_files([tmp_path]) if isinstance(event, ScanProgress)]
    assert [event.folder for event in progress] == [tmp_path.name, "a", "b"]
    assert [event.found for event in progress] == [0, 0, 1]


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_links_are_followed_once(tmp_path: Path) -> None:
    touch(tmp_path, "set/a/1.png", "elsewhere/2.png")
    (tmp_path / "set" / "a" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "self").symlink_to("self")
    (tmp_path / "set" / "dangling.png").symlink_to("nowhere")
    assert shown(tmp_path / "set") == ["a/1.png", "b/2.png"]
    assert set(skipped(tmp_path / "set")) == {"self", "dangling.png"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    assert shown(tmp_path) == []
    assert len(skipped(tmp_path)) == 2
    assert skipped(tmp_path / "pipe.png") == {"pipe.png": "not an ordinary file"}


def test_very_deep_folders_end(tmp_path: Path) -> None:
    touch(tmp_path, "/".join(["d"] * 40) + "/1.png")
    assert shown(tmp_path) == []
    assert any("folders deep" in reason for reason in skipped(tmp_path).values())


@pytest.mark.parametrize(
    ("folders", "labels", "class_names"),
    [
        ([(), ()], None, ()),
        ([("a",), ("b",), ("a",)], (0, 1, 0), ("a", "b")),
        ([("b10",), ("b9",)], (1, 0), ("b9", "b10")),
        ([("cat", "sets", "1"), ("dog",)], (0, 1), ("cat", "dog")),
        ([("all", "cat"), ("all", "dog")], (0, 1), ("cat", "dog")),
        ([("only",), ("only", "deeper")], None, ()),
        ([(), ("extras",)], None, ()),
        ([("train", "cat"), ("test", "dog"), ("test", "cat")], (0, 1, 0), ("cat", "dog")),
        ([("train", "cat"), ("train", "dog")], (0, 1), ("cat", "dog")),
        ([("train",), ("test",)], None, ()),
        ([(), ("b",), ("a",)], (2, 1, 0), ("a", "b", UNSORTED)),
    ],
)
def test_classes(folders, labels, class_names) -> None:
    classes = classes_from_folders(folders)
    assert (classes.labels, classes.class_names) == (labels, class_names)


def test_classes_say_what_was_done() -> None:
    assert classes_from_folders([("train", "a"), ("test", "b")]).notes == (
        "The folders test and train were taken together as one set.",
    )
    assert "beside the class folders" in classes_from_folders([(), ("b",), ("a",)]).notes[0]
