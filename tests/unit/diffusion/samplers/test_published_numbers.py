"""The tables of docs/samplers.md are what the program gives."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from tests.benchmarks.samplers import CALLS, PAGE, cells, measured, tables


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def published() -> dict[tuple[str, ...], float]:
    return cells(measured(PAGE.read_text(encoding="utf-8")))


def compare(computed: dict[tuple[str, ...], float], page: dict[tuple[str, ...], float]) -> None:
    for key, value in computed.items():
        # Two significant digits: the last one may be rounded the other way.
        unit = 10.0 ** (math.floor(math.log10(value)) - 1)
        assert page[key] == pytest.approx(value, abs=1.01 * unit, rel=0), key


def test_few_calls() -> None:
    computed = cells("\n".join(tables((5, 10, 20))))
    assert len(computed) > 100
    compare(computed, published())


@pytest.mark.slow
def test_every_number() -> None:
    computed = cells("\n".join(tables(CALLS)))
    assert computed.keys() == published().keys()
    compare(computed, published())


def test_what_the_page_says_of_them() -> None:
    """The sentences under "In short" and "Reading the tables", as numbers."""
    page = published()

    def paths(data: str, schedule: str, sampler: str, calls: str) -> float:
        (value,) = (
            value
            for (title, *row, column), value in page.items()
            if (title, row[0], row[1], column) == (f"{data}: distance of paths", schedule, sampler, calls)
        )
        return value

    for schedule in ("linear", "cosine"):
        for data in ("One Gaussian", "Mixture"):
            # All samplers agree in the end, and those of higher order are there long before.
            for sampler in ("DDIM, Euler", "Heun", "DPM++ 2M", "UniPC"):
                assert paths(data, schedule, sampler, "all") < 0.005
            assert paths(data, schedule, "UniPC", "20") < paths(data, schedule, "DDIM, Euler", "100")
            assert paths(data, schedule, "UniPC", "20") < paths(data, schedule, "DPM++ 2M", "20")
            assert paths(data, schedule, "DPM++ 2M", "20") < paths(data, schedule, "DDIM, Euler", "20")
        by_spacing = {
            (row[1], column): value
            for (title, *row, column), value in page.items()
            if title.startswith("Mixture: distance of paths with 20") and row[0] == schedule
        }
        for sampler, best in (("DPM++ 2M", "log_snr"), ("UniPC", "log_snr"), ("DDIM, Euler", "trailing")):
            smallest = min(value for (name, _), value in by_spacing.items() if name == sampler)
            assert by_spacing[sampler, best] <= 1.05 * smallest
