"""The forward process that is shown: its picture, its noise, the step one looks at, and the chains behind it.

There is one for each StudioState. The closed form is computed where it is asked for; chains follow in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from studio.app import jobs
from studio.app.forward.chains import Chains
from studio.app.forward.pictures import (
    ForwardPicture,
    Origin,
    Shape,
    another_number,
    fit_job,
    fitted_picture,
    picture_of_set,
)
from studio.app.microscope.playback import Playback
from studio.app.undo import Change, undo_stack_of
from studio.data.pixels import to_model_range, to_pictures
from studio.diffusion import PictureNoise, diffuse

if TYPE_CHECKING:
    from studio.app.forward.chain import ChainWalk
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.data.image_set import ImageSet
    from studio.diffusion import NoiseSchedule
    from studio.diffusion.forward_moments import ForwardMoments

STARTER_SET = "avatars"
FIRST_SHARE = 0.4
"""Where the playhead stands at first: picture and noise are both to be seen there."""


class ForwardProcess(QObject):
    """One picture on its way to noise."""

    changed = Signal()
    """Another picture, noise or schedule: the closed form is another one."""
    chain_changed = Signal()
    """Another Markov chain was walked, or the old one is gone."""
    moments_changed = Signal()
    """More chains were measured, or the measurement began anew."""
    failed = Signal(object)
    """StudioError"""

    def __init__(self, state: StudioState, runner: Runner) -> None:
        super().__init__(state)
        self._state = state
        self._runner = runner
        self._active = False
        self._picture: ForwardPicture | None = None
        self._x: torch.Tensor | None = None
        self._noise: torch.Tensor | None = None
        self._source: PictureNoise | None = None
        self._seed = 0
        self._schedule: NoiseSchedule | None = None
        self._starter: ImageSet | None = None
        self._loading: JobHandle | None = None
        self.chains = Chains(runner, self)
        self.chains.chain_changed.connect(self.chain_changed)
        self.chains.moments_changed.connect(self.moments_changed)
        self.chains.failed.connect(self.failed)
        self.playback = Playback(self)
        self.playback.set_follow(False)
        self.playback.set_speed(2.0)
        state.schedule_changed.connect(self._take_schedule)
        state.image_set_changed.connect(self._take_set)
        state.model_changed.connect(self._take_model)
        self._take_schedule()

    @property
    def picture(self) -> ForwardPicture | None:
        return self._picture

    @property
    def schedule(self) -> NoiseSchedule | None:
        return self._schedule

    @property
    def seed(self) -> int:
        """The number from which all noise comes."""
        return self._seed

    @property
    def ready(self) -> bool:
        """There are a picture and a schedule."""
        return self._x is not None and self._schedule is not None

    @property
    def t(self) -> int:
        """The step under the playhead, 0-based."""
        last = self.playback.position if self._schedule is None else self._schedule.step_count - 1
        return min(self.playback.position, last)

    @property
    def x(self) -> torch.Tensor:
        """The picture, float32 (1, C, H, W), −1..1."""
        assert self._x is not None
        return self._x

    @property
    def noise(self) -> torch.Tensor:
        """ε of the closed form, the total noise, float32 (1, C, H, W)."""
        assert self._noise is not None
        return self._noise

    @property
    def chain(self) -> ChainWalk | None:
        """The Markov chain; while the schedule is dragged it is one or two schedules behind. None until walked."""
        return self.chains.chain

    @property
    def chain_is_current(self) -> bool:
        return self.chains.current

    @property
    def moments(self) -> ForwardMoments | None:
        """What was measured on this very schedule, picture and seed so far."""
        return self.chains.moments

    def closed(self, t: int) -> torch.Tensor:
        """z_t in closed form, float32 (1, C, H, W); t 0-based, −1 is the picture."""
        assert self._schedule is not None
        return self.x if t < 0 else diffuse(self._schedule, self.x, t, self.noise)

    def closed_pictures(self, steps: list[int]) -> NDArray[np.uint8]:
        """z_t in closed form at many steps (0-based, −1 is the picture) at once, uint8 (N, H, W, C)."""
        assert self._schedule is not None
        times = torch.tensor([max(step, 0) for step in steps])
        count = (len(steps), -1, -1, -1)
        z = diffuse(self._schedule, self.x.expand(count), times, self.noise.expand(count))
        z[torch.tensor([step < 0 for step in steps])] = self.x[0]
        return to_pictures(z)

    def chain_pictures(self, steps: list[int]) -> NDArray[np.uint8] | None:
        """The same of the Markov chain; None where there is none of this length."""
        chain = self.chain
        if chain is None or self._schedule is None or chain.schedule.step_count != self._schedule.step_count:
            return None
        return to_pictures(chain.states[torch.tensor(steps) + 1])

    def set_active(self, active: bool) -> None:
        """Whether anybody looks: nothing is read or computed for nobody."""
        if active == self._active:
            return
        self._active = active
        self.chains.set_active(active)
        if not active:
            self.playback.pause()
        elif self._picture is None:
            self._find_picture()

    def bring(self, origin: Origin) -> None:
        """Take a picture of one's own, from a file or as uint8 (H, W, C); it is fitted in the background."""
        if self._loading is not None:
            self._loading.cancel()
        handle = self._runner.interject(fit_job(origin, self._shape()), "Reading a picture")
        self._loading = handle
        handle.succeeded.connect(self._on_brought)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_loaded)

    @Slot()
    def take_another(self) -> None:
        """Another picture of the open set."""
        image_set = self._state.image_set or self._starter
        if image_set is not None:
            number = self._picture.number if self._picture is not None else None
            number = 0 if number is None else another_number(number, image_set.count)
            self._choose(self._of_set(image_set, number))

    @Slot()
    def take_other_noise(self) -> None:
        """The same picture with other noise."""
        self._push("Other noise", self._set_seed, self._seed, self._seed + 1)

    @Slot()
    def _take_schedule(self) -> None:
        schedule, before = self._state.schedule, self._schedule
        self._schedule = schedule
        if schedule is None:
            return
        # First of all: whoever hears of the playhead's new place must not look it up in old measurements.
        self._begin_anew()
        count = schedule.step_count
        if before is None or before.step_count != count:
            share = FIRST_SHARE if before is None else self.t / max(before.step_count - 1, 1)
            playing = self.playback.playing
            self.playback.extend(count, count)
            self.playback.seek(round(share * (count - 1)))
            if playing:
                self.playback.play()
        if self.ready:
            self.changed.emit()

    @Slot()
    def _take_set(self) -> None:
        if self._picture is not None and self._picture.own:
            self._refit()
        elif self._active or self._picture is not None:
            self._find_picture()

    @Slot()
    def _take_model(self) -> None:
        # With a set open its pictures decide; without one the model says what a picture is.
        if self._picture is not None and self._state.image_set is None:
            if self._picture.own:
                self._refit()
            elif self._picture.shape != self._shape():
                self._find_picture()

    def _shape(self) -> Shape:
        """(C, H, W) of what a picture of one's own becomes: that of the set, of the model, or of what comes along."""
        image_set, model = self._state.image_set, self._state.model
        if image_set is None and model is not None:
            return model.shape
        image_set = image_set or self._starter
        return (3, 16, 16) if image_set is None else (image_set.channels, image_set.height, image_set.width)

    def _of_set(self, image_set: ImageSet, number: int) -> ForwardPicture:
        picture = picture_of_set(image_set, number)
        if image_set is self._state.image_set or picture.shape == self._shape():
            return picture
        # No set is open: a starter picture becomes what the chosen model makes.
        fitted = fitted_picture(picture.pixels, self._shape())
        return ForwardPicture(fitted.pixels, picture.title, picture.number)

    def _find_picture(self) -> None:
        image_set = self._state.image_set or self._starter
        if image_set is not None:
            self._set_picture(self._of_set(image_set, 0))
        elif self._loading is None:
            handle = self._runner.interject(jobs.open_starter_set(STARTER_SET), "Reading a starter set")
            self._loading = handle
            handle.succeeded.connect(self._on_starter)
            handle.failed.connect(self._on_failed)
            handle.finished.connect(self._on_loaded)

    def _refit(self) -> None:
        assert self._picture is not None
        assert self._picture.origin is not None
        if self._picture.shape != self._shape():
            self.bring(self._picture.origin)

    @Slot(object)
    def _on_starter(self, image_set: ImageSet) -> None:
        self._starter = image_set
        if self._picture is None:
            self._find_picture()

    @Slot(object)
    def _on_brought(self, picture: ForwardPicture) -> None:
        if picture.shape != self._shape():
            # Another set was opened meanwhile.
            assert picture.origin is not None
            self._loading = None
            self.bring(picture.origin)
        elif self._picture is not None and picture.origin is self._picture.origin:
            self._set_picture(picture)
        else:
            self._choose(picture)

    @Slot(object, str)
    def _on_failed(self, error: object, details: str) -> None:
        self.failed.emit(error)

    @Slot()
    def _on_loaded(self) -> None:
        if self._loading is self.sender():
            self._loading = None

    def _choose(self, picture: ForwardPicture) -> None:
        if self._picture is None:
            self._set_picture(picture)
        else:
            self._push("Another picture", self._set_picture, self._picture, picture)

    def _push(self, title: str, set_value: Callable[[object], None], before: object, after: object) -> None:
        undo_stack_of(self._state).push(Change(title, set_value, before, after))

    def _set_picture(self, picture: object) -> None:
        if not isinstance(picture, ForwardPicture):
            return
        if not picture.own and picture.shape != self._shape():
            # Taken back to a picture of a set that is closed now.
            return
        self._picture = picture
        self._x = to_model_range(picture.pixels[None])
        self._draw_noise()
        self._tell()
        if picture.own:
            # Taken back to when another set was open.
            self._refit()

    def _set_seed(self, seed: object) -> None:
        self._seed = int(seed)  # type: ignore[call-overload]
        self._draw_noise()
        self._tell()

    def _draw_noise(self) -> None:
        if self._picture is not None:
            self._source = PictureNoise(self._seed, (0,), self._picture.shape)
            self._noise = self._source.initial()

    def _begin_anew(self) -> None:
        """Whatever was walked and measured belongs to the past."""
        if self.ready:
            assert self._schedule is not None
            assert self._source is not None
            self.chains.begin(self._schedule, self.x, self._source)

    def _tell(self) -> None:
        self._begin_anew()
        if self.ready:
            self.changed.emit()


def forward_of(state: StudioState, runner: Runner) -> ForwardProcess:
    """The one forward process of a window's state, made at the first call."""
    found = state.findChild(ForwardProcess)
    return found if found is not None else ForwardProcess(state, runner)
