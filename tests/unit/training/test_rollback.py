"""A loss that runs away: back to the last sound state with half the rate, and given up when that does not help."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from studio.data.image_set import ImageSet
from studio.errors import LossNotFinite
from studio.library.tensors import read_tensors
from studio.training import rollback, step_lines
from studio.training.checkpoint import FILE_NAME, read_checkpoint
from studio.training.events import CheckpointSaved, Marked, MarkKind, Progress, TrainingFinished
from studio.training.kept_checkpoints import kept_checkpoints
from studio.training.metrics_log import read_metrics
from studio.training.rollback import MOST_SETBACKS, clock, copy_state, is_finite, restore_state
from studio.training.run import TrainingRun
from studio.training.trainer import train, training_step
from studio.training.wall import read_rows

MakeRun = Callable[..., TrainingRun]


def everything(run: TrainingRun) -> dict[str, torch.Tensor]:
    return read_tensors(run.save_checkpoint()).tensors


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound state is kept every ten steps."""
    monkeypatch.setattr(rollback, "SAFE_STEPS", 10)


def ruin_steps(monkeypatch: pytest.MonkeyPatch, which: Iterator[int] | range | list[int], times: int = 1) -> list[int]:
    """The weights become NaN after each of these steps, so many times; the steps at which that happened."""
    real, happened = step_lines.take_optimizer_step, []

    def ruin(run: TrainingRun) -> None:
        real(run)
        if run.step in which and happened.count(run.step) < times:
            happened.append(run.step)
            with torch.no_grad():
                next(run.network.parameters()).fill_(float("nan"))

    monkeypatch.setattr(step_lines, "take_optimizer_step", ruin)
    return happened


def test_a_state_is_restored_to_the_bit(make_run: MakeRun) -> None:
    run = make_run()
    for _ in range(3):
        training_step(run)
    expected = everything(run)
    state = copy_state(run)
    losses = [training_step(run).item() for _ in range(4)]
    assert not all(torch.equal(tensor, expected[name]) for name, tensor in everything(run).items())
    restore_state(run, state)
    assert (run.step, run.images_seen) == (3, 24)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in everything(run).items())
    assert [training_step(run).item() for _ in range(4)] == losses


def test_the_beginning_is_a_state_to_go_back_to(make_run: MakeRun) -> None:
    run, straight = make_run(), make_run()
    state = copy_state(run)
    for _ in range(2):
        training_step(run)
    restore_state(run, state)
    for _ in range(2):
        training_step(run)
        training_step(straight)
    one, two = everything(run), everything(straight)
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


