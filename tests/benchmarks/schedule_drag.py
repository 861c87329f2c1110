"""How fast do curves and pictures follow a hand that drags a handle of the schedule?

    python -m tests.benchmarks.schedule_drag --moves 600

The real window with Fashion-MNIST (or the avatars, where it is not installed), T = 1000, cosine. The mouse goes through
the window as the platform sends it: press a handle, move on, release, on each of the three curves in turn. For each
move, milliseconds from the event to the moment the last of the three curves was painted, to the moment the strip of
pictures was, and until the loop is idle again. On a display when there is one (or under xvfb-run), else offscreen.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

CURVES_MS, STRIP_MS = 16.0, 50.0
WARM_UP = 20
LONGEST_WAIT = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=600, help="moves of the mouse on each curve (600)")
    parser.add_argument("--size", default="1600x1000", help="of the window (1600x1000)")
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIFFUSION_STUDIO_HOME"] = home
        print(json.dumps(measure(arguments.moves, width, height), indent=2, ensure_ascii=False))


def measure(moves: int, width: int, height: int) -> dict[str, object]:
    """Drag in a window of that size; returns what was measured, by curve, and on what machine."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtTest import QTest

    from studio.app.application import lower_priority, make_application
    from studio.app.main_window import MainWindow
    from studio.app.process.garbage import GuiCollector
    from studio.app.settings import Settings
    from studio.app.widgets.curve_editor import CurveEditor
    from studio.app.widgets.diffusion_strip import DiffusionStrip

    painted: dict[object, float] = {}
    for painter in (CurveEditor, DiffusionStrip):
        _note_when_painted(painter, painted)
    application = make_application(sys.argv[:1])
    collector = GuiCollector(application)
    window = MainWindow(Settings(application), prepare_thread=lower_priority)
    window.resize(width, height)
    window.show()
    window.begin()
    window.workspaces.switch("train")

    def wait(ready) -> None:
        while not ready():
            application.processEvents()
            time.sleep(0.002)

    dock = window.panels.docks["schedule"]
    wait(lambda: dock.bench is not None and not window.runner.busy)
    window.state.set_image_set(_pictures())
    dock.raise_()
    for _ in range(20):
        application.processEvents()
    collector.set_aside()
    bench, handle = dock.bench, window.windowHandle()
    editors = [plot.editor for plot in bench.plots]
    results: dict[str, object] = {}
    for editor in editors:
        times: dict[str, list[float]] = {"curves": [], "strip": [], "idle": []}
        QTest.mouseClick(
            handle, Qt.MouseButton.LeftButton, pos=_in_window(editor, editor.axes.frame.topRight(), window)
        )
        start = _in_window(editor, editor.place_of(3), window)
        QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=start)
        for number in range(moves + WARM_UP):
            angle = 0.13 * number
            place = start + QPoint(round(14 * math.sin(angle)), round(14 * math.sin(1.7 * angle) + number % 2))
            before = window.state.schedule
            painted.clear()
            began = time.perf_counter()
            QTest.mouseMove(handle, place)
            if window.state.schedule is before:
                continue
            while not all(part in painted for part in (*editors, bench.strip)):
                application.processEvents()
                if time.perf_counter() - began > LONGEST_WAIT:
                    raise SystemExit("The panel was not painted.")
            application.processEvents()
            idle = time.perf_counter()
            if number >= WARM_UP:
                times["curves"].append(1000 * (max(painted[part] for part in editors) - began))
                times["strip"].append(1000 * (painted[bench.strip] - began))
                times["idle"].append(1000 * (idle - began))
        QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=start)
        application.processEvents()
        results[editor.accessibleName()] = {name: _summary(some) for name, some in times.items()}
    results["follows within"] = {"curves_ms": CURVES_MS, "strip_ms": STRIP_MS, "at": "p95"}
    results["pictures"] = f"{window.state.image_set.name}, {len(bench.strip.steps)} in the strip"
    results["panel"] = f"{dock.width()} x {dock.height()} in {window.width()} x {window.height()}"
    results["platform"] = f"{QGuiApplication.platformName()}, scale {window.devicePixelRatioF():g}"
    results["machine"] = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {_load()}"
    window.close()
    window.runner.shutdown(10_000)
    window.deleteLater()
    application.processEvents()
    collector.release()
    return results


def _note_when_painted(widget_class: type, painted: dict[object, float]) -> None:
    paint = widget_class.paintEvent

    def painted_event(self, event) -> None:
        paint(self, event)
        painted[self] = time.perf_counter()

    widget_class.paintEvent = painted_event


def _in_window(widget, place, window):
    return widget.mapTo(window, place.toPoint())


def _summary(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    shares = {f"p{share}": ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 95, 99)}
    return {name: round(value, 2) for name, value in shares.items()} | {"moves": len(ordered)}


def _pictures():
    from studio.data.importing import load_images
    from studio.data.starter import load_starter
    from tests.helpers.datasets import fashion_mnist_folder

    folder = fashion_mnist_folder()
    return load_starter("avatars") if folder is None else load_images([Path(folder)]).image_set


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


if __name__ == "__main__":
    main()
