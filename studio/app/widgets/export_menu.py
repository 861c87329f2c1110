"""The export button of a view: what it shows, as files of the kinds that suit it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from studio.app.widgets.buttons import IconButton
from studio.errors import StudioError


@dataclass(frozen=True)
class Export:
    """One way out: `write` makes the file at a path whose suffix is one of `kinds`.

    kinds: (suffix with its dot, label) each, the usual one first. write: may return a running job's handle, or nothing
    when the file is there.
    """

    title: str
    default_name: str
    kinds: tuple[tuple[str, str], ...]
    write: Callable[[Path], object]


class ExportButton(IconButton):
    """Opens a menu of the ways out that were added; with only one, asks for the file at once.

    The operating system's dialog asks before a file is overwritten, so writers may overwrite.
    """

    exported = Signal(object)
    """The path of a file that is there now."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, parent: QWidget | None = None, tooltip: str = "Export…") -> None:
        super().__init__("export", tooltip, parent=parent)
        self._exports: list[Export] = []
        self.clicked.connect(self._open)

    @property
    def exports(self) -> tuple[Export, ...]:
        return tuple(self._exports)

    def add(
        self,
        title: str,
        default_name: str,
        kinds: str | Sequence[tuple[str, str]],
        write: Callable[[Path], object],
    ) -> None:
        """Offer one more way out. kinds: (suffix, label) pairs, or filters such as "PNG (*.png);;SVG (*.svg)"."""
        if isinstance(kinds, str):
            kinds = [_kind_of(part) for part in kinds.split(";;")]
        self._exports.append(Export(title, default_name, tuple(kinds), write))

    def export_to(self, export: Export, path: Path) -> None:
        """Write to `path`, and tell how it ended; a job that goes on tells by itself."""
        try:
            job = export.write(path)
        except StudioError as error:
            self.failed.emit(error)
            return
        if job is None or isinstance(job, Path):
            self.exported.emit(path)

    def make_menu(self) -> QMenu:
        """The ways out as a menu; lives until it is closed."""
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        for export in self._exports:
            menu.addAction(f"{export.title}…").setData(export)
        menu.triggered.connect(self._choose)
        return menu

    @Slot()
    def _open(self) -> None:
        if len(self._exports) == 1:
            self._ask(self._exports[0])
        elif self._exports:
            self.make_menu().popup(self.mapToGlobal(QPoint(0, self.height())))

    @Slot(QAction)
    def _choose(self, action: QAction) -> None:
        self._ask(action.data())

    def _ask(self, export: Export) -> None:
        path = ask_where_to_save(self, export.title, export.default_name, export.kinds)
        if path is not None:
            self.export_to(export, path)


def ask_where_to_save(parent: QWidget, title: str, name: str, kinds: Sequence[tuple[str, str]]) -> Path | None:
    """Where to save, by the operating system's own dialog, which asks before overwriting; None when left.

    name: what it suggests. kinds: (suffix with its dot, label) each, the usual one first; the path ends in one of them.
    """
    filters = [f"{label} (*{suffix})" for suffix, label in kinds]
    suffixes = [suffix for suffix, _ in kinds]
    text, chosen = QFileDialog.getSaveFileName(parent.window(), title, name, ";;".join(filters))
    if not text:
        return None
    return with_suffix(Path(text), suffixes, suffixes[filters.index(chosen)] if chosen in filters else suffixes[0])


def with_suffix(path: Path, suffixes: Sequence[str], usual: str) -> Path:
    """The path itself when its suffix is one of `suffixes`, otherwise with the `usual` one behind its name."""
    return path if path.suffix.lower() in suffixes else path.with_name(path.name + usual)


def film_kinds() -> tuple[tuple[str, str], ...]:
    """The kinds of films that can be written here, for `ExportButton.add`."""
    from studio.generation.films import FILM_FORMATS

    return tuple((each.suffix, each.label) for each in FILM_FORMATS if each.available)


def _kind_of(part: str) -> tuple[str, str]:
    label, _, pattern = part.rpartition("(")
    return pattern.strip(" *)"), label.strip()
