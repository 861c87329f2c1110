"""The system libraries that Qt's wheels expect a Linux system to have."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from . import apt
from .words import SetupError

DEBIAN_PACKAGES = {
    # QtCore and QtGui, with or without a screen
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11.so.6": "libx11-6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
    # Windows on an X server
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
"""What the shared libraries of PySide6-Essentials 6.11 name as needed, and where Debian keeps it."""

FONT_PACKAGE = "fonts-dejavu-core"
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".pfb")


def missing_libraries(load: Callable[[str], object] = ctypes.CDLL) -> list[str]:
    """Those of the libraries which the system's own loader does not find."""
    missing = []
    for library in DEBIAN_PACKAGES:
        try:
            load(library)
        except OSError:
            missing.append(library)
    return missing


def has_fonts(folders: Iterable[str] = FONT_FOLDERS) -> bool:
    """Is there any font? Without one Qt draws empty boxes."""
    return any(
        name.endswith(FONT_SUFFIXES)
        for folder in folders
        for _, _, names in os.walk(Path(folder).expanduser())
        for name in names
    )


def debian_packages(libraries: Sequence[str], fonts: bool) -> list[str]:
    """The packages that hold `libraries`, and a font when there is none."""
    packages = list(dict.fromkeys(DEBIAN_PACKAGES[library] for library in libraries))
    return packages if fonts else [*packages, FONT_PACKAGE]


def provide() -> None:
    """Make sure that Qt finds what it needs: install it as root on Debian, otherwise say what is missing."""
    libraries, fonts = missing_libraries(), has_fonts()
    if not libraries and fonts:
        return
    if apt.available():
        apt.install(debian_packages(libraries, fonts), "the window")
    elif libraries:
        raise SetupError(
            "The window needs libraries that this system does not have. Install the packages that hold them, and "
            "start again:\n  " + "\n  ".join(libraries)
        )
