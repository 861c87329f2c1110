from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio.training.wall import COST_SHARE, WallPlan, drop_rows_after, read_rows, row_paths, write_row


def walk(plan: WallPlan, cost: float, seconds: float = 100.0, steps: int = 10_000) -> list[float]:
    """The fractions at which rows are drawn in a run of `seconds`."""
    drawn = []
    for step in range(steps + 1):
        fraction = step / steps
        if plan.due(fraction, fraction * seconds):
            plan.drawn(fraction, cost)
            drawn.append(fraction)
    return drawn


def test_cheap_rows_come_at_once_and_then_ever_wider_apart() -> None:
    drawn = walk(WallPlan(16, 0.0, begun=False), cost=1e-9)
    assert len(drawn) == 16
    assert drawn[0] == 0.0
    assert drawn[-1] == 1.0
    assert (np.diff(np.diff(drawn)) > -1e-3).all()


@pytest.mark.parametrize("cost", [0.1, 0.3, 1.0, 3.0])
def test_rows_take_no_more_than_their_share_of_the_time(cost: float) -> None:
    drawn = walk(WallPlan(16, 0.0, begun=False), cost)
    assert drawn[0] == 0.0
    assert cost * (len(drawn) - 1) <= COST_SHARE * 100.0
    # What can be afforded is used, and spread over the whole run.
    assert len(drawn) >= min(15, int(COST_SHARE * 100.0 / cost))
    if len(drawn) > 3:
        assert drawn[-1] > 0.6


def test_a_resumed_run_waits_for_its_next_moment() -> None:
    drawn = walk(WallPlan(5, 0.3, begun=True), cost=1e-9)
    assert drawn == pytest.approx([0.5625, 1.0], abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 5, 4), (4, 3, 3)])
def test_rows_can_be_read_back(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    channels, height, width = shape
    pictures = np.random.default_rng(0).integers(0, 256, (6, height, width, channels), dtype=np.uint8)
    write_row(tmp_path, 12, pictures)
    write_row(tmp_path, 3, pictures[:2])
    rows = list(read_rows(tmp_path, shape))
    assert [step for step, _ in rows] == [3, 12]
    np.testing.assert_array_equal(rows[1][1], pictures)


def test_other_things_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    pictures = np.zeros((2, 4, 4, 1), np.uint8)
    for step in (1, 2, 3):
        write_row(tmp_path, step, pictures)
    (tmp_path / "step-00000009.png").write_bytes(b"no picture")
    (tmp_path / "mine.png").write_bytes(b"mine")
    assert len(list(read_rows(tmp_path, (1, 4, 4)))) == 3
    drop_rows_after(tmp_path, 2)
    assert [path.name for path in row_paths(tmp_path)] == ["step-00000001.png", "step-00000002.png"]
    assert (tmp_path / "mine.png").exists()
