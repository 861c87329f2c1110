"""The QApplication: its names, its number format and its theme."""

from __future__ import annotations

import locale
from collections.abc import Sequence

from PySide6.QtWidgets import QApplication

import studio
from studio.app.icons import application_icon
from studio.app.theme import theme

APPLICATION_ID = "io.github.diffusion_studio.DiffusionStudio"


def make_application(arguments: Sequence[str]) -> QApplication:
    """The QApplication with its names, number format and theme; the one that exists already when there is one."""
    application = QApplication.instance() or QApplication(list(arguments))
    # QApplication takes over the system's decimal comma, which breaks C libraries that read and write numbers.
    locale.setlocale(locale.LC_NUMERIC, "C")
    application.setApplicationName("DiffusionStudio")
    application.setApplicationDisplayName("Diffusion Studio")
    application.setApplicationVersion(studio.__version__)
    application.setDesktopFileName(APPLICATION_ID)
    theme().install()
    application.setWindowIcon(application_icon())
    return application


def lower_priority() -> None:
    """Let the calling thread yield to the GUI; called in the background thread before it computes anything."""
    from studio.networks.devices import lower_thread_priority

    lower_thread_priority()
