"""What is changed on the way: rate and budget between two steps, marked, kept, and exact."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
import torch

from studio.data.image_set import ImageSet
from studio.errors import SettingsError
from studio.library.tensors import read_tensors
from studio.training.changes import Change, ChangeBox
from studio.training.checkpoint import read_checkpoint
from studio.training.events import Marked, MarkKind, Progress, TrainingFinished
from studio.training.metrics_log import read_metrics
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train, training_step

MakeRun = Callable[..., TrainingRun]


def until(events, steps: int) -> list[object]:
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, Progress) and event.step >= steps:
            return seen
    pytest.fail("it ended before")


def test_another_rate_counts_from_the_next_step_on(make_run: MakeRun) -> None:
    run, straight = make_run(steps=40, warmup_images=0), make_run(steps=40, warmup_images=0)
    events = train(run)
    until(events, 5)
    run.request_learning_rate(1e-4)
    after = list(events)
    (mark,) = [event for event in after if isinstance(event, Marked)]
    assert (mark.kind, mark.text) == (MarkKind.LEARNING_RATE, "rate 0.0001")
    assert "0.004 to 0.0001" in mark.detail
    for step in range(40):
        # The wish is granted after the step that is on its way.
        if step == mark.step:
            straight.request_learning_rate(1e-4)
            straight.settings = run.settings
        training_step(straight)
    one, two = (read_tensors(each.save_checkpoint()).tensors for each in (run, straight))
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_a_rate_that_is_set_stands_for_itself(make_run: MakeRun) -> None:
    run = make_run(steps=1000)
    run.rate_factor = 0.25
    events = train(run)
    run.request_learning_rate(2e-3)
    until(events, 2)
    assert run.plateau_learning_rate == 2e-3
    assert run.rate_factor == 1.0


def test_an_impossible_rate_is_refused_at_once(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(SettingsError, match="learning_rate"):
        run.request_learning_rate(-1.0)
    assert not run.changes_requested.full


def test_more_time_while_it_trains(make_run: MakeRun) -> None:
    run = make_run(steps=20)
    events = train(run)
    until(events, 3)
    run.request_budget(Budget(images=8 * 35))
    after = list(events)
    assert run.step == 35
    (mark,) = [event for event in after if isinstance(event, Marked)]
    assert (mark.kind, mark.text) == (MarkKind.BUDGET, "+120 pictures")
    fractions = [event.fraction for event in after if isinstance(event, Progress)]
    assert fractions[-1] == 1.0


def test_a_run_that_is_done_goes_on_with_more(make_run: MakeRun) -> None:
    run = make_run(steps=10)
    list(train(run))
    run.request_budget(Budget(images=8 * 25))
    events = list(train(run))
    assert isinstance(events[-1], TrainingFinished)
    assert run.step == 25
    assert events[0].fraction == pytest.approx(10 / 25)
    lines = list(read_metrics(run.folder / "metrics.jsonl"))
    assert sum(len(line.get("losses", ())) for line in lines) == 25


def test_less_time_ends_it_soon(make_run: MakeRun) -> None:
    run = make_run(steps=10_000)
    events = train(run)
    until(events, 3)
    run.request_budget(Budget(images=8))
    assert isinstance(list(events)[-1], TrainingFinished)
    assert run.step < 100


def test_changes_are_kept_in_the_settings_the_checkpoint_and_the_description(
    make_run: MakeRun, image_set: ImageSet
) -> None:
    run = make_run(steps=1000)
    events = train(run)
    until(events, 2)
    run.request_learning_rate(1e-3)
    until(events, run.step + 2)
    run.request_budget(Budget(images=8 * run.step + 80))
    list(events)
    checkpoint, _ = read_checkpoint(run.folder)
    assert [line["kind"] for line in checkpoint.changes] == ["learning rate", "budget"]
    assert checkpoint.settings.learning_rate == 1e-3
    assert json.loads((run.folder / "settings.json").read_text())["learning_rate"] == 1e-3
    config = json.loads((run.folder / "config.json").read_text())
    assert config["settings"]["learning_rate"] == 1e-3
    assert [line["kind"] for line in config["changes"]] == ["learning rate", "budget"]
    marks = [line for line in read_metrics(run.folder / "metrics.jsonl") if line.get("event") == "mark"]
    assert [line["kind"] for line in marks] == ["learning rate", "budget"]
    again = TrainingRun.resume(run.folder, image_set, run.device)
    assert again.settings == run.settings


def test_a_description_tells_all_that_makes_the_run_again(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run(steps=3)
    list(train(run))
    config = json.loads((run.folder / "config.json").read_text())
    assert config["data"] == {
        "name": "points",
        "count": 40,
        "fingerprint": image_set.fingerprint(),
        "class_names": [],
        "held_out": 0,
    }
    assert config["schedule"] == json.loads(json.dumps(run.schedule.to_json()))
    assert config["settings"] == json.loads(json.dumps(run.settings.to_json()))
    assert config["parameter_count"] == run.parameter_count
    assert {"program", "torch", "device", "precision", "threads", "network", "shape"} <= config.keys()
    TrainingRun.resume(run.folder, image_set, run.device)
    assert json.loads((run.folder / "config.json").read_text())["began"] == config["began"]


def test_wishes_of_several_threads_are_all_heard() -> None:
    box = ChangeBox()
    threads = [threading.Thread(target=box.put, args=(0.001 * number,)) for number in range(1, 9)]
    threads.append(threading.Thread(target=box.put, kwargs={"budget": Budget(images=7)}))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    change = box.look()
    assert change.budget == Budget(images=7)
    assert change.learning_rate in [0.001 * number for number in range(1, 9)]
    # What comes in while it is being done is not forgotten with it.
    box.put(learning_rate=0.5)
    box.forget(change)
    assert box.look() == Change(learning_rate=0.5)


@pytest.mark.parametrize(
    "change", [Change(), Change(1e-3), Change(None, Budget(minutes=2.5)), Change(1e-4, Budget(images=10**10))]
)
def test_a_change_survives_as_numbers(change: Change) -> None:
    assert Change.from_numbers(*change.numbers()) == change
