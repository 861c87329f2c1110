"""The main job without a person: pictures in, training, denoising, scrubbing, through the real window.

    diffusion-studio tour --out DIR [--seconds N] [--data DATA]

Presses the same buttons as a person would, on a screen or without one, and writes a screenshot of every workspace
(dark and light), a contact sheet, a film of one denoising, and the model into DIR. The person's own settings, runs and
models are not touched.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.errors import StudioError, TrainingError

EXIT_DONE = 0
EXIT_FAILED = 1

WINDOW_SIZE = (1600, 1000)


def main(out: Path, seconds: float, data: Path | None = None) -> int:
    """Take the tour, printing what happens; returns the exit code."""
    if not _has_screen():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with _borrowed_home():
        try:
            _take(out, seconds, data)
        except StudioError as error:
            print(f"The tour ended early: {error}", file=sys.stderr)
            return EXIT_FAILED
    return EXIT_DONE


def _has_screen() -> bool:
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")
    )


@contextmanager
def _borrowed_home() -> Iterator[None]:
    """A home for settings and runs that goes when the tour is over."""
    name = "DIFFUSION_STUDIO_HOME"
    before = os.environ.get(name)
    with tempfile.TemporaryDirectory(prefix="diffusion-studio-tour-") as home:
        os.environ[name] = home
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _take(out: Path, seconds: float, data: Path | None) -> None:
    from studio.app.application import lower_priority, make_application
    from studio.app.main_window import MainWindow
    from studio.app.process.logs import start_logging, stop_logging
    from studio.app.settings import Settings
    from studio.app.theme import theme
    from studio.app.tour import main_job, views
    from studio.app.tour.guide import Guide

    keeper = start_logging()
    application = make_application(sys.argv[:1])
    theme().set_choice("dark")
    window = MainWindow(Settings(application), keeper=keeper, prepare_thread=lower_priority)
    window.resize(*WINDOW_SIZE)
    window.show()
    window.begin()
    guide = Guide(window, out)
    try:
        main_job.see_start_page(guide)
        main_job.bring_pictures(guide, data)
        main_job.see_the_data(guide)
        main_job.train(guide, seconds)
        main_job.see_the_runs(guide)
        main_job.denoise(guide)
        main_job.write_pictures(guide)
        views.branch(guide)
        views.compare(guide)
        views.see_noise_grow(guide)
        views.see_training_slowly(guide)
        views.see_the_plane(guide)
        main_job.show_light(guide)
    finally:
        window.closing.save_and_leave()
        window.close()
        ended = window.runner.shutdown(10_000)
        window.deleteLater()
        application.processEvents()
        stop_logging(keeper)
    if not ended:
        raise TrainingError("The background thread did not come back.", "Start the tour again.")
