"""A compiled network is tried in the background, and kept only when it is faster."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from studio.training import plans
from studio.training.compiling import CompileTrial, StepInputs
from studio.training.run import TrainingRun
from studio.training.settings import Budget
from studio.training.trainer import train


class Doubling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, z: Tensor, t: Tensor, class_labels: Tensor | None = None) -> Tensor:
        return z * self.weight + t.view(-1, 1, 1, 1)


INPUTS = StepInputs(torch.ones(2, 1, 2, 2), torch.zeros(2, dtype=torch.int64), None, contextlib.nullcontext)


def run_steps(trial: CompileTrial, plain: float, compiled: float, steps: int = 40, left: float = 1e4) -> None:
    """Steps as long as the trial's choice makes them, with time for the compiler in between."""
    network = trial.forward
    for _ in range(steps):
        trial.step_finished(plain if trial.forward is network else compiled, left, lambda: INPUTS)
        for thread in threading.enumerate():
            if thread.name == "compile":
                thread.join()


def test_what_is_faster_stays_and_computes_the_same() -> None:
    network = Doubling()
    trial = CompileTrial(network, compiler=lambda module: torch.compile(module, backend="aot_eager"), measured_steps=8)
    run_steps(trial, plain=1.0, compiled=0.5)
    assert trial.decided
    assert trial.gain == pytest.approx(2.0)
    assert trial.forward is not network
    z = torch.randn(2, 1, 2, 2)
    torch.testing.assert_close(trial.forward(z, INPUTS.t), network(z, INPUTS.t))
    trial.forward(z, INPUTS.t).sum().backward()
    torch.testing.assert_close(network.weight.grad, z.sum())


@pytest.mark.parametrize("compiled", [1.0, 2.0])
def test_what_is_not_faster_goes(compiled: float) -> None:
    network = Doubling()
    trial = CompileTrial(network, compiler=lambda module: module.forward, measured_steps=8)
    run_steps(trial, plain=1.0, compiled=compiled)
    assert trial.decided
    assert trial.forward is network


def test_a_compiler_that_fails_is_nobodys_trouble() -> None:
    def broken(module: nn.Module) -> Callable[..., Tensor]:
        raise RuntimeError("no C++ compiler")

    network = Doubling()
    trial = CompileTrial(network, compiler=broken, measured_steps=4)
    run_steps(trial, plain=1.0, compiled=0.5)
    assert trial.decided
    assert trial.forward is network


def test_compiled_code_that_fails_later_hands_the_same_call_to_the_network() -> None:
    calls = []

    def fragile(module: nn.Module) -> Callable[..., Tensor]:
        def call(*arguments: object, **named: object) -> Tensor:
            calls.append(arguments)
            if len(calls) > 2:
                raise RuntimeError("out of registers")
            return module(*arguments, **named)

        return call

    network = Doubling()
    trial = CompileTrial(network, compiler=fragile, measured_steps=4)
    run_steps(trial, plain=1.0, compiled=0.5, steps=6)
    z = torch.randn(2, 1, 2, 2)
    for _ in range(3):
        torch.testing.assert_close(trial.forward(z, INPUTS.t), network(z, INPUTS.t))
    assert trial.decided
    assert trial.forward is network


def test_a_short_run_is_left_alone() -> None:
    network = Doubling()
    trial = CompileTrial(network, compiler=lambda module: pytest.fail("compiled"), measured_steps=4)
    run_steps(trial, plain=1.0, compiled=0.5, left=60.0)
    assert trial.decided
    assert trial.forward is network


def test_gradients_of_the_network_are_not_touched_while_its_copy_is_compiled() -> None:
    network = Doubling()
    network.weight.grad = torch.tensor(7.0)
    trial = CompileTrial(network, compiler=lambda module: module.forward, measured_steps=4)
    run_steps(trial, plain=1.0, compiled=1.0)
    assert network.weight.grad == 7.0


def test_a_training_tries_it_and_goes_on_meanwhile(
    monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., TrainingRun]
) -> None:
    compiled = []

    def compiler(module: nn.Module) -> Callable[..., Tensor]:
        compiled.append(module)
        return module.forward

    monkeypatch.setattr(plans, "_may_be_compiled", lambda run: True)
    monkeypatch.setattr(
        plans, "CompileTrial", partial(CompileTrial, compiler=compiler, measured_steps=5, worth_seconds=0.0)
    )
    run = make_run(budget=Budget(minutes=10.0))
    with contextlib.closing(train(run)) as events:
        for _ in events:
            if len(compiled) == 2:
                break
    assert compiled[0] is not run.network, "a copy is compiled first"
    assert compiled[1] is run.network
    assert run.step > 5
    assert run.saved_step == run.step
