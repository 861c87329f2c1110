from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from studio.errors import StorageError
from studio.training.events import Progress
from studio.training.history import MAXIMUM_POINTS, LossHistory
from studio.training.metrics_log import MetricsLog, read_metrics


def progress(step: int, *losses: float) -> Progress:
    return Progress(step, 8 * step, losses, 0.5 * step, None, None, 0.1, 1e-3)


def test_few_losses_are_all_there() -> None:
    history = LossHistory()
    for step in range(1, 6):
        history.add(8 * step, 1.0 / step)
    assert history.points == [[8 * step, 1.0 / step] for step in range(1, 6)]


def test_many_losses_are_merged_and_their_mean_stays() -> None:
    losses = np.random.default_rng(0).random(10_000)
    history = LossHistory()
    for step, loss in enumerate(losses, 1):
        history.add(step, float(loss))
    assert MAXIMUM_POINTS / 2 <= len(history.points) < MAXIMUM_POINTS
    covered = history.points[-1][0]
    assert covered == len(history.points) * history.stretch
    assert np.mean([loss for _, loss in history.points]) == pytest.approx(losses[:covered].mean())
    np.testing.assert_allclose(history.points[3][1], losses[3 * history.stretch : 4 * history.stretch].mean())


def test_a_history_goes_on_exactly_after_json() -> None:
    one, two = LossHistory(), LossHistory()
    for step in range(3000):
        one.add(step, 0.1 * (step % 7))
        two.add(step, 0.1 * (step % 7))
        if step % 500 == 123:
            two = LossHistory.from_json(json.loads(json.dumps(two.to_json())))
    assert one == two


def test_the_log_keeps_every_loss(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.append(progress(2, 0.5, 0.25))
    log.append(progress(3, 0.125))
    lines = list(read_metrics(log.path))
    assert [line["losses"] for line in lines] == [[0.5, 0.25], [0.125]]
    assert [line["images_seen"] for line in lines] == [16, 24]


def test_a_torn_line_is_passed_over_and_resuming_cuts_the_log(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "metrics.jsonl")
    for step in (1, 2, 3, 4):
        log.append(progress(step, 0.5))
    whole = log.path.read_bytes()
    for cut in range(1, 60):
        log.path.write_bytes(whole[:-cut])
        assert [line["step"] for line in read_metrics(log.path)][:3] == [1, 2, 3]
    log.keep_until(16)
    log.append(progress(3, 0.75))
    assert [(line["step"], line["losses"]) for line in read_metrics(log.path)] == [(1, [0.5]), (2, [0.5]), (3, [0.75])]


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        MetricsLog(tmp_path / "missing" / "metrics.jsonl").append(progress(1, 0.5))
