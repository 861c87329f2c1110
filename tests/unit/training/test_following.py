"""A run that another process writes is told as if it trained here."""

from __future__ import annotations

import dataclasses
import os
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.errors import DataError
from studio.training.event_lines import event_of, merged
from studio.training.events import (
    Marked,
    MarkKind,
    Progress,
    QualityMeasured,
    SamplesDrawn,
    TrainingStarted,
    Validated,
)
from studio.training.following import MOST_PROGRESS, ROW_PATIENCE_SECONDS, RunFollower
from studio.training.metrics_log import MetricsLog, line_of
from studio.training.pairs import write_pairs
from studio.training.run_folder import discard_run
from studio.training.wall import write_row
from tests.unit.training.run_folders import append, drawn, make_run, mark, progress, quality, text_of, validated


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    "event",
    [progress(3, 0.5, 0.25, levels=True), validated(4, 0.5), quality(5, 2.5), mark(6, MarkKind.BUDGET, "more time")],
)
def test_a_line_becomes_the_event_that_it_was(event):
    again = event_of(line_of(event), {}, (1, 2, 2))
    for field in dataclasses.fields(event):
        before, after = getattr(event, field.name), getattr(again, field.name)
        assert np.array_equal(before, after), field.name


def test_the_time_left_comes_from_the_budget():
    line = line_of(progress(30))
    assert event_of(line, {"budget": {"images": 1300, "minutes": None}}).seconds_left == 100.0
    assert event_of(line, {"budget": {"images": None, "minutes": 1.0}}).seconds_left == 30.0
    assert event_of(line, {}).seconds_left is None


@pytest.mark.parametrize("line", [{"event": "mark", "kind": "new"}, {"event": "later"}, {"losses": 3}, {"step": None}])
def test_foreign_lines_tell_nothing(line):
    assert event_of(line | {"images_seen": 1}, {}) is None


def test_merged_progress_keeps_every_loss_and_weighs_levels_by_pictures():
    first, second = progress(1, 0.1, levels=True), progress(2, 0.2, 0.3, levels=True)
    second = dataclasses.replace(second, level_losses=(1.0, 3.0, None), level_counts=(6, 2, 0))
    both = merged([first, second])
    assert both.losses == (0.1, 0.2, 0.3)
    assert (both.step, both.seconds) == (2, 2.0)
    assert both.level_counts == (8, 2, 4)
    assert both.level_losses == pytest.approx(((0.5 * 2 + 1.0 * 6) / 8, 3.0, 0.25))


def test_the_first_poll_tells_the_run_from_its_beginning(tmp_path):
    folder = make_run(tmp_path / "a", progress(1), drawn(1), validated(2, 0.5), mark(2, MarkKind.LEARNING_RATE))
    follower = RunFollower(folder)
    events = follower.poll()
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["TrainingStarted", "Progress", "Validated", "Marked", "SamplesDrawn"]
    started, row = events[0], events[-1]
    assert isinstance(started, TrainingStarted)
    assert (started.step, started.image_count, started.parameter_count, started.device) == (0, 50, 1234, "CPU")
    assert isinstance(row, SamplesDrawn)
    assert np.array_equal(row.pictures, drawn(1).pictures)
    assert (row.seed, row.picture_numbers) == (7, (0, 1, 2))
    assert not follower.more
    assert follower.poll() == []


def test_a_torn_last_line_waits_for_its_end(tmp_path):
    folder = make_run(tmp_path / "a", progress(1))
    follower = RunFollower(folder)
    follower.poll()
    text = text_of(progress(2))
    log = (folder / "metrics.jsonl").open("a")
    log.write(text[:20])
    log.flush()
    assert follower.poll() == []
    log.write(text[20:])
    log.close()
    assert [event.step for event in follower.poll()] == [2]


def test_a_line_torn_by_a_crash_is_passed_over(tmp_path):
    folder = make_run(tmp_path / "a", progress(1))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(text_of(progress(2))[:30] + "\n" + text_of(progress(3)))
    assert [event.step for event in RunFollower(folder).poll()] == [0, 1, 3]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), max_size=30))
def test_however_the_log_arrives_the_same_is_told(tmp_path_factory, cuts):
    folder = make_run(tmp_path_factory.mktemp("run"))
    content = "".join(map(text_of, [*(progress(step) for step in range(1, 6)), validated(6, 0.5), progress(7)]))
    follower = RunFollower(folder)
    told = follower.poll()[1:]
    place = 0
    for cut in [*cuts, len(content)]:
        with (folder / "metrics.jsonl").open("a", newline="\n") as file:
            file.write(content[place : place + cut])
        place += cut
        told += follower.poll()
    assert [event.step for event in told] == [1, 2, 3, 4, 5, 6, 7]


def test_a_log_written_anew_cuts_what_was_told(tmp_path):
    folder = make_run(tmp_path / "a", *(progress(step) for step in range(1, 10)))
    follower = RunFollower(folder)
    follower.poll()
    MetricsLog(folder / "metrics.jsonl").keep_until(50)
    append(folder, mark(5, MarkKind.RESUMED, "resumed"), progress(6), progress(7))
    events = follower.poll()
    cut = events[0]
    assert isinstance(cut, Marked)
    assert (cut.kind, cut.step, cut.images_seen, cut.seconds) == (MarkKind.ROLLED_BACK, 5, 50, 5.0)
    assert [type(event).__name__ for event in events[1:]] == ["Marked", "Progress", "Progress"]
    append(folder, progress(8))
    assert [event.step for event in follower.poll()] == [8]


