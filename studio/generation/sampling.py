"""From a model and a request to pictures."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from studio.data.pixels import to_pictures
from studio.diffusion.denoisers import Denoiser
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import SAMPLERS, SPACINGS, Sampler, make_sampler, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.step import Step
from studio.diffusion.thresholding import Thresholding
from studio.errors import SettingsError
from studio.library.bundle import ModelBundle
from studio.library.memory import out_of_memory_explained
from studio.networks.devices import Device

_OUT_OF_MEMORY = "There is not enough memory to make so many pictures at once."

_CHOICES = {"sampler": tuple(SAMPLERS), "variance": ("beta", "posterior"), "spacing": SPACINGS}

_FEWEST_AT_A_TIME = 64
_VALUES_AT_A_TIME = 16_384


@dataclass(frozen=True)
class SamplingRequest:
    """Which pictures to make, and how. The defaults are quick: DDIM in 50 steps.

    Algorithm 20.2 of Bishop and Bishop to the letter is `SamplingRequest(sampler="ddpm", steps=None)`.

    count: pictures. first: the number of the first one; picture n of a seed is the same whatever else is made with it.
    sampler: "ddpm" (with variance "beta" or "posterior") or "ddim" (with eta in [0, 1]).
    steps: of the reverse process; None, or more than the schedule has, for all of them. spacing: see sampling_pairs.
    clip: hold every estimate of the picture within the range that pictures have.

    Raises SettingsError when a value is impossible.
    """

    count: int = 16
    sampler: str = "ddim"
    steps: int | None = 50
    seed: int = 0
    first: int = 0
    clip: bool = False
    eta: float = 0.0
    variance: str = "beta"
    spacing: str = "trailing"

    def __post_init__(self) -> None:
        _check_whole("count", self.count, 1, 1_000_000)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        _check_whole("first", self.first, 0, 2**63 - 1)
        if self.steps is not None:
            _check_whole("steps", self.steps, 1, 1_000_000)
        if not isinstance(self.eta, (int, float)) or not 0.0 <= self.eta <= 1.0:
            raise SettingsError(f"eta is {self.eta}.", "It must lie between 0 and 1.")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingsError(
                    f"{name} cannot be {getattr(self, name)!r}.", f"Choose one of: {', '.join(choices)}."
                )

    def make_sampler(self) -> Sampler:
        """The sampler that is asked for, with those of the request's options that it knows."""
        options = {option.name: getattr(self, option.name) for option in SAMPLERS[self.sampler].options}
        return make_sampler(self.sampler, **options)

    def pairs(self, schedule: NoiseSchedule) -> tuple[tuple[int, int], ...]:
        """The (t, s) pairs that the reverse process goes through on `schedule`."""
        return sampling_pairs(
            schedule, None if self.steps is None else min(self.steps, schedule.step_count), self.spacing
        )

    def run(
        self, schedule: NoiseSchedule, shape: tuple[int, int, int], numbers: Sequence[int] | None = None
    ) -> ReverseRun:
        """The reverse run of the pictures with these `numbers`, all of the request's when not given, on `schedule`.

        shape: (C, H, W) of one picture.
        """
        return ReverseRun(
            schedule,
            self.make_sampler(),
            self.pairs(schedule),
            seed=self.seed,
            pictures=tuple(range(self.first, self.first + self.count) if numbers is None else numbers),
            shape=shape,
            thresholding=Thresholding("clip" if self.clip else "none"),
        )

    def to_json(self) -> dict[str, Any]:
        """The request as plain JSON values; `from_json` gives an equal object back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SamplingRequest:
        """The request that `to_json` wrote. Raises SettingsError for names that are unknown and impossible values."""
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise SettingsError(f"Unknown sampling settings: {', '.join(unknown)}.", "Remove or correct them.")
        return cls(**values)


@dataclass(frozen=True)
class SamplingProgress:
    """How far sample_pictures has come: `fraction` in [0, 1], and how many of the `total` pictures are `done`."""

    done: int
    total: int
    fraction: float


def denoise(
    model: ModelBundle | Denoiser,
    shape: tuple[int, int, int],
    schedule: NoiseSchedule,
    request: SamplingRequest,
    device: Device,
) -> Iterator[Step]:
    """The reverse process of all pictures of `request` at once, step by step.

    shape: (C, H, W) of one picture. A denoiser is used as it is; a bundle is made ready on `device` first. The noise
    is drawn on the CPU, so that a seed means the same on every device.
    """
    denoiser = model.denoiser(device) if isinstance(model, ModelBundle) else model
    return request.run(schedule, shape).steps(denoiser, device=device.name)


def sample_pictures(
    bundle: ModelBundle, request: SamplingRequest, device: Device, batch_size: int | None = None
) -> Generator[SamplingProgress, None, np.ndarray]:
    """Make the pictures of `request`, `batch_size` at a time; the generator's result is uint8 (N, H, W, C).

    Without a batch size: 64, and more where pictures are so small that a step costs the same for thousands of them.

    Each picture has its own noise, so the batch size decides about speed and memory only. (Arithmetic in another
    order may still move a value by a rounding error, hence a level of a pixel by one here and there.)

    Raises OutOfMemory when a batch does not fit the device.
    """
    if batch_size is None:
        batch_size = max(_FEWEST_AT_A_TIME, _VALUES_AT_A_TIME // math.prod(bundle.shape))
    finished: list[np.ndarray] = []
    done = 0
    with out_of_memory_explained(_OUT_OF_MEMORY, "Make fewer pictures at a time."):
        denoiser = bundle.denoiser(device)
        while done < request.count:
            numbers = range(request.first + done, request.first + min(done + batch_size, request.count))
            for step in request.run(bundle.schedule, bundle.shape, numbers).steps(denoiser, device=device.name):
                part = len(numbers) * (step.index + 1) / step.total
                yield SamplingProgress(done, request.count, (done + part) / request.count)
            finished.append(to_pictures(step.z_s))
            done += len(numbers)
    yield SamplingProgress(done, request.count, 1.0)
    return np.concatenate(finished)


def make_pictures(
    bundle: ModelBundle, request: SamplingRequest, device: Device, batch_size: int | None = None
) -> np.ndarray:
    """`sample_pictures` run to its end: uint8 (N, H, W, C)."""
    progress = sample_pictures(bundle, request, device, batch_size)
    while True:
        try:
            next(progress)
        except StopIteration as end:
            return end.value


def _check_whole(name: str, value: Any, minimum: int, maximum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"{name} must be a whole number, not {value!r}.")
    if not minimum <= value <= maximum:
        raise SettingsError(f"{name} is {value}.", f"It must lie between {minimum} and {maximum}.")
