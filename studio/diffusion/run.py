"""A reverse run, told completely: with the model, it gives the same steps again, bit for bit.

Together with a denoiser, and z_T unless it comes from the seed, this is all that decides about every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from reprlib import repr as shortened
from typing import Any

import torch

from studio.diffusion.denoisers import NO_GUIDANCE, Denoiser, Guidance, GuidedDenoiser
from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.noise import NoisePurpose, PictureNoise
from studio.diffusion.reverse import reverse
from studio.diffusion.samplers import SAMPLERS, Evaluation, Sampler, checked_pairs, make_sampler
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.step import Step
from studio.diffusion.thresholding import NO_THRESHOLDING, Thresholding
from studio.errors import ScheduleError, SettingsError

MAXIMUM_STEPS = 1_000_000
MAXIMUM_PICTURES = 1_000_000
MAXIMUM_SIDE = 4096


@dataclass(frozen=True, eq=False)
class ReverseRun:
    """How N pictures come out of noise.

    schedule, sampler: see there. pairs: the walk, (t, s) 0-based, s = −1 the picture. seed: of all noise. pictures: the
    number of each picture, whose noise depends on seed and number alone. shape: (C, H, W) of one picture.
    labels: the class of each picture, 0..K with K for none in particular; None for a model without classes, or for no
    class at all. guidance, thresholding: see there. known: pixels that are given, or None.

    Raises ScheduleError when the pairs are no walk down the schedule, ValueError when the labels do not fit.
    """

    schedule: NoiseSchedule
    sampler: Sampler
    pairs: tuple[tuple[int, int], ...]
    seed: int
    pictures: tuple[int, ...]
    shape: tuple[int, int, int]
    labels: tuple[int, ...] | None = None
    guidance: Guidance = NO_GUIDANCE
    thresholding: Thresholding = NO_THRESHOLDING
    known: KnownPixels | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", checked_pairs(self.schedule, tuple(self.pairs)))
        object.__setattr__(self, "pictures", tuple(int(number) for number in self.pictures))
        object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
        if self.labels is not None:
            object.__setattr__(self, "labels", tuple(int(label) for label in self.labels))
            if len(self.labels) != len(self.pictures):
                raise ValueError(f"{len(self.labels)} labels for {len(self.pictures)} pictures")

    @property
    def batch_shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)"""
        return (len(self.pictures), *self.shape)

    def noise(self) -> PictureNoise:
        """The noise of this run: its z_T is `.initial()`."""
        return PictureNoise(self.seed, self.pictures, self.shape)

    def model_calls(self, first: int = 0) -> int:
        """What the steps from `first` on cost, in calls of the model."""
        return sum(self.sampler.model_calls(s) for _, s in self.pairs[first:])

    def steps(
        self,
        denoiser: Denoiser,
        z: torch.Tensor | None = None,
        *,
        first: int = 0,
        before: Sequence[Evaluation] = (),
        device: torch.device | str = "cpu",
    ) -> Iterator[Step]:
        """The steps from `first` on; see `reverse`. z: what step `first` begins with, (N, C, H, W); z_T from the seed
        when not given, which only the beginning of a run allows.

        The noise is drawn on the CPU and moved to `device`, so that a seed means the same everywhere.
        Raises SettingsError when guidance is asked for and the denoiser knows no classes.
        """
        noise = self.noise()
        if z is None:
            if first:
                raise ValueError("a run that is gone on with needs the z that it stood at")
            z = noise.initial()
        z = z.to(device)
        if self.labels is not None and not self.guidance.is_plain:
            denoiser = GuidedDenoiser(denoiser, self.guidance)
        labels = None if self.labels is None else torch.tensor(self.labels, dtype=torch.int64, device=z.device)

        def noise_on_device(step_index: int, purpose: NoisePurpose = NoisePurpose.FRESH) -> torch.Tensor:
            return noise.at(step_index, purpose).to(z.device)

        return reverse(
            denoiser,
            self.schedule,
            self.sampler,
            z,
            self.pairs,
            noise_on_device,
            thresholding=self.thresholding,
            condition=labels,
            known=self.known,
            first=first,
            before=before,
        )

    def to_json(self) -> dict[str, Any]:
        """The run as plain JSON values; `from_json` gives the same run back, bit for bit.

        Of known pixels only that there are some: their tensors travel beside. Raises SettingsError for a sampler that
        has no name.
        """
        sampler = self.sampler
        if sampler.name not in SAMPLERS or not is_dataclass(sampler):
            raise SettingsError(f"The sampler {sampler.name!r} has no name that a file could call it by.")
        return {
            "schedule": self.schedule.to_json(),
            "sampler": {"name": sampler.name, "options": asdict(sampler)},
            "pairs": [list(pair) for pair in self.pairs],
            "seed": int(self.seed),
            "pictures": list(self.pictures),
            "shape": list(self.shape),
            "labels": None if self.labels is None else list(self.labels),
            "guidance": asdict(self.guidance),
            "thresholding": asdict(self.thresholding),
            "known": self.known is not None,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], known: KnownPixels | None = None) -> ReverseRun:
        """The run that `to_json` described, with its known pixels. It may come from anyone.

        Raises ScheduleError or SettingsError when `content` is no such description, describes something impossible,
        or speaks of known pixels that are not given.
        """
        content = _table(content, "run")
        if content.get("known") is not (known is not None):
            raise _unreadable("what it says of given pixels does not fit")
        sampler, guidance = _table(content.get("sampler"), "sampler"), _table(content.get("guidance"), "guidance")
        thresholding = _table(content.get("thresholding"), "thresholding")
        labels = content.get("labels")
        try:
            return cls(
                schedule=NoiseSchedule.from_json(_table(content.get("schedule"), "schedule")),
                sampler=make_sampler(_text(sampler.get("name")), **_options(sampler.get("options"))),
                pairs=_pairs(content.get("pairs")),
                seed=_whole(content.get("seed"), 0, 2**64 - 1),
                pictures=_whole_numbers(content.get("pictures"), 0, 2**64 - 1, MAXIMUM_PICTURES),
                shape=_shape(content.get("shape")),
                labels=None if labels is None else _whole_numbers(labels, 0, 2**31 - 1, MAXIMUM_PICTURES),
                guidance=Guidance(
                    _number(guidance.get("scale")), _limit(guidance.get("lowest")), _limit(guidance.get("highest"))
                ),
                thresholding=Thresholding(_text(thresholding.get("kind")), _number(thresholding.get("quantile"))),
                known=known,
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise _unreadable(str(error)) from error


def _unreadable(why: str) -> SettingsError:
    return SettingsError(f"The description of the run cannot be read: {why}.", "Make the pictures again.")


def _table(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _unreadable(f"its {what} is missing")
    return value


def _options(value: Any) -> dict[str, Any]:
    options = _table(value, "sampler's options")
    # True is a number to Python, and would be written down again as another thing than a number.
    if not all(isinstance(option, (str, int, float)) and not isinstance(option, bool) for option in options.values()):
        raise _unreadable("an option of its sampler is neither text nor a number")
    return dict(options)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _unreadable(f"{shortened(value)} is no text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _unreadable(f"{shortened(value)} is no number")
    return value


def _limit(value: Any) -> int | None:
    return None if value is None else _whole(value, -(2**31), 2**31)


def _whole(value: Any, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise _unreadable(f"{shortened(value)} is no whole number from {lowest:,} to {highest:,}")
    return value


def _whole_numbers(value: Any, lowest: int, highest: int, most: int) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise _unreadable(f"there is no list of at most {most:,} whole numbers where one is needed")
    return tuple(_whole(number, lowest, highest) for number in value)


def _pairs(value: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list) or len(value) > MAXIMUM_STEPS:
        raise _unreadable(f"its steps are no list of at most {MAXIMUM_STEPS:,}")
    pairs = [_whole_numbers(pair, -1, 2**31, 2) for pair in value]
    if any(len(pair) != 2 for pair in pairs):
        raise ScheduleError("The description of the run cannot be read: a step needs a beginning and an end.")
    return tuple((t, s) for t, s in pairs)


def _shape(value: Any) -> tuple[int, int, int]:
    sizes = _whole_numbers(value, 1, MAXIMUM_SIDE, 3)
    if len(sizes) != 3:
        raise _unreadable("the shape of its pictures is not three numbers")
    return sizes[0], sizes[1], sizes[2]
