"""An hour with the window: does anything grow that should not?

    QT_QPA_PLATFORM=offscreen python -m tests.endurance.soak --minutes 60

The real window lives through the same minute again and again: pictures are opened, a training starts, rows are drawn,
workspaces change, a model denoises between two steps of the training, it pauses, goes on, and is discarded or kept.
What comes in which order is drawn from a seed. At the end of each minute everything comes to rest, and what the
process then holds is printed: memory, Python objects, Qt objects, widgets, open files, threads.

At the end a straight line is laid through the minutes after a warm-up, and a verdict is printed; exits with 1 when
something grows.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from studio.app.main_window import MainWindow
    from studio.app.runner import JobHandle

MB = 2**20
REST_SECONDS = 60.0
KEPT_MODELS = 2
MOST_MB_AN_HOUR = 24.0
MOST_COUNTS_AN_HOUR = {"python": 5_000, "qt": 60, "widgets": 20, "files": 2, "threads": 1}


@dataclass(frozen=True)
class Census:
    """What the process holds. minutes: since the beginning. rss, uss: bytes in memory, and those that are its alone."""

    minutes: float
    rss: int
    uss: int
    python: int
    qt: int
    widgets: int
    files: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.minutes:6.1f} min  rss {self.rss / MB:7.1f} MB  own {self.uss / MB:7.1f} MB  "
            f"python {self.python:7,}  qt {self.qt:6,}  widgets {self.widgets:5,}  files {self.files:3}  "
            f"threads {self.threads:3}"
        )


class Resident:
    """Somebody who uses the window and never tires. `live` one minute after the other."""

    def __init__(self, window: MainWindow, application: QApplication, seed: int) -> None:
        from studio.data.starter import starter_sets

        self.window = window
        self._application = application
        self._chance = random.Random(seed)
        self._sets = tuple(starter.id for starter in starter_sets())
        self._kept = 0
        self._began = time.monotonic()
        self.done: dict[str, int] = {}

    @property
    def controller(self):
        return self.window.panels.training.controller

    def live(self, seconds: float) -> None:
        """One round of the same life, about `seconds` long, that ends at rest."""
        from studio.app.training.controller import Phase

        window = self.window
        name = self._chance.choice(self._sets)
        window.open_starter(name)
        self.until(lambda: not window.runner.busy)
        self._note(f"opened {name}")
        header = window.panels.training.header
        self.until(lambda: header.primary.isEnabled() and self.controller.phase is Phase.IDLE)
        window.train_or_pause()
        self.until(lambda: self.controller.phase is Phase.RUNNING)
        self._note("trainings")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._chance.choice(self._ways)(self)
            self.pass_time(self._chance.uniform(0.3, 2.5))
        self._come_to_rest()

    def _change_workspace(self) -> None:
        workspace = self._chance.choice(self.window.workspaces.all)
        self.window.workspaces.switch(workspace.name)
        self._note("workspaces")

    def _watch_training(self) -> None:
        self.window.workspaces.switch("train")
        run = self.window.state.run
        if run is not None:
            run.request_samples()
        self._note("rows asked for")

    def _pause_or_go_on(self) -> None:
        self.window.panels.training.primary_action()
        self._note("pauses")

    def _denoise(self) -> None:
        from studio.app.microscope.denoising import denoising_of

        state = self.window.state
        self.window.workspaces.switch("denoise")
        denoising = denoising_of(state)
        if not denoising.running:
            choice = self._chance.choice(state.model_choices())
            denoising.start(choice, self.window.runner)
            self._note("denoised")

    def _step_through(self) -> None:
        from studio.app.microscope.denoising import denoising_of

        denoising = denoising_of(self.window.state)
        if denoising.frames is not None:
            denoising.set_picture(self._chance.randrange(4))
            self._note("pictures looked at")

    def _change_theme(self) -> None:
        from studio.app.theme import theme

        theme().set_choice(self._chance.choice(("dark", "light")))
        self._note("themes")

    def _open_palette(self) -> None:
        self.window.palette_popup.open()
        self.pass_time(0.2)
        self.window.palette_popup.close()
        self._note("palettes")

    def _resize(self) -> None:
        self.window.resize(self._chance.randrange(1100, 1600), self._chance.randrange(720, 1000))
        self._note("sizes")

    _ways = (
        _change_workspace,
        _change_workspace,
        _watch_training,
        _pause_or_go_on,
        _denoise,
        _denoise,
        _step_through,
        _change_theme,
        _open_palette,
        _resize,
    )

    def _come_to_rest(self) -> None:
        """End the training, forget its pictures on the screen, and wait until nothing is going on."""
        from studio.app.microscope.denoising import denoising_of
        from studio.app.theme import theme
        from studio.app.training.controller import Phase

        denoising = denoising_of(self.window.state)
        if denoising.running:
            denoising.cancel()
        if self.controller.phase is Phase.PAUSING:
            self.until(lambda: self.controller.phase is not Phase.PAUSING)
        if self.controller.alive:
            if self._kept < KEPT_MODELS:
                self._kept += 1
                self.controller.stop_and_keep()
            else:
                self.controller.stop_and_discard()
        self.until(lambda: self.controller.phase is Phase.IDLE and not self.window.runner.busy)
        # The same things are on the screen each time, so that only what stays behind can differ.
        theme().set_choice("dark")
        self.window.resize(1440, 900)
        for workspace in self.window.workspaces.all:
            self.window.workspaces.switch(workspace.name)
            self.pass_time(0.3)
        self.window.show_start_page()
        self.until(lambda: not self.window.runner.busy)
        self.pass_time(1.5)

    def census(self) -> Census:
        """Count everything; call it at rest."""
        from PySide6.QtCore import QCoreApplication, QEvent, QObject

        for _ in range(2):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            gc.collect()
        process = psutil.Process()
        memory = process.memory_full_info()
        return Census(
            minutes=(time.monotonic() - self._began) / 60,
            rss=memory.rss,
            uss=memory.uss,
            python=len(gc.get_objects()),
            qt=len(self.window.findChildren(QObject)),
            widgets=len(self._application.allWidgets()),
            files=process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
            threads=process.num_threads(),
        )

    def pass_time(self, seconds: float) -> None:
        """Let the window live for so long."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def until(self, ready: Callable[[], bool], seconds: float = 240.0) -> None:
        """Let the window live until something is so. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                alive = ", ".join(f"{handle.title} ({handle.state})" for handle in self._jobs())
                raise TimeoutError(f"still waiting after {seconds:g} s; {self.controller.phase}; jobs: {alive}")
            self.pass_time(0.05)

    def _jobs(self) -> list[JobHandle]:
        from studio.app.runner import JobHandle

        return [handle for handle in self.window.runner.findChildren(JobHandle) if handle.alive]

    def _note(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


@dataclass(frozen=True)
class Growth:
    """A straight line through the minutes: how much an hour, and the standard error of that."""

    an_hour: float
    error: float

    @property
    def surely(self) -> float:
        """The growth that cannot be put down to chance: two standard errors less than what was found."""
        return max(0.0, self.an_hour - 2 * self.error)


def growth(counts: list[Census], name: str) -> Growth:
    """The least-squares line through one column, without the shape of the beginning."""
    hours = np.array([one.minutes / 60 for one in counts])
    values = np.array([float(getattr(one, name)) for one in counts])
    if len(counts) < 3:
        return Growth(0.0, float("inf"))
    hours, values = hours - hours.mean(), values - values.mean()
    slope = float((hours @ values) / (hours @ hours))
    rest = values - slope * hours
    return Growth(slope, float(np.sqrt((rest @ rest) / (len(counts) - 2) / (hours @ hours))))


def verdict(counts: list[Census], warm_up_minutes: float, *, counts_only: bool = False) -> tuple[list[str], bool]:
    """Lines to print, and whether everything stays flat.

    `counts_only` passes over memory, which takes long to settle.
    """
    settled = [one for one in counts if one.minutes >= warm_up_minutes]
    lines, flat = [f"{len(settled)} of {len(counts)} rounds counted, after {warm_up_minutes:g} min of warm-up"], True
    for name, unit, limit in (("rss", MB, None), ("uss", MB, MOST_MB_AN_HOUR)):
        found = growth(settled, name)
        lines.append(f"{name:8} {found.an_hour / unit:+9.1f} MB/h ± {found.error / unit:.1f}")
        flat = flat and (counts_only or limit is None or found.surely / unit <= limit)
    for name, limit in MOST_COUNTS_AN_HOUR.items():
        found = growth(settled, name)
        lines.append(f"{name:8} {found.an_hour:+9.1f} /h    ± {found.error:.1f}")
        flat = flat and found.surely <= limit
    enough = len(settled) >= 3
    lines.append("too short to tell" if not enough else "FLAT" if flat else "GROWS")
    return lines, flat and enough


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--round", type=float, default=REST_SECONDS, help="seconds of life between two counts (60)")
    parser.add_argument("--warm-up", type=float, help="minutes that do not count (5, but at most a quarter)")
    parser.add_argument("--seed", type=int, default=0, help="of what happens when (0)")
    parser.add_argument("--counts-only", action="store_true", help="no verdict on memory, which takes long to settle")
    parser.add_argument("--biggest", action="store_true", help="print which Python types have grown")
    arguments = parser.parse_args()
    warm_up = min(5.0, arguments.minutes / 4) if arguments.warm_up is None else arguments.warm_up
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        os.environ["DIFFUSION_STUDIO_HOME"] = home
        return soak(Path(home), warm_up, arguments)


def soak(home: Path, warm_up: float, arguments: argparse.Namespace) -> int:
    """Open the window, live in it, close it; the exit code."""
    from PySide6.QtCore import QSettings, qInstallMessageHandler

    qInstallMessageHandler(_say_what_matters)
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(home / "settings"))
    from studio.app.application import lower_priority, make_application
    from studio.app.main_window import MainWindow
    from studio.app.process.garbage import GuiCollector
    from studio.app.settings import Settings

    application = make_application(sys.argv[:1])
    collector = GuiCollector(application)
    window = MainWindow(Settings(application), prepare_thread=lower_priority)
    collector.set_aside()
    window.show()
    window.begin()
    resident = Resident(window, application, arguments.seed)
    resident.until(lambda: window.state.device is not None and window.panels.training.options is not None)
    counts: list[Census] = []
    types: list[dict[str, int]] = []
    while not counts or counts[-1].minutes < arguments.minutes:
        resident.live(arguments.round)
        counts.append(resident.census())
        print(counts[-1], flush=True)
        if arguments.biggest:
            types.append(_types())
    print(", ".join(f"{what} {number}" for what, number in sorted(resident.done.items())))
    if arguments.biggest and len(types) > 2:
        _print_growth_of_types(types[len(types) // 3], types[-1])
    lines, flat = verdict(counts, warm_up, counts_only=arguments.counts_only)
    print("\n".join(lines), flush=True)
    window.close()
    window.runner.shutdown(10_000)
    window.deleteLater()
    application.processEvents()
    collector.release()
    return 0 if flat else 1


def _say_what_matters(_kind: object, _context: object, message: str) -> None:
    """The offscreen platform says of every popup what it cannot do."""
    if not message.startswith("This plugin does not support"):
        print(message, file=sys.stderr, flush=True)


def _types() -> dict[str, int]:
    found: dict[str, int] = {}
    for thing in gc.get_objects():
        name = f"{type(thing).__module__}.{type(thing).__qualname__}"
        found[name] = found.get(name, 0) + 1
    return found


def _print_growth_of_types(before: dict[str, int], after: dict[str, int]) -> None:
    grown = sorted(((after[name] - before.get(name, 0), name) for name in after), reverse=True)
    for number, name in grown[:15]:
        print(f"{number:+8}  {name}")


if __name__ == "__main__":
    sys.exit(main())
