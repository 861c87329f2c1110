"""The same schedule with another number of steps.

A schedule made by name or drawn is made again, so that T follows the kind's own rule (`formulas`, `curve`). One that
was given as numbers is read as a curve: log ᾱ over the share of the way u = t/T, with log ᾱ = 0 at u = 0, is
interpolated monotonically, so that the picture and ᾱ_T stay what they are.
"""

from __future__ import annotations

import numpy as np

from studio.diffusion.schedule.checks import checked_step_count
from studio.diffusion.schedule.conversions import beta_of_log_alpha_bar
from studio.diffusion.schedule.interpolation import monotone_cubic
from studio.diffusion.schedule.kinds import SCHEDULES
from studio.diffusion.schedule.making import drawn
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.diffusion.schedule.rescaling import rescale_zero_terminal_snr
from studio.errors import ScheduleError

# A description whose β differ by more than rounding, from another version or a hand, is not believed.
SAME_BETA = 1e-9


def with_steps(schedule: NoiseSchedule, step_count: int) -> NoiseSchedule:
    """`schedule` with T = `step_count` steps; itself when it has as many. Raises ScheduleError when T is impossible."""
    step_count = checked_step_count(step_count)
    if step_count == schedule.step_count:
        return schedule
    if is_as_described(schedule):
        scaled = _made_again(schedule, step_count)
        if scaled is not None:
            return scaled
    return _interpolated(schedule, step_count)


def is_as_described(schedule: NoiseSchedule) -> bool:
    """Whether the β are those that the schedule's name and options, or its drawn curve, make."""
    again = _made_again(schedule, schedule.step_count)
    return again is not None and np.allclose(again.beta, schedule.beta, rtol=SAME_BETA, atol=0.0)


def _made_again(schedule: NoiseSchedule, step_count: int) -> NoiseSchedule | None:
    """What the schedule's description makes; None when it describes nothing that can be made."""
    kind = SCHEDULES.get(schedule.kind)
    try:
        if schedule.curve is not None:
            made = drawn(schedule.curve, step_count)
        elif kind is not None and set(schedule.options) <= {option.name for option in kind.options}:
            made = kind.make(step_count, **schedule.options)
        else:
            return None
    except ScheduleError:
        return None
    return rescale_zero_terminal_snr(made) if schedule.zero_terminal_snr else made


def _interpolated(schedule: NoiseSchedule, step_count: int) -> NoiseSchedule:
    share = np.arange(schedule.step_count + 1) / schedule.step_count
    log_alpha_bar = np.concatenate(([0.0], schedule.log_alpha_bar))
    at = np.arange(1, step_count + 1) / step_count
    beta = beta_of_log_alpha_bar(monotone_cubic(share, log_alpha_bar, at))
    return NoiseSchedule(beta, zero_terminal_snr=schedule.zero_terminal_snr)
