"""Round numbers along an axis, in words: plain, by powers of ten, and as times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what is written there."""

    value: float
    label: str


TickSource = Callable[[float, float, int], Sequence[Tick]]
"""(low, high, most) -> the ticks between `low` and `high`, about `most` of them."""

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """A short number with a true minus sign: 0.05, 30, −40, 1,000; small powers of ten as 10⁻⁴."""
    if 0 < value < 1e-3 and math.isclose(math.log10(value), round(math.log10(value))):
        return "10⁻" + str(-round(math.log10(value))).translate(_SUPERSCRIPTS)
    text = f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.3g}"
    return text.replace("-", "−")


def linear_ticks(low: float, high: float, most: int = 5) -> tuple[Tick, ...]:
    """Round values between `low` and `high`, at most about `most`."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return ()
    rough = (high - low) / max(1, most - 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(Tick(i * step, number(round(i * step, 12))) for i in range(first, last + 1))


def logarithmic_ticks(low: float, high: float, most: int = 6) -> tuple[Tick, ...]:
    """Round values of each decade between `low` and `high`: as many as fit, only the decades when they are many."""
    if not (0 < low < high):
        return ()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values: list[float] = []
    for parts in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        values = [p * 10.0**d for d in decades for p in parts if low * 0.999 <= p * 10.0**d <= high * 1.001]
        if len(values) <= most:
            break
    if len(values) < 2:
        return tuple(tick for tick in linear_ticks(low, high, 4) if tick.value > 0)
    stride = max(1, -(-len(values) // most))
    return tuple(Tick(value, number(float(f"{value:.6g}"))) for value in values[::stride])


def minute_ticks(low: float, high: float, most: int = 5) -> tuple[Tick, ...]:
    """Round times between `low` and `high` minutes: seconds when short, hours when long."""
    span = high - low
    if not span > 0:
        return ()
    steps = (1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 10080)
    step = next((s for s in steps if span / s <= most), span / most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(Tick(i * step, _minutes(i * step)) for i in range(first, last + 1))


def no_ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """An axis without numbers, for a plot that has nothing to show yet."""
    return ()


def _minutes(minutes: float) -> str:
    if minutes == 0:
        return "0"
    if minutes < 0.99:
        return f"{round(minutes * 60)} s"
    if minutes >= 60:
        return f"{minutes / 60:g} h"
    return f"{minutes:g} min"
