"""A step walked line by line: that it is the step taken fast, and that what it shows on the way is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from studio.data.image_set import ImageSet
from studio.diffusion.parameterization import Parameterization
from studio.errors import TrainingError
from studio.networks.points import PointConfig
from studio.networks.presets import with_classes
from studio.networks.unet import UNetConfig
from studio.training.run import TrainingRun
from studio.training.step_lines import (
    Line,
    LineKind,
    copied_weights,
    squared_error_now,
    step_lines,
    weight_change,
)
from studio.training.trainer import train, training_step

MakeRun = Callable[..., TrainingRun]

LATE = {
    LineKind.LEVELS: ("t",),
    LineKind.NOISE: ("noise",),
    LineKind.NOISY: ("z_t",),
    LineKind.PREDICTION: ("target", "output"),
    LineKind.LOSS: ("squared_error",),
}


@pytest.fixture
def classes(image_set: ImageSet) -> ImageSet:
    return ImageSet("two kinds", image_set.images, np.arange(image_set.count) % 2, ("first", "second"))


def look_at_everything(line: Line, before: tuple[torch.Tensor, ...]) -> None:
    """All that a screen could ask of a line, asked at the moment at which it may."""
    if line.kind >= LineKind.PREDICTION:
        assert torch.isfinite(line.predicted_noise).all()
    if line.kind >= LineKind.LOSS:
        assert torch.isfinite(line.losses).all()
        assert torch.isfinite(line.noise_error)
        squared_error_now(line)
    if line.kind >= LineKind.GRADIENT:
        assert torch.isfinite(line.gradient_norms).all()
    weight_change(line.run, before)


def walk(run: TrainingRun) -> Line:
    before = copied_weights(run)
    for line in step_lines(run):
        look_at_everything(line, before)
    return line


def everything(run: TrainingRun) -> dict[str, torch.Tensor]:
    parts = {f"network.{name}": tensor for name, tensor in run.network.state_dict().items()}
    parts |= {f"average.{name}": tensor for name, tensor in run.average.network.state_dict().items()}
    for index, parameter in enumerate(run.parameters):
        parts |= {f"{key} {index}": value for key, value in run.optimizer.state[parameter].items()}
    return {name: tensor.detach().clone() for name, tensor in parts.items()}


def assert_same(one: TrainingRun, other: TrainingRun) -> None:
    assert (one.step, one.images_seen) == (other.step, other.images_seen)
    first, second = everything(one), everything(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.mark.parametrize("parameterization", list(Parameterization))
def test_a_step_walked_slowly_is_bit_for_bit_the_step_taken_fast(make_run: MakeRun, classes, parameterization) -> None:
    options = {
        "data": classes,
        "network": with_classes(PointConfig(channels=1, height=1, width=2, hidden=16, blocks=1), 2),
        "parameterization": parameterization,
        "loss_weighting": "min_snr",
        "horizontal_flips": True,
        "class_dropout": 0.3,
    }
    slow, fast = make_run(**options), make_run(**options)
    for _ in range(6):
        line = walk(slow)
        assert torch.equal(line.noise_error, training_step(fast))
        assert_same(slow, fast)


def test_walked_and_fast_steps_may_follow_each_other(make_run: MakeRun) -> None:
    mixed, fast = make_run(), make_run()
    for number in range(6):
        if number % 2:
            walk(mixed)
        else:
            training_step(mixed)
        training_step(fast)
    assert_same(mixed, fast)


def test_a_convolutional_network_too(make_run: MakeRun) -> None:
    data = ImageSet("grey", np.random.default_rng(3).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8))
    network = UNetConfig(
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 8),
        down_block_types=("DownBlock2D",) * 2,
        up_block_types=("UpBlock2D",) * 2,
        layers_per_block=1,
        norm_num_groups=4,
    )
    slow, fast = (make_run(data=data, network=network, batch_size=4) for _ in range(2))
    for _ in range(2):
        walk(slow)
        training_step(fast)
    assert_same(slow, fast)


def test_training_around_a_walked_step_goes_on_as_if_it_had_taken_it(make_run: MakeRun) -> None:
    paused, straight = make_run(steps=30), make_run(steps=30)
    events = train(paused)
    next(events)
    next(events)
    walk(paused)
    list(events)
    list(train(straight))
    assert_same(paused, straight)


def test_the_lines_come_in_order_and_know_nothing_too_early(make_run: MakeRun) -> None:
    seen = []
    for line in step_lines(make_run()):
        seen.append(line.kind)
        for kind, names in LATE.items():
            for name in names:
                assert (getattr(line, name) is not None) == (kind <= line.kind), (line.kind, name)
    assert seen == list(LineKind)


@pytest.mark.parametrize("parameterization", list(Parameterization))
def test_the_tensors_are_those_of_the_equations(make_run: MakeRun, parameterization) -> None:
    """z_t, target, error and predicted noise, from the definitions in float64."""
    run = make_run(parameterization=parameterization, loss_weighting="min_snr")
    training_step(run)
    for line in step_lines(run):
        last = line
    x, noise, z_t, output = (tensor.double() for tensor in (last.x, last.noise, last.z_t, last.output))
    a = torch.from_numpy(run.schedule.alpha_bar.copy())[last.t].view(-1, 1, 1, 1)
    torch.testing.assert_close(z_t, a.sqrt() * x + (1 - a).sqrt() * noise, atol=1e-6, rtol=1e-6)
    target = {"epsilon": noise, "x0": x, "v": a.sqrt() * noise - (1 - a).sqrt() * x}[parameterization]
    torch.testing.assert_close(last.target.double(), target, atol=1e-6, rtol=1e-6)
    error = ((output - target) ** 2).mean(dim=(1, 2, 3))
    torch.testing.assert_close(last.squared_error.double(), error, atol=1e-6, rtol=1e-5)
    snr = (a / (1 - a)).flatten()
    weight = {"epsilon": snr.clamp(max=5) / snr, "x0": snr.clamp(max=5), "v": snr.clamp(max=5) / (snr + 1)}
    torch.testing.assert_close(last.losses.double(), weight[parameterization] * error, atol=1e-6, rtol=1e-5)
    # What remains of z_t when the predicted picture is taken away is the predicted noise.
    if parameterization is Parameterization.X0:
        predicted = (z_t - a.sqrt() * output) / (1 - a).sqrt()
    elif parameterization is Parameterization.V:
        predicted = (1 - a).sqrt() * z_t + a.sqrt() * output
    else:
        predicted = output
    torch.testing.assert_close(last.predicted_noise.double(), predicted, atol=1e-4, rtol=1e-4)
    noise_error = ((predicted - noise) ** 2).mean()
    torch.testing.assert_close(last.noise_error.double(), noise_error, atol=1e-4, rtol=1e-4)


def test_gradient_and_change_are_measured(make_run: MakeRun) -> None:
    run = make_run(gradient_clip=1e-3)
    training_step(run)
    before = copied_weights(run)
    norms = {}
    for line in step_lines(run):
        if line.kind == LineKind.GRADIENT:
            gradients = [parameter.grad.clone() for parameter in run.parameters]
            assert weight_change(run, before).norm == 0.0
        if line.kind >= LineKind.GRADIENT:
            norms[line.kind] = line.gradient_norms
    expected = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    assert torch.linalg.vector_norm(norms[LineKind.GRADIENT]).item() == pytest.approx(expected.item(), rel=1e-5)
    assert expected > 1e-3
    assert torch.linalg.vector_norm(norms[LineKind.WEIGHTS]).item() == pytest.approx(1e-3, rel=1e-3)
    moved = torch.cat([(p.detach() - old).flatten() for p, old in zip(run.parameters, before, strict=True)])
    change = weight_change(run, before)
    assert change.norm == pytest.approx(moved.norm().item(), rel=1e-5)
    assert change.largest == pytest.approx(moved.abs().max().item(), rel=1e-6)
    assert change.weights == pytest.approx(torch.cat([old.flatten() for old in before]).norm().item(), rel=1e-5)


def test_the_step_makes_the_error_of_its_own_pictures_smaller(make_run: MakeRun) -> None:
    run = make_run(learning_rate=1e-3, warmup_images=0, steps=200)
    training_step(run)
    for line in step_lines(run):
        if line.kind == LineKind.GRADIENT:
            assert torch.equal(squared_error_now(line), line.squared_error)
    assert squared_error_now(line).mean() < line.squared_error.mean()


def test_a_step_that_was_left_in_the_middle_is_not_saved(make_run: MakeRun) -> None:
    run = make_run()
    lines = step_lines(run)
    while next(lines).kind < LineKind.GRADIENT:
        pass
    lines.close()
    assert run.step == 0
    with pytest.raises(TrainingError, match="middle of a step"):
        run.save_checkpoint()


def test_what_is_done_between_two_lines_needs_no_gradient(make_run: MakeRun) -> None:
    with torch.no_grad():
        for line in step_lines(make_run()):
            assert not torch.is_grad_enabled()
            tensors = [value for value in vars(line).values() if isinstance(value, torch.Tensor)]
            assert tensors
            assert not any(tensor.requires_grad for tensor in tensors)
