"""From a request to a reverse run on one model: which noise, which classes, which levels, which pixels are given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from studio.data.pixels import to_model_range
from studio.diffusion.denoisers import Denoiser
from studio.diffusion.editing import known_from_mask, noised_start, repaint_pairs, start_level, steps_from, vary
from studio.diffusion.noise import PictureNoise
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import SAMPLERS, sampling_pairs
from studio.diffusion.schedule import NoiseSchedule
from studio.diffusion.step import Step
from studio.errors import SettingsError
from studio.generation.request import SamplingRequest
from studio.generation.source import SourcePicture
from studio.networks.devices import Device

# RePaint's 10 of 250 steps; as long a part of fewer steps joins the new to the given pixels better than 10 would.
_STEPS_A_JUMP = 25


class PictureModel(Protocol):
    """What pictures can be made with: a trained ModelBundle, or the data themselves (ExactModel)."""

    @property
    def schedule(self) -> NoiseSchedule:
        """The noise levels that it knows."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of its pictures."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that it can be asked for; empty when there are none."""
        ...

    @property
    def has_no_class_label(self) -> bool:
        """Whether it can be asked for no class in particular."""
        ...

    def mixed_labels(self, numbers: Sequence[int]) -> tuple[int, ...] | None:
        """The class of each numbered picture when nobody chose one; None when there are no classes."""
        ...

    def denoiser(self, device: Device) -> Denoiser:
        """The model, ready on `device`."""
        ...


@dataclass(frozen=True, eq=False)
class Plan:
    """A run, and the z that it begins with: float32 (N, C, H, W) on the CPU."""

    run: ReverseRun
    z: torch.Tensor

    def steps(self, denoiser: Denoiser, device: Device) -> Iterator[Step]:
        """The steps of the run. The noise is drawn on the CPU, so that a seed means the same on every device."""
        return self.run.steps(denoiser, self.z, device=device.name)


def plan(
    model: PictureModel,
    request: SamplingRequest,
    source: SourcePicture | None = None,
    numbers: Sequence[int] | None = None,
) -> Plan:
    """The run that makes the pictures with these `numbers`, all of the request's when not given, with the model.

    Raises SettingsError when the model cannot do what is asked: a class that it does not know, guidance without
    classes, a source picture of another size.
    """
    if numbers is None:
        numbers = range(request.first, request.first + request.count)
    schedule, shape = model.schedule, model.shape
    labels = labels_for(model, request, numbers)
    if request.guidance != 1.0 and not model.has_no_class_label:
        reason = "knows no classes" if labels is None else "was never trained without a class"
        raise SettingsError(f"This model {reason}, so it cannot be guided by one.", "Set guidance to 1.")
    start = schedule.step_count - 1 if source is None else start_level(schedule, request.strength)
    pairs = pairs_for(schedule, request, start)
    picture = None if source is None else to_model_range(source.picture[None])
    known = None
    if picture is not None and source is not None and source.mask is not None:
        known = known_from_mask(picture, source.mask)
        jump_length = request.jump_length or max(1, len(pairs) // _STEPS_A_JUMP)
        pairs = repaint_pairs(pairs, jump_length, request.resamplings)
    run = ReverseRun(
        schedule,
        request.make_sampler(),
        pairs,
        seed=request.seed,
        pictures=tuple(numbers),
        shape=shape,
        labels=labels,
        guidance=request.make_guidance(schedule),
        thresholding=request.make_thresholding(),
        known=known,
    )
    z = first_noise(run, request)
    if picture is not None:
        # Not `start` itself: leading spacing begins below it.
        z = noised_start(schedule, picture, pairs[0][0], z)
    return Plan(run, z)


def pairs_for(
    schedule: NoiseSchedule, request: SamplingRequest, start: int | None = None
) -> tuple[tuple[int, int], ...]:
    """The (t, s) pairs of the request on `schedule`, from the level `start` down; from pure noise when not given.

    The request's steps are those of the whole way; from a level below they are fewer, and as long.
    """
    if start is None:
        start = schedule.step_count - 1
    steps = None if request.steps is None else min(request.steps, schedule.step_count)
    spacing = request.spacing or SAMPLERS[request.sampler].spacing
    return sampling_pairs(schedule, steps_from(schedule, steps, start), spacing, start)


def first_noise(run: ReverseRun, request: SamplingRequest) -> torch.Tensor:
    """z_T of the seed, or of its variation: float32 (N, C, H, W) on the CPU."""
    noise = run.noise().initial()
    if request.variation_seed is None:
        return noise
    return vary(
        noise, PictureNoise(request.variation_seed, run.pictures, run.shape).initial(), request.variation_radius
    )


def labels_for(model: PictureModel, request: SamplingRequest, numbers: Sequence[int]) -> tuple[int, ...] | None:
    """The class of each picture, K for none in particular; None for a model without classes. Raises SettingsError."""
    names = model.class_names
    if not names:
        if request.class_name is not None or request.without_class:
            raise SettingsError("This model knows no classes.", "Leave the class out.")
        return None
    if request.without_class:
        if not model.has_no_class_label:
            raise SettingsError(
                "This model was never trained without a class.", f"Choose one of: {', '.join(names[:20])}."
            )
        return (len(names),) * len(numbers)
    if request.class_name is None:
        return model.mixed_labels(numbers)
    if request.class_name not in names:
        raise SettingsError(
            f"This model knows no class {request.class_name!r}.", f"Choose one of: {', '.join(names[:20])}."
        )
    return (names.index(request.class_name),) * len(numbers)
