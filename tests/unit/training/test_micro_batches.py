"""Too little memory: the same step in parts, the same row in parts, and the end only where one picture is too much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.data.image_set import ImageSet
from studio.errors import OutOfMemory
from studio.training.events import Marked, MarkKind, TrainingFinished
from studio.training.micro_batches import in_parts, parts_of
from studio.training.run import TrainingRun
from studio.training.step_lines import LineKind, step_lines
from studio.training.trainer import draw_samples, train, training_step

MakeRun = Callable[..., TrainingRun]


def limit_pictures(monkeypatch: pytest.MonkeyPatch, run: TrainingRun, most: int) -> None:
    """Neither of the run's networks has the memory for more than so many pictures at once."""
    for network in (run.network, run.average.network):
        real = network.forward

        def forward(z, *rest, real=real, **named):
            if len(z) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return real(z, *rest, **named)

        monkeypatch.setattr(network, "forward", forward)


@given(start=st.integers(0, 50), length=st.integers(1, 200), count=st.integers(1, 300))
def test_parts_are_the_whole_and_nearly_equal(start: int, length: int, count: int) -> None:
    parts = parts_of(slice(start, start + length), count)
    numbers = [number for part in parts for number in range(part.start, part.stop)]
    assert numbers == list(range(start, start + length))
    sizes = {part.stop - part.start for part in parts}
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == min(count, length)


@pytest.mark.parametrize("most", [1, 3, 8, 100])
def test_what_is_computed_in_halves_is_put_together_again(most: int) -> None:
    asked = []

    def compute(numbers):
        asked.append(len(numbers))
        if len(numbers) > most:
            raise MemoryError
        return torch.tensor([10.0 * number for number in numbers])

    assert in_parts(compute, range(20)).tolist() == [10.0 * number for number in range(20)]
    assert min(asked) <= most


def test_one_that_is_too_large_is_said_and_a_defect_passes() -> None:
    def no_memory(_):
        raise MemoryError

    def defect(_):
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(OutOfMemory, match="single picture"):
        in_parts(no_memory, range(5))
    with pytest.raises(RuntimeError, match="shapes"):
        in_parts(defect, range(5))


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_a_step_in_parts_is_the_step_at_once(make_run: MakeRun, parts: int) -> None:
    options = {"loss_weighting": "min_snr", "batch_size": 8, "horizontal_flips": True}
    whole, cut = make_run(**options), make_run(**options)
    cut.micro_batches = parts
    for _ in range(10):
        torch.testing.assert_close(training_step(cut), training_step(whole), rtol=1e-4, atol=1e-5)
    for one, two in zip(cut.parameters, whole.parameters, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=2e-5)


def test_the_gradient_of_the_parts_is_that_of_the_batch(make_run: MakeRun) -> None:
    gradients = []
    for parts in (1, 3):
        run = make_run(batch_size=7)
        training_step(run)
        run.micro_batches = parts
        for line in step_lines(run):
            if line.kind == LineKind.GRADIENT:
                gradients.append([parameter.grad.clone() for parameter in run.parameters])
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-5)


def test_the_lines_are_the_same_eight_with_all_pictures(make_run: MakeRun) -> None:
    run = make_run()
    run.micro_batches = 4
    lines = list(step_lines(run))
    assert [line.kind for line in lines] == list(LineKind)
    assert all(len(line.output) == len(line.x) == 8 for line in lines[LineKind.PREDICTION :])
    assert len(lines[-1].squared_error) == 8


@pytest.mark.parametrize(("most", "parts"), [(4, 2), (3, 4), (1, 8)])
def test_a_batch_that_is_too_large_is_computed_in_parts(make_run: MakeRun, monkeypatch, most: int, parts: int) -> None:
    run, whole = make_run(steps=12, validation_pictures=10), make_run(steps=12)
    limit_pictures(monkeypatch, run, most)
    events = list(train(run))
    assert isinstance(events[-1], TrainingFinished)
    assert run.micro_batches == parts
    (mark,) = [event for event in events if isinstance(event, Marked)]
    assert mark.kind is MarkKind.MICRO_BATCHES
    assert mark.text == f"{parts} parts"
    list(train(whole))
    for one, two in zip(run.parameters, whole.parameters, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_a_resumed_run_does_not_try_again(make_run: MakeRun, image_set: ImageSet, monkeypatch) -> None:
    run = make_run(steps=5)
    limit_pictures(monkeypatch, run, 4)
    list(train(run))
    assert TrainingRun.resume(run.folder, image_set, run.device).micro_batches == 2


def test_no_memory_for_one_picture_ends_the_run_whole(make_run: MakeRun, monkeypatch) -> None:
    run = make_run(steps=1000, sample_rows=1)
    training_step(run)
    run.save_checkpoint()
    before = [parameter.detach().clone() for parameter in run.parameters]
    limit_pictures(monkeypatch, run, 0)
    with pytest.raises(OutOfMemory, match="smaller"):
        list(train(run))
    assert run.step == 1
    assert all(torch.equal(one, two) for one, two in zip(before, run.parameters, strict=True))
    run.save_checkpoint()


def test_a_row_in_parts_is_the_row(make_run: MakeRun, monkeypatch) -> None:
    run = make_run(sample_count=7)
    training_step(run)
    expected = draw_samples(run)
    limit_pictures(monkeypatch, run, 2)
    again = draw_samples(run)
    # Another number of pictures at a time may round otherwise: by one of 255 levels at most.
    for one, two in ((expected.pictures, again.pictures), (expected.raw_pictures, again.raw_pictures)):
        assert np.abs(one.astype(int) - two.astype(int)).max() <= 1
