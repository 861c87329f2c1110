"""Tables of paths and classes."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from studio.errors import DataError
from tests.unit.data.pictures import save_noise
from tests.unit.data.scans import labels, names, reasons, scanned


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "set"
    for number, name in enumerate(("in/a.png", "in/b.png", "in/c.jpg", "d.png")):
        path = save_noise(home / name, seed=number)
        if path.suffix == ".jpg":
            path.unlink()
            save_noise(path.with_suffix(".png")).rename(path)
    return home


def write(path: Path, rows: list[tuple[str, ...]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


ROWS = [("in/a.png", "cat"), ("in/c.jpg", "dog"), ("d.png", "cat")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("titles", [[], [("file", "label")], [("x", "y")]])
def test_dropped_alone_it_names_its_pictures(folder: Path, delimiter: str, titles: list) -> None:
    with scanned(write(folder / "list.csv", titles + ROWS, delimiter)) as catalog:
        assert names(catalog) == [path for path, _ in ROWS]
        assert labels(catalog) == [label for _, label in ROWS]
        assert reasons(catalog) == {}


def test_in_its_folder_it_gives_classes_to_those_it_names(folder: Path) -> None:
    write(folder / "list.csv", ROWS)
    with scanned(folder) as catalog:
        assert dict(zip(names(catalog), labels(catalog), strict=True)) == {
            **dict(ROWS),
            "in/b.png": None,
        }
        assert catalog.notes == ("list.csv gives 3 pictures their classes.",)


def test_names_without_folder_or_ending(folder: Path) -> None:
    write(folder / "labels.csv", [("id", "breed"), ("a", "pug"), ("c.jpg", "boxer"), ("b", "pug")])
    with scanned(folder) as catalog:
        assert dict(zip(names(catalog), labels(catalog), strict=True)) == {
            "in/a.png": "pug",
            "in/b.png": "pug",
            "in/c.jpg": "boxer",
            "d.png": None,
        }


def test_a_name_that_two_pictures_have_tells_nothing(folder: Path) -> None:
    save_noise(folder / "other" / "a.png")
    write(folder / "labels.csv", [("a.png", "pug"), ("b.png", "boxer")])
    with scanned(folder) as catalog:
        assert [label for label in labels(catalog) if label] == ["boxer"]


def test_the_columns_are_known_by_their_titles(folder: Path) -> None:
    rows = [("index", "width", "label", "path")] + [(str(i), "16", label, path) for i, (path, label) in enumerate(ROWS)]
    with scanned(write(folder / "list.csv", rows)) as catalog:
        assert labels(catalog) == ["cat", "dog", "cat"]


def test_letters_of_another_time(folder: Path) -> None:
    path = folder / "list.csv"
    path.write_bytes("\ufeffin/a.png,Käfer\n".encode() + b"d.png,Hund\n")
    with scanned(path) as catalog:
        assert labels(catalog) == ["Käfer", "Hund"]
    path.write_bytes("in/a.png,Käfer\nd.png,Hund\n".encode("latin-1"))
    with scanned(path) as catalog:
        assert labels(catalog) == ["Käfer", "Hund"]


@pytest.mark.skipif(os.name == "nt", reason="links need special rights on Windows")
def test_paths_may_not_leave_the_folder(folder: Path) -> None:
    secret = save_noise(folder.parent / "secret.png")
    (folder / "link.png").symlink_to(secret)
    (folder / "out").symlink_to(folder.parent)
    evil = ["../secret.png", str(secret), "in/../../secret.png", "link.png", "out/secret.png", "C:\\secret.png"]
    rows = [(path, "x") for path in evil] + [("d.png", "y"), ("gone.png", "y"), ("d.png", "z")]
    with scanned(write(folder / "list.csv", rows)) as catalog:
        assert names(catalog) == ["d.png"]
        said = reasons(catalog)
        assert all("the folder of the table" in said[path] for path in evil)
        assert said["gone.png"] == "not there, though the table names it"
        assert said["d.png"] == "named a second time by the table"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "without a column of picture files"),
        (b"\n\n\n", "an empty table"),
        (b"", "empty"),
        (b'"' + b"x" * 200_000, "cannot be read"),
        (b"a.png,1\n", "not there"),
        (b"a\0.png,1\n", "a.*png"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "list.csv").write_bytes(content)
    with pytest.raises(DataError, match=reason), scanned(tmp_path / "list.csv"):
        pass


def test_a_table_of_something_else_leaves_the_pictures(folder: Path) -> None:
    write(folder / "notes.csv", [("day", "weather"), ("1", "rain")])
    with scanned(folder) as catalog:
        assert catalog.count == 4
        assert reasons(catalog) == {"notes.csv": "a table without a column of picture files"}


def test_captions_are_passed_over_in_silence(folder: Path) -> None:
    (folder / "in" / "a.txt").write_text("a cat")
    (folder / "d.txt").write_text("a dog")
    (folder / "README.txt").write_text("hello")
    with scanned(folder) as catalog:
        assert catalog.count == 4
        assert catalog.notes == ("2 text files beside pictures were passed over as captions.",)
        assert reasons(catalog) == {"README.txt": "not a picture"}
