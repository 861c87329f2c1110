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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from studio.errors import StudioError, TrainingError

EXIT_DONE = 0
EXIT_FAILED = 1

STARTER_SET = "avatars"
WINDOW_SIZE = (1600, 1000)
PATIENCE_SECONDS = 120.0
SCRUB_POSITIONS = 24


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

    keeper = start_logging()
    application = make_application(sys.argv[:1])
    theme().set_choice("dark")
    window = MainWindow(Settings(application), keeper=keeper, prepare_thread=lower_priority)
    window.resize(*WINDOW_SIZE)
    window.show()
    window.begin()
    guide = Guide(window, out)
    try:
        guide.see_start_page()
        guide.bring_pictures(data)
        guide.train(seconds)
        guide.denoise()
        guide.write_pictures()
        guide.show_light()
    finally:
        window.closing.save_and_leave()
        window.close()
        ended = window.runner.shutdown(10_000)
        window.deleteLater()
        application.processEvents()
        stop_logging(keeper)
    if not ended:
        raise TrainingError("The background thread did not come back.", "Start the tour again.")


class Guide:
    """Walks through the window, waits for what it set going, and keeps pictures of the way."""

    def __init__(self, window: object, out: Path) -> None:
        from studio.app.microscope.denoising import denoising_of

        self._window = window
        self._out = out
        self._began = time.monotonic()
        self._denoising = denoising_of(window.state)
        self._failures: list[StudioError] = []
        self._denoising.failed.connect(self._failures.append)
        window.opener.failed.connect(self._failures.append)
        window.panels.training.controller.failed.connect(self._note_failure)

    def see_start_page(self) -> None:
        """Wait until the doors are alive, where there are starter models."""
        settled: list[bool] = []
        self._window.doors.settled.connect(lambda: settled.append(True))
        self._wait("the start page", lambda: bool(settled), 30, strict=False)
        self._breathe(1.5)
        self._photograph("start")

    def bring_pictures(self, data: Path | None) -> None:
        """Open `data`, or a starter set."""
        window = self._window
        window.workspaces.switch("train")
        if data is None:
            window.open_starter(STARTER_SET)
        else:
            window.opener.open([data])
        self._wait("the pictures", lambda: window.state.image_set is not None)
        pictures = window.state.image_set
        self._say(f"imported {pictures.count:,} pictures of {pictures.width} × {pictures.height} ({pictures.name})")

    def train(self, seconds: float) -> None:
        """Train for `seconds` of training time, pause and go on once, then keep the model."""
        from studio.app.training.controller import Phase
        from studio.training.settings import Budget

        window = self._window
        stage, controller = window.panels.training, window.panels.training.controller
        self._wait("the Start button", lambda: stage.options is not None and stage.header.primary.isEnabled())
        self._wait("the window to settle", lambda: not window.runner.busy, 60, strict=False)
        settings, network_config = stage.options.recipe()
        controller.start(replace(settings, budget=Budget(minutes=seconds / 60)), network_config)
        self._wait("training to begin", lambda: controller.phase is Phase.RUNNING)
        self._wait_for_training(seconds / 2)
        if controller.phase is Phase.RUNNING:
            controller.pause()
            self._wait("the pause", lambda: controller.phase is not Phase.PAUSING)
        if controller.phase is Phase.PAUSED:
            self._say(f"paused training at step {window.state.run.step:,} and went on")
            controller.resume()
        self._wait_for_training(0.9 * seconds)
        self._photograph("train")
        self._wait("training to end", lambda: controller.phase is Phase.IDLE, seconds + PATIENCE_SECONDS)
        run = window.state.run
        self._say(
            f"trained {run.parameter_count:,} parameters for {run.seconds:.0f} s: {run.step:,} steps, "
            f"{run.images_seen / max(run.seconds, 1e-9):.0f} pictures/s on {run.device.label}"
        )

    def denoise(self) -> None:
        """Denoise with the new model, and drag through the frames."""
        window, denoising = self._window, self._denoising
        window.workspaces.switch("denoise")
        self._wait("the model", lambda: window.state.model is not None)
        denoising.start(window.state.model_choice, window.runner)
        self._wait("denoising", lambda: not denoising.running)
        frames, playback = denoising.frames, denoising.playback
        self._say(f"denoised {frames.picture_count} pictures in {len(frames.trace)} steps")
        last = len(frames.trace)
        playback.pause()
        began = time.monotonic()
        for index in range(SCRUB_POSITIONS):
            playback.seek(round(index * last / (SCRUB_POSITIONS - 1)))
            self._breathe()
        milliseconds = 1000 * (time.monotonic() - began) / SCRUB_POSITIONS
        self._say(f"scrubbed through {SCRUB_POSITIONS} frames without the model, {milliseconds:.0f} ms each")
        playback.seek(round(0.62 * last))
        self._photograph("denoise")

    def write_pictures(self) -> None:
        """The contact sheet, the film and the model."""
        from studio.app.microscope.film_export import FilmRequest, film_job
        from studio.app.microscope.frames import FilmKind
        from studio.data.pixels import to_pictures
        from studio.generation.export import contact_sheet, preferred_scale, save_image

        trace, model = self._denoising.frames.trace, self._window.state.model
        pictures = to_pictures(trace.pictures())
        scale = preferred_scale(*pictures.shape[1:3])
        save_image(contact_sheet(pictures, columns=8), self._out / "contact-sheet.png", overwrite=True)
        for _ in film_job(trace, FilmRequest(FilmKind.Z, None, 12.0, scale), self._out / "denoising.gif"):
            self._breathe()
        model.save(self._out / "model.safetensors")
        self._say("wrote contact-sheet.png, denoising.gif and model.safetensors")

    def show_light(self) -> None:
        """The same window by day."""
        from studio.app.theme import theme

        theme().set_choice("light")
        self._photograph("denoise-light")
        self._window.workspaces.switch("train")
        self._photograph("train-light")

    def _wait_for_training(self, seconds: float) -> None:
        from studio.app.training.controller import Phase

        controller, state = self._window.panels.training.controller, self._window.state
        self._wait(
            "training",
            lambda: controller.phase is not Phase.RUNNING or state.run.seconds >= seconds,
            seconds + PATIENCE_SECONDS,
        )

    def _wait(
        self, what: str, ready: Callable[[], bool], patience: float = PATIENCE_SECONDS, *, strict: bool = True
    ) -> None:
        """Let the window live until `ready`; raises the first error that came up, and one when it takes too long."""
        deadline = time.monotonic() + patience
        while not ready():
            if self._failures:
                raise self._failures[0]
            if time.monotonic() > deadline:
                if not strict:
                    return
                raise TrainingError(f"Nothing came of {what} for {patience:.0f} s.", "Try a longer or smaller tour.")
            self._breathe(0.02)

    def _breathe(self, seconds: float = 0.0) -> None:
        """Let the window live: a real event loop, which also does what was put off until later."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(round(1000 * seconds), loop.quit)
        loop.exec()

    def _photograph(self, name: str) -> None:
        self._breathe(0.4)
        path = self._out / f"{name}.png"
        self._window.grab().save(str(path))
        self._say(f"photographed the window: {path.name}")

    def _note_failure(self, error: StudioError, _traceback: str) -> None:
        self._failures.append(error)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)
