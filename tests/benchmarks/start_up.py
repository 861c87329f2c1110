"""How long from the start of the program to its window, and to the first picture?

    python -m tests.benchmarks.start_up --rounds 3

Each round starts a fresh process with an empty home, as on a first launch, and presses "Open the microscope" as soon as
the window is there. Prints seconds since the process was started.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--started", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.started is not None:
        print(json.dumps(_measure(arguments.started)))
        return
    results = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as home:
            environment = os.environ | {"DIFFUSION_STUDIO_HOME": home}
            command = [sys.executable, "-m", "tests.benchmarks.start_up", "--started", str(time.time())]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        results.append(json.loads(output.splitlines()[-1]))
        print(results[-1], flush=True)
    print("median", {name: round(statistics.median(result[name] for result in results), 2) for name in results[0]})


def _measure(started: float) -> dict[str, float]:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QTimer

    from studio.app.application import lower_priority, make_application
    from studio.app.main_window import MainWindow
    from studio.app.microscope.denoising import denoising_of
    from studio.app.settings import Settings

    application = make_application(sys.argv[:1])
    window = MainWindow(Settings(application), prepare_thread=lower_priority)
    times: dict[str, float] = {}

    def note(name: str) -> None:
        times.setdefault(name, round(time.time() - started, 2))

    denoising = denoising_of(window.state)
    denoising.frames_grew.connect(lambda: note("first frame in the microscope"))
    denoising.running_changed.connect(lambda running: None if running else (note("first pictures"), application.quit()))
    window.show()
    QTimer.singleShot(0, window.begin)
    QTimer.singleShot(0, lambda: (note("window"), window.watch_a_model()))
    QTimer.singleShot(60_000, application.quit)
    application.exec()
    window.close()
    window.runner.shutdown(10_000)
    window.deleteLater()
    application.processEvents()
    return times


if __name__ == "__main__":
    main()
