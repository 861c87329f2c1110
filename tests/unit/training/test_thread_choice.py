from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.training.settings import Budget, TrainingSettings
from studio.training.thread_choice import COST_SHARE, ThreadChoice, ThreadChooser, thread_choice

IDLE = {1: 64 / 490, 2: 64 / 730}
NEIGHBOUR = {1: 64 / 475, 2: 64 / 190}
"""Seconds of a step of 64 pictures with one and with two threads, as measured."""


def simulate(
    chooser: ThreadChooser, seconds: float, step: Callable[[int, float], float], share: float = 1.0
) -> tuple[int, float, dict[int, float]]:
    """Steps taken, seconds used, and the seconds with each count."""
    now, steps, by_count = 0.0, 0, {}
    while now < seconds:
        threads = chooser.threads
        took = step(threads, now)
        chooser.add(took, share)
        now, steps = now + took, steps + 1
        by_count[threads] = by_count.get(threads, 0.0) + took
    return steps, now, by_count


@pytest.mark.parametrize(("costs", "best"), [(IDLE, 2), (NEIGHBOUR, 1)])
def test_the_faster_count_is_used_and_trying_costs_little(costs: dict[int, float], best: int) -> None:
    noise = np.random.default_rng(0)
    chooser = ThreadChooser(2)
    steps, now, _ = simulate(chooser, 240.0, lambda threads, _: costs[threads] * noise.uniform(0.95, 1.05))
    assert chooser.chosen == best
    assert steps / now > (1.0 - 2 * COST_SHARE) / costs[best]


def test_a_neighbour_that_comes_and_goes_is_followed() -> None:
    chooser, elapsed = ThreadChooser(2), 0.0
    for until, best in ((59.0, 2), (85.0, 1), (149.0, 1), (240.0, 2)):
        while elapsed < until:
            took = (NEIGHBOUR if 60.0 <= elapsed < 150.0 else IDLE)[chooser.threads]
            chooser.add(took)
            elapsed += took
        assert chooser.chosen == best, until


def test_a_machine_without_a_free_core_is_not_tried_with_more_threads() -> None:
    chooser = ThreadChooser(2)
    _, _, by_count = simulate(chooser, 60.0, lambda threads, _: {1: 0.4, 2: 20.0}[threads], share=0.3)
    assert chooser.chosen == 1
    assert set(by_count) == {1}


def test_small_differences_change_nothing() -> None:
    chooser, chosen = ThreadChooser(2), []
    random = np.random.default_rng(1)

    def step(threads: int, _: float) -> float:
        if not chooser.trying:
            chosen.append(chooser.chosen)
        return 0.1 * (1.0 if threads == 1 else 0.99) * random.uniform(0.995, 1.005)

    simulate(chooser, 300.0, step)
    assert len(set(chosen)) == 1


@given(st.integers(1, 128), st.lists(st.floats(1e-4, 1e3), min_size=1, max_size=60), st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_whatever_the_times_are_the_count_is_a_possible_one(cores: int, times: list[float], share: float) -> None:
    chooser = ThreadChooser(cores)
    assert chooser.candidates[0] == 1
    assert chooser.candidates[-1] == cores
    for seconds in times:
        chooser.add(seconds, share)
        assert 1 <= chooser.threads <= cores
        assert chooser.best_so_far in chooser.candidates


@pytest.mark.parametrize("cores", [4, 16, 64])
def test_the_best_of_many_counts_is_found(cores: int) -> None:
    best = cores // 2
    chooser = ThreadChooser(cores)
    nearest = min(chooser.candidates, key=lambda count: abs(np.log(count / best)))
    simulate(chooser, 60.0, lambda threads, _: 0.02 * (1.0 + abs(np.log(threads / best))))
    assert chooser.chosen == nearest


@pytest.fixture
def threads_before() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def test_the_count_is_put_back_at_the_end(threads_before: int) -> None:
    with ThreadChoice(None, threads_before + 1) as choice:
        assert torch.get_num_threads() == threads_before + 1
        torch.set_num_threads(threads_before)
        choice.before_step()
        assert torch.get_num_threads() == threads_before + 1
        assert choice.after_step() is None
    assert torch.get_num_threads() == threads_before


def test_a_choice_is_told_once(threads_before: int) -> None:
    clock, told = [0.0], []
    with ThreadChoice(ThreadChooser(2), None, now=lambda: clock[0], on_core=lambda: clock[0]) as choice:
        for _ in range(100):
            choice.before_step()
            clock[0] += IDLE[choice.threads]
            told.append(choice.after_step())
    assert [threads for threads in told if threads is not None] == [2]


def test_only_minutes_on_a_processor_are_chosen_for(threads_before: int) -> None:
    minutes, counted = TrainingSettings(budget=Budget(minutes=1)), TrainingSettings(budget=Budget(images=64))
    fixed = TrainingSettings(budget=Budget(minutes=1), threads=3)
    assert thread_choice(minutes, "cpu").threads == 1  # the first that is tried
    assert thread_choice(counted, "cpu").threads is None
    assert thread_choice(minutes, "cuda").threads is None
    assert thread_choice(fixed, "cpu").threads == 3
