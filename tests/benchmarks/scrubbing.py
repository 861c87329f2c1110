"""How fast does the denoising workspace follow the playhead through a large recorded run?

    python -m tests.benchmarks.scrubbing --steps 1000 --pictures 64 --side 64

Records a run of the exact denoiser of Gaussian pictures, of which most goes beyond the memory budget onto the disk,
shows it in the real window, and moves the playhead in three ways: back and forth as a hand does (`sweep`), a step at a
time as playing does (`play`), and anywhere (`random`). Of each move it measures the time until everything that follows
the playhead has been painted. Prints JSON: for each way milliseconds p50, p95, p99 and frames a second (a second over
the mean), how often the large picture, the batch and the timeline were painted for one move (1 each: nothing is left
out), how often the model was asked (0), and the growth of resident memory since before the recording: after it, at
the end, and at its peak. With too little room on the disk it takes fewer steps, and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence

from tests.benchmarks.trace import ROOM_LEFT, CountingDenoiser, described, mb, peak_memory

SIZE = (1280, 800)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--sampler", default="ddpm", help="(ddpm)")
    parser.add_argument("--moves", type=int, default=600, help="of each kind (600)")
    parser.add_argument("--profile", help="write a profile of the moves to this file")
    arguments = parser.parse_args()
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["DIFFUSION_STUDIO_HOME"] = home
        print(json.dumps(measure(arguments), indent=2))


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    from PySide6.QtCore import QEvent, QObject

    from studio.app.application import make_application
    from studio.app.main_window import MainWindow
    from studio.app.settings import Settings
    from studio.diffusion import Trace, cosine
    from studio.diffusion.trace.store import scratch_folder

    application = make_application(sys.argv[:1])
    window = MainWindow(Settings(application))
    window.resize(*SIZE)
    window.show()
    window.begin()
    window.workspaces.switch("denoise")
    settle(application, window)

    schedule, steps = cosine(1000), arguments.steps
    free = shutil.disk_usage(scratch_folder()).free
    while Trace.estimate(described(arguments, schedule, steps)).disk > max(free - ROOM_LEFT, 0) and steps > 10:
        steps //= 2
    before = resident_memory()
    denoiser = CountingDenoiser(schedule, 0.0, 0.25)
    trace = Trace(described(arguments, schedule, steps))
    for _ in trace.steps(denoiser):
        pass
    calls = denoiser.calls
    recorded = resident_memory()

    window.state.set_trace(trace)
    settle(application, window)
    denoising = window.panels.denoise.microscope._denoising
    docks = window.panels.docks
    watched = {
        "picture": window.panels.denoise.microscope.picture,
        "batch": docks["batch"].grid.viewport(),
        "timeline": docks["timeline"].view,
    }

    class Paints(QObject):
        def __init__(self) -> None:
            super().__init__(window)
            self.count = dict.fromkeys(watched, 0)
            for widget in watched.values():
                widget.installEventFilter(self)

        def eventFilter(self, widget: QObject, event: QEvent) -> bool:  # noqa: N802
            if event.type() == QEvent.Type.Paint:
                self.count[next(name for name, each in watched.items() if each is widget)] += 1
            return False

    paints = Paints()
    ways = {"sweep": sweep(steps, arguments.moves), "play": play(steps, arguments.moves)}
    ways["random"] = random.Random(0).choices(range(steps + 1), k=arguments.moves)
    profile = None
    if arguments.profile:
        import cProfile

        profile = cProfile.Profile()
    results: dict[str, object] = {}
    for name, positions in ways.items():
        paints.count = dict.fromkeys(watched, 0)
        taken = []
        computing = time.process_time()
        if profile:
            profile.enable()
        for position in positions:
            at = time.perf_counter()
            denoising.playback.seek(position)
            application.processEvents()
            taken.append(1e3 * (time.perf_counter() - at))
        if profile:
            profile.disable()
        computing = 1e3 * (time.process_time() - computing) / len(taken)
        results[name] = summary(taken) | {
            "processor_ms": round(computing, 2),
            "paints_a_move": {what: round(count / len(positions), 2) for what, count in paints.count.items()},
        }
    if profile:
        profile.dump_stats(arguments.profile)
    result = {
        "steps": steps,
        "steps_asked_for": arguments.steps,
        "batch": trace.shape,
        "trace_mb": {"memory": mb(trace.size.memory), "disk": mb(trace.size.disk)},
        **results,
        "model_calls_while_scrubbing": denoiser.calls - calls,
        "resident_growth_mb": {"recorded": mb(recorded - before), "scrubbed": mb(resident_memory() - before)},
        "peak_growth_mb": mb(peak_memory() - before),
        "platform": application.platformName(),
        "window": SIZE,
        "cores": os.cpu_count(),
    }
    window.close()
    window.runner.shutdown(10_000)
    window.deleteLater()
    application.processEvents()
    return result


def settle(application, window, seconds: float = 1.0) -> None:
    """Let the window come to rest: what it does in the background, and what it draws after."""
    quiet = time.monotonic() + seconds
    while time.monotonic() < quiet:
        application.processEvents()
        if window.runner.busy or window.state.device is None:
            quiet = time.monotonic() + seconds
        time.sleep(0.002)


def sweep(steps: int, moves: int) -> Sequence[int]:
    """Through the whole run and back, as fast as a hand drags: some ten steps a move."""
    return [abs((11 * move) % (2 * steps) - steps) for move in range(moves)]


def play(steps: int, moves: int) -> Sequence[int]:
    """A step at a time, from the middle on."""
    return [(steps // 2 + move) % (steps + 1) for move in range(moves)]


def summary(taken: Sequence[float]) -> dict[str, float]:
    ordered = sorted(taken)
    shares = {
        f"p{share}": round(ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 2) for share in (50, 95, 99)
    }
    return shares | {"frames_a_second": round(1e3 * len(taken) / sum(taken), 1)}


def resident_memory() -> int:
    """What this process has in memory now, in bytes; where that is not known, the most it has had."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak_memory()


if __name__ == "__main__":
    main()
