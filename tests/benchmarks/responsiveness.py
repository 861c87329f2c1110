"""Does the window stay smooth while a model trains at full speed, and does training stay fast under the window?

    python -m tests.benchmarks.responsiveness --seconds 30 --rounds 3

In turns, each in a process of its own: training headless as the command line does, and training in the real window
with loss curve and sample wall live. Prints how late the event loop was (a 5 ms timer, how much later than due it was
served) and the ratio of the two training speeds. On a display when there is one (or under xvfb-run), else offscreen.
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
from pathlib import Path

PROBE_MS = 5
SETTLE_SECONDS = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="training time of each turn (30)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each kind (3)")
    parser.add_argument("--role", choices=("headless", "window"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        measure = measure_headless if arguments.role == "headless" else measure_window
        with tempfile.TemporaryDirectory() as home:
            os.environ["DIFFUSION_STUDIO_HOME"] = home
            print(json.dumps(measure(arguments.seconds, Path(home))), flush=True)
        return
    turns: dict[str, list[dict[str, float]]] = {"headless": [], "window": []}
    for round_number in range(arguments.rounds):
        for role, results in turns.items():
            results.append(_in_own_process(role, arguments.seconds))
            print(f"round {round_number + 1} {role}: {json.dumps(results[-1])}", flush=True)
    ratios = [
        window["pictures_per_second"] / headless["pictures_per_second"]
        for headless, window in zip(turns["headless"], turns["window"], strict=True)
    ]
    summary = {
        "speed_ratio_median": round(statistics.median(ratios), 3),
        "speed_ratios": [round(ratio, 3) for ratio in ratios],
        "late_ms_p99_median": statistics.median(turn["late_ms_p99"] for turn in turns["window"]),
        "late_ms_p99": [turn["late_ms_p99"] for turn in turns["window"]],
        "cores": os.cpu_count(),
    }
    print(json.dumps(summary, indent=2))


def _in_own_process(role: str, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.responsiveness", "--role", role, "--seconds", str(seconds)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def _pictures():
    from studio.data.importing import load_images
    from studio.data.starter import load_starter
    from tests.helpers.datasets import fashion_mnist_folder

    folder = fashion_mnist_folder()
    return load_starter("avatars") if folder is None else load_images([folder]).image_set


def _recipe(image_set, seconds: float):
    from dataclasses import replace

    from studio.training.presets import preset
    from studio.training.settings import Budget

    settings, network = preset("good", (image_set.channels, image_set.height, image_set.width))
    return replace(settings, budget=Budget(minutes=seconds / 60)), network


def measure_headless(seconds: float, home: Path) -> dict[str, float]:
    """Train without a window; returns pictures a second, in all and while nothing else is done."""
    from studio.diffusion.schedule import make_schedule
    from studio.networks.devices import choose_device
    from studio.training.events import Progress
    from studio.training.run import TrainingRun
    from studio.training.trainer import train

    image_set = _pictures()
    settings, network = _recipe(image_set, seconds)
    run = TrainingRun.create(
        image_set, make_schedule("cosine", 1000), settings, network, choose_device("auto"), home / "run"
    )
    speeds = [event.pictures_per_second for event in train(run) if isinstance(event, Progress)]
    return _speed(run, speeds)


def _speed(run, speeds: list[float | None]) -> dict[str, float]:
    return {
        "pictures_per_second": round(run.images_seen / run.seconds, 1),
        "recent_median": round(statistics.median(speed for speed in speeds if speed), 1),
        "steps": run.step,
    }


def measure_window(seconds: float, home: Path) -> dict[str, float]:
    """Train in the window; returns the same, and how late the event loop was while it trained, in milliseconds."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Slot

    from studio.app.application import lower_priority, make_application
    from studio.app.main_window import MainWindow
    from studio.app.process.garbage import GuiCollector
    from studio.app.settings import Settings
    from studio.app.training.controller import Phase
    from studio.app.training.event_feed import EventFeed

    application = make_application(sys.argv[:1])
    collector = GuiCollector(application)
    window = MainWindow(Settings(application), prepare_thread=lower_priority)
    collector.set_aside()
    window.resize(1600, 1000)
    window.show()
    window.begin()
    window.workspaces.switch("train")

    class Probe(QObject):
        def __init__(self) -> None:
            super().__init__(window)
            self.late: list[float] = []
            self.speeds: list[float | None] = []
            self.began = self.last = time.perf_counter()
            self._timer = QTimer(self)
            self._timer.setTimerType(Qt.TimerType.PreciseTimer)
            self._timer.timeout.connect(self.tick)
            feed = EventFeed(window.state, self)
            feed.progressed.connect(self.note)

        def start(self) -> None:
            self.began = self.last = time.perf_counter()
            self._timer.start(PROBE_MS)

        def stop(self) -> None:
            self._timer.stop()

        @Slot()
        def tick(self) -> None:
            now = time.perf_counter()
            if now - self.began > SETTLE_SECONDS:
                self.late.append(max(0.0, 1000 * (now - self.last) - PROBE_MS))
            self.last = now

        @Slot(object)
        def note(self, event: object) -> None:
            self.speeds.append(event.pictures_per_second)

    def wait(ready) -> None:
        while not ready():
            application.processEvents()
            time.sleep(0.01)

    stage = window.panels.training
    controller = stage.controller
    wait(lambda: stage.options is not None and window.state.device is not None and not window.runner.busy)
    window.state.set_image_set(_pictures())
    wait(lambda: stage.header.primary.isEnabled())
    settings, network = _recipe(window.state.image_set, seconds)
    probe = Probe()
    controller.start(settings, network)
    wait(lambda: controller.phase is Phase.RUNNING)
    probe.start()
    loop = QEventLoop()
    controller.phase_changed.connect(loop.quit)
    while controller.phase is Phase.RUNNING:
        loop.exec()
    probe.stop()
    wait(lambda: controller.phase is Phase.IDLE and window.state.model is not None)
    run = window.state.run
    late = sorted(probe.late)
    result = _speed(run, probe.speeds) | {
        "late_ms_p50": round(late[len(late) // 2], 2),
        "late_ms_p95": round(late[int(0.95 * len(late))], 2),
        "late_ms_p99": round(late[int(0.99 * len(late))], 2),
        "late_ms_max": round(late[-1], 2),
        "probes": len(late),
    }
    window.close()
    window.runner.shutdown(10_000)
    window.deleteLater()
    application.processEvents()
    collector.release()
    return result


if __name__ == "__main__":
    main()