def test_a_cut_that_the_run_tells_itself_is_told_once(tmp_path):
    folder = make_run(tmp_path / "a", *(progress(step) for step in range(1, 10)))
    follower = RunFollower(folder)
    follower.poll()
    MetricsLog(folder / "metrics.jsonl").keep_until(30)
    append(folder, mark(3, MarkKind.ROLLED_BACK, "rate halved"), progress(4))
    assert [getattr(event, "text", event.step) for event in follower.poll()] == ["rate halved", 4]


def test_a_log_grown_past_its_old_length_is_still_seen_to_be_another(tmp_path):
    folder = make_run(tmp_path / "a", *(progress(step) for step in range(1, 5)))
    follower = RunFollower(folder)
    follower.poll()
    MetricsLog(folder / "metrics.jsonl").keep_until(20)
    append(folder, *(progress(step, 9.0, 8.0) for step in range(3, 20)))
    events = follower.poll()
    assert isinstance(events[0], Marked)
    assert [event.step for event in events[1:]][-1] == 19


def test_a_row_is_told_once_its_file_is_whole(tmp_path):
    clock = Clock()
    folder = make_run(tmp_path / "a", progress(1))
    follower = RunFollower(folder, now=clock)
    follower.poll()
    row = drawn(5)
    append(folder, row, progress(6), rows=False)
    assert [event.step for event in follower.poll()] == [6]
    path = write_row(folder / "samples", row.step, row.pictures)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert follower.poll() == []
    path.write_bytes(whole)
    (told,) = follower.poll()
    assert np.array_equal(told.pictures, row.pictures)


def test_a_row_that_never_comes_does_not_hold_up_the_next(tmp_path):
    clock = Clock()
    folder = make_run(tmp_path / "a")
    follower = RunFollower(folder, now=clock)
    append(folder, drawn(5), rows=False)
    append(folder, drawn(6))
    follower.poll()
    clock.seconds = ROW_PATIENCE_SECONDS + 1
    assert [event.step for event in follower.poll()] == [6]


def test_pairs_of_samples_and_training_pictures_are_told_with_their_measurement(tmp_path):
    folder = make_run(tmp_path / "a")
    examples, nearest = np.full((3, 2, 2, 1), 7, np.uint8), np.full((3, 2, 2, 1), 9, np.uint8)
    measured = dataclasses.replace(quality(5, 2.5), examples=examples, nearest=nearest)
    write_pairs(folder / "samples", measured)
    append(folder, measured, quality(6, 2.0))
    with_pictures, without = [event for event in RunFollower(folder).poll() if isinstance(event, QualityMeasured)]
    assert np.array_equal(with_pictures.examples, examples)
    assert np.array_equal(with_pictures.nearest, nearest)
    assert without.examples.shape == (0, 2, 2, 1)
    discard_run(folder)
    assert not (folder / "samples").exists()


def test_rows_of_an_old_log_are_told_by_their_files(tmp_path):
    folder = make_run(tmp_path / "a", progress(10))
    write_row(folder / "samples", 0, drawn(0).pictures)
    write_row(folder / "samples", 5, drawn(5).pictures)
    follower = RunFollower(folder)
    rows = [event for event in follower.poll() if isinstance(event, SamplesDrawn)]
    assert [(row.step, row.images_seen, row.seconds) for row in rows] == [(0, 0, 0.0), (5, 50, 5.0)]
    assert not any(isinstance(event, SamplesDrawn) for event in follower.poll())


def test_a_long_log_is_caught_up_with_in_few_events(tmp_path):
    count = 3000
    folder = make_run(tmp_path / "a", *(progress(step, 0.5, levels=True) for step in range(1, count)))
    append(folder, validated(count, 0.5))
    follower = RunFollower(folder)
    events, polls = [], 0
    while follower.more:
        batch = follower.poll()
        polls += 1
        assert sum(isinstance(event, Progress) for event in batch) <= MOST_PROGRESS + 1
        events += batch
    assert polls > 1
    told = [event for event in events if isinstance(event, Progress)]
    assert sum(len(event.losses) for event in told) == count - 1
    assert isinstance(events[-1], Validated)


def test_it_knows_how_long_nothing_came_and_when_it_is_over(tmp_path):
    clock = Clock()
    folder = make_run(tmp_path / "a", progress(10))
    follower = RunFollower(folder, now=clock)
    follower.poll()
    clock.seconds = 90.0
    follower.poll()
    assert follower.quiet_seconds == pytest.approx(90.0, abs=30.0)
    append(folder, progress(100))
    follower.poll()
    assert follower.quiet_seconds == 0.0
    assert follower.finished


def test_a_run_that_died_long_ago_is_quiet_at_once(tmp_path):
    folder = make_run(tmp_path / "a", progress(10))
    past = time.time() - 1000
    os.utime(folder / "metrics.jsonl", (past, past))
    follower = RunFollower(folder)
    follower.poll()
    assert follower.quiet_seconds > 900


def test_a_folder_that_is_gone_tells_nothing(tmp_path):
    folder = make_run(tmp_path / "a", progress(10))
    follower = RunFollower(folder)
    folder.rename(tmp_path / "b")
    assert len(follower.poll()) == 1
    with pytest.raises(DataError):
        RunFollower(folder)
