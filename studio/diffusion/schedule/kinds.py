"""The schedules that can be asked for by name, with what a control for each of their numbers needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from studio.diffusion.schedule.formulas import (
    cosine,
    karras,
    linear,
    log_snr_slope,
    quadratic,
    sigmoid,
    sigmoid_beta,
)
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.errors import ScheduleError


@dataclass(frozen=True)
class ScheduleOption:
    """One number that a kind of schedule can be given, with what a control for it needs to know."""

    name: str
    label: str
    default: float
    minimum: float
    maximum: float
    decimals: int
    help: str


@dataclass(frozen=True)
class ScheduleKind:
    """A way of making schedules, known by name. `make(step_count, **options)` returns a NoiseSchedule."""

    name: str
    label: str
    description: str
    options: tuple[ScheduleOption, ...]
    make: Callable[..., NoiseSchedule]


def _beta_ends(beta_end: float) -> tuple[ScheduleOption, ...]:
    return (
        ScheduleOption("beta_start", "First β", 1e-4, 1e-6, 0.1, 6, "β of the first step, as if T were 1000."),
        ScheduleOption("beta_end", "Last β", beta_end, 1e-4, 0.5, 4, "β of the last step, as if T were 1000."),
    )


SCHEDULES: dict[str, ScheduleKind] = {
    kind.name: kind
    for kind in (
        ScheduleKind(
            name="linear",
            label="Linear",
            description="β rises in a straight line, as in the book and in the DDPM paper.",
            options=_beta_ends(0.02),
            make=linear,
        ),
        ScheduleKind(
            name="cosine",
            label="Cosine",
            description="The picture fades along a cosine: slower at both ends, kinder to small pictures.",
            options=(
                ScheduleOption("offset", "Offset", 0.008, 0.0, 0.2, 3, "Keeps the first steps from being too small."),
                ScheduleOption("maximum_beta", "Largest β", 0.999, 0.1, 0.9999, 4, "No β goes beyond this."),
            ),
            make=cosine,
        ),
        ScheduleKind(
            name="sigmoid",
            label="Sigmoid",
            description=(
                "The picture fades along an S whose bend can be moved, for larger pictures. This is a sigmoid in α "
                "(Jabri; Chen), not the one in β that other programs call by the same name."
            ),
            options=(
                ScheduleOption("start", "Start", -3.0, -8.0, 1.0, 1, "Where on the sigmoid the picture is whole."),
                ScheduleOption("end", "End", 3.0, 1.5, 8.0, 1, "Where on the sigmoid the picture is gone."),
                ScheduleOption("tau", "τ", 1.0, 0.1, 3.0, 1, "Smaller is steeper: most of the fading in fewer steps."),
            ),
            make=sigmoid,
        ),
        ScheduleKind(
            name="quadratic",
            label="Quadratic",
            description="The square root of β rises in a straight line (“scaled linear”): gentler first steps.",
            options=_beta_ends(0.03),
            make=quadratic,
        ),
        ScheduleKind(
            name="karras",
            label="Karras",
            description="The noise levels σ of the EDM paper: many steps with little noise, few with much.",
            options=(
                ScheduleOption("sigma_min", "First σ", 0.002, 1e-4, 0.2, 4, "The noise beside the picture at first."),
                ScheduleOption("sigma_max", "Last σ", 80.0, 2.0, 500.0, 1, "The noise beside the picture at last."),
                ScheduleOption("rho", "ρ", 7.0, 1.0, 15.0, 1, "Larger puts more of the steps at little noise."),
            ),
            make=karras,
        ),
        ScheduleKind(
            name="log_snr_slope",
            label="Log SNR",
            description="The signal-to-noise ratio falls by the same factor at every step.",
            options=(
                ScheduleOption("log_snr_max", "First", 10.0, 1.0, 20.0, 1, "log SNR of the first step: little noise."),
                ScheduleOption("log_snr_min", "Last", -10.0, -20.0, -1.0, 1, "log SNR of the last step: no picture."),
            ),
            make=log_snr_slope,
        ),
        ScheduleKind(
            name="sigmoid_beta",
            label="Sigmoid β",
            description="β rises along an S between two ends (GeoDiff). Other programs call this one “sigmoid”.",
            options=_beta_ends(0.02),
            make=sigmoid_beta,
        ),
    )
}


def make_schedule(kind: str, step_count: int, **options: float) -> NoiseSchedule:
    """A schedule by name, with T steps and the kind's own options.

    Raises ScheduleError when the kind or an option is unknown, or a number lies outside what the option allows.
    """
    if kind not in SCHEDULES:
        raise ScheduleError(f"There is no noise schedule called {kind!r}.", f"Choose one of: {', '.join(SCHEDULES)}.")
    known = {option.name: option for option in SCHEDULES[kind].options}
    for name, value in options.items():
        if name not in known:
            raise ScheduleError(f"The {kind} schedule has no option {name!r}.", f"Its options are: {', '.join(known)}.")
        low, high = known[name].minimum, known[name].maximum
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ScheduleError(
                f"{known[name].label} of the {kind} schedule is {value!r}.", f"Choose a number from {low} to {high}."
            )
    return SCHEDULES[kind].make(step_count, **options)
