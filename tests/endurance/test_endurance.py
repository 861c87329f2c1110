"""The endurance programs for a minute or two instead of an hour, so that they neither rot nor hide a regression."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.endurance.soak import Census, growth, verdict

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")


def start(program: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    """What `python -m tests.endurance.PROGRAM` prints; it must end with one of these codes."""
    command = [sys.executable, "-m", f"tests.endurance.{program}", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert result.returncode in codes, result.stdout + result.stderr
    return result.stdout


@needs_fork
def test_ten_kills_leave_nothing_corrupt() -> None:
    output = start("kills", "--kills", "10", "--seed", "11")
    assert "the same bits as without a kill" in output
    assert output.splitlines()[-4].split()[-2:] == ["0", "0"]


@needs_fork
@pytest.mark.parametrize("how", [(), ("--stand-in",)])
def test_a_full_disk_is_said_and_survived(how: tuple[str, ...]) -> None:
    output = start("full_disk", "--times", "5", "--seed", "3", *how)
    assert output.splitlines()[-2].split() == ["all", "5", "0"]


_COUNTED = ("python", "qt", "widgets", "files", "threads")


def test_two_minutes_of_the_window_leave_nothing_behind() -> None:
    # Too short for a slope, so its verdict does not count: the end is compared with the beginning.
    output = start("soak", "--minutes", "2", "--round", "8", "--warm-up", "0.7", "--counts-only", codes=(0, 1))
    counted = [
        [int(number.replace(",", "")) for number in found]
        for found in re.findall(
            r"python +([\d,]+) +qt +([\d,]+) +widgets +([\d,]+) +files +(\d+) +threads +(\d+)", output
        )
    ]
    assert len(counted) >= 5, output
    first, last = np.median(counted[1:4], axis=0), np.median(counted[-3:], axis=0)
    assert (last <= [1.04, 1.04, 1.04, 1.0, 1.0] * first + [0, 0, 0, 2, 1]).all(), output


def census(minutes: float, **counts: int) -> Census:
    usual = {"rss": 2**29, "uss": 2**28, "python": 300_000, "qt": 1800, "widgets": 1000, "files": 10, "threads": 7}
    return Census(minutes, **(usual | counts))


@pytest.mark.parametrize(
    ("name", "each_minute"), [("uss", 2**20), ("python", 500), ("qt", 2), ("widgets", 1), ("files", 1), ("threads", 1)]
)
def test_the_verdict_notices_what_grows(name: str, each_minute: int) -> None:
    flat = [census(float(minute)) for minute in range(60)]
    assert verdict(flat, 5.0)[1]
    assert verdict(flat, 5.0)[0][-1] == "FLAT"
    start_value = getattr(flat[0], name)
    growing = [census(float(minute), **{name: start_value + each_minute * minute}) for minute in range(60)]
    assert growth(growing, name).an_hour == pytest.approx(60 * each_minute)
    lines, good = verdict(growing, 5.0)
    assert not good
    assert lines[-1] == "GROWS"
    # What only grows in the beginning is no leak.
    settling = [census(float(minute), **{name: start_value + each_minute * min(minute, 5)}) for minute in range(60)]
    assert verdict(settling, 5.0)[1]
