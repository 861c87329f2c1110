"""How fast is the pixel plane, and how well does its small model learn what there is to learn?

    python -m tests.benchmarks.plane                      fields and densities, and the preset on every ready kind
    python -m tests.benchmarks.plane --kinds moons ring   only these kinds
    python -m tests.benchmarks.plane --no-training        only what takes seconds

Prints, for every ready kind: milliseconds of an exact 31 × 31 field and of a density of 320 × 240 cells (median and
p95 over t); the same with the canvas redrawn, at 830 × 600; the seconds of the preset training and its loss beside the
best possible one; the mean angle between the learned and the exact movement, weighted with the density of q(z_t) and
over the whole grid, as the mean over ten t and for each; and the share of 500 walks that end within three standard
deviations of a cluster, with the exact and the learned field.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from studio.app.plane.small_training import exact_fields, mean_angles
from studio.data.mixtures import MIXTURES
from studio.data.painting import Painting
from studio.data.pixels import to_model_range
from studio.diffusion import DataSetDenoiser, NetworkDenoiser, cosine
from studio.diffusion.plane import (
    Extent,
    angle_between,
    best_possible_loss,
    density,
    field,
    grid,
    pixel_plane,
    share_inside,
    walk,
)
from studio.networks.devices import choose_device, usable_cores
from studio.training.events import Progress
from studio.training.presets import plane_preset
from studio.training.run import TrainingRun
from studio.training.trainer import train

SCHEDULE = cosine(1000)
EXTENT = Extent(-1.9, 1.9, -1.9, 1.9)
CELLS = (320, 240)
CANVAS = (830, 600)
WALKS = 500


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    print(f"torch with {arguments.threads} threads, {usable_cores()} cores")
    for kind in arguments.kinds:
        _speed(kind, arguments.rounds)
    _canvas(arguments.rounds)
    if not arguments.no_training:
        for kind in arguments.kinds:
            _learning(kind, arguments.seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=list(MIXTURES), default=list(MIXTURES))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1, help="of torch; the program computes the plane with one (1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-training", action="store_true")
    return parser.parse_args()


def _times(rounds: int, work: Callable[[int], object]) -> str:
    milliseconds = []
    for round_ in range(rounds):
        t = round_ * (SCHEDULE.step_count - 1) // max(rounds - 1, 1)
        started = time.perf_counter()
        work(t)
        milliseconds.append(1000.0 * (time.perf_counter() - started))
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    return f"median {statistics.median(milliseconds):5.1f} ms  p95 {p95:5.1f} ms"


def _speed(kind: str, rounds: int) -> None:
    painting = Painting.ready(kind)
    exact, points = DataSetDenoiser(SCHEDULE, painting.image_set().images), grid(EXTENT, 31)
    field_times = _times(rounds, lambda t: field(exact, SCHEDULE, pixel_plane(), t, points))
    density_times = _times(rounds, lambda t: density(painting.points(), SCHEDULE, t, EXTENT, CELLS))
    print(
        f"{kind:13} {painting.count:5} pictures  exact field 31×31: {field_times}   density: {density_times}",
        flush=True,
    )


def _canvas(rounds: int) -> None:
    """The whole canvas redrawn after t changed: density, field, walks, probe, and the painting of all of it."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QPixmap
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication([])
    from studio.app.docks.plane.composing import PlaneComposer, SliceThumbnails
    from studio.app.plane.scene import plane_scene_of
    from studio.app.state import StudioState
    from studio.app.theme import theme
    from studio.app.widgets.plane_canvas import PlaneCanvas

    theme().install("dark")
    state = StudioState()
    scene, canvas = plane_scene_of(state), PlaneCanvas()
    canvas.resize(*CANVAS)
    composer = PlaneComposer(scene, canvas, SliceThumbnails(state, scene))
    canvas.show()
    application.processEvents()
    scene.settle()
    target = QPixmap(*CANVAS)

    def redraw(t: int) -> None:
        scene.set_t(t)
        canvas.set_drawing(composer.drawing(canvas.view))
        canvas.render(target)

    print(f"canvas {CANVAS[0]}×{CANVAS[1]}, everything made anew and drawn: {_times(rounds, redraw)}", flush=True)
    canvas.close()


def _learning(kind: str, seed: int) -> None:
    painting = Painting.ready(kind)
    pictures = painting.image_set()
    exact = DataSetDenoiser(SCHEDULE, pictures.images)
    floor = best_possible_loss(exact, SCHEDULE, to_model_range(pictures.images))
    settings, network = plane_preset(seed)
    losses: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun.create(pictures, SCHEDULE, settings, network, choose_device("cpu"), Path(folder) / "run")
        started = time.perf_counter()
        for event in train(run):
            if isinstance(event, Progress):
                losses += event.losses
        seconds = time.perf_counter() - started
    learned = NetworkDenoiser(run.average.network, SCHEDULE, settings.parameterization)
    truths = list(exact_fields(exact))
    weighted, plain = mean_angles(learned, truths)
    regions = painting.regions()
    inside = [
        share_inside(
            walk(denoiser, SCHEDULE, pixel_plane(), count=WALKS, seed=seed, dtype=dtype).ends,
            regions.centres,
            regions.reaches,
        )
        for denoiser, dtype in ((exact, torch.float64), (learned, torch.float32))
    ]
    last = float(np.mean(losses[-len(losses) // 5 :]))
    print(
        f"{kind:13} {seconds:5.1f} s for {run.step:,} steps  loss {last:.4f} (best possible {floor:.4f})  "
        f"mean angle {weighted:.1f}° by density, {plain:.1f}° over the grid  "
        f"inside: exact {inside[0]:.1%}, learned {inside[1]:.1%}"
    )
    for truth, weights in truths:
        answer = field(learned, SCHEDULE, pixel_plane(), truth.t, truth.points, dtype=torch.float32)
        angles = angle_between(answer, truth)
        print(f"    t {truth.t + 1:4}: {np.average(angles, weights=weights):5.1f}°  {angles.mean():5.1f}°")
    print(end="", flush=True)


if __name__ == "__main__":
    main()
