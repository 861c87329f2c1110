"""Beginning from a picture: noise it up to a level t, and denoise it from there.

    z_t = √ᾱ_t x + √(1−ᾱ_t) ε,       then the reverse process from t with any sampler

Source: Meng et al., SDEdit, arXiv 2108.01073, Algorithm 1. The strength is the noise level itself, as a share of the T
levels that the schedule has: the walk is sampling_pairs(schedule, steps, spacing, start=t).

How much of the picture is left can be told exactly for pictures that are N(m, v) in each pixel. With the exact
denoiser, the correlation ρ of the result with x is

    without fresh noise (DDIM, the probability flow)    ρ = √(ᾱ_t v / (ᾱ_t v + 1 − ᾱ_t))
    with all of it (DDPM)                               ρ²: it forgets twice, on the way up and on the way down
"""

from __future__ import annotations

import torch

from studio.diffusion.forward import diffuse
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ScheduleError, SettingsError


def start_level(schedule: NoiseSchedule, strength: float) -> int:
    """The index t in 0..T−1 to begin at: round(strength · T) − 1, at least 0.

    strength: share of the noise levels, in (0, 1]. Near 0 the picture hardly changes; 1 begins at z_T, where a good
    schedule leaves nothing of it. Raises SettingsError outside of that.
    """
    if not 0.0 < strength <= 1.0:
        raise SettingsError(f"The strength is {strength!r}.", "Choose a number above 0, up to 1.")
    return max(round(strength * schedule.step_count) - 1, 0)


def noised_start(schedule: NoiseSchedule, picture: torch.Tensor, t: int, noise: torch.Tensor) -> torch.Tensor:
    """z_t ~ q(z_t | x), for the walk that begins at t: (N, C, H, W) in the dtype and on the device of `noise`.

    picture: x in [−1, 1], (N, C, H, W), or (1, C, H, W) for the same one everywhere. noise: standard normal,
    (N, C, H, W); a run's `noise().initial()` will do.
    Raises SettingsError when the picture has another size, ScheduleError when t lies outside 0..T−1.
    """
    if picture.ndim != 4 or picture.shape[1:] != noise.shape[1:] or picture.shape[0] not in (1, noise.shape[0]):
        raise SettingsError(
            f"The picture to begin from is {_size(picture)}, the pictures of this run are {_size(noise)}.",
            "Bring it to the size and the channels of the model's pictures.",
        )
    return diffuse(schedule, picture.to(noise).expand_as(noise), t, noise)


def steps_from(schedule: NoiseSchedule, steps: int | None, start: int) -> int:
    """How many steps to take from `start`, when `steps` (1..T, None for all) are meant for the whole way from T−1.

    It is ⌈steps · (start + 1) / T⌉: steps as long as on the whole way, and work that falls with the strength. This is
    what "steps" means in the common tools for image-to-image. To take exactly as many as asked for, give them to
    sampling_pairs without this function.

    Raises ScheduleError when there are no such steps, or no such start.
    """
    total = schedule.step_count
    if not 0 <= start < total:
        raise ScheduleError(f"Sampling cannot begin at step {start + 1}.", f"This schedule has the steps 1 to {total}.")
    steps = total if steps is None else steps
    if not 1 <= steps <= total:
        raise ScheduleError(f"{steps} sampling steps were asked for.", f"Choose a number from 1 to {total}.")
    return -(-steps * (start + 1) // total)


def _size(pictures: torch.Tensor) -> str:
    return "×".join(str(size) for size in pictures.shape)
