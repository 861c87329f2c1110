"""How soon the forward strip follows while a schedule is dragged.

    QT_QPA_PLATFORM=offscreen python -m tests.benchmarks.forward_strip [--side N] [--channels C] [--changes N]

Sets one schedule after the other, as a drag does, with the page shown and its chain walked in the background meanwhile,
and prints how long it takes from the change until the page has been painted anew (p50, p95, p99).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from PySide6.QtWidgets import QApplication

WANTED_MS = 50.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--changes", type=int, default=200)
    wishes = parser.parse_args()

    from studio.app.application import lower_priority, make_application
    from studio.app.docks.forward.stage import ForwardStage
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.data.image_set import ImageSet
    from studio.diffusion.schedule import linear

    application = make_application(["forward-strip"])
    images = np.random.default_rng(0).integers(0, 256, (4, wishes.side, wishes.side, wishes.channels), dtype=np.uint8)
    state, runner = StudioState(), Runner(prepare=lower_priority)
    state.set_image_set(ImageSet("Noise", images))
    state.set_schedule(linear(1000))
    page = ForwardStage(state, runner)
    page.resize(1280, 430)
    page.show()
    _spin(application, 2.0)
    times = []
    for change in range(wishes.changes):
        schedule = linear(1000, beta_end=0.01 + 0.02 * change / wishes.changes)
        began = time.perf_counter()
        state.set_schedule(schedule)
        page.repaint()
        times.append((time.perf_counter() - began) * 1000)
        _spin(application, 0.016)
    assert page.view.process.chain is not None
    _spin(application, 1.0)
    runner.shutdown()
    p50, p95, p99 = np.percentile(times, (50, 95, 99))
    print(f"{wishes.channels}×{wishes.side}×{wishes.side}, {wishes.changes} changes of the schedule:")
    print(f"page repainted after p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms (wanted: p95 ≤ {WANTED_MS:g})")
    page.close()


def _spin(application: QApplication, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        application.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
