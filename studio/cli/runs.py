"""The command `runs`: training runs on disk, in what they differ, and their curves for other programs."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.cli.exit_codes import EXIT_DONE
from studio.cli.progress import ProgressLine
from studio.errors import DataError, SettingsError
from studio.paths import user_folder

if TYPE_CHECKING:
    from studio.training.run_differences import Difference
    from studio.training.runs import RunSummary

_MOST_COLUMN = 28


def runs(arguments: argparse.Namespace) -> int:
    """List runs, or do what the first word says with those that follow it."""
    words = [str(word) for word in arguments.words]
    action = words[0] if words else ""
    if action == "diff":
        return _diff(words[1:], arguments)
    if action == "export":
        return _export(words[1:], arguments)
    if arguments.tensorboard is not None:
        raise SettingsError("--tensorboard belongs to `runs export`.", "Write: runs export RUN --tensorboard DIR.")
    return _list(words, arguments)


def _list(words: Sequence[str], arguments: argparse.Namespace) -> int:
    from studio.training.runs import find_runs

    roots = [Path(word) for word in words] or [user_folder("runs")]
    for root in roots:
        if not root.is_dir():
            raise DataError(f"There is no folder {root}.", "Name a run's folder, or one that holds runs.")
    found = find_runs(*roots)
    if arguments.json:
        print(json.dumps([_facts(run) for run in found]))
    elif found:
        header = ("began", "title", "status", "trained", "step", "loss", "validation", "distance", "folder")
        print(_table([header, *map(_line, found)], right=(3, 4, 5, 6, 7)))
    else:
        print(f"No runs in {', '.join(map(str, roots))}.")
    return EXIT_DONE


def _diff(words: Sequence[str], arguments: argparse.Namespace) -> int:
    from studio.training.run_differences import differences

    if len(words) < 2:
        raise SettingsError("There is nothing to compare.", "Name at least two runs: runs diff A B.")
    found = [_run(word) for word in words]
    lines = [line for line in differences(found) if line.differs or arguments.all]
    if arguments.json:
        content = [{"group": line.group, "name": line.name, "values": line.values, "differs": line.differs}
                   for line in lines]  # fmt: skip
        print(json.dumps({"runs": [_facts(run) for run in found], "differences": content}))
        return EXIT_DONE
    results = [
        ("", "trained", *(_clock(run.seconds) for run in found)),
        ("", "loss", *(_loss(run.loss) for run in found)),
        ("", "validation", *(_loss(run.validation) for run in found)),
        ("", "distance", *(_loss(run.distance) for run in found)),
    ]
    header = ("", "", *(_short(run.folder.name) for run in found))
    print(_table([header, *results, *map(_difference_line, lines)]))
    if not lines:
        print("Nothing that is known of them differs.")
    return EXIT_DONE


def _export(words: Sequence[str], arguments: argparse.Namespace) -> int:
    from studio.training.tensorboard_log import export_run

    if len(words) != 1 or arguments.tensorboard is None:
        raise SettingsError("It is not said what to export, or where.", "Write: runs export RUN --tensorboard DIR.")
    with ProgressLine(arguments.json) as line:
        for share in export_run(_run(words[0]).folder, arguments.tensorboard):
            line.show("exporting", share)
    if arguments.json:
        print(json.dumps({"out": str(arguments.tensorboard)}))
    else:
        print(f"Written to {arguments.tensorboard}; look at it with: tensorboard --logdir {arguments.tensorboard}")
    return EXIT_DONE


def _run(word: str) -> RunSummary:
    """A run by its folder, or by the name of one among the user's own."""
    from studio.training.runs import summarize

    for folder in (Path(word), user_folder("runs") / word):
        run = summarize(folder)
        if run is not None:
            return run
    raise DataError(f"{word} is not the folder of a training run.", "List them with: diffusion-studio runs.")


def _facts(run: RunSummary) -> dict[str, object]:
    return {
        "folder": str(run.folder),
        "title": run.title,
        "data": run.data_name,
        "began": round(run.began, 3),
        "status": str(run.status),
        "step": run.step,
        "images_seen": run.images_seen,
        "seconds": run.seconds,
        "fraction": round(run.fraction, 6),
        "loss": run.loss,
        "validation": run.validation,
        "distance": run.distance,
        "copied": run.copied,
        "parameters": run.facts.parameters,
        "branch_of": run.facts.branch_of,
        "model": None if run.model is None else str(run.model),
    }


def _line(run: RunSummary) -> tuple[str, ...]:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.began))
    status = str(run.status) if run.fraction >= 1.0 else f"{run.status} at {run.fraction:.0%}"
    values = (_loss(run.loss), _loss(run.validation), _loss(run.distance))
    return when, _short(run.title), status, _clock(run.seconds), f"{run.step:,}", *values, str(run.folder)


def _difference_line(line: Difference) -> tuple[str, ...]:
    return line.group, line.name, *map(_short, line.values)


def _table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns as wide as their widest cell, two spaces apart; those numbered in `right` end at one edge."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_COLUMN else f"{text[: _MOST_COLUMN - 1]}…"


def _loss(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}" if 1e-3 <= abs(value) < 100 else f"{value:.3g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
