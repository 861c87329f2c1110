"""Which of the schedule's noise levels a run walks through, as explicit pairs (t, s).

The network is always asked at the t that it was trained with, whatever is left out between.

Even steps in t, in Lin et al.'s names (arXiv 2305.08891, table 2):
    trailing   begins at the start (z_T is pure noise there, so this is the sound one of the three)
    leading    ends at t = 0
    linspace   does both
Even steps in the noise, to the nearest t that the schedule has, with λ = log(√ᾱ/√(1−ᾱ)) and σ̄ = e^{−λ}:
    log_snr    even in λ             Lu et al., arXiv 2206.00927
    karras     even in σ̄^{1/7}       Karras et al., arXiv 2206.00364, eq. 5

Two things about the last two were settled by measuring, see docs/samplers.md. The spread runs over steps + 1 levels, of
which the last, the least noise of the schedule, stands for the picture: the model is not asked there, where there is
nothing left to remove. And it begins at λ = −5.1 even where the schedule goes on to more noise (as cosine does, to
λ = −9.9): nothing of a picture can be seen beyond, and steps would be wasted there. The first t is the start
nevertheless, because that is where z stands.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ScheduleError

SPACINGS = ("trailing", "leading", "linspace", "log_snr", "karras")
LOWEST_HALF_LOG_SNR = -5.1
"""Where the spread of log_snr and karras begins; the same limit as in Lu et al.'s own code."""
KARRAS_RHO = 7.0


def sampling_pairs(
    schedule: NoiseSchedule, steps: int | None = None, spacing: str = "trailing", start: int | None = None
) -> tuple[tuple[int, int], ...]:
    """The (t, s) pairs from noise to picture: t falls from at most `start`, the last s is −1, the picture itself.

    start: the index to begin at, 0..T−1; None for T−1, pure noise. steps: how many steps to walk, exactly; None for all
    that there are below `start`. spacing, when steps are left out: one of `SPACINGS`, see the module.

    Raises ScheduleError when `start` or `steps` is impossible or the spacing is unknown.
    """
    step_count = schedule.step_count if start is None else start + 1
    if not 1 <= step_count <= schedule.step_count:
        raise ScheduleError(
            f"Sampling cannot begin at step {step_count}.", f"This schedule has the steps 1 to {schedule.step_count}."
        )
    if spacing not in SPACINGS:
        raise ScheduleError(f"There is no step spacing called {spacing!r}.", f"Choose one of: {', '.join(SPACINGS)}.")
    steps = step_count if steps is None else steps
    if not 1 <= steps <= step_count:
        raise ScheduleError(f"{steps} sampling steps were asked for.", f"Choose a number from 1 to {step_count}.")
    match spacing:
        case "trailing":
            times = [round(Fraction(step_count * k, steps)) - 1 for k in range(steps, 0, -1)]
        case "leading":
            times = [k * (step_count // steps) for k in range(steps - 1, -1, -1)]
        case "linspace":
            gaps = max(steps - 1, 1)
            times = [round(Fraction((step_count - 1) * k, gaps)) for k in range(gaps, gaps - steps, -1)]
        case _:
            times = _evenly_spread(schedule, steps, step_count - 1, spacing)
    return tuple(zip(times, [*times[1:], -1], strict=True))


def _evenly_spread(schedule: NoiseSchedule, steps: int, start: int, spacing: str) -> list[int]:
    """`steps` falling indices from `start`, as near as can be to evenly spaced levels of noise.

    Each is the index whose level is nearest, where that is free, else the next one below; room is kept for the rest.
    """
    levels = np.maximum(0.5 * schedule.log_snr[: start + 1][::-1], LOWEST_HALF_LOG_SNR)
    if spacing == "karras":
        levels = -np.exp(-levels / KARRAS_RHO)
    targets = np.linspace(levels[0], levels[-1], steps + 1)[1:-1]
    nearest = start - np.searchsorted(0.5 * (levels[1:] + levels[:-1]), targets)
    times = [start]
    for index, time in enumerate(nearest.tolist(), 2):
        times.append(min(max(time, steps - index), times[-1] - 1))
    return times


def checked_pairs(schedule: NoiseSchedule, pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """`pairs` as tuples, if they are a walk: each goes downwards within the schedule, and begins where the one before
    ended or at more noise than there, which is then added (RePaint walks like this).

    Raises ScheduleError otherwise. The last s need not be −1: a run may stop at any noise level.
    """
    pairs = tuple((int(t), int(s)) for t, s in pairs)
    if not pairs:
        raise ScheduleError("There is no sampling step to take.", "Choose at least one step.")
    for index, (t, s) in enumerate(pairs):
        if not -1 <= s < t < schedule.step_count:
            raise ScheduleError(
                f"Sampling step {index + 1} goes from {t + 1} to {s + 1}.",
                f"Steps must go downwards between {schedule.step_count} and 0.",
            )
        if index and pairs[index - 1][1] > t:
            raise ScheduleError(f"Sampling step {index + 1} begins at less noise than step {index} ended at.")
    return pairs
