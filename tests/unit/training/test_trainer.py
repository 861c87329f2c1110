"""The loop: that it is Algorithm 20.1, what it tells and when, and what the caller may do in between."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.diffusion.parameterization import Parameterization
from studio.diffusion.schedule import make_schedule
from studio.errors import SettingsError, StorageError
from studio.networks.build import build_network
from studio.networks.devices import choose_device
from studio.networks.points import PointConfig
from studio.networks.unet import UNetConfig
from studio.training import rollback
from studio.training.batches import DataOrder
from studio.training.checkpoint import FILE_NAME
from studio.training.events import CheckpointSaved, Progress, SamplesDrawn, TrainingFinished, TrainingStarted
from studio.training.metrics_log import read_metrics
from studio.training.randomness import step_generator
from studio.training.run import TrainingRun
from studio.training.run_folder import new_run_folder
from studio.training.settings import ALGORITHM_20_1, Budget
from studio.training.trainer import draw_samples, train, training_step
from studio.training.wall import read_rows

MakeRun = Callable[..., TrainingRun]


def losses_of(events) -> list[float]:
    return [loss for event in events if isinstance(event, Progress) for loss in event.losses]


def state_of(run: TrainingRun) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in run.network.state_dict().items()}


def test_the_books_algorithm_written_out_gives_the_same_weights(image_set: ImageSet, tmp_path: Path) -> None:
    """An independent Algorithm 20.1: float64 formulas for z_t and Adam, nothing of the trainer's but its draws."""
    config, schedule = PointConfig(1, 1, 2, hidden=16, blocks=1), make_schedule("linear", 50)
    settings = dataclasses.replace(ALGORITHM_20_1, seed=5, batch_size=8, budget=Budget(images=80), sample_count=1)
    run = TrainingRun.create(image_set, schedule, settings, config, choose_device("cpu"), tmp_path / "run")
    losses = losses_of(train(run))

    network = build_network(config, seed=5)
    weights = list(network.parameters())
    first, second = [torch.zeros_like(w) for w in weights], [torch.zeros_like(w) for w in weights]
    alpha_bar = np.cumprod(1 - np.linspace(1e-4 * 20, 0.02 * 20, 50))
    order = DataOrder(5, image_set.count)
    for step in range(1, 11):
        random = step_generator(5, 8 * (step - 1))
        x = image_set.images[order.indices(8 * (step - 1), 8)].transpose(0, 3, 1, 2) / 127.5 - 1
        t = torch.randint(50, (8,), generator=random)
        noise = torch.randn((8, 1, 1, 2), generator=random)
        a = alpha_bar[t.numpy()].reshape(-1, 1, 1, 1)
        z_t = torch.tensor(np.sqrt(a) * x + np.sqrt(1 - a) * noise.numpy(), dtype=torch.float32)
        loss = ((network(z_t, t) - noise) ** 2).mean()
        assert losses[step - 1] == pytest.approx(loss.item(), rel=1e-5)
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for w, g, m, v in zip(weights, gradients, first, second, strict=True):
                m.mul_(0.9).add_(0.1 * g)
                v.mul_(0.999).add_(0.001 * g * g)
                w -= 1e-3 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(run.network.state_dict()[name], tensor, atol=2e-6, rtol=1e-4)
        # No average in the book: the model is the last weights.
        assert torch.equal(run.bundle().state[name], run.network.state_dict()[name])


@pytest.mark.parametrize("parameterization", list(Parameterization))
def test_the_first_loss_is_that_of_a_network_that_says_zero(make_run: MakeRun, parameterization) -> None:
    """A new network puts out 0, so the error of the noise follows from x, noise and alpha_bar alone."""
    run = make_run(parameterization=parameterization, batch_size=400, timestep_sampling="uniform")
    loss = training_step(run).item()
    random = step_generator(0, 0)
    t = torch.randint(50, (400,), generator=random).numpy()
    noise = torch.randn((400, 1, 1, 2), generator=random).double().numpy()
    order = DataOrder(0, 40).indices(0, 400)
    x = run.batches.batch(0, 400).pictures.double().numpy()
    assert len(order) == len(x)
    alpha_bar = run.schedule.alpha_bar[t].reshape(-1, 1, 1, 1)
    z_t = np.sqrt(alpha_bar) * x + np.sqrt(1 - alpha_bar) * noise
    predicted_noise = {
        Parameterization.EPSILON: np.zeros_like(noise),
        Parameterization.X0: z_t / np.sqrt(1 - alpha_bar),
        Parameterization.V: np.sqrt(1 - alpha_bar) * z_t,
    }[parameterization]
    assert loss == pytest.approx(((predicted_noise - noise) ** 2).mean(), rel=1e-4)


