"""Noise schedules: the type, the ways of making one, and what makes one good or poor."""

from studio.diffusion.schedule.checks import ScheduleWarning
from studio.diffusion.schedule.curve import DRAWN_QUANTITIES, DrawnCurve, DrawnQuantity
from studio.diffusion.schedule.drawing import (
    HANDLE_GAP,
    HandleRoom,
    handle_room,
    value_at_steps,
    value_from_steps,
    with_handle_added,
    with_handle_moved,
    without_handle,
)
from studio.diffusion.schedule.files import (
    read_schedule,
    schedule_from_csv,
    schedule_from_json,
    schedule_to_csv,
    schedule_to_json,
    write_schedule,
)
from studio.diffusion.schedule.formulas import (
    cosine,
    karras,
    linear,
    log_snr_slope,
    quadratic,
    sigmoid,
    sigmoid_beta,
)
from studio.diffusion.schedule.kinds import SCHEDULES, ScheduleKind, ScheduleOption, make_schedule
from studio.diffusion.schedule.making import (
    curve_through,
    drawn,
    schedule_from_alpha_bar,
    schedule_from_beta,
    schedule_from_log_snr,
    schedule_from_sigma,
)
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.diffusion.schedule.rescaling import rescale_zero_terminal_snr
from studio.diffusion.schedule.scaling import is_as_described, with_steps
from studio.diffusion.schedule.snr_shares import DECIBEL_EDGES, DECIBELS, snr_decibels, snr_shares

__all__ = [
    "DECIBELS",
    "DECIBEL_EDGES",
    "DRAWN_QUANTITIES",
    "HANDLE_GAP",
    "SCHEDULES",
    "DrawnCurve",
    "DrawnQuantity",
    "HandleRoom",
    "NoiseSchedule",
    "ScheduleKind",
    "ScheduleOption",
    "ScheduleWarning",
    "cosine",
    "curve_through",
    "drawn",
    "handle_room",
    "is_as_described",
    "karras",
    "linear",
    "log_snr_slope",
    "make_schedule",
    "quadratic",
    "read_schedule",
    "rescale_zero_terminal_snr",
    "schedule_from_alpha_bar",
    "schedule_from_beta",
    "schedule_from_csv",
    "schedule_from_json",
    "schedule_from_log_snr",
    "schedule_from_sigma",
    "schedule_to_csv",
    "schedule_to_json",
    "sigmoid",
    "sigmoid_beta",
    "snr_decibels",
    "snr_shares",
    "value_at_steps",
    "value_from_steps",
    "with_handle_added",
    "with_handle_moved",
    "with_steps",
    "without_handle",
    "write_schedule",
]
