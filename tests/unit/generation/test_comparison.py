"""Comparisons: the same noise in every cell, costs that are equal, and a cell that can be made alone."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.data.pixels import to_pictures
from studio.diffusion.samplers import SAMPLERS, sampling_pairs
from studio.diffusion.schedule import SCHEDULES, make_schedule
from studio.diffusion.trace import Trace
from studio.errors import SettingsError
from studio.generation.comparison import (
    NO_CLASS,
    Axis,
    AxisKind,
    Comparison,
    calls_of,
    pairs_at_levels_of,
    steps_for_calls,
)
from studio.generation.comparison_run import (
    Alignment,
    CellBegun,
    CellDone,
    CellStep,
    ComparisonPlanned,
    SharedTime,
    compare,
    plans_of,
    rms_difference,
    trace_sizes,
    values_at,
)
from studio.generation.plan import plan
from studio.generation.request import SamplingRequest
from studio.generation.sampling import make_pictures
from studio.library.bundle import ModelBundle
from studio.networks.devices import choose_device

CPU = choose_device("cpu")
VALUES = {
    AxisKind.SAMPLER: tuple(SAMPLERS),
    AxisKind.STEPS: (1, 3, 7, 20),
    AxisKind.SPACING: ("trailing", "leading", "karras", "log_snr"),
    AxisKind.SCHEDULE: ("linear", "cosine", "sigmoid"),
    AxisKind.ETA: (0.0, 0.4, 1.0),
    AxisKind.GUIDANCE: (0.0, 1.0, 3.0),
    AxisKind.CLASS: ("cat", "dog", NO_CLASS),
    AxisKind.CLIP: (False, True),
    AxisKind.VARIANCE: ("beta", "posterior"),
}


def fingerprint(z: torch.Tensor) -> str:
    return hashlib.sha256(z.numpy().tobytes()).hexdigest()


def made(model: ModelBundle, comparison: Comparison, **options: object) -> dict[int, CellDone]:
    events = compare(model, comparison, CPU, **options)
    return {event.cell.index: event for event in events if isinstance(event, CellDone)}


@pytest.mark.parametrize("kind", list(VALUES))
def test_every_cell_begins_with_the_noise_of_the_seed(class_bundle: ModelBundle, kind: AxisKind) -> None:
    sampler = "ddpm" if kind is AxisKind.VARIANCE else "ddim"
    comparison = Comparison(SamplingRequest(count=2, sampler=sampler, steps=4, seed=6), Axis(kind, VALUES[kind]))
    plans = plans_of(class_bundle, comparison)
    expected = fingerprint(plan(class_bundle, SamplingRequest(count=2, seed=6)).z)
    assert {fingerprint(planned.z) for planned in plans} == {expected}
    # And that is what is recorded, before anything is taken off.
    trace = made(class_bundle, comparison)[len(plans) - 1].trace
    assert fingerprint(trace.state(0)) == expected


def test_a_seed_axis_begins_with_noises_of_their_own(bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=1, steps=2), Axis("seed", (1, 2, 3)), Axis("steps", (1, 2)))
    prints = [fingerprint(planned.z) for planned in plans_of(bundle, comparison)]
    assert prints[0::2] == prints[1::2]
    assert len(set(prints)) == 3


def test_a_cell_made_alone_has_the_same_pixels(class_bundle: ModelBundle) -> None:
    base = SamplingRequest(count=3, steps=5, seed=2, class_name="dog")
    comparison = Comparison(base, Axis("sampler", ("ddpm", "heun", "unipc")), Axis("guidance", (1.0, 2.5)))
    cells = made(class_bundle, comparison)
    for cell in comparison.cells:
        assert cells[cell.index].trace.complete
        alone = make_pictures(class_bundle, cell.request, CPU)
        np.testing.assert_array_equal(to_pictures(cells[cell.index].trace.pictures()), alone)
    assert cells[0].trace.run.seed == 2
    assert comparison.cells[3].label == "Heun, guidance 2.5"


def test_values_reach_their_cells_in_order(class_bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=1), Axis("class", ("dog", NO_CLASS)), Axis("clip", (True, False)))
    requests = [cell.request for cell in comparison.cells]
    assert [request.class_name for request in requests] == ["dog", "dog", None, None]
    assert [request.without_class for request in requests] == [False, False, True, True]
    assert [request.thresholding for request in requests] == ["clip", "none"] * 2
    assert comparison.row_labels == ("dog", "no class")
    assert [planned.run.labels for planned in plans_of(class_bundle, comparison)] == [(1,), (1,), (2,), (2,)]


def counted(model: ModelBundle, request: SamplingRequest) -> int:
    """How often the network itself is gone through for the first picture, by watching it."""
    denoiser = model.denoiser(CPU)
    seen = []
    denoiser.network.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].shape[0]))
    planned = plan(model, request)
    for _ in planned.steps(denoiser, CPU):
        pass
    return sum(seen) // request.count


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_the_cost_is_what_the_network_is_asked(class_bundle: ModelBundle, sampler: str, guidance: float) -> None:
    request = SamplingRequest(count=2, sampler=sampler, steps=6, guidance=guidance, class_name="cat")
    assert calls_of(plan(class_bundle, request).run) == counted(class_bundle, request)


def test_guidance_in_an_interval_costs_only_there(class_bundle: ModelBundle) -> None:
    for sampler in ("ddim", "heun"):
        request = SamplingRequest(
            count=1, sampler=sampler, steps=8, guidance=2.0, guidance_from=0.3, guidance_to=0.7, class_name="cat"
        )
        assert calls_of(plan(class_bundle, request).run) == counted(class_bundle, request)


@settings(max_examples=60, deadline=None)
@given(
    calls=st.integers(1, 100),
    sampler=st.sampled_from(list(SAMPLERS)),
    guidance=st.sampled_from([1.0, 0.0, 3.0]),
)
def test_equal_cost_takes_the_most_steps_that_cost_no_more(
    class_bundle: ModelBundle, calls: int, sampler: str, guidance: float
) -> None:
    def cost(steps: int) -> int:
        wish = SamplingRequest(count=1, sampler=sampler, steps=steps, guidance=guidance, class_name="cat")
        return calls_of(plan(class_bundle, wish).run)

    request = SamplingRequest(count=1, sampler=sampler, guidance=guidance, class_name="cat")
    steps = steps_for_calls(request, calls)
    assert cost(steps) <= calls or steps == 1
    if steps < class_bundle.schedule.step_count:
        assert cost(steps + 1) > calls


def test_equal_cost_in_a_table(class_bundle: ModelBundle) -> None:
    comparison = Comparison(
        SamplingRequest(count=1, class_name="cat", guidance=2.0),
        Axis("sampler", ("ddim", "heun")),
        Axis("steps", (20, 40)),
        equal_cost=True,
    )
    assert [cell.request.steps for cell in comparison.cells] == [10, 20, 5, 10]
    assert [calls_of(planned.run) for planned in plans_of(class_bundle, comparison)] == [20, 40, 18, 38]
    assert comparison.column_labels == ("20 calls", "40 calls")


@pytest.mark.parametrize("kind", [kind for kind in SCHEDULES if kind != "karras"])
def test_the_levels_of_the_same_schedule_are_its_own(kind: str) -> None:
    schedule = make_schedule(kind, 200)
    for steps in (1, 2, 7, 50, 200):
        assert pairs_at_levels_of(schedule, schedule, steps) == sampling_pairs(schedule, steps)


@settings(max_examples=80, deadline=None)
@given(
    other=st.sampled_from(["linear", "cosine", "sigmoid", "quadratic", "karras"]),
    own=st.sampled_from(["linear", "cosine", "sigmoid"]),
    steps=st.integers(1, 60),
    levels=st.integers(60, 130),
)
def test_levels_of_another_schedule_are_a_walk_to_the_nearest(other: str, own: str, steps: int, levels: int) -> None:
    theirs, ours = make_schedule(other, 100), make_schedule(own, levels)
    pairs = pairs_at_levels_of(theirs, ours, steps)
    times = [t for t, _ in pairs]
    assert len(pairs) == steps
    assert times[0] == levels - 1
    assert pairs[-1][1] == -1
    assert all(one > two for one, two in itertools.pairwise(times))
    assert all(s == t for (_, s), (t, _) in itertools.pairwise(pairs))
    # Far from each other, where nobody has to make room, each is the nearest there is.
    if steps <= 5:
        for time, (t, _) in list(zip(times, sampling_pairs(theirs, steps), strict=True))[1:]:
            distance = np.abs(ours.log_snr - theirs.log_snr[t])
            taken = np.abs(ours.log_snr[time] - theirs.log_snr[t])
            assert taken <= np.sort(distance)[min(steps, levels - 1)] + 1e-9


def test_what_makes_no_sense_is_refused_by_name(bundle: ModelBundle, class_bundle: ModelBundle) -> None:
    base = SamplingRequest(count=1, steps=2)
    refusals = [
        ("differ in steps", lambda: Comparison(base, Axis("steps", (1, 2)), Axis("steps", (3,)))),
        ("eta", lambda: Comparison(SamplingRequest(sampler="unipc"), Axis("eta", (0.0, 1.0)))),
        ("variance", lambda: Comparison(base, Axis("variance", ("beta", "posterior")))),
        ("sampler", lambda: Axis("sampler", ("ddim", "best"))),
        ("steps", lambda: Axis("steps", (0,))),
        ("eta", lambda: Axis("eta", (1.5,))),
        ("guidance", lambda: Axis("guidance", (-1.0,))),
        ("twice", lambda: Axis("seed", (3, 3))),
        ("clip", lambda: Axis("clip", ("yes",))),
        ("Nothing", lambda: Axis("class", ())),
        ("too many", lambda: Axis("seed", tuple(range(33)))),
        ("exaggerate", lambda: Comparison(SamplingRequest(without_class=True), Axis("guidance", (1.0, 2.0)))),
        ("cost", lambda: Comparison(SamplingRequest(steps=None), Axis("clip", (True, False)), equal_cost=True)),
        ("guidance 2", lambda: plans_of(bundle, Comparison(base, Axis("guidance", (1.0, 2.0))))),
        ("dog", lambda: plans_of(bundle, Comparison(base, Axis("class", ("dog",))))),
        ("bird", lambda: plans_of(class_bundle, Comparison(base, Axis("class", ("dog", "bird"))))),
        ("other", lambda: plans_of(bundle, Comparison(base, Axis("checkpoint", ("other",))))),
    ]
    for word, refused in refusals:
        with pytest.raises(SettingsError, match=word):
            refused()


def test_nothing_is_computed_when_a_later_cell_is_impossible(class_bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=1, steps=2), Axis("class", ("dog", "bird")))
    with pytest.raises(SettingsError):
        next(compare(class_bundle, comparison, CPU))


def test_checkpoints_make_their_own_cells(bundle: ModelBundle, class_bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=2, steps=3), Axis("checkpoint", ("one", "two")))
    cells = made(bundle, comparison, checkpoints={"one": bundle, "two": class_bundle})
    for index, model in enumerate((bundle, class_bundle)):
        alone = make_pictures(model, SamplingRequest(count=2, steps=3), CPU)
        np.testing.assert_array_equal(to_pictures(cells[index].trace.pictures()), alone)


def test_all_traces_share_one_budget(bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=4, steps=20), Axis("sampler", tuple(SAMPLERS)))
    runs = [planned.run for planned in plans_of(bundle, comparison)]
    whole = sum(size.memory for size in trace_sizes(runs))
    assert whole == sum(Trace.estimate(run).total for run in runs)
    budget = whole // 3
    sizes = trace_sizes(runs, budget)
    assert sum(size.memory for size in sizes) <= budget
    assert sum(size.total for size in sizes) == whole
    assert sizes[-1].memory == 0
    cells = made(bundle, comparison, budget_bytes=budget)
    assert sum(cell.trace.size.memory for cell in cells.values()) <= budget
    # What lies on disk is told bit for bit all the same.
    plain = made(bundle, comparison)
    for index, cell in cells.items():
        assert torch.equal(cell.trace.pictures(), plain[index].trace.pictures())
        cell.trace.close()


def test_events_come_step_by_step_and_closing_keeps_what_is_there(bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=1), Axis("steps", (2, 3)))
    kinds = [type(event) for event in compare(bundle, comparison, CPU)]
    assert kinds == [
        ComparisonPlanned,
        CellBegun,
        *[CellStep] * 2,
        CellDone,
        CellBegun,
        *[CellStep] * 3,
        CellDone,
    ]
    events = compare(bundle, comparison, CPU)
    next(events)
    begun = next(events)
    next(events)
    events.close()
    assert isinstance(begun, CellBegun)
    assert len(begun.trace) == 1
    assert torch.equal(values_at(begun.trace, 9), begun.trace.frame(0).z_s)


def test_what_a_position_shows(bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=2, sampler="ddpm"), Axis("steps", (4,)))
    trace = made(bundle, comparison)[0].trace
    assert torch.equal(values_at(trace, 0), plan(bundle, comparison.cells[0].request).z)
    assert torch.equal(values_at(trace, 4), trace.pictures())
    assert torch.equal(values_at(trace, 2, "eps"), trace.frame(2).eps)
    assert torch.equal(values_at(trace, 4, "x0"), trace.frame(3).x0)
    assert rms_difference(torch.zeros(1, 1, 1, 2), torch.tensor([[[[3.0, 4.0]]]])) == pytest.approx(12.5**0.5)


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5), alignment=st.sampled_from(list(Alignment)))
def test_all_begin_and_end_together_and_none_goes_back(
    bundle: ModelBundle, lengths: list[int], alignment: Alignment
) -> None:
    runs = [plan(bundle, SamplingRequest(count=1, steps=steps)).run for steps in lengths]
    time = SharedTime(runs, alignment)
    assert time.nearest(0.0) == 0
    assert time.nearest(1.0) == time.count - 1
    for index, steps in enumerate(lengths):
        positions = [time.position(index, moment) for moment in range(time.count)]
        assert positions[0] == 0
        assert positions[-1] == steps
        assert sorted(positions) == positions
        # Each of its own moments can be seen.
        assert set(positions) == set(range(steps + 1))


def test_at_a_noise_level_a_run_shows_the_last_it_has_come_to(bundle: ModelBundle) -> None:
    runs = [plan(bundle, SamplingRequest(count=1, steps=steps)).run for steps in (2, 4)]
    time = SharedTime(runs, Alignment.LEVEL)
    assert [time.level(moment) for moment in range(time.count)] == [100, 75, 50, 25, 0]
    assert [time.position(0, moment) for moment in range(time.count)] == [0, 0, 1, 1, 2]
    share = SharedTime(runs)
    assert [share.position(0, moment) for moment in range(share.count)] == [0, 0, 1, 1, 2]
    assert share.level(1) is None
