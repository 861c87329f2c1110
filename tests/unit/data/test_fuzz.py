"""A slice of the fuzz that `python -m tests.benchmarks.fuzz_importers` runs at length."""

from __future__ import annotations

import logging

import pytest

from tests.benchmarks.fuzz_importers import make_input, try_input

SLICES = 6
INPUTS = 50


@pytest.mark.parametrize("part", range(SLICES))
def test_damaged_files_end_in_pictures_or_reasons(part: int, caplog: pytest.LogCaptureFixture) -> None:
    # Pillow logs what it thinks of some files.
    with caplog.at_level(logging.CRITICAL):
        results = [try_input(7, part * INPUTS + number) for number in range(INPUTS)]
    assert [result.words for result in results if result.outcome == "VIOLATION"] == []
    # A slice in which nothing was damaged, or nothing could be read, would show nothing.
    assert {"refused"} < {result.outcome for result in results}


def test_an_input_is_made_from_its_number_alone() -> None:
    assert make_input(7, 43) == make_input(7, 43)
    assert make_input(7, 43) != make_input(8, 43)
