"""When a checkpoint is due: as the settings say, less often on a slow disk, but never much less."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from studio.training.clock import Stopwatch
from studio.training.report import MOST_STRETCHED, SAVING_SHARE, Report
from studio.training.run import TrainingRun


@pytest.mark.parametrize(
    ("saving_seconds", "wait"),
    [(0.0, 10.0), (0.4, 10.0), (1.0, SAVING_SHARE), (60.0, 10.0 * MOST_STRETCHED)],
)
def test_the_interval_follows_what_writing_takes(
    make_run: Callable[..., TrainingRun], saving_seconds: float, wait: float
) -> None:
    run = make_run(checkpoint_seconds=10.0)
    run.saving_seconds, run.saved_seconds = saving_seconds, 100.0
    report = Report(run)
    run.clock = Stopwatch(100.0 + wait - 0.001)
    assert not report.checkpoint_due
    run.clock = Stopwatch(100.0 + wait)
    assert report.checkpoint_due
