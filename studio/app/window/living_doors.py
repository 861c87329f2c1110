"""Keeps the start page's pictures alive: reads the starter sets and lets the starter models denoise.

All of it in background jobs that give way to anything a person starts, and only while the page is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.runner import JobHandle, Runner
from studio.app.window.start_page import StartPage

if TYPE_CHECKING:
    from pathlib import Path

    from studio.library.bundle import ModelBundle

PICTURE_STEPS = 24
POINT_STEPS = 40
POINT_COUNT = 24


class LivingDoors(QObject):
    """`set_active` when the page is shown or left; `models` are the files of the starter models by id."""

    settled = Signal()
    """Every door has its first picture, as far as there is one: the thread is free for other preparations."""

    def __init__(self, page: StartPage, runner: Runner, models: dict[str, Path], parent: QObject) -> None:
        super().__init__(parent)
        self._page = page
        self._runner = runner
        self._models = models
        self._bundles: dict[str, ModelBundle] = {}
        self._material_read = False
        self._active = False
        self._settled = False
        self._seed = 0
        self._wants = {"picture": True, "points": True}
        self._handle: JobHandle | None = None
        page.denoising.wants_more.connect(self._want_picture)
        page.plane.wants_more.connect(self._want_points)
        runner.idle.connect(self._next)

    def set_active(self, active: bool) -> None:
        """The page is seen, or not any more."""
        self._active = active
        if active:
            self._next()
        elif self._handle is not None:
            self._handle.cancel()

    @Slot()
    def _want_picture(self) -> None:
        self._wants["picture"] = True
        self._next()

    @Slot()
    def _want_points(self) -> None:
        self._wants["points"] = True
        self._next()

    @Slot()
    def _next(self) -> None:
        """Start the next job, unless somebody else's is alive or nothing is wanted."""
        if not self._active or self._runner.busy:
            return
        if not self._material_read:
            self._begin(jobs.start_material(self._models), self._on_material, self._on_material_end)
        elif self._wants["picture"] and (model := self._picture_model()) is not None:
            self._wants["picture"] = False
            self._seed += 1
            self._begin(
                jobs.watch_picture(model, self._seed, PICTURE_STEPS), self._page.denoising.add, self._end_picture
            )
        elif self._wants["points"] and (model := self._bundles.get("two-pixels")) is not None:
            self._wants["points"] = False
            self._seed += 1
            self._begin(
                jobs.watch_points(model, self._seed, POINT_COUNT, POINT_STEPS), self._page.plane.add, self._end_points
            )
        elif not self._settled:
            self._settled = True
            self.settled.emit()

    def _picture_model(self) -> ModelBundle | None:
        return self._bundles.get("avatars") or self._bundles.get("digits")

    def _begin(self, job: object, on_events: object, on_end: object) -> None:
        handle = self._runner.start(job, "Starter model", background=True)
        self._handle = handle
        handle.events.connect(on_events)
        handle.succeeded.connect(on_end)
        handle.cancelled.connect(self._on_cancelled)
        handle.failed.connect(self._on_failed)

    @Slot(list)
    def _on_material(self, items: list) -> None:
        for item in items:
            if isinstance(item, jobs.StarterModelRead):
                self._bundles[item.id] = item.bundle
            elif item.id == "avatars":
                self._page.pictures.set_pictures(item.image_set.images[:240])
            elif item.id == "two-pixels":
                pixels = item.image_set.images[:600].reshape(-1, 2)
                self._page.plane.set_data(pixels / 127.5 - 1.0)

    @Slot()
    def _on_material_end(self) -> None:
        self._material_read = True
        if self._picture_model() is None:
            self._page.denoising.say("No model of pictures is here yet. Train one on yours, or open a model file.")

    @Slot()
    def _end_picture(self) -> None:
        self._page.denoising.finish()

    @Slot()
    def _end_points(self) -> None:
        self._page.plane.finish()

    @Slot()
    def _on_cancelled(self) -> None:
        # Somebody else needed the thread: begin again when the runner is idle and the page is seen.
        self._wants = {"picture": True, "points": True}

    @Slot()
    def _on_failed(self) -> None:
        # Said in the log; a door without its picture still opens.
        self._material_read = True
        self._active = False
