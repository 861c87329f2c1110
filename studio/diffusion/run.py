"""A reverse run, told completely: with the model, it gives the same steps again, bit for bit.

Together with a denoiser, and z_T unless it comes from the seed, this is all that decides about every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from studio.diffusion.denoisers import NO_GUIDANCE, Denoiser, Guidance, GuidedDenoiser
from studio.diffusion.editing.known_pixels import KnownPixels
from studio.diffusion.noise import NoisePurpose, PictureNoise
from studio.diffusion.reverse import reverse
from studio.diffusion.samplers import Evaluation, Sampler, checked_pairs
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.step import Step
from studio.diffusion.thresholding import NO_THRESHOLDING, Thresholding


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
