"""Writes requirements.lock and requirements-tests.lock from what is installed beside the Python that runs it.

    .venv/bin/python -m pip install --upgrade <the packages to move>
    .venv/bin/python packaging/update_locks.py

Starting from the names in pyproject.toml it follows the requirements of each installed distribution. Markers are kept,
not evaluated, so that one file serves Linux, macOS and Windows. torch's CUDA libraries are left out on purpose: torch
for Linux fixes their versions itself, and torch for the CPU alone does not want them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

FOLDER = Path(__file__).resolve().parent

# The project is installed from its own folder without a build environment of its own, so that no version is left to
# the day of the installation.
BUILD = ("hatchling", "editables")

NEVER_HERE = re.compile(r"^python_(full_)?version < ['\"]3\.(\d|1[01])(\.\d+)?['\"]$|== ['\"]emscripten['\"]")
LEFT_TO_TORCH = re.compile(r"^(nvidia-|cuda-|triton$)")

HEADER = """\
# {subject}
# Made by packaging/update_locks.py from an environment in which the whole test suite passed; do not edit.
"""


def _requirements(name: str) -> Iterable[Requirement]:
    for line in metadata.distribution(name).requires or ():
        requirement = Requirement(line)
        marker = str(requirement.marker or "")
        if "extra ==" in marker or NEVER_HERE.search(marker):
            continue
        if not LEFT_TO_TORCH.match(canonicalize_name(requirement.name)):
            yield requirement


def _spelled(name: str) -> str:
    return metadata.metadata(name)["Name"].replace("_", "-")


def closure(roots: Iterable[Requirement]) -> dict[str, str]:
    """Canonical names of `roots` and all they need, each with the marker under which it is needed ("" for always)."""
    needed: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        requirement = waiting.pop(0)
        name, marker = canonicalize_name(requirement.name), str(requirement.marker or "")
        if name not in needed:
            needed[name] = marker
            waiting.extend(_requirements(name))
        elif needed[name] != marker:
            needed[name] = ""
    return needed


def _lines(needed: dict[str, str]) -> str:
    def line(name: str, marker: str) -> str:
        version = Version(metadata.version(name)).public
        return f"{_spelled(name)}=={version}" + (f" ; {marker}" if marker else "")

    return "".join(f"{line(name, marker)}\n" for name, marker in sorted(needed.items()))


def main() -> None:
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = closure(Requirement(line) for line in project["project"]["dependencies"])
    build = closure(Requirement(name) for name in BUILD)
    tests = closure(Requirement(line) for line in project["dependency-groups"]["tests"])
    build = {name: marker for name, marker in build.items() if name not in runtime}
    tests = {name: marker for name, marker in tests.items() if name not in runtime and name not in build}

    (FOLDER / "requirements.lock").write_text(
        HEADER.format(subject="Exact versions of what Diffusion Studio runs on, for every platform.")
        + "\n"
        + _lines(runtime)
        + "\n# To install the project itself\n"
        + _lines(build),
        encoding="utf-8",
    )
    (FOLDER / "requirements-tests.lock").write_text(
        HEADER.format(subject="Exact versions of what the tests need beyond requirements.lock.") + "\n" + _lines(tests),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
