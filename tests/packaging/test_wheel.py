"""A wheel of the project, installed elsewhere, has all it needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def tracked(folder: str) -> list[str]:
    """The files under `folder` that belong to the project, relative to it."""
    ignored = ("__pycache__", ".DS_Store")
    return sorted(
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not any(part in ignored for part in path.parts)
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run = subprocess.run([*command, "--wheel-dir", folder, ROOT], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder into which the wheel was unpacked by pip, without what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    run = subprocess.run([*command, "--target", folder, wheel], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return folder


def run_in(installed: Path, folder: Path, code: str) -> str:
    """What `code` prints when only the installed copy of the project can be found."""
    preamble = f"import sys; sys.path[:0] = [{str(installed)!r}]\n"
    command = [sys.executable, "-c", preamble + code]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_wheel_holds_the_package_the_resources_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {f"studio/{name}" for name in tracked("studio")}
    expected |= {f"studio/_resources/{name}" for name in tracked("resources")}
    assert names == expected


def test_the_wheel_says_who_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
        (entries,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert "Name: diffusion-studio\n" in metadata
    assert "License-Expression: MIT\n" in metadata
    assert "diffusion-studio = studio.__main__:main" in entries


def test_an_installed_copy_finds_its_resources(installed, tmp_path):
    code = """
import studio
from studio.paths import resource
print(studio.__file__)
for path in sorted(resource().rglob("*")):
    if path.is_file() and "__pycache__" not in path.parts:
        print(path.relative_to(resource()).as_posix())
"""
    module, *found = run_in(installed, tmp_path, code).splitlines()
    assert Path(module).is_relative_to(installed)
    assert found == tracked("resources")


def test_every_icon_of_an_installed_copy_can_be_drawn(installed, tmp_path):
    # A file that is there but damaged gives a null picture, not an error.
    code = """
from PySide6.QtGui import QGuiApplication
from PySide6.QtSvg import QSvgRenderer
from studio.paths import resource
application = QGuiApplication([])
icons = sorted(resource("icons").rglob("*.svg"))
print(len(icons), [icon.name for icon in icons if not QSvgRenderer(str(icon)).isValid()])
"""
    count, unreadable = run_in(installed, tmp_path, code).split(maxsplit=1)
    assert int(count) > 0
    assert unreadable.strip() == "[]"
