"""Which of the schedule's noise levels a run walks through, as explicit pairs (t, s).

The network is always asked at the t that it was trained with, whatever is left out between.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from studio.diffusion.schedule import NoiseSchedule
from studio.errors import ScheduleError

SPACINGS = ("trailing", "leading", "linspace", "log_snr", "karras")
LOWEST_HALF_LOG_SNR = -5.1
KARRAS_RHO = 7.0


def sampling_pairs(
    schedule: NoiseSchedule, steps: int | None = None, spacing: str = "trailing", start: int | None = None
) -> tuple[tuple[int, int], ...]:
    """The (t, s) pairs from noise to picture: t falls from at most `start`, the last s is −1, the picture itself.

    start: the index to begin at, 0..T−1; None for T−1, pure noise. steps: how many steps to walk; None for all that
    there are below `start`. spacing, when steps are left out: "trailing" begins at the start (z_T is pure noise there,
    so this is the sound choice), "leading" ends at t = 0, "linspace" does both. Names after Lin et al.,
    arXiv 2305.08891, table 2.

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
            times = _spread(schedule, steps, step_count - 1, spacing)
    return tuple(zip(times, [*times[1:], -1], strict=True))


def _spread(schedule: NoiseSchedule, steps: int, start: int, spacing: str) -> list[int]:
    """`steps` falling indices from `start` to 0, evenly spaced in λ ("log_snr") or in σ̄^{1/ρ} ("karras")."""
    levels = np.maximum(0.5 * schedule.log_snr[: start + 1], LOWEST_HALF_LOG_SNR)
    if spacing == "karras":
        levels = -np.exp(-levels / KARRAS_RHO)
    targets = np.linspace(levels[-1], levels[0], steps)
    return _nearest_falling(levels[::-1], targets)


def _nearest_falling(levels: np.ndarray, targets: np.ndarray) -> list[int]:
    """The index nearest to each target, where that is free, else the next below; and always room for those to come.

    levels: rising, from the start's to that of index 0. targets: rising. The first index is the start.
    """
    start = levels.size - 1
    after = np.clip(np.searchsorted(levels, targets), 1, max(start, 1)) if start else np.zeros(targets.size, dtype=int)
    before = np.maximum(after - 1, 0)
    nearer_before = targets - levels[before] < levels[after] - targets
    times = start - np.where(nearer_before, before, after)
    falling = [start]
    for left, time in zip(range(targets.size - 2, -1, -1), times[1:].tolist(), strict=True):
        falling.append(min(max(time, left), falling[-1] - 1))
    return falling


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
