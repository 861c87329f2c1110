"""How long the Runs page takes with many runs: the first look, a look at nothing new, and what the window itself does.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks.runs_list --runs 300 --lines 2000

Runs are written by hand, each with a log of so many lines, two rows of its wall and a description.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def write_runs(root: Path, count: int, lines: int) -> None:
    """`count` runs of `lines` lines each in `root`."""
    from tests.unit.training.run_folders import drawn, make_run, progress, text_of, validated

    log = "".join(text_of(progress(step, 1.0 / step, levels=True)) for step in range(1, lines + 1))
    for number in range(count):
        minute, second = divmod(number, 60)
        folder = make_run(root / f"2026-01-01 10.{minute:02}.{second:02} squares", drawn(1, 8), drawn(2, 8))
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(text_of(validated(1, 0.5)) + log)
        (folder / "checkpoint.safetensors").write_bytes(b"")


def finished(job: Iterator[object]) -> object:
    """What a job returns."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            return end.value


def timed(words: str, work: Callable[[], object], rounds: int = 3) -> object:
    """The result of `work`; prints the least of its times."""
    times = []
    for _ in range(rounds):
        before = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - before)
    print(f"{words:46} {1000 * min(times):9.1f} ms")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--lines", type=int, default=2000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIFFUSION_STUDIO_HOME"] = home
        from PySide6.QtWidgets import QApplication

        from studio.app.docks.runs.stage import RunsStage
        from studio.app.runner import Runner
        from studio.app.runs.browsing import run_browsing_of
        from studio.app.runs.run_jobs import read_details, scan
        from studio.app.state import StudioState
        from studio.app.theme import theme

        write_runs(Path(home) / "runs", arguments.runs, arguments.lines)
        entries = timed("first look, in the background", lambda: finished(scan({})))
        known = {entry.summary.folder: entry for entry in entries}
        timed("look at nothing new, in the background", lambda: finished(scan(known)))
        details = timed("curves of six runs, in the background", lambda: list(read_details(entries[:6])))
        application = QApplication([])
        theme().install("dark")
        state, runner = StudioState(), Runner()
        browsing = run_browsing_of(state)
        page = RunsStage(state, runner)
        page.resize(1280, 734)
        browsing._entries = entries
        page.show()
        application.processEvents()
        timed("list anew, in the window", browsing.runs_changed.emit)
        browsing.choose([entry.summary.folder for entry in entries[:6]])
        browsing._details = {detail.folder: detail for detail in details}
        timed("six curves, rows and settings, in the window", browsing.details_changed.emit)
        timed("the page painted whole", page.grab)
        page.close()
        runner.shutdown(5000)


if __name__ == "__main__":
    main()
