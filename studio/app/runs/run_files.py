"""What the Runs page writes: names that people give, folders that lie elsewhere, and runs on their way out. No Qt."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from studio import files
from studio.errors import StorageError
from studio.paths import user_folder
from studio.training.run_facts import read_json
from studio.training.run_folder import TITLE_NAME

TRASH_NAME = ".trash"
_ATTACHED_NAME = "attached-runs.json"


def runs_folder() -> Path:
    """Where the window keeps its own runs."""
    return user_folder("runs")


def is_own(folder: Path) -> bool:
    """Whether a run lies among the window's own: others are never removed."""
    return folder.parent == runs_folder()


def set_title(folder: Path, title: str) -> None:
    """Call a run so; '' takes the name away again. The folder keeps its own. Raises StorageError."""
    path = folder / TITLE_NAME
    if title.strip():
        files.write_text(path, json.dumps({"title": title.strip()}) + "\n")
    else:
        path.unlink(missing_ok=True)


def given_title(folder: Path) -> str:
    """What a person called a run; '' when nobody has."""
    title = read_json(folder / TITLE_NAME).get("title")
    return title if isinstance(title, str) else ""


def attached_folders() -> tuple[Path, ...]:
    """Runs, and folders of runs, that lie elsewhere and were attached by a person, in that order."""
    listed = read_json(user_folder() / _ATTACHED_NAME).get("folders")
    return tuple(Path(each) for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def keep_attached(folders: Iterable[Path]) -> None:
    """Remember these folders instead. Raises StorageError."""
    content = {"folders": [str(folder) for folder in dict.fromkeys(folders)]}
    files.write_text(user_folder() / _ATTACHED_NAME, json.dumps(content, indent=2) + "\n")


def move_to_trash(folder: Path) -> Path:
    """Put one of the window's own runs aside; returns where it lies now. Raises StorageError."""
    trash = runs_folder() / TRASH_NAME
    target = trash / folder.name
    number = 2
    while target.exists():
        target = trash / f"{folder.name} {number}"
        number += 1
    _move(folder, target)
    return target


def take_from_trash(trashed: Path, folder: Path) -> None:
    """Put a run back to where it was. Raises StorageError when it is not there any more."""
    if folder.exists():
        raise StorageError(f"{folder} is taken by another run.", "Rename that folder first.")
    _move(trashed, folder)


def empty_trash(keep: Iterable[Path] = ()) -> None:
    """Remove for good what was put aside, but for the folders in `keep`. What cannot be removed stays."""
    kept = set(keep)
    with contextlib.suppress(OSError):
        for folder in (runs_folder() / TRASH_NAME).iterdir():
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except OSError as error:
        raise files.storage_error(error, source) from error
