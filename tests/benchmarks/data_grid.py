"""How smoothly does the grid of the Data page scroll through a large set?

    python -m tests.benchmarks.data_grid [--pictures 60000] [--side 28] [--moves 400] [--files]

Opens a set of random pictures (an .npy file, or with --files a folder of JPEG photographs) in the real window at
1280 × 800, and moves the scroll bar in three ways: a few pixels at a time as a wheel does (`wheel`), by pages (`page`),
and anywhere (`jump`). Of each move it measures the time until the grid is painted, by the clock and in the thread's
own processor time, which tells the same on a busy computer, and how late the event loop is after it. Prints JSON:
milliseconds p50, p95 and max of each, how long the last place took until every picture in sight was there, and the
bytes that thumbnails hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE = (1280, 800)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=60_000)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--moves", type=int, default=400, help="of each kind (400)")
    parser.add_argument("--cell", type=int, default=40, help="pixels of a cell (40)")
    parser.add_argument("--files", action="store_true", help="a folder of JPEG files instead of one array")
    arguments = parser.parse_args()
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIFFUSION_STUDIO_HOME"] = home
        print(json.dumps(measure(arguments, Path(home)), indent=2))


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    from PySide6.QtWidgets import QApplication

    from studio.app.application import make_application
    from studio.app.arrangements import DATA
    from studio.app.main_window import MainWindow
    from studio.app.settings import Settings

    application = make_application(sys.argv[:1])
    window = MainWindow(Settings(application))
    window.resize(*SIZE)
    window.show()
    window.workspaces.switch(DATA)
    page = window.panels.pages[DATA]
    began = time.perf_counter()
    window.opener.open([_pictures(arguments, folder)])
    while page.editing.index is None:
        QApplication.processEvents()
        time.sleep(0.002)
    opened = time.perf_counter() - began
    page.grid.set_cell_size(arguments.cell)
    _settle(page)
    result: dict[str, object] = {
        "pictures": arguments.pictures,
        "in sight": int(np.subtract(*reversed(page.grid.places_in_sight()))),
        "opened in s": round(opened, 2),
    }
    generator = random.Random(1)
    bar = page.grid.verticalScrollBar()
    for kind in ("wheel", "page", "jump"):
        paints, work, late = [], [], []
        for number in range(arguments.moves):
            step = {"wheel": 60, "page": bar.pageStep()}.get(kind)
            value = generator.randrange(bar.maximum()) if step is None else (number * step) % bar.maximum()
            began, busy = time.perf_counter(), time.thread_time()
            bar.setValue(value)
            page.grid.viewport().repaint()
            paints.append(1000 * (time.perf_counter() - began))
            work.append(1000 * (time.thread_time() - busy))
            due = time.perf_counter() + 0.008
            while time.perf_counter() < due:
                QApplication.processEvents()
            late.append(1000 * (time.perf_counter() - due))
        result[kind] = {"paint ms": _spread(paints), "of work ms": _spread(work), "loop late ms": _spread(late)}
    result["last place there after s"] = round(_settle(page), 2)
    result["thumbnails MB"] = round(page.pictures.size_bytes / 2**20, 1)
    window.close()
    window.runner.shutdown(20_000)
    return result


def _pictures(arguments: argparse.Namespace, folder: Path) -> Path:
    generator = np.random.default_rng(1)
    if not arguments.files:
        path = folder / "noise.npy"
        shape = (arguments.pictures, arguments.side, arguments.side)
        np.save(path, generator.integers(0, 256, shape, dtype=np.uint8))
        return path
    from PIL import Image

    place = folder / "photographs"
    place.mkdir()
    for number in range(arguments.pictures):
        colours = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(colours).resize((320, 240), Image.Resampling.BICUBIC)
        picture.save(place / f"{number:06}.jpg", quality=85)
    return place


def _settle(page: object) -> float:
    """Wait until every picture in sight is there; seconds."""
    from PySide6.QtWidgets import QApplication

    began = time.perf_counter()
    while time.perf_counter() - began < 60:
        QApplication.processEvents()
        first, end = page.grid.places_in_sight()
        if all(page.pictures.cell(int(index)).image is not None for index in page.grid.indices[first:end]):
            break
        time.sleep(0.002)
    return time.perf_counter() - began


def _spread(values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "max": round(max(values), 2)}


if __name__ == "__main__":
    main()
