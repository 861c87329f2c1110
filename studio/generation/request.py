"""Which pictures to make, and how: all of it in plain values that go to JSON and back without loss."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.diffusion.denoisers import Guidance
from studio.diffusion.samplers import SAMPLERS, SPACINGS, Sampler, make_sampler
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.thresholding import THRESHOLDS, Thresholding
from studio.errors import SettingsError

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class SamplingRequest:
    """Which pictures to make, and how. The defaults are quick: DDIM in 50 steps.

    Algorithm 20.2 of Bishop and Bishop to the letter is `SamplingRequest(sampler="ddpm", steps=None)`.

    count: pictures. first: the number of the first one; picture n of a seed is the same whatever else is made with it.
    sampler: a name in SAMPLERS; of `variance` ("beta" or "posterior", for ddpm) and `eta` (0..1, for ddim) it takes
    what it knows. steps: of the reverse process; None, or more than there are, for all of them.
    spacing: see sampling_pairs; None for the one that suits the sampler.
    thresholding, quantile: what is done to estimates beyond the range of pictures, see Thresholding.
    class_name: of which class; None for every class in its proportion. without_class: ask for no class in particular.
    guidance: how much the class is exaggerated, see Guidance. guidance_from, guidance_to: where it acts, as shares of
    the noise levels, 0 (the picture) to 1 (pure noise).
    variation_seed, variation_radius: the noise of `seed`, turned towards that of another seed; radius 0 is `seed`
    itself, 1 the other.
    strength: with a source picture, how far up it is noised before it is denoised, as a share of the noise levels above
    0 up to 1. resamplings, jump_length: with a mask, how often each stretch of the way is gone, and how many steps long
    a stretch is (RePaint); None for a length that suits the number of steps.

    Raises SettingsError when a value is impossible.
    """

    count: int = 16
    sampler: str = "ddim"
    steps: int | None = 50
    seed: int = 0
    first: int = 0
    eta: float = 0.0
    variance: str = "beta"
    spacing: str | None = None
    thresholding: str = "none"
    quantile: float = 0.995
    class_name: str | None = None
    without_class: bool = False
    guidance: float = 1.0
    guidance_from: float = 0.0
    guidance_to: float = 1.0
    variation_seed: int | None = None
    variation_radius: float = 0.0
    strength: float = 1.0
    resamplings: int = 1
    jump_length: int | None = None

    def __post_init__(self) -> None:
        _check_whole("count", self.count, 1, 1_000_000)
        _check_whole("seed", self.seed, 0, _LARGEST_SEED)
        _check_whole("first", self.first, 0, _LARGEST_SEED)
        _check_whole("resamplings", self.resamplings, 1, 1000)
        if self.steps is not None:
            _check_whole("steps", self.steps, 1, 1_000_000)
        if self.jump_length is not None:
            _check_whole("jump_length", self.jump_length, 1, 100_000)
        if self.variation_seed is not None:
            _check_whole("variation_seed", self.variation_seed, 0, _LARGEST_SEED)
        for name in ("eta", "guidance_from", "guidance_to", "variation_radius", "strength"):
            _check_share(name, getattr(self, name))
        if self.strength == 0.0:
            raise SettingsError("strength is 0: nothing would change.", "Choose a number above 0, up to 1.")
        if self.guidance_from >= self.guidance_to:
            raise SettingsError("guidance_from must lie below guidance_to.", "Both are shares of the noise levels.")
        _check_choice("sampler", self.sampler, tuple(SAMPLERS))
        _check_choice("variance", self.variance, ("beta", "posterior"))
        _check_choice("thresholding", self.thresholding, THRESHOLDS)
        if self.spacing is not None:
            _check_choice("spacing", self.spacing, SPACINGS)
        if self.class_name is not None and not isinstance(self.class_name, str):
            raise SettingsError(f"class_name must be the name of a class, not {self.class_name!r}.")
        if self.class_name is not None and self.without_class:
            raise SettingsError("A class and no class were asked for.", "Choose one of the two.")
        # These two refuse what is impossible by themselves.
        self.make_thresholding()
        Guidance(self.guidance)

    def make_sampler(self) -> Sampler:
        """The sampler that is asked for, with those of the request's options that it knows."""
        options = {option.name: getattr(self, option.name) for option in SAMPLERS[self.sampler].options}
        return make_sampler(self.sampler, **options)

    def make_thresholding(self) -> Thresholding:
        """What is done to estimates beyond the range of pictures."""
        return Thresholding(self.thresholding, self.quantile)

    def make_guidance(self, schedule: NoiseSchedule) -> Guidance:
        """The guidance on the noise levels of `schedule`."""
        total = schedule.step_count
        lowest = None if self.guidance_from == 0.0 else max(0, math.ceil(self.guidance_from * total) - 1)
        highest = None if self.guidance_to == 1.0 else max(0, math.floor(self.guidance_to * total) - 1)
        if lowest is not None and highest is not None and lowest > highest:
            highest = lowest
        return Guidance(self.guidance, lowest, highest)

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


def _check_whole(name: str, value: Any, minimum: int, maximum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsError(f"{name} must be a whole number, not {value!r}.")
    if not minimum <= value <= maximum:
        raise SettingsError(f"{name} is {value}.", f"It must lie between {minimum} and {maximum}.")


def _check_share(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise SettingsError(f"{name} is {value!r}.", "It must lie between 0 and 1.")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} cannot be {value!r}.", f"Choose one of: {', '.join(choices)}.")