def test_the_events_tell_the_whole_run(make_run: MakeRun) -> None:
    run = make_run(steps=30)
    events = list(train(run))
    assert isinstance(events[0], TrainingStarted)
    assert isinstance(events[1], SamplesDrawn)
    assert events[1].step == 0
    assert isinstance(events[-1], TrainingFinished)
    assert isinstance(events[-2], CheckpointSaved)
    assert events[-2].step == 30
    progress = [event for event in events if isinstance(event, Progress)]
    assert len(losses_of(events)) == 30
    assert progress[-1].step == 30
    assert progress[-1].images_seen == 240
    assert progress[-1].fraction == 1.0
    assert progress[-1].seconds_left in (0.0, None)
    counted = 0
    for event in progress:
        counted += len(event.losses)
        assert event.step == counted
    rows = [event for event in events if isinstance(event, SamplesDrawn)]
    assert rows[-1].step == 30
    assert all(row.pictures.shape == (3, 1, 2, 1) and row.pictures.dtype == np.uint8 for row in rows)
    assert [step for step, _ in read_rows(run.folder / "samples", run.shape)] == [row.step for row in rows]
    logged = [loss for line in read_metrics(run.folder / "metrics.jsonl") for loss in line.get("losses", ())]
    assert logged == pytest.approx(losses_of(events), rel=1e-5)
    assert [loss for _, loss in run.losses.points] == losses_of(events)


