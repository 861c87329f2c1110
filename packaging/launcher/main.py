"""From the command line to the running studio."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import qt_libraries
from .environment import RUNTIME_LOCK, TESTS_LOCK, Environment
from .platforms import refusal
from .words import SetupError, say

ROOT = Path(__file__).resolve().parents[2]
WITH_WINDOW = ("tour",)
"""Commands of diffusion-studio that draw the window."""


@dataclass(frozen=True)
class Errand:
    """What is wanted: which locks to install, what Python then runs, and whether Qt takes part."""

    locks: tuple[str, ...]
    arguments: tuple[str, ...]
    uses_qt: bool
    environment: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""


def errand(arguments: Sequence[str], environment: Mapping[str, str], system: str, root: Path) -> Errand:
    """Understand the command line. `system` is sys.platform."""
    if arguments[:1] == ["tests"]:
        return Errand((RUNTIME_LOCK, TESTS_LOCK), ("-m", "pytest", *arguments[1:]), uses_qt=True)
    if not arguments and not has_display(environment, system):
        folder = root / "tour"
        return Errand(
            (RUNTIME_LOCK,),
            ("-m", "studio", "tour", "--out", str(folder)),
            uses_qt=True,
            environment={"QT_QPA_PLATFORM": "offscreen"},
            notice=f"There is no display here, so the studio shows itself in pictures: the tour goes to {folder}.",
        )
    uses_qt = not arguments or arguments[0] in WITH_WINDOW
    return Errand((RUNTIME_LOCK,), ("-m", "studio", *arguments), uses_qt)


def has_display(environment: Mapping[str, str], system: str) -> bool:
    """Can a window be shown? Someone who chose a Qt platform knows where."""
    if not system.startswith("linux"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def main(arguments: Sequence[str]) -> int:
    """Set up what is needed and hand over; the exit code."""
    wanted = errand(list(arguments), os.environ, sys.platform, ROOT)
    environment = Environment(ROOT)
    try:
        sentence = refusal(sys.version_info[:2], sys.platform, platform.machine(), sys.maxsize > 2**32)
        if sentence:
            raise SetupError(sentence)
        if wanted.uses_qt and sys.platform.startswith("linux"):
            qt_libraries.provide()
        environment.prepare(wanted.locks)
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Start again at any time; it goes on from here.")
        return 130
    if wanted.notice:
        say(wanted.notice)
    return hand_over(environment.python, wanted)


def hand_over(python: Path, wanted: Errand) -> int:
    """Become the program. On Windows, where a process cannot, wait for it."""
    os.environ.update(wanted.environment)
    if TESTS_LOCK in wanted.locks:
        os.chdir(ROOT)
    command = [str(python), *wanted.arguments]
    if os.name == "nt":
        return subprocess.run(command).returncode
    os.execv(python, command)
