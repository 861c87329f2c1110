"""The ways out of the Data page: the pictures as they will be, a sheet of those in sight, and the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from studio import files
from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.widgets.export_menu import ExportButton
from studio.errors import DataError
from studio.generation.numbers import write_arrays

if TYPE_CHECKING:
    from studio.app.docks.data.stage import DataStage
    from studio.app.runner import JobHandle


def add_exports(button: ExportButton, page: DataStage) -> None:
    """Offer them on the page's button."""
    writer = _Writer(page)
    button.add("The prepared set", "pictures.npz", ((".npz", "Arrays of NumPy"),), writer.arrays)
    button.add("What is in sight", "pictures.png", PICTURE_KINDS[:1], writer.sheet)
    button.add("The report", "report.json", ((".json", "JSON"), (".txt", "Text")), writer.report)


def _write(path: Path, arrays: dict[str, object]) -> Iterator[object]:
    yield from ()
    write_arrays(path, arrays, overwrite=True)
    return path


class _Writer:
    def __init__(self, page: DataStage) -> None:
        self._page = page

    def arrays(self, path: Path) -> JobHandle:
        """The set as `open` reads it again: images, labels and class names."""
        image_set = self._page.editing.image_set
        if image_set is None:
            raise DataError("There are no pictures to export.", "Open some first.")
        arrays = {"images": image_set.images}
        if image_set.labels is not None:
            arrays |= {"labels": image_set.labels, "class_names": list(image_set.class_names)}
        return self._page.runner.interject(_write(path, arrays), f"Writing {path.name}", essential=True)

    def sheet(self, path: Path) -> None:
        """The grid as it is now."""
        export_picture(self._page.grid, path)

    def report(self, path: Path) -> None:
        """What was taken and what was not."""
        report = self._page.report()
        if path.suffix.lower() == ".json":
            files.write_text(path, json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")
        else:
            files.write_text(path, report.to_text() + "\n")
