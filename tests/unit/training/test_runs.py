"""Runs on disk: which there are, what a list says of them, their curves and differences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.app.training.loss_history import LossHistory
from studio.training.events import MarkKind
from studio.training.following import RunFollower
from studio.training.metrics_log import line_of
from studio.training.run_curves import curves_of, read_curves
from studio.training.run_differences import differences
from studio.training.runs import LIVE_SECONDS, RunStatus, find_runs, is_run, summarize
from tests.unit.training.run_folders import append, drawn, make_run, mark, progress, quality, validated


def long_ago(folder) -> None:
    """Let the log look as if nobody had written to it for long."""
    past = time.time() - 10 * LIVE_SECONDS
    os.utime(folder / "metrics.jsonl", (past, past))


def test_a_run_is_summed_up(tmp_path):
    folder = make_run(
        tmp_path / "2026-11-24 11.10.05 old-name",
        progress(1, 9.0),
        validated(1, 4.0),
        quality(1, 8.0),
        drawn(1),
        progress(40, 3.0),
        progress(99, 1.0, 2.0),
        validated(99, 0.5),
        drawn(99),
        progress(100, 3.0),
    )
    (folder / "ended.json").write_text(json.dumps({"model": str(folder / "kept.safetensors")}))
    (folder / "kept.safetensors").write_bytes(b"")
    run = summarize(folder)
    assert run is not None
    assert (run.title, run.data_name, run.step, run.images_seen, run.seconds) == ("Squares", "Squares", 100, 1000, 100)
    assert run.fraction == 1.0
    assert run.status is RunStatus.FINISHED
    # Only the last 8 % of the pictures: 99 and 100, not 40.
    assert run.loss == pytest.approx((1.0 + 2.0 + 3.0) / 3)
    assert (run.validation, run.distance, run.copied) == (0.5, 8.0, 0.125)
    assert run.model == folder / "kept.safetensors"
    assert run.newest_row == folder / "samples" / "step-00000099.png"
    assert run.facts.parameters == 1234
    assert run.facts.shape == (1, 2, 2)
    assert time.localtime(run.began)[:6] == (2026, 11, 24, 11, 10, 5)


def test_its_title_is_what_a_person_called_it(tmp_path):
    folder = make_run(tmp_path / "digits.run", progress(1))
    (folder / "title.json").write_text('{"title": "My best"}')
    assert summarize(folder).title == "My best"
    (folder / "title.json").write_text('{"title": 5')
    assert summarize(folder).title == "Squares"
    (folder / "config.json").unlink()
    assert summarize(folder).title == "digits"


def test_the_status_tells_who_may_go_on(tmp_path):
    running = make_run(tmp_path / "a", progress(10))
    assert summarize(running).status is RunStatus.RUNNING
    assert not summarize(running).can_go_on
    long_ago(running)
    assert summarize(running).status is RunStatus.UNUSABLE
    (running / "checkpoint.previous.safetensors").write_bytes(b"x")
    assert summarize(running).status is RunStatus.INTERRUPTED
    assert summarize(running).can_go_on
    (running / "ended.json").write_text('{"model": null}')
    assert summarize(running).status is RunStatus.STOPPED


def test_what_is_measured_after_the_last_step_uses_up_the_last_of_the_minutes(tmp_path):
    minutes = {"budget": {"images": None, "minutes": 2.0}}
    folder = make_run(tmp_path / "a", progress(119), validated(121, 0.5), settings=minutes)
    assert summarize(folder).status is RunStatus.FINISHED
    follower = RunFollower(folder)
    follower.poll()
    assert follower.finished


def test_a_budget_made_longer_opens_a_finished_run(tmp_path):
    folder = make_run(tmp_path / "a", progress(100))
    assert summarize(folder).fraction == 1.0
    settings = json.loads((folder / "settings.json").read_text())
    (folder / "settings.json").write_text(json.dumps(settings | {"budget": {"images": 4000, "minutes": None}}))
    assert summarize(folder).fraction == 0.25


def test_the_newest_validation_is_found_far_back_in_a_long_log(tmp_path):
    many = [progress(step, *([0.1] * 40)) for step in range(2, 1200)]
    folder = make_run(tmp_path / "a", progress(1), validated(1, 0.25), *many)
    assert (folder / "metrics.jsonl").stat().st_size > 2 << 16
    assert summarize(folder).validation == 0.25


def test_all_runs_are_found_once_and_the_newest_first(tmp_path):
    first = make_run(tmp_path / "2026-01-01 10.00.00 a", progress(1))
    second = make_run(tmp_path / "2026-02-01 10.00.00 b", progress(1))
    (tmp_path / "no run").mkdir()
    (tmp_path / "a file").write_text("")
    make_run(tmp_path / ".trash" / "2026-03-01 10.00.00 c", progress(1))
    assert [run.folder for run in find_runs(tmp_path, second, tmp_path / "gone")] == [second, first]


@settings(max_examples=60, deadline=None)
@given(
    metrics=st.binary(max_size=400),
    description=st.one_of(st.binary(max_size=60), st.just(b"[" * 5000), st.just(b'{"data": 3, "shape": [0, 1]}')),
    checkpoint=st.binary(max_size=40),
)
def test_no_folder_is_too_torn_to_be_listed(tmp_path_factory, metrics, description, checkpoint):
    folder = tmp_path_factory.mktemp("torn")
    for name, content in (
        ("metrics.jsonl", metrics),
        ("settings.json", description),
        ("config.json", description),
        ("ended.json", description),
        ("checkpoint.safetensors", checkpoint),
    ):
        (folder / name).write_bytes(content)
    assert is_run(folder)
    run = summarize(folder)
    assert run is not None
    assert 0.0 <= run.fraction <= 1.0
    differences([run])
    read_curves(folder)


def test_lists_and_followers_do_not_load_torch():
    code = (
        "import studio.training.following, studio.training.run_curves, studio.training.run_differences, sys;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_smoothed_loss_is_that_of_the_train_workspace():
    losses = np.random.default_rng(3).uniform(0.1, 2.0, 400)
    history = LossHistory()
    for step, loss in enumerate(losses, start=1):
        history.append((float(loss),), float(step), step * 10)
    lines = [line_of(progress(step, float(loss))) for step, loss in enumerate(losses, start=1)]
    curve = curves_of(lines).loss
    images, smoothed = history.smoothed("images", 10_000)
    assert np.array_equal(curve.images_seen, images)
    # The log keeps six digits of every loss, the history float32.
    assert np.allclose(curve.values, smoothed, rtol=2e-5)


def test_curves_tell_everything_that_was_measured(tmp_path):
    folder = make_run(
        tmp_path / "a",
        progress(1),
        validated(1, 0.4),
        quality(2, 9.0),
        mark(2, MarkKind.LEARNING_RATE, "rate halved"),
        progress(3),
    )
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"event":"validated","images_seen":40,"lo')
    curves = read_curves(folder)
    assert curves.validation.values.tolist() == [0.4]
    assert curves.raw_validation.values.tolist() == [0.8]
    assert curves.distance.values.tolist() == [9.0]
    assert curves.copied.last == 0.125
    assert curves.learning_rate.seconds.tolist() == [1.0, 3.0]
    assert [(m.kind, m.seconds, m.text) for m in curves.marks] == [("learning rate", 2.0, "rate halved")]


def test_long_curves_are_thinned_and_keep_their_ends():
    lines = [line_of(progress(step)) for step in range(1, 5001)]
    curve = curves_of(lines, most_points=100).learning_rate
    assert len(curve) == 100
    assert (curve.seconds[0], curve.seconds[-1]) == (1.0, 5000.0)


def test_differences_are_named_in_words(tmp_path):
    first = make_run(tmp_path / "a", progress(1), settings={"learning_rate": 4e-3, "horizontal_flips": False})
    second = make_run(
        tmp_path / "b",
        progress(1),
        settings={"learning_rate": 1e-3, "budget": {"images": None, "minutes": 4.0}, "parameterization": "epsilon"},
    )
    lines = {line.name: line for line in differences([summarize(first), summarize(second)])}
    assert lines["Learning rate"].values == ("0.004", "0.001")
    assert lines["Learning rate"].differs
    assert lines["Budget"].values == ("1,000 pictures", "4 min")
    assert lines["Mirrored"].values == ("no", "—")
    # What one run does not tell is no difference.
    assert not lines["Mirrored"].differs
    assert lines["The network predicts"].values == ("—", "noise")
    assert not lines["Noise levels T"].differs
    assert lines["Noise levels T"].values == ("3", "3")
    assert lines["Block out channels"].group == "Network"


def test_a_run_that_grows_is_seen_to_grow(tmp_path):
    folder = make_run(tmp_path / "a", progress(1))
    append(folder, progress(50))
    assert summarize(folder).step == 50
