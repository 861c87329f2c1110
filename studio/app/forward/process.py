"""The forward process that is shown: its picture, its noise, the step one looks at, and the chains behind it.

There is one for each StudioState. The closed form is computed where it is asked for; the chain is walked in the
background and follows a moment later. Once the schedule rests, many chains are run and measured; a training that goes
on waits for a few of them only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.app import jobs
from studio.app.forward.chain import CHAINS_IN_PASSING, ChainWalk, MeasuredChains, chain_count, measure_job, walk_job
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
from studio.app.runner import JobState
from studio.app.undo import Change, undo_stack_of
from studio.data.pixels import to_model_range, to_pictures
from studio.diffusion import PictureNoise, diffuse

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState
    from studio.data.image_set import ImageSet
    from studio.diffusion import NoiseSchedule
    from studio.diffusion.forward_moments import ForwardMoments

STARTER_SET = "avatars"
SETTLED_MS = 250
"""How long a schedule must rest before chains are measured on it."""

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
        self._seed = 0
        self._schedule: NoiseSchedule | None = None
        self._starter: ImageSet | None = None
        self._chain: ChainWalk | None = None
        self._moments: ForwardMoments | None = None
        self._key = object()
        self._loading: JobHandle | None = None
        self._walking: JobHandle | None = None
        self._walk_again = False
        self._measuring: JobHandle | None = None
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._settled.timeout.connect(self._measure)
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
        return self.playback.position

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
        return self._chain

    @property
    def chain_is_current(self) -> bool:
        return self._chain is not None and self._chain.schedule is self._schedule

    @property
    def moments(self) -> ForwardMoments | None:
        """What was measured on this very schedule, picture and seed so far."""
        return self._moments

    @property
    def chains_wanted(self) -> int:
        """How many chains will have been measured in the end."""
        assert self._schedule is not None
        return chain_count(self._schedule, self.x.numel())

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
        chain = self._chain
        if chain is None or self._schedule is None or chain.schedule.step_count != self._schedule.step_count:
            return None
        return to_pictures(chain.states[torch.tensor(steps) + 1])

    def set_active(self, active: bool) -> None:
        """Whether anybody looks: nothing is read or computed for nobody."""
        if active == self._active:
            return
        self._active = active
        if active:
            if self._picture is None:
                self._find_picture()
            elif self._walking is None and not self.chain_is_current:
                self._walk()
            elif self._moments is None or self._moments.chains < self.chains_wanted:
                self._settled.start()
        else:
            self.playback.pause()
            self._stop_measuring()

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
        # Whoever hears of the playhead's new place must not look it up in what was measured before.
        had_moments, self._moments = self._moments is not None, None
        count = schedule.step_count
        if before is None or before.step_count != count:
            share = FIRST_SHARE if before is None else self.t / max(before.step_count - 1, 1)
            playing = self.playback.playing
            self.playback.extend(count, count)
            self.playback.seek(round(share * (count - 1)))
            if playing:
                self.playback.play()
        self._begin_anew()
        if had_moments:
            self.moments_changed.emit()

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
            self._refit() if self._picture.own else self._find_picture()

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
        if self._picture is None or self._picture.shape != picture.shape:
            self._chain = None
        self._picture = picture
        self._x = to_model_range(picture.pixels[None])
        self._draw_noise()
        self._begin_anew()

    def _set_seed(self, seed: object) -> None:
        self._seed = int(seed)  # type: ignore[call-overload]
        self._draw_noise()
        self._begin_anew()

    def _draw_noise(self) -> None:
        if self._picture is not None:
            self._noise = self._source().initial()

    def _source(self) -> PictureNoise:
        assert self._picture is not None
        return PictureNoise(self._seed, (0,), self._picture.shape)

    def _begin_anew(self) -> None:
        """Whatever was walked and measured belongs to the past."""
        self._key = object()
        self._stop_measuring()
        had_moments, self._moments = self._moments is not None, None
        if not self.ready:
            return
        self.changed.emit()
        if had_moments:
            self.moments_changed.emit()
        if self._active:
            self._walk()

    def _walk(self) -> None:
        if self._walking is not None:
            self._walk_again = True
            return
        if not self._runner.accepting or self._schedule is None:
            return
        chain, source = self._chain, self._source()
        known = chain.noise if chain is not None and _same_noise(chain.source, source) else None
        handle = self._hand_in(walk_job(self._schedule, self.x, source, known), "Walking to noise")
        self._walking, self._walk_again = handle, False
        handle.succeeded.connect(self._on_walked)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_walk_finished)

    def _hand_in(self, job: Iterator[object], title: str) -> JobHandle:
        """Unseen while nothing else runs; otherwise between two steps of what does."""
        if any(not handle.background for handle in self._runner.jobs):
            return self._runner.interject(job, title)
        return self._runner.start(job, title, background=True)

    @Slot(object)
    def _on_walked(self, chain: ChainWalk) -> None:
        if self._picture is not None and chain.source.shape == self._picture.shape:
            self._chain = chain
            self.chain_changed.emit()

    @Slot()
    def _on_walk_finished(self) -> None:
        handle, self._walking = self._walking, None
        if not self._active or handle is None:
            return
        if self._walk_again or _gave_way(handle):
            self._walk()
        elif handle.state is JobState.SUCCEEDED:
            self._settled.start()

    @Slot()
    def _measure(self) -> None:
        """Run chains until there are enough."""
        if self._measuring is not None or not self._active or not self.ready or not self._runner.accepting:
            return
        assert self._schedule is not None
        count = self.chains_wanted
        if any(not handle.background for handle in self._runner.jobs):
            count = min(count, CHAINS_IN_PASSING)
        if self._moments is not None and self._moments.chains >= count:
            return
        job = measure_job(self._key, self._schedule, self.x, self._seed, self._moments, count)
        self._measuring = handle = self._hand_in(job, "Measuring chains")
        handle.frame.connect(self._on_measured)
        handle.failed.connect(self._on_failed)
        handle.finished.connect(self._on_measure_finished)

    @Slot(object)
    def _on_measured(self, measured: MeasuredChains) -> None:
        if measured.key is self._key:
            self._moments = measured.moments
            self.moments_changed.emit()

    @Slot()
    def _on_measure_finished(self) -> None:
        handle = self.sender()
        if self._measuring is handle:
            self._measuring = None
            if self._active and _gave_way(handle):
                self._settled.start()

    def _stop_measuring(self) -> None:
        self._settled.stop()
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None


def forward_of(state: StudioState, runner: Runner) -> ForwardProcess:
    """The one forward process of a window's state, made at the first call."""
    found = state.findChild(ForwardProcess)
    return found if found is not None else ForwardProcess(state, runner)


def _gave_way(handle: JobHandle) -> bool:
    """A job that nobody saw was cancelled for one that somebody waits for; what a person cancels stays cancelled."""
    return handle.background and handle.state is JobState.CANCELLED


def _same_noise(one: PictureNoise, other: PictureNoise) -> bool:
    return (one.seed, one.pictures, one.shape) == (other.seed, other.pictures, other.shape)
