"""What the program remembers between two starts: few values, each with a type and a default.

A value that is missing, damaged or out of range counts as its default; the file is never a reason not to start.
"""

from __future__ import annotations

import json
import logging
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

from studio.paths import user_folder

_log = logging.getLogger(__name__)

LAYOUT_VERSION = 1
"""Raise it when docks come, go or are renamed: arrangements stored under another version are forgotten."""

MOST_RECENTS = 8
MOST_RECENT_COMMANDS = 8
RECENT_KINDS = ("pictures", "model", "run")


@dataclass(frozen=True)
class Recent:
    """A data set or model that was open before."""

    kind: str
    paths: tuple[str, ...]
    title: str
    detail: str
    opened: float
    """When, in seconds since 1970."""
    preview: str = ""
    """A small PNG of it; '' when there is none."""

    @property
    def missing(self) -> bool:
        """What it was made from is not there any more, or not all of it."""
        return not self.paths or not all(Path(path).exists() for path in self.paths)


class Settings(QObject):
    """Typed access to one small INI file in the user's folder."""

    recents_changed = Signal()

    def __init__(self, parent: QObject | None = None, path: Path | None = None) -> None:
        super().__init__(parent)
        self._store = QSettings(str(path or _settings_file()), QSettings.Format.IniFormat, self)

    @property
    def theme(self) -> str:
        """ "system", "light" or "dark"."""
        return self._choice("window/theme", ("system", "light", "dark"), "system")

    @theme.setter
    def theme(self, choice: str) -> None:
        self._store.setValue("window/theme", choice)

    @property
    def device(self) -> str:
        """ "auto", or the name of a device."""
        return str(self._store.value("run/device", "auto") or "auto")

    @device.setter
    def device(self, name: str) -> None:
        self._store.setValue("run/device", name)

    @property
    def show_start_page(self) -> bool:
        """Open with the start page instead of the last workspace."""
        return self._flag("window/show_start_page", True)

    @show_start_page.setter
    def show_start_page(self, shown: bool) -> None:
        self._store.setValue("window/show_start_page", "true" if shown else "false")

    @property
    def workspace(self) -> str:
        """The workspace that was open last."""
        return str(self._store.value("window/workspace", "train"))

    @workspace.setter
    def workspace(self, name: str) -> None:
        self._store.setValue("window/workspace", name)

    @property
    def last_folder(self) -> str:
        """Where the last file dialog ended; the home folder when that is gone."""
        folder = str(self._store.value("files/last_folder", ""))
        return folder if folder and Path(folder).is_dir() else str(Path.home())

    @last_folder.setter
    def last_folder(self, folder: Path | str) -> None:
        self._store.setValue("files/last_folder", str(folder))

    @property
    def geometry(self) -> QByteArray:
        """The window's place and size as Qt saved it; empty when unknown."""
        return self._bytes("window/geometry")

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("window/geometry", value)

    def layout(self, workspace: str) -> QByteArray:
        """How a workspace's docks were arranged last; empty when unknown."""
        return self._bytes(f"layouts-{LAYOUT_VERSION}/{workspace}")

    def set_layout(self, workspace: str, state: QByteArray) -> None:
        self._store.setValue(f"layouts-{LAYOUT_VERSION}/{workspace}", state)

    def forget_layout(self, workspace: str) -> None:
        self._store.remove(f"layouts-{LAYOUT_VERSION}/{workspace}")

    @property
    def recents(self) -> tuple[Recent, ...]:
        """Data sets and models, last opened first."""
        return tuple(_read_recents(str(self._store.value("files/recents", "[]"))))

    def add_recent(self, recent: Recent) -> None:
        """Remember something as just opened, in place of an older entry for the same files."""
        opened = replace(recent, opened=time.time())
        others = [other for other in self.recents if other.paths != recent.paths]
        self._store_recents([opened, *others][:MOST_RECENTS])

    def forget_recent(self, recent: Recent) -> None:
        self._store_recents([other for other in self.recents if other.paths != recent.paths])

    @property
    def recent_commands(self) -> tuple[str, ...]:
        """Ids of commands used through the search, last used first."""
        text = str(self._store.value("commands/recent", ""))
        return tuple(name for name in text.split(" ") if name)

    def add_recent_command(self, identity: str) -> None:
        others = [other for other in self.recent_commands if other != identity]
        self._store.setValue("commands/recent", " ".join([identity, *others][:MOST_RECENT_COMMANDS]))

    def save(self) -> None:
        """Write the file now."""
        self._store.sync()

    def _store_recents(self, recents: list[Recent]) -> None:
        self._store.setValue("files/recents", json.dumps([asdict(recent) for recent in recents]))
        self.recents_changed.emit()

    def _choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        value = str(self._store.value(key, default))
        return value if value in choices else default

    def _flag(self, key: str, default: bool) -> bool:
        # QSettings reads an INI file's truth values back as text.
        return str(self._store.value(key, default)).lower() not in ("false", "0", "no")

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()


def _read_recents(text: str) -> list[Recent]:
    try:
        entries = json.loads(text)
        recents = [
            Recent(
                kind=str(entry["kind"]),
                paths=tuple(str(path) for path in entry["paths"]),
                title=str(entry["title"]),
                detail=str(entry["detail"]),
                opened=float(entry["opened"]),
                preview=str(entry.get("preview", "")),
            )
            for entry in entries
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("the list of recent files could not be read and starts anew: %s", error)
        return []
    return [recent for recent in recents if recent.kind in RECENT_KINDS]


def _settings_file() -> Path:
    try:
        return user_folder() / "settings.ini"
    except OSError as error:
        # A home that cannot be written to must not keep the program from starting.
        _log.warning("settings are not kept beyond this session: %s", error)
        return Path(tempfile.mkdtemp(prefix="diffusion-studio-")) / "settings.ini"
