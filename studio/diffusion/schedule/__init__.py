"""Noise schedules: the type, the ways of making one, and what makes one good or poor."""

from studio.diffusion.schedule.checks import ScheduleWarning
from studio.diffusion.schedule.noise_schedule import (
    SCHEDULES,
    NoiseSchedule,
    ScheduleKind,
    ScheduleOption,
    cosine,
    linear,
    make_schedule,
)

__all__ = [
    "SCHEDULES",
    "NoiseSchedule",
    "ScheduleKind",
    "ScheduleOption",
    "ScheduleWarning",
    "cosine",
    "linear",
    "make_schedule",
]