def test_progress_comes_at_most_ten_times_a_second(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless something else is due whose place in the log must be known, such as a row or a state to go back to."""
    monkeypatch.setattr(rollback, "SAFE_STEPS", 10**6)
    run = make_run(steps=400, sample_rows=1)
    times = [event.seconds for event in train(run) if isinstance(event, Progress)]
    assert (np.diff(times[:-1]) >= 0.1).all()


def test_the_same_settings_give_the_same_run(make_run: MakeRun) -> None:
    one, two, other = make_run(seed=3), make_run(seed=3), make_run(seed=4)
    losses = [losses_of(train(run)) for run in (one, two, other)]
    assert losses[0] == losses[1] != losses[2]
    assert all(torch.equal(tensor, state_of(two)[name]) for name, tensor in state_of(one).items())


def test_training_learns(make_run: MakeRun, image_set: ImageSet) -> None:
    two_points = image_set.select([0, 1])
    run = make_run(data=two_points, steps=300, batch_size=32, learning_rate=1e-2)
    losses = losses_of(train(run))
    assert np.mean(losses[-50:]) < 0.5 * np.mean(losses[:10])


@pytest.mark.parametrize("batch_size", [1, 39, 40, 100])
def test_any_batch_size_fits_any_set(make_run: MakeRun, batch_size: int) -> None:
    assert len(losses_of(train(make_run(batch_size=batch_size, steps=3)))) == 3


def test_global_randomness_and_gradients_are_left_alone(make_run: MakeRun) -> None:
    before = torch.get_rng_state()
    np.random.seed(1)
    expected = np.random.get_state()[1].copy()
    with torch.no_grad():
        assert len(losses_of(train(make_run(horizontal_flips=True)))) == 20
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], expected)


def test_what_the_caller_does_in_between_changes_nothing(make_run: MakeRun) -> None:
    quiet, busy = make_run(), make_run(checkpoint_seconds=0.0, sample_rows=1)
    expected = losses_of(train(quiet))
    events = []
    for number, event in enumerate(train(busy)):
        events.append(event)
        draw_samples(busy)
        busy.request_samples()
        busy.bundle().denoiser(busy.device)
        busy.save_checkpoint()
        torch.manual_seed(number)
    assert losses_of(events) == expected
    assert all(torch.equal(tensor, state_of(busy)[name]) for name, tensor in state_of(quiet).items())
    assert sum(isinstance(event, SamplesDrawn) for event in events) > 3


def test_requests_are_served_after_the_step(make_run: MakeRun) -> None:
    run = make_run(steps=1000, sample_rows=1, checkpoint_seconds=1e6)
    events = train(run)
    before = list(itertools.islice(events, 4))
    assert isinstance(before[-1], Progress)
    run.request_samples()
    run.request_checkpoint()
    served = list(itertools.islice(events, 3))
    assert [type(event) for event in served] == [Progress, SamplesDrawn, CheckpointSaved]
    assert {event.step for event in served} == {before[-1].step + 1}
    assert not run.samples_requested
    assert not run.checkpoint_requested


def test_a_row_comes_from_the_averaged_weights(make_run: MakeRun) -> None:
    run = make_run(ema_halflife_images=10**9, ema_rampup_ratio=1.0, learning_rate=0.1)
    list(train(run))
    row = draw_samples(run).pictures
    run.average.network.load_state_dict(run.network.state_dict())
    assert not np.array_equal(draw_samples(run).pictures, row)


def test_pauses_do_not_count_as_training_time(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(budget=Budget(minutes=1.0), sample_rows=1)
    time, looks = 0.0, 0

    def now() -> float:
        nonlocal time, looks
        time += 1e-3
        looks += 1
        return time

    monkeypatch.setattr(run.clock, "_now", now)
    for _ in itertools.islice(train(run), 6):
        time += 1e6
    assert 0.0 < run.seconds <= 1e-3 * looks


def test_a_budget_of_minutes_ends_in_time(make_run: MakeRun) -> None:
    run = make_run(budget=Budget(minutes=0.5 / 60))
    events = list(train(run))
    assert isinstance(events[-1], TrainingFinished)
    assert run.seconds >= 0.5
    assert run.fraction == 1.0
    progress = [event for event in events if isinstance(event, Progress)]
    # Minutes are known from the first step on: no speed has to be measured for them.
    for event in progress:
        assert event.seconds_left == pytest.approx(max(0.0, 0.5 - event.seconds), abs=1e-6)


def test_closing_saves_and_training_may_go_on(make_run: MakeRun) -> None:
    whole, halved = make_run(), make_run()
    expected = losses_of(train(whole))
    events = train(halved)
    first = list(itertools.islice(events, 6))
    events.close()
    assert halved.saved_step == halved.step
    assert losses_of(first) + losses_of(train(halved)) == expected


def test_discarding_removes_only_what_the_run_made(make_run: MakeRun) -> None:
    run, other = make_run(), make_run()
    list(train(run))
    list(train(other))
    (other.folder / "notes.txt").write_text("mine")
    run.discard()
    other.discard()
    assert not run.folder.exists()
    assert [path.name for path in other.folder.iterdir()] == ["notes.txt"]


def test_a_folder_with_a_run_is_not_taken_over(make_run: MakeRun, image_set: ImageSet) -> None:
    run = make_run()
    list(train(run))
    before = (run.folder / FILE_NAME).read_bytes()
    with pytest.raises(StorageError, match="holds a run already"):
        TrainingRun.create(image_set, run.schedule, run.settings, run.network_config, run.device, run.folder)
    assert (run.folder / FILE_NAME).read_bytes() == before


def test_a_network_for_other_pictures_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(SettingsError, match="does not fit"):
        make_run(network=PointConfig(1, 2, 2))


def test_dropout_is_refused_because_it_cannot_be_repeated(make_run: MakeRun) -> None:
    pictures = ImageSet("noise", np.zeros((6, 8, 8, 3), np.uint8))
    with pytest.raises(SettingsError, match="dropout"):
        make_run(data=pictures, network=UNetConfig(dropout=0.1))


def test_a_unet_trains_too(make_run: MakeRun) -> None:
    pictures = ImageSet("noise", np.random.default_rng(1).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8))
    network = UNetConfig(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
    )
    run = make_run(data=pictures, network=network, steps=3, horizontal_flips=True)
    finished = list(train(run))[-1]
    assert finished.bundle.preview.shape == (3, 8, 8, 3)
    assert finished.bundle.history["images_seen"] == 24


def test_new_folders_never_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFUSION_STUDIO_HOME", str(tmp_path))
    first = new_run_folder("Ünïcode / pictures: 28×28?")
    first.mkdir()
    second = new_run_folder("Ünïcode / pictures: 28×28?")
    assert first != second
    assert first.parent == second.parent == tmp_path / "runs"
