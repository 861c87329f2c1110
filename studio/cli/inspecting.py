"""Reading a data set, and the command `inspect`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.progress import ProgressLine

if TYPE_CHECKING:
    from studio.data.importing import ImportResult


def inspect(arguments: argparse.Namespace) -> int:
    """What an import of the data would take, and what it would not and why."""
    result = read_pictures(arguments.data, arguments.size, quiet=arguments.json)
    if arguments.json:
        print(json.dumps(result.report.to_json(), indent=2))
    else:
        print(result.report.to_text())
    return EXIT_DONE


def read_pictures(
    data: Path, size: int | None, *, name: str | None = None, channels: int | None = None, quiet: bool
) -> ImportResult:
    """The pictures in `data` with the report of their import, showing how far it is. Raises DataError."""
    from studio.data.importing import ImportResult, import_images

    with ProgressLine(quiet) as line:
        for item in import_images([data], size=size, channels=channels, name=name):
            if isinstance(item, ImportResult):
                return item
            line.show(f"reading {item.path}", item.done / item.total if item.total else None, f"{item.done:,} read")
    raise AssertionError("an import ends with a result")
