"""What a schedule can be drawn on, as people see it: symbols, units, axes, and where a handle stands on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from studio.app.widgets.curve_editor import Handle
from studio.app.widgets.labels import format_number
from studio.app.widgets.math_text import Term
from studio.diffusion.schedule import (
    DECIBELS,
    DRAWN_QUANTITIES,
    DrawnCurve,
    NoiseSchedule,
    snr_decibels,
    value_at_steps,
    value_from_steps,
)


@dataclass(frozen=True)
class ShownQuantity:
    """One of `DRAWN_QUANTITIES` on an axis from `low` to `high`.

    unit: how much of what is shown is one of what is drawn (decibels in a unit of log-SNR). `fine` and `coarse` are
    what a key press adds, or on a logarithmic axis multiplies by.
    """

    name: str
    symbol: str
    title: str
    caption: str
    role: str
    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int
    fine: float
    coarse: float
    values: Callable[[NoiseSchedule], np.ndarray]
    logarithmic: bool = False
    unit: float = 1.0
    suffix: str = ""

    @property
    def term(self) -> Term:
        """The symbol as it is set: letters as mathematics, SNR as a word."""
        return Term(self.symbol, self.role, words=len(self.symbol.partition("_")[0]) > 1)

    @property
    def least(self) -> float:
        """The smallest value that can be typed."""
        return DRAWN_QUANTITIES[self.name].minimum * self.unit

    @property
    def most(self) -> float:
        """The largest value that can be typed."""
        return DRAWN_QUANTITIES[self.name].maximum * self.unit

    def reading(self, value: float) -> str:
        """A value in words."""
        if self.logarithmic and 0 < abs(value) < 1e-3:
            return f"{value:.2e}".replace("-", "−")
        return format_number(value, self.decimals) + self.suffix

    def nudged(self, value: float, up: int, coarse: bool) -> float:
        """What a press of an arrow key makes of `value`; up: 1 or −1."""
        by = self.coarse if coarse else self.fine
        return value * by**up if self.logarithmic else value + up * by

    def handle(self, curve: DrawnCurve, index: int, step_count: int) -> Handle:
        """Where handle `index` of a curve stands in a schedule of T = `step_count`."""
        u, value = curve.handles[index]
        t = u * step_count if self.name == "alpha_bar" else 1.0 + u * (step_count - 1)
        return Handle(t, value_at_steps(curve, value, step_count) * self.unit)

    def drawn_place(self, curve: DrawnCurve, t: float, value: float, step_count: int) -> tuple[float, float]:
        """(u, value) of the curve for a place on the plot; the way back."""
        u = t / step_count if self.name == "alpha_bar" else (t - 1.0) / max(step_count - 1, 1)
        return u, value_from_steps(curve, value / self.unit, step_count)


QUANTITIES: Mapping[str, ShownQuantity] = MappingProxyType(
    {
        quantity.name: quantity
        for quantity in (
            ShownQuantity(
                "alpha_bar",
                "α_t",
                "Picture left",
                "picture left",
                "d3",
                low=0.0,
                high=1.0,
                ticks=(0.0, 0.5, 1.0),
                decimals=4,
                fine=0.001,
                coarse=0.02,
                values=lambda schedule: schedule.alpha_bar,
            ),
            ShownQuantity(
                "beta",
                "β_t",
                "Noise added a step",
                "noise added",
                "d4",
                low=1e-5,
                high=1.0,
                ticks=(1e-4, 1e-2, 1.0),
                decimals=6,
                fine=1.02,
                coarse=1.25,
                values=lambda schedule: schedule.beta,
                logarithmic=True,
            ),
            ShownQuantity(
                "log_snr",
                "SNR",
                "Signal to noise",
                "signal to noise",
                "d1",
                low=-40.0,
                high=40.0,
                ticks=(-40.0, -20.0, 0.0, 20.0, 40.0),
                decimals=1,
                fine=0.1,
                coarse=2.0,
                values=snr_decibels,
                unit=DECIBELS,
                suffix=" dB",
            ),
        )
    }
)
