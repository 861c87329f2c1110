"""The stops of the tour from pictures to a finished picture, in the order in which a person would come to them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from studio.app.tour.guide import PATIENCE_SECONDS, Guide

STARTER_SET = "avatars"
SCRUB_POSITIONS = 24


def see_start_page(guide: Guide) -> None:
    """Wait until the doors are alive, where there are starter models."""
    settled: list[bool] = []
    guide.window.doors.settled.connect(lambda: settled.append(True))
    guide.wait("the start page", lambda: bool(settled), 30, strict=False)
    guide.breathe(1.5)
    guide.photograph("start")


def bring_pictures(guide: Guide, data: Path | None) -> None:
    """Open `data`, or a starter set."""
    window = guide.window
    window.workspaces.switch("train")
    if data is None:
        window.open_starter(STARTER_SET)
    else:
        window.opener.open([data])
    guide.wait("the pictures", lambda: window.state.image_set is not None)
    pictures = window.state.image_set
    guide.say(f"imported {pictures.count:,} pictures of {pictures.width} × {pictures.height} ({pictures.name})")


def see_the_data(guide: Guide) -> None:
    """Every picture as the network will get it, and what is to be known of them."""
    from studio.app.data.editing import data_editing_of

    window = guide.window
    window.workspaces.switch("data")
    editing = data_editing_of(window.state, window.runner)
    guide.wait("the examination", lambda: not window.runner.busy, 60, strict=False)
    guide.settle()
    health = editing.health
    findings = 0 if health is None else len(health.findings)
    guide.say(f"examined {window.state.image_set.count:,} pictures: {findings} findings")
    guide.photograph("data")
    window.workspaces.switch("train")


def train(guide: Guide, seconds: float) -> None:
    """Train for `seconds` of training time, pause and go on once, then keep the model."""
    from studio.app.training.controller import Phase
    from studio.training.settings import Budget

    window = guide.window
    stage, controller = window.panels.training, window.panels.training.controller
    guide.wait("the Start button", lambda: stage.options is not None and stage.header.primary.isEnabled())
    guide.wait("the window to settle", lambda: not window.runner.busy, 60, strict=False)
    settings, network_config = stage.options.recipe()
    controller.start(replace(settings, budget=Budget(minutes=seconds / 60)), network_config)
    guide.wait("training to begin", lambda: controller.phase is Phase.RUNNING)
    _wait_for_training(guide, seconds / 2)
    if controller.phase is Phase.RUNNING:
        controller.pause()
        guide.wait("the pause", lambda: controller.phase is not Phase.PAUSING)
    if controller.phase is Phase.PAUSED:
        guide.say(f"paused training at step {window.state.run.step:,} and went on")
        controller.resume()
    _wait_for_training(guide, 0.9 * seconds)
    guide.photograph("train")
    guide.wait("training to end", lambda: controller.phase is Phase.IDLE, seconds + PATIENCE_SECONDS)
    run = window.state.run
    guide.say(
        f"trained {run.parameter_count:,} parameters for {run.seconds:.0f} s: {run.step:,} steps, "
        f"{run.images_seen / max(run.seconds, 1e-9):.0f} pictures/s on {run.device.label}"
    )


def see_the_runs(guide: Guide) -> None:
    """The run that just ended, with its curves, newest pictures and settings."""
    window = guide.window
    window.workspaces.switch("runs")
    guide.wait("the list of runs", lambda: not window.runner.busy, 30, strict=False)
    guide.settle()
    guide.photograph("runs")


def denoise(guide: Guide) -> None:
    """Denoise with the new model, and drag through the frames."""
    window, denoising = guide.window, guide.denoising
    window.workspaces.switch("denoise")
    guide.wait("the model", lambda: window.state.model is not None)
    denoising.start(window.state.model_choice, window.runner)
    guide.wait("denoising", lambda: not denoising.running)
    frames, playback = denoising.frames, denoising.playback
    guide.say(f"denoised {frames.picture_count} pictures in {len(frames.trace)} steps")
    last = len(frames.trace)
    playback.pause()
    began = time.monotonic()
    for index in range(SCRUB_POSITIONS):
        playback.seek(round(index * last / (SCRUB_POSITIONS - 1)))
        guide.breathe()
    milliseconds = 1000 * (time.monotonic() - began) / SCRUB_POSITIONS
    guide.say(f"scrubbed through {SCRUB_POSITIONS} frames without the model, {milliseconds:.0f} ms each")
    playback.seek(round(0.62 * last))


def write_pictures(guide: Guide) -> None:
    """The contact sheet, the film and the model."""
    from studio.app.microscope.film_export import FilmRequest, film_job
    from studio.app.microscope.frames import FilmKind
    from studio.data.pixels import to_pictures
    from studio.generation.export import contact_sheet, preferred_scale, save_image

    trace, model = guide.denoising.frames.trace, guide.window.state.model
    pictures = to_pictures(trace.pictures())
    scale = preferred_scale(*pictures.shape[1:3])
    save_image(contact_sheet(pictures, columns=8), guide.out / "contact-sheet.png", overwrite=True)
    for _ in film_job(trace, FilmRequest(FilmKind.Z, None, 12.0, scale), guide.out / "denoising.gif"):
        guide.breathe()
    model.save(guide.out / "model.safetensors")
    guide.say("wrote contact-sheet.png, denoising.gif and model.safetensors")


def show_light(guide: Guide) -> None:
    """The same window by day."""
    from studio.app.theme import theme

    theme().set_choice("light")
    for name in ("plane", "compare", "denoise", "runs", "train", "data"):
        guide.window.workspaces.switch(name)
        guide.settle()
        guide.photograph(f"{name}-light")


def _wait_for_training(guide: Guide, seconds: float) -> None:
    from studio.app.training.controller import Phase

    controller, state = guide.window.panels.training.controller, guide.window.state
    guide.wait(
        "training",
        lambda: controller.phase is not Phase.RUNNING or state.run.seconds >= seconds,
        seconds + PATIENCE_SECONDS,
    )
