"""Branches: unchanged they equal their parent bit for bit, and they ask the model for the remaining steps only."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from studio.diffusion import DDIMSampler, DDPMSampler, Guidance, KnownPixels, NoisePurpose, Thresholding, Trace
from studio.diffusion.branching import branch
from studio.diffusion.trace import Origin, Piece
from studio.errors import ScheduleError
from tests.unit.diffusion.recorded_runs import (
    KINDS,
    RULES,
    SHAPE,
    assert_same,
    assert_same_bits,
    described,
    known_pixels,
    model_of,
    record,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
def test_an_unchanged_branch_equals_its_parent(kind: str, sampler) -> None:
    run = described(kind, sampler)
    # Four tensors in memory, all others on disk.
    parent, _ = record(run, budget_bytes=3000)
    size = parent.size
    for k in (0, 1, 4, 5, 8, len(parent) - 1):
        model = model_of(run)
        child = branch(parent, k)
        assert len(child) == k
        steps = list(child.steps(model))
        assert model.calls == run.model_calls(k) == sum(step.model_calls for step in steps)
        assert child.complete
        assert_same_bits(child, parent, first=k)
        assert Piece.Z_T not in {p for p in Piece if k in child.kept_steps(p)}
        child.close()
    assert parent.size == size
    parent.close()


@pytest.mark.parametrize("k", [0, 4, 11])
def test_a_new_seed_draws_new_noise_from_its_step_on(k: int) -> None:
    parent, _ = record(described("known"))
    child = branch(parent, k, seed=99)
    steps = list(child.steps(model_of(child.run)))
    assert_same_bits_before(child, parent, k)
    unknown = ~known_pixels().mask.expand(SHAPE)
    assert torch.equal(child.frame(k).z_t[unknown], parent.frame(k).z_t[unknown])
    for step in steps:
        coefficient = step.coefficients.fresh_noise
        expected = coefficient * child.run.noise().at(step.index)
        assert torch.equal(step.injected[unknown], expected[unknown])
    if k < 11:
        assert not torch.equal(child.pictures(), parent.pictures())


def assert_same_bits_before(child: Trace, parent: Trace, k: int) -> None:
    for index in range(k):
        assert_same(child.frame(index), parent.frame(index), tolerance=0.0)


@pytest.mark.parametrize("old", RULES.values(), ids=RULES)
@pytest.mark.parametrize("new", [RULES["unipc"], RULES["heun"], RULES["ddpm"]], ids=lambda rule: rule.name)
def test_another_sampler_begins_anew(old, new) -> None:
    parent, _ = record(described(sampler=old))
    child = branch(parent, 5, sampler=new)
    assert child.begins_anew is (old != new)
    model = model_of(child.run)
    list(child.steps(model))
    assert model.calls == child.run.model_calls(5)
    # The oracle: a run of its own from there, which has never had a step before.
    run = dataclasses.replace(child.run)
    before = () if old != new else parent.before(5)
    expected = list(run.steps(model_of(run), parent.state(5), first=5, before=before))
    for step in expected:
        assert_same(child.frame(step.index), step)


@pytest.mark.parametrize("sampler", [RULES["dpmpp2m"], RULES["unipc"]], ids=lambda rule: rule.name)
def test_memory_is_handed_on_only_where_the_model_says_the_same(sampler) -> None:
    run = described("guided", sampler)
    parent, _ = record(run)
    t = run.pairs[5][0]
    for changes in (
        {"seed": 3},
        {"tail": [(t, 9), (9, -1)]},
        {"labels": (0, 1, 2)},
        {"z": parent.state(5).clone()},
        {},
    ):
        child = branch(parent, 5, **changes)
        assert not child.begins_anew
        assert len(child.before(5)) == sampler.memory
    for changes in (
        {"labels": (1, 1, 1)},
        {"labels": None},
        {"guidance": Guidance(1.5)},
        {"thresholding": Thresholding("clip")},
        {"known": known_pixels()},
        {"z": parent.state(5) + 0.1},
    ):
        child = branch(parent, 5, **changes)
        assert child.begins_anew
        assert child.before(5) == ()
        list(child.steps(model_of(run)))
        grandchild = branch(child, 7)
        assert len(grandchild.before(7)) == min(sampler.memory, 2)
        list(grandchild.steps(model_of(run)))
        assert_same_bits(grandchild, child)


def test_other_steps_to_come() -> None:
    parent, _ = record(described())
    t = parent.pairs[6][0]
    child = branch(parent, 6, tail=[(t, 3), (3, 1), (1, -1)])
    list(child.steps(model_of(child.run)))
    assert child.pairs == (*parent.pairs[:6], (t, 3), (3, 1), (1, -1))
    assert len(child) == 9
    assert child.frame(2).total == child.frame(8).total == 9
    assert torch.equal(child.frame(6).z_t, parent.frame(6).z_t)
    with pytest.raises(ScheduleError, match="begins at"):
        branch(parent, 6, tail=[(t - 1, -1)])
    with pytest.raises(ScheduleError):
        branch(parent, 6, tail=[])
    with pytest.raises(ScheduleError, match="downwards"):
        branch(parent, 6, tail=[(t, t)])


@pytest.mark.parametrize("k", [0, 6])
def test_an_edited_z(k: int) -> None:
    parent, _ = record(described())
    z = parent.state(k).clone()
    z[1, 0, 2, 3] += 0.25
    child = branch(parent, k, z=z)
    assert torch.equal(child.edited, z)
    assert torch.equal(child.state(k), z)
    z.zero_()
    list(child.steps(model_of(child.run)))
    changed = (child.frame(k).z_t != parent.frame(k).z_t).nonzero().tolist()
    assert changed == [[1, 0, 2, 3]]
    assert torch.equal(child.pictures()[0], parent.pictures()[0])
    assert not torch.equal(child.pictures()[1], parent.pictures()[1])
    with pytest.raises(ValueError, match="float32"):
        branch(parent, k, z=parent.state(k)[:1])
    with pytest.raises(ValueError, match="float32"):
        branch(parent, k, z=parent.state(k).double())


@pytest.mark.parametrize("k", [0, 6])
def test_new_known_pixels_are_put_in_at_their_noise_level(k: int) -> None:
    run = described(sampler=DDIMSampler())
    parent, _ = record(run)
    known = known_pixels()
    child = branch(parent, k, known=known)
    list(child.steps(model_of(run)))
    given = known.mask.expand(SHAPE)
    alpha_bar = run.schedule.alpha_bar_at(run.pairs[k][0])
    noise = run.noise().at(k, NoisePurpose.KNOWN)
    expected = alpha_bar**0.5 * known.picture + (1 - alpha_bar) ** 0.5 * noise
    torch.testing.assert_close(child.state(k)[given], expected[given])
    assert torch.equal(child.state(k)[~given], parent.state(k)[~given])
    assert torch.equal(child.pictures()[given], known.picture.expand(SHAPE)[given])
    same = branch(child, 8, known=KnownPixels(known.picture.clone(), known.mask.clone()))
    assert not same.begins_anew
    without = branch(child, 8, known=None)
    list(without.steps(model_of(run)))
    assert not torch.equal(without.pictures()[given], child.pictures()[given])


def test_branches_of_branches_share_what_comes_before() -> None:
    run = described()
    parent, _ = record(run)
    child = branch(parent, 3, seed=1)
    list(child.steps(model_of(run)))
    grandchild = branch(child, 7, seed=2)
    early = branch(child, 2, seed=3)
    for trace in (grandchild, early):
        list(trace.steps(model_of(run)))
    assert [len(trace) for trace in (child, grandchild, early)] == [12] * 3
    assert torch.equal(grandchild.frame(1).z_s, parent.frame(1).z_s)
    assert torch.equal(grandchild.frame(5).z_s, child.frame(5).z_s)
    assert not torch.equal(grandchild.frame(5).z_s, parent.frame(5).z_s)
    assert torch.equal(early.state(2), parent.state(2))
    assert list(parent.family()) == [parent, child, grandchild, early]
    assert grandchild.root is parent
    assert grandchild.size.total == 2 * 5 * parent._store.tensor_bytes
    assert_same_bits_before(grandchild, child, 7)


def test_a_branch_that_goes_frees_what_it_held() -> None:
    run = described()
    parent, taken = record(run)
    alone = parent._store.memory_bytes
    child = branch(parent, 3, seed=1, z=parent.state(3) + 1)
    list(child.steps(model_of(run)))
    grandchild = branch(child, 7)
    list(grandchild.steps(model_of(run)))
    sibling = branch(parent, 5, seed=4)
    list(sibling.steps(model_of(run)))
    everything = parent._store.memory_bytes
    assert everything == alone + child.size.total + grandchild.size.total + sibling.size.total
    child.close()
    assert parent._store.memory_bytes == alone + sibling.size.total
    assert parent.children == (sibling,)
    with pytest.raises(ValueError, match="closed"):
        branch(child, 1)
    with pytest.raises(ValueError, match="closed"):
        branch(grandchild, 1)
    for k, step in enumerate(taken):
        assert_same(parent.frame(k), step)
    parent.close()
    assert parent._store.memory_bytes == 0


def test_a_stopped_branch_goes_on() -> None:
    run = described("re-noising", RULES["unipc"])
    parent, _ = record(run)
    for k in (2, 4):
        child = branch(parent, k)
        steps = child.steps(model_of(run))
        for _ in range(5):
            next(steps)
        list(child.steps(model_of(run)))
        assert_same_bits(child, parent)


def test_a_run_that_is_not_finished_can_branch_where_it_is_recorded() -> None:
    run = described()
    whole, taken = record(run)
    parent = Trace(run)
    for step in taken[:4]:
        parent.record(step)
    child = branch(parent, 3)
    list(child.steps(model_of(run)))
    assert_same_bits(child, whole)
    for k in (4, -1):
        with pytest.raises(IndexError):
            branch(parent, k)


def test_a_branch_agrees_with_its_parent() -> None:
    parent, _ = record(described(sampler=RULES["unipc"]))
    run = parent.run
    for other in (
        dataclasses.replace(run, pictures=(5, 6, 7)),
        dataclasses.replace(run, pairs=run.pairs[1:]),
        dataclasses.replace(run, pairs=run.pairs[:5]),
        dataclasses.replace(run, sampler=RULES["dpmpp2m"]),
    ):
        with pytest.raises(ValueError, match="a branch"):
            Trace(other, origin=Origin(parent, 5))
    with pytest.raises(ValueError, match="no step 12"):
        Trace(run, origin=Origin(parent, 12))
    with pytest.raises(ValueError, match="labels"):
        branch(parent, 3, labels=(1,))
    with pytest.raises(ValueError, match="given a z"):
        branch(parent, 3).steps(model_of(run), parent.state(3))


def test_ddpm_and_ddim_meet_where_they_are_the_same() -> None:
    # An independent oracle of branching with another sampler: DDIM with η = 1 is DDPM with β̃, so nothing changes.
    parent, _ = record(described(sampler=DDPMSampler("posterior")))
    child = branch(parent, 4, sampler=DDIMSampler(1.0))
    list(child.steps(model_of(child.run)))
    torch.testing.assert_close(child.pictures(), parent.pictures(), rtol=1e-5, atol=1e-5)
