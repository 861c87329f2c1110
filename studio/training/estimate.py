"""How long a training will take, from a few real steps of it on this machine, before it begins.

The steps are those of a run that is thrown away: the same data, network, precision and code. What is measured is the
speed; how many pictures a model has to see before its own can be recognised is known from trainings, see
`pictures_to_recognisable`.
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import torch

from studio.data.image_set import ImageSet
from studio.diffusion.schedule import NoiseSchedule, make_schedule
from studio.networks.config import NetworkConfig, label_count
from studio.networks.devices import Device, usable_cores
from studio.training import quality, validation, wall
from studio.training.memory_available import available_memory
from studio.training.memory_needs import MemoryNeeds, MemoryVerdict, memory_needs, memory_verdict
from studio.training.run import TrainingRun
from studio.training.settings import TrainingSettings
from studio.training.thread_choice import ThreadChooser
from studio.training.trainer import training_step

LONGEST_SECONDS = 2.0
"""Of steps that are taken for an estimate, unless a single one takes longer."""

_SMALL_BATCH = 8
_WARM_UP_STEPS = 2
_STEPS = 8
_FORWARD_SHARE = 1 / 3
"""Of the time of a step, what the forward pass takes: the backward pass computes two products for each of its."""

_BEGINNING_SECONDS = 1.5
"""What happens once: the first row, the first validation, the instruments of the quality watch."""

_RECOGNISABLE_PICTURES = 13_500.0
_FULL_VALUES = 700.0
_WITHOUT_CLASSES = 1.8

_FEWEST_VALUES = 16
"""Of fewer values a picture is a point in a plane, of which nobody says that it was recognised."""


@dataclass(frozen=True)
class EstimateProgress:
    """fraction: how much of the estimate is done, in [0, 1]. Every one is a place to stop."""

    fraction: float


@dataclass(frozen=True)
class TrainingEstimate:
    """What to expect of a training on this machine as busy as it is now.

    pictures_per_second: over the whole run, with all that is drawn and measured on the way. step_seconds: of one step
    alone. threads: the number of threads that it is reckoned with. seconds: to the end of the budget. images: pictures
    seen by then. epochs: how often each picture of the data is. recognisable_seconds: until one can tell what the
    samples show; None for pictures of which that cannot be said. needs, memory: whether it fits.
    """

    pictures_per_second: float
    step_seconds: float
    threads: int
    seconds: float
    images: int
    epochs: float
    recognisable_seconds: float | None
    needs: MemoryNeeds
    memory: MemoryVerdict

    @property
    def long_enough(self) -> bool:
        """Whether the budget lasts until the pictures can be recognised, with something to spare for the decay."""
        return self.recognisable_seconds is None or self.recognisable_seconds <= 0.8 * self.seconds

    @property
    def minutes_needed(self) -> float | None:
        """A budget that would do, in whole minutes from one minute up; None where any does."""
        if self.recognisable_seconds is None:
            return None
        return float(max(1, math.ceil(self.recognisable_seconds / 0.8 / 60.0)))

    def sentence(self) -> str:
        """For people: when there will be something to see, or why not."""
        if self.recognisable_seconds is None:
            return f"Ends after {duration_in_words(self.seconds)}."
        if self.long_enough:
            return f"Recognisable after about {duration_in_words(self.recognisable_seconds)}."
        return (
            f"{_capital(duration_in_words(self.seconds))} are too short for these pictures on this computer: "
            f"they become recognisable after about {duration_in_words(self.recognisable_seconds)}. "
            f"Give it {duration_in_words(60.0 * self.minutes_needed)}."
        )


def estimate(
    settings: TrainingSettings,
    network_config: NetworkConfig,
    image_set: ImageSet,
    device: Device,
    *,
    schedule: NoiseSchedule | None = None,
    real_steps: int = _STEPS,
    now: Callable[[], float] = time.perf_counter,
) -> Generator[EstimateProgress, None, TrainingEstimate]:
    """Take a few real steps and reckon; the generator's result.

    Takes some two seconds; longer only where a single step of eight pictures does. Closing the generator stops it after
    the step that it is at. torch's thread count is left as it was. Everything is thrown away again.

    real_steps: how many steps are measured at least, with each number of threads that is tried; the first ones, in
    which memory is being found and kernels are chosen, come on top.
    Raises SettingsError when the network does not fit the pictures, OutOfMemory when not even a few pictures do.
    """
    yield EstimateProgress(0.0)
    needs = memory_needs(settings, network_config, image_set, device)
    memory = memory_verdict(needs, available_memory(device))
    yield EstimateProgress(0.1)
    schedule = make_schedule("cosine", 1000) if schedule is None else schedule
    before = torch.get_num_threads()
    try:
        with tempfile.TemporaryDirectory(prefix="estimate-") as folder:
            size = settings.batch_size if memory.micro_batches == 1 else _SMALL_BATCH
            trial = _Trial(settings, min(size, _SMALL_BATCH), network_config, image_set, device, schedule, folder, now)
            seconds, threads = yield from trial.measure(2)
            seconds *= settings.batch_size / trial.batch_size
            # A step of few pictures tells too little of one of many, unless a step of many would take too long.
            if size > trial.batch_size and seconds * (real_steps + _WARM_UP_STEPS) <= 4 * LONGEST_SECONDS:
                trial = _Trial(settings, size, network_config, image_set, device, schedule, folder, now)
                seconds, threads = yield from trial.measure(real_steps)
                seconds *= settings.batch_size / trial.batch_size
            del trial
    finally:
        torch.set_num_threads(before)
    yield EstimateProgress(1.0)
    return reckon(settings, image_set, label_count(network_config) is not None, seconds, threads, needs, memory)


def reckon(
    settings: TrainingSettings,
    image_set: ImageSet,
    with_classes: bool,
    step_seconds: float,
    threads: int,
    needs: MemoryNeeds,
    memory: MemoryVerdict,
) -> TrainingEstimate:
    """What steps of `step_seconds` mean for a training with these settings; with_classes: the network is told them."""
    batch, budget = settings.batch_size, settings.budget
    forward = _FORWARD_SHARE * step_seconds / batch
    if budget.images is not None:
        images = math.ceil(budget.images / batch) * batch
        stepping = images / batch * step_seconds
        # The share depends on the length, and the length on the share: two rounds settle it.
        seconds = stepping
        for _ in range(3):
            seconds = stepping / (1.0 - share_besides_steps(settings, forward, seconds))
    else:
        assert budget.minutes is not None
        seconds = 60.0 * budget.minutes
        share = share_besides_steps(settings, forward, seconds)
        images = math.ceil((1.0 - share) * seconds / step_seconds) * batch
    needed = pictures_to_recognisable(settings, image_set, with_classes)
    recognisable = None
    if needed is not None:
        # All that is drawn and measured is allowed a share of the time that shrinks with the square root of it, so that
        # early on as much is spent as a share of the whole would allow, and no more is known.
        share = share_besides_steps(settings, forward, seconds)
        recognisable = _BEGINNING_SECONDS + needed / batch * step_seconds / (1.0 - share)
    return TrainingEstimate(
        pictures_per_second=images / seconds,
        step_seconds=step_seconds,
        threads=threads,
        seconds=seconds,
        images=images,
        epochs=images / image_set.count,
        recognisable_seconds=recognisable,
        needs=needs,
        memory=memory,
    )


def share_besides_steps(settings: TrainingSettings, forward_seconds: float, seconds: float) -> float:
    """The share of the time that rows, validation and quality take, in [0, 1), where a picture goes through the
    network in `forward_seconds` and the run takes `seconds`. Each keeps to a limit of its own."""
    rows = settings.sample_rows * settings.sample_count * settings.sample_steps * forward_seconds
    if settings.sample_raw:
        rows *= 2
    share = min(wall.COST_SHARE, rows / seconds)
    if settings.validation_pictures:
        share += validation.COST_SHARE
    if settings.quality_pictures:
        share += quality.COST_SHARE
    return share


def pictures_to_recognisable(settings: TrainingSettings, image_set: ImageSet, with_classes: bool) -> float | None:
    """How many pictures the studio's networks have to see until `quality.recognisable` says yes; None where it cannot
    be said.

    Measured with 128 pictures, batches of 64 and a learning rate of 0.004, thousands of pictures seen, interpolated:

    - Fashion-MNIST 28 × 28, 10 classes: "good" 13.5, "sketch" 13.7; without classes, "sketch" above 20 (4.0 times the
      distance of real ones at 20, falling slowly).
    - Avatars 16 × 16 in colour, 4 classes: "sketch" 16.6, "good" 15.3 by DDIM and 12.9 by the sampler of the watch.
    - Houses 32 × 32 in colour, 4 classes, drawn for this: "sketch" 11.0. Digits 8 × 8, 10 classes: "sketch" 7.5.

    It hardly depends on the size of pictures or network: for the first two hundred steps it is the optimizer that takes
    its time. A network without classes has to find out by itself what kinds of pictures there are.
    """
    values = image_set.channels * image_set.height * image_set.width
    if values < _FEWEST_VALUES:
        return None
    pictures = _RECOGNISABLE_PICTURES * min(1.0, (values / _FULL_VALUES) ** 0.25)
    return pictures * (1.0 if with_classes else _WITHOUT_CLASSES)


def duration_in_words(seconds: float) -> str:
    """Such as "25 seconds", "4 minutes", "1.5 hours"; never less than a second."""
    if seconds < 90:
        count, unit = float(max(1, round(seconds) if seconds < 20 else 5 * round(seconds / 5))), "second"
    elif seconds < 90 * 60:
        count, unit = float(round(seconds / 60)), "minute"
    else:
        count, unit = round(seconds / 1800) / 2, "hour"
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


class _Trial:
    """A run that is thrown away, and its speed."""

    def __init__(
        self,
        settings: TrainingSettings,
        batch_size: int,
        network_config: NetworkConfig,
        image_set: ImageSet,
        device: Device,
        schedule: NoiseSchedule,
        folder: str,
        now: Callable[[], float],
    ) -> None:
        self.batch_size = batch_size
        settings_of_trial = dataclasses.replace(settings, batch_size=batch_size)
        place = Path(folder) / str(batch_size)
        self._run = TrainingRun.create(image_set, schedule, settings_of_trial, network_config, device, place)
        self._now = now
        chosen = device.kind == "cpu" and settings.threads is None and settings.budget.minutes is not None
        self._chooser = ThreadChooser(usable_cores()) if chosen else None
        self._fixed = settings.threads or torch.get_num_threads()

    def measure(self, steps: int) -> Generator[EstimateProgress, None, tuple[float, int]]:
        """Seconds of a step, and with how many threads; measured over at least `steps` of them if there is time."""
        # With few threads the first steps cannot go badly wrong, however busy the machine is.
        torch.set_num_threads(self._chooser.threads if self._chooser is not None else self._fixed)
        began = self._now()
        for _ in range(_WARM_UP_STEPS):
            yield EstimateProgress(0.2)
            last = self._step()
            if self._now() - began > LONGEST_SECONDS / 4:
                break
        times = []
        if self._chooser is None or self._now() - began > LONGEST_SECONDS:
            times.append(last)
        else:
            yield from self._choose_threads()
        began = self._now()
        while len(times) < 64 and self._now() - began < LONGEST_SECONDS / (4 if len(times) >= steps else 1):
            yield EstimateProgress(0.4 + 0.6 * min(1.0, len(times) / steps))
            times.append(self._step())
        # The mean of what is not far from the usual: another program's moment is not the machine's speed.
        times.sort()
        middle = times[: max(1, math.ceil(0.9 * len(times)))]
        return sum(middle) / len(middle), torch.get_num_threads()

    def _choose_threads(self) -> Generator[EstimateProgress, None, None]:
        chooser = self._chooser
        began = self._now()
        while chooser.chosen is None and self._now() - began < LONGEST_SECONDS:
            yield EstimateProgress(0.3)
            torch.set_num_threads(chooser.threads)
            on_core = time.thread_time()
            seconds = self._step()
            chooser.add(seconds, min(1.0, (time.thread_time() - on_core) / seconds))
        torch.set_num_threads(chooser.best_so_far)

    def _step(self) -> float:
        began = self._now()
        training_step(self._run)
        if self._run.device.kind == "cuda":
            torch.cuda.synchronize(self._run.torch_device)
        elif self._run.device.kind == "mps":
            torch.mps.synchronize()
        return self._now() - began


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