@pytest.mark.parametrize("what", ["weights", "average", "moments"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_anything_that_is_no_number_is_found(make_run: MakeRun, what: str, value: float) -> None:
    run = make_run()
    assert is_finite(run)
    training_step(run)
    assert is_finite(run)
    with torch.no_grad():
        parameter = run.parameters[-1]
        {
            "weights": parameter,
            "average": list(run.average.network.parameters())[-1],
            "moments": run.optimizer.state[parameter]["exp_avg_sq"],
        }[what].flatten()[-1] = value
    assert not is_finite(run)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("at", [0, 7, 34])
def test_the_run_goes_back_halves_the_rate_and_goes_on(make_run: MakeRun, monkeypatch, at: int) -> None:
    happened = ruin_steps(monkeypatch, [at])
    run = make_run(steps=60)
    rate = run.plateau_learning_rate
    events = list(train(run))
    assert happened == [at]
    assert isinstance(events[-1], TrainingFinished)
    (mark,) = [event for event in events if isinstance(event, Marked)]
    assert (mark.kind, mark.step, mark.text) == (MarkKind.ROLLED_BACK, at // 10 * 10, "rate halved")
    assert "half the learning rate" in mark.detail
    assert run.plateau_learning_rate == rate / 2
    assert run.step == 60
    assert is_finite(run)
    after = events[events.index(mark) + 1]
    assert isinstance(after, CheckpointSaved)
    assert after.step == mark.step
    # The log tells each step once, and the mark.
    lines = list(read_metrics(run.folder / "metrics.jsonl"))
    assert sum(len(line.get("losses", ())) for line in lines) == 60
    assert [line["text"] for line in lines if line.get("event") == "mark"] == ["rate halved"]
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert len(run.losses.points) == 60
    assert read_checkpoint(run.folder)[0].rate_factor == 0.5
    assert read_checkpoint(run.folder)[0].changes[0]["kind"] == "rolled back"


@pytest.mark.usefixtures("often")
def test_the_run_is_then_what_it_would_be_with_half_the_rate_from_there_on(make_run: MakeRun, monkeypatch) -> None:
    run, straight = make_run(steps=40), make_run(steps=40)
    with monkeypatch.context() as patched:
        ruin_steps(patched, [23])
        list(train(run))
    for step in range(40):
        straight.rate_factor = 1.0 if step < 20 else 0.5
        training_step(straight)
    one, two = everything(run), everything(straight)
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


@pytest.mark.usefixtures("often")
def test_a_resumed_run_keeps_the_lower_rate(make_run: MakeRun, image_set: ImageSet, monkeypatch) -> None:
    ruin_steps(monkeypatch, [12])
    run = make_run(steps=30)
    list(train(run))
    again = TrainingRun.resume(run.folder, image_set, run.device)
    assert again.rate_factor == 0.5
    assert again.bundle().history["changes"][0]["text"] == "rate halved"


@pytest.mark.usefixtures("often")
def test_rows_and_kept_checkpoints_of_the_lost_stretch_go(make_run: MakeRun, monkeypatch) -> None:
    run = make_run(steps=50, sample_rows=40, kept_checkpoints=40)
    seen = []

    def ruin(event: object) -> None:
        if isinstance(event, Progress) and event.step == 39 and not seen:
            seen.extend(step for step, _ in read_rows(run.folder / "samples", run.shape))
            with torch.no_grad():
                next(run.network.parameters()).fill_(float("nan"))

    run.safety  # noqa: B018
    for event in train(run):
        run.request_samples()
        ruin(event)
        if isinstance(event, Marked):
            assert event.step == 30
            assert max(seen) > 30
            assert all(step <= 30 for step, _ in read_rows(run.folder / "samples", run.shape))
            assert all(kept.step <= 30 for kept in kept_checkpoints(run.folder))
            break
    else:
        pytest.fail("the run never went back")


@pytest.mark.usefixtures("often")
def test_a_run_that_never_recovers_is_given_up_in_its_last_sound_state(make_run: MakeRun, monkeypatch) -> None:
    happened = ruin_steps(monkeypatch, range(23, 1000), times=1000)
    run = make_run(steps=60)
    events = train(run)
    marks = []
    with pytest.raises(LossNotFinite, match="lower learning rate"):
        marks.extend(event for event in events if isinstance(event, Marked))
    assert happened.count(23) == MOST_SETBACKS + 1
    assert (run.step, run.saved_step) == (20, 20)
    assert run.rate_factor == 0.5**MOST_SETBACKS
    assert is_finite(run)
    assert read_checkpoint(run.folder)[0].step == 20


@pytest.mark.usefixtures("often")
def test_coming_further_counts_as_help(make_run: MakeRun, monkeypatch) -> None:
    """One accident in every stretch of ten is more than MOST_SETBACKS, but none of them is the run's end."""
    happened = ruin_steps(monkeypatch, range(5, 200, 10))
    run = make_run(steps=10 * (MOST_SETBACKS + 3))
    assert isinstance(list(train(run))[-1], TrainingFinished)
    assert len(happened) > MOST_SETBACKS


@pytest.mark.usefixtures("often")
def test_a_state_on_its_way_to_infinity_is_not_kept(make_run: MakeRun) -> None:
    run = make_run(steps=1000)
    safety = run.safety
    for losses, kept in (([1.0] * 5, True), ([0.5] * 5, True), ([0.6, 3.9], False), ([0.5, 0.9], True)):
        training_step(run)
        safety.renew(run, losses)
        assert (safety.state.step == run.step) is kept
    safety.renew(run, [1e9], always=True)
    assert safety.state.step == run.step


def test_who_leaves_a_run_that_ran_away_finds_it_as_it_last_was(make_run: MakeRun) -> None:
    run = make_run(steps=10_000)
    events = train(run)
    for event in events:
        if isinstance(event, Progress) and event.step >= 1:
            break
    with torch.no_grad():
        next(run.network.parameters()).fill_(float("nan"))
    events.close()
    checkpoint = read_checkpoint(run.folder)[0]
    assert checkpoint.step == run.step == run.safety.state.step
    assert (run.folder / FILE_NAME).exists()
    assert is_finite(run)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (65.9, "1:05"), (7210, "2:00:10")])
def test_times_are_written_as_people_write_them(seconds: float, text: str) -> None:
    assert clock(seconds) == text
