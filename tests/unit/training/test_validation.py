"""Validation and levels: against the formulas evaluated directly, and that nothing held out is ever trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.data.image_set import ImageSet
from studio.library.tensors import read_tensors, write_tensors
from studio.networks.presets import with_classes
from studio.training.checkpoint import FILE_NAME, read_checkpoint
from studio.training.events import LEVEL_BANDS, Progress, Validated
from studio.training.levels import LevelSums, bands_of, means_of
from studio.training.metrics_log import read_metrics
from studio.training.run import TrainingRun
from studio.training.settings import TrainingSettings
from studio.training.step_lines import step_lines
from studio.training.trainer import train, training_step
from studio.training.validation import (
    COST_SHARE,
    ValidationDraw,
    ValidationPlan,
    held_out_indices,
    usable_indices,
    validate,
)
from tests.unit.training.conftest import NETWORK

MakeRun = Callable[..., TrainingRun]


@pytest.fixture
def many() -> ImageSet:
    """Six hundred two-pixel pictures of two kinds."""
    images = np.random.default_rng(1).integers(0, 256, (600, 1, 2, 1), dtype=np.uint8)
    return ImageSet("many", images, np.arange(600) % 2, ("odd", "even"))


@given(
    count=st.integers(1, 3000),
    share=st.floats(0.0, 0.5),
    most=st.integers(0, 400),
    seed=st.integers(0, 2**63 - 1),
)
def test_held_out_and_usable_pictures_are_all_pictures(count: int, share: float, most: int, seed: int) -> None:
    settings = TrainingSettings(seed=seed, held_out_share=share, validation_pictures=most)
    held_out = held_out_indices(count, settings)
    usable = usable_indices(count, settings)
    assert len(held_out) == (min(most, int(count * share)) if count >= 500 else 0)
    np.testing.assert_array_equal(held_out, held_out_indices(count, settings))
    if len(held_out):
        np.testing.assert_array_equal(np.sort(np.concatenate([held_out, usable])), np.arange(count))
    else:
        assert usable is None


def test_other_seeds_hold_out_others() -> None:
    one, two = (held_out_indices(5000, TrainingSettings(seed=seed)) for seed in (0, 1))
    assert len(one) == len(two) == 100
    assert len(np.intersect1d(one, two)) < 20


def test_held_out_pictures_are_never_shown(make_run: MakeRun, many: ImageSet) -> None:
    """Each picture is told by its own two pixels: those that a step shows are looked up in the data."""
    numbered = np.arange(600)
    images = np.stack([numbered // 256, numbered % 256], axis=1).astype(np.uint8).reshape(600, 1, 2, 1)
    run = make_run(data=ImageSet("numbered", images), batch_size=100, validation_pictures=50, held_out_share=0.05)
    shown = set()
    for _ in range(12):
        for line in step_lines(run):
            pixels = ((line.x + 1) * 127.5).round().long().flatten(1)
            shown |= set((pixels[:, 0] * 256 + pixels[:, 1]).tolist())
    held_out = set(held_out_indices(600, run.settings).tolist())
    assert len(held_out) == 30
    assert shown == set(range(600)) - held_out


@pytest.mark.parametrize("parameterization", ["epsilon", "x0", "v"])
@pytest.mark.parametrize("told", [False, True])
def test_the_loss_is_that_of_the_formulas(make_run: MakeRun, many: ImageSet, parameterization, told: bool) -> None:
    network = with_classes(NETWORK, 2) if told else NETWORK
    run = make_run(data=many, network=network, parameterization=parameterization, validation_pictures=64)
    for _ in range(5):
        training_step(run)
    draw = ValidationDraw(many, run.settings, 50)
    validated = validate(run, draw)

    x = many.images[draw.indices].transpose(0, 3, 1, 2) / 127.5 - 1.0
    noise, t = draw.noise().double().numpy(), draw.t.numpy()
    a = run.schedule.alpha_bar[t].reshape(-1, 1, 1, 1)
    z_t = np.sqrt(a) * x + np.sqrt(1 - a) * noise
    labels = torch.from_numpy(many.labels[draw.indices]) if told else None
    for network, loss in ((run.average.network, validated.loss), (run.network, validated.raw_loss)):
        with torch.no_grad():
            output = network(torch.tensor(z_t, dtype=torch.float32), draw.t, class_labels=labels).double().numpy()
        predicted = {
            "epsilon": output,
            "x0": (z_t - np.sqrt(a) * output) / np.sqrt(1 - a),
            "v": np.sqrt(1 - a) * z_t + np.sqrt(a) * output,
        }[parameterization]
        errors = ((predicted - noise) ** 2).mean(axis=(1, 2, 3))
        assert loss == pytest.approx(errors.mean(), rel=2e-4)
        if network is run.average.network:
            for band in range(LEVEL_BANDS):
                inside = (t >= band * 50 / 20) & (t < (band + 1) * 50 / 20)
                assert validated.level_losses[band] == pytest.approx(errors[inside].mean(), rel=2e-3)


def test_the_draw_is_the_same_each_time_and_spread_over_all_levels(many: ImageSet) -> None:
    settings = TrainingSettings(validation_pictures=200)
    one, two = (ValidationDraw(many, settings, 1000) for _ in range(2))
    assert torch.equal(one.t, two.t)
    assert torch.equal(one.noise(), one.noise())
    assert torch.equal(one.noise(), two.noise())
    np.testing.assert_array_equal(one.indices, two.indices)
    assert one.held_out
    assert set(one.indices) == set(held_out_indices(600, settings))
    # One level in each of 200 equal parts.
    np.testing.assert_array_equal(one.t.numpy() // 5, np.arange(200))
    assert abs(float(one.noise().mean())) < 0.2
    other = ValidationDraw(many, TrainingSettings(seed=1, validation_pictures=200), 1000)
    assert not torch.equal(one.noise(), other.noise())
    assert not ValidationDraw(many.select(range(100)), settings, 1000).held_out


def test_validating_changes_nothing(make_run: MakeRun, many: ImageSet) -> None:
    quiet, busy = (make_run(data=many, validation_pictures=32) for _ in range(2))
    draw = ValidationDraw(many, busy.settings, 50)
    values = []
    for _ in range(4):
        training_step(quiet)
        validate(busy, draw)
        torch.manual_seed(1)
        training_step(busy)
        values.append(validate(busy, draw).loss)
        assert validate(busy, draw).loss == values[-1]
    assert len(set(values)) == 4
    for one, two in zip(quiet.parameters, busy.parameters, strict=True):
        assert torch.equal(one, two)


def test_a_run_tells_it_and_keeps_it(make_run: MakeRun, many: ImageSet) -> None:
    run = make_run(data=many, validation_pictures=32, steps=30)
    events = list(train(run))
    validated = [event for event in events if isinstance(event, Validated)]
    assert validated[0].step == 0
    assert validated[-1].step == 30
    assert all(event.held_out for event in validated)
    lines = [line for line in read_metrics(run.folder / "metrics.jsonl") if line.get("event") == "validated"]
    assert [line["loss"] for line in lines] == pytest.approx([event.loss for event in validated], rel=1e-5)
    assert read_checkpoint(run.folder)[0].validation_loss == validated[-1].loss


def test_a_run_from_before_holds_nothing_out(make_run: MakeRun, many: ImageSet) -> None:
    run = make_run(data=many, steps=3)
    list(train(run))
    file = read_tensors(run.folder / FILE_NAME)
    settings = {key: value for key, value in file.header["settings"].items() if key != "held_out_share"}
    write_tensors(run.folder / FILE_NAME, file.tensors, file.header | {"settings": settings})
    again = TrainingRun.resume(run.folder, many, run.device)
    assert again.settings.held_out_share == 0.0
    assert again.batches.count == 600


def test_the_plan_begins_at_once_and_keeps_to_its_share() -> None:
    plan, seconds, spent = ValidationPlan(0.0, begun=False), 0.0, 0.0
    assert plan.due(0.0, 0.0)
    plan.done(0.0, 0.5)
    moments = []
    for number in range(1, 10_001):
        seconds = number * 0.01
        if plan.due(number / 10_000, seconds, wanted=number % 100 == 0):
            plan.done(number / 10_000, 0.1)
            spent += 0.1
            moments.append(seconds)
        assert spent <= max(0.1, COST_SHARE * seconds) + 1e-9
    # 0.1 s at a share of 3 % is one each 3.3 s.
    assert 25 <= len(moments) <= 31
    # The first, expensive one is free but for telling what the next will cost at most.
    assert moments[0] == pytest.approx(10 * 0.5, abs=0.1)


def test_a_cheap_validation_is_made_two_hundred_times_and_no_more() -> None:
    plan = ValidationPlan(0.0, begun=True)
    count = 0
    for number in range(1, 10_001):
        if plan.due(number / 10_000, number * 0.01):
            plan.done(number / 10_000, 1e-6)
            count += 1
    assert 150 <= count <= 200


def test_the_levels_of_a_run_are_those_of_its_steps(make_run: MakeRun) -> None:
    run = make_run(steps=25, batch_size=16, parameterization="x0")
    sums, counts = np.zeros(LEVEL_BANDS), np.zeros(LEVEL_BANDS)
    told_sums, told_counts = np.zeros(LEVEL_BANDS), np.zeros(LEVEL_BANDS)
    twin = make_run(steps=25, batch_size=16, parameterization="x0")
    for _ in range(25):
        for line in step_lines(twin):
            last = line
        a = twin.schedule.alpha_bar[last.t.numpy()]
        for t, error, snr in zip(last.t.tolist(), last.squared_error.tolist(), a / (1 - a), strict=True):
            sums[t * 20 // 50] += error * snr
            counts[t * 20 // 50] += 1
    for event in train(run):
        if isinstance(event, Progress):
            assert sum(event.level_counts) == 16 * len(event.losses)
            for band, (loss, count) in enumerate(zip(event.level_losses, event.level_counts, strict=True)):
                assert (loss is None) == (count == 0)
                told_sums[band] += (loss or 0.0) * count
                told_counts[band] += count
            mean = sum(
                (loss or 0.0) * count for loss, count in zip(event.level_losses, event.level_counts, strict=True)
            )
            assert mean / sum(event.level_counts) == pytest.approx(np.mean(event.losses), rel=1e-4)
    np.testing.assert_array_equal(told_counts, counts)
    np.testing.assert_allclose(told_sums, sums, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 7, 20, 50, 1000])
def test_bands_are_in_order_and_nearly_equal(steps: int) -> None:
    bands = bands_of(steps)
    assert bands[0] == 0
    assert (np.diff(bands) >= 0).all()
    assert bands.max() < LEVEL_BANDS
    if steps >= LEVEL_BANDS:
        widths = np.bincount(bands, minlength=LEVEL_BANDS)
        assert widths.max() - widths.min() <= 1


def test_sums_are_cleared_and_empty_bands_are_none() -> None:
    sums = LevelSums(20, torch.device("cpu"))
    sums.add(torch.tensor([3, 3, 19]), torch.tensor([1.0, 3.0, 5.0]))
    losses, counts = means_of(*sums.totals.tolist())
    assert losses[3] == 2.0
    assert losses[19] == 5.0
    assert losses.count(None) == 18
    assert (counts[3], counts[19], sum(counts)) == (2, 1, 3)
    sums.clear()
    assert means_of(*sums.totals.tolist())[1] == (0,) * LEVEL_BANDS
