"""Traces in files: every bit comes back, branches share what they shared, and no file gets a foreign exception."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import struct
import sys
import tempfile
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.diffusion import Guidance, Thresholding, Trace, branch
from studio.diffusion.trace import Piece
from studio.errors import ModelFileError, StorageError
from studio.generation.trace_file import load_traces, save_traces
from studio.library import tensor_stream
from studio.library.tensors import read_tensors, write_tensors
from tests.unit.diffusion.recorded_runs import (
    KINDS,
    RULES,
    SHAPE,
    CountingDenoiser,
    assert_same_bits,
    described,
    known_pixels,
    model_of,
    record,
)

HASH = "ab" * 32


def family(kind: str = "plain", sampler=None, **options) -> list[Trace]:
    """A root with a branch, a branch of that and one more, parents first."""
    root, _ = record(described(kind, sampler), **options)
    child = branch(root, 3, seed=5)
    list(child.steps(model_of(child.run)))
    grandchild = branch(child, 7, z=child.state(7) + 0.5, thresholding=Thresholding("clip"))
    list(grandchild.steps(model_of(child.run)))
    other = branch(root, 9, known=known_pixels(0.25), sampler=RULES["heun"])
    list(other.steps(model_of(child.run)))
    return [root, child, grandchild, other]


def assert_same_trees(loaded: tuple[Trace, ...], saved: list[Trace]) -> None:
    assert len(loaded) == len(saved)
    for new, old in zip(loaded, saved, strict=True):
        assert (new.first, new.begins_anew, new.complete) == (old.first, old.begins_anew, old.complete)
        assert (None if new.parent is None else loaded.index(new.parent)) == (
            None if old.parent is None else saved.index(old.parent)
        )
        for field in dataclasses.fields(new.run):
            if field.name != "known":
                assert getattr(new.run, field.name) == getattr(old.run, field.name)
        assert (new.run.known is None) == (old.run.known is None)
        if new.run.known is not None and old.run.known is not None:
            assert torch.equal(new.run.known.picture, old.run.known.picture)
            assert torch.equal(new.run.known.mask, old.run.known.mask)
        assert new.size.total == old.size.total
        assert_same_bits(new, old)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampler", RULES.values(), ids=RULES)
def test_every_bit_comes_back(kind: str, sampler, tmp_path: Path) -> None:
    traces = family(kind, sampler)
    save_traces(tmp_path / "run.safetensors", traces[2], HASH, "Tiny")
    file = load_traces(tmp_path / "run.safetensors")
    assert (file.model_hash, file.model_name, file.root) == (HASH, "Tiny", file.traces[0])
    assert_same_trees(file.traces, traces)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_tree_comes_back(data: st.DataObject) -> None:
    draw = data.draw
    kind, sampler = draw(st.sampled_from(KINDS)), draw(st.sampled_from([*RULES.values()]))
    root, _ = record(described(kind, sampler, steps=draw(st.integers(4, 8))), budget_bytes=draw(st.integers(0, 20_000)))
    for _ in range(draw(st.integers(0, 4))):
        parent = draw(st.sampled_from([trace for trace in root.family() if len(trace)]))
        k = draw(st.integers(0, len(parent) - 1))
        changes = {
            "seed": st.integers(0, 2**64 - 1),
            "sampler": st.sampled_from([*RULES.values()]),
            "labels": st.sampled_from([None, (0, 1, 0)]) if parent.run.labels else st.none(),
            "thresholding": st.sampled_from([Thresholding("clip"), Thresholding("dynamic", 0.5)]),
            "known": st.sampled_from([None, known_pixels(0.1)]),
            "z": st.just(parent.state(k) * 0.5),
            "tail": st.just([(parent.pairs[k][0], -1)]),
        }
        names = draw(st.sets(st.sampled_from(sorted(changes))))
        child = branch(parent, k, **{name: draw(changes[name]) for name in sorted(names)})
        steps = child.steps(model_of(root.run))
        for _, _ in zip(range(draw(st.integers(0, 8))), steps, strict=False):
            pass
    with tempfile.TemporaryDirectory() as folder:
        path = save_traces(Path(folder) / "tree", root, HASH, "")
        opened = load_traces(path, draw(st.integers(0, 20_000)))
    assert_same_trees(opened.traces, [*root.family()])
    # What went on from there goes on in the same way.
    for new, old in zip(opened.traces, root.family(), strict=True):
        list(new.steps(model_of(root.run))), list(old.steps(model_of(root.run)))
        assert_same_bits(new, old, first=new.first)
    opened.root.close()
    root.close()


@pytest.mark.parametrize("budget", [0, 5000, 20_000])
def test_a_file_is_opened_within_the_budget(budget: int, tmp_path: Path) -> None:
    traces = family("known", RULES["unipc"], budget_bytes=3000)
    save_traces(tmp_path / "run", traces[0], HASH, "")
    file = load_traces(tmp_path / "run", budget, folder=tmp_path)
    assert file.root._store.memory_bytes <= budget
    assert file.root._store.disk_bytes > 0
    assert_same_trees(file.traces, traces)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    save_traces(tmp_path / "again", file.root, HASH, "")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "run").read_bytes()
    file.root.close()
    traces[0].close()


@pytest.mark.parametrize("sampler", [RULES["unipc"], RULES["ddpm"]], ids=lambda rule: rule.name)
def test_an_opened_trace_branches_like_the_one_that_was_saved(sampler, tmp_path: Path) -> None:
    traces = family("guided", sampler)
    save_traces(tmp_path / "run", traces[0], HASH, "")
    file = load_traces(tmp_path / "run")
    for new, old in zip(file.traces, traces, strict=True):
        for changes in ({}, {"seed": 77}, {"labels": (2, 2, 0)}, {"guidance": Guidance(1.0)}):
            model = model_of(old.run)
            one, two = branch(new, 10, **changes), branch(old, 10, **changes)
            list(one.steps(model))
            assert model.calls == one.run.model_calls(10)
            list(two.steps(model))
            assert_same_bits(one, two, first=10)


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_a_run_that_was_stopped_is_saved_and_goes_on(taken: int, tmp_path: Path) -> None:
    run = described("re-noising known", RULES["unipc"])
    whole, steps = record(run)
    trace = Trace(run)
    for step in steps[:taken]:
        trace.record(step)
    save_traces(tmp_path / "run", trace, HASH, "")
    opened = load_traces(tmp_path / "run").root
    assert len(opened) == taken
    assert not opened.complete
    list(opened.steps(model_of(run)))
    assert_same_bits(opened, whole)


def test_a_branch_that_was_never_begun_is_saved(tmp_path: Path) -> None:
    root, _ = record(described())
    edited = branch(root, 4, z=root.state(4) - 1)
    plain = branch(root, 6, seed=3)
    save_traces(tmp_path / "run", root, HASH, "")
    opened = load_traces(tmp_path / "run").traces
    for new, old in zip(opened[1:], (edited, plain), strict=True):
        assert len(new) == new.first == old.first
        model = model_of(root.run)
        list(new.steps(model)), list(old.steps(model))
        assert_same_bits(new, old)


def test_what_branches_share_is_written_once(tmp_path: Path) -> None:
    known = known_pixels()
    root, _ = record(described(known=known))
    child = branch(root, 11, seed=4)
    list(child.steps(model_of(root.run)))
    save_traces(tmp_path / "run", child, HASH, "")
    tensors = read_tensors(tmp_path / "run").tensors
    assert tensors["0.z_s"].shape == (12, *SHAPE)
    assert tensors["1.z_s"].shape == (1, *SHAPE)
    assert "0.known_mask" in tensors
    assert "1.known_mask" not in tensors
    assert "1.z_t" not in tensors
    root, child = load_traces(tmp_path / "run").traces
    assert child.run.known is root.run.known


def test_the_safetensors_package_reads_the_pictures(tmp_path: Path) -> None:
    trace, steps = record(described())
    save_traces(tmp_path / "run", trace, HASH, "")
    tensors = safetensors.torch.load_file(tmp_path / "run")
    assert torch.equal(tensors["0.z_s"], torch.stack([step.z_s for step in steps]))


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    trace, _ = record(described())
    (tmp_path / "run").write_bytes(b"mine")
    with pytest.raises(StorageError, match="exists already"):
        save_traces(tmp_path / "run", trace, HASH, "")
    assert (tmp_path / "run").read_bytes() == b"mine"
    save_traces(tmp_path / "run", trace, HASH, "", overwrite=True)
    assert_same_bits(load_traces(tmp_path / "run").root, trace)


def test_saving_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 5:
            raise Enough

    trace, _ = record(described(sampler=RULES["ddim"]))
    with pytest.raises(Enough):
        save_traces(tmp_path / "run", trace, HASH, "", progress=stop)
    assert seen == [(done, 25) for done in range(1, 6)]
    assert list(tmp_path.iterdir()) == []
    save_traces(tmp_path / "run", trace, HASH, "")
    seen.clear()
    with pytest.raises(Enough):
        load_traces(tmp_path / "run", 0, folder=tmp_path, progress=stop)
    assert seen == [(done, 12) for done in range(1, 6)]


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    trace, _ = record(described())
    with pytest.raises(StorageError):
        save_traces(tmp_path / "file" / "run", trace, HASH, "")


def test_a_description_too_long_to_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_stream, "MAXIMUM_HEADER_BYTES", 1000)
    trace, _ = record(described())
    with pytest.raises(StorageError, match="too long a description"):
        save_traces(tmp_path / "run", trace, HASH, "")
    assert list(tmp_path.iterdir()) == []


def saved(tmp_path: Path) -> Path:
    root, _ = record(described("known", RULES["unipc"], steps=4))
    child = branch(root, 2, z=root.state(2) + 1)
    list(child.steps(model_of(root.run)))
    return save_traces(tmp_path / "whole", child, HASH, "Tiny")


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    whole = saved(tmp_path).read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    for length in (*range(0, 40), *range(40, header, 97), *range(header, len(whole), 511), len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut short|not a safetensors"):
            load_traces(tmp_path / "cut")


def test_flipped_bytes_never_raise_anything_foreign(tmp_path: Path) -> None:
    whole = saved(tmp_path).read_bytes()
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    opened = 0
    chance = random.Random(4)
    for position in (*range(9), *chance.sample(range(9, header), 400)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        (tmp_path / "damaged").write_bytes(damaged)
        # Anything else that is raised ends the test.
        with contextlib.suppress(ModelFileError):
            load_traces(tmp_path / "damaged")
            opened += 1
    assert 0 < opened < 200


def edit(path: Path, change) -> Path:
    file = read_tensors(path)
    header, tensors = json.loads(json.dumps(file.header)), dict(file.tensors)
    change(header, tensors)
    damaged = path.with_name("damaged")
    write_tensors(damaged, tensors, header)
    return damaged


def put(*keys: object, value: object):
    def change(header, tensors) -> None:
        table = header
        for key in keys[:-1]:
            table = table[key]
        table[keys[-1]] = value

    return change


def tensor(name: str, value: torch.Tensor | None):
    def change(header, tensors) -> None:
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value

    return change


def memory_of_another_sampler(header, tensors) -> None:
    header["traces"][1]["run"]["sampler"] = {"name": "dpmpp2m", "options": {}}
    header["traces"][1]["begins_anew"] = False


def nothing_left(header, tensors) -> None:
    """Each β is possible, and yet nothing at all is left of a picture."""
    header["schedule"]["beta"] = [1 - 1e-16] * 60
    header["traces"][1]["run"]["pairs"] = [*header["traces"][1]["run"]["pairs"][:2], [29, -1]]


@pytest.mark.parametrize(
    "change",
    [
        put("kind", value="model"),
        put("kind", value=None),
        put("format", value=99),
        put("model", value=None),
        put("model", "hash", value=5),
        put("schedule", value={}),
        nothing_left,
        put("schedule", "beta", value=[0.1] * 3),
        put("traces", value=[]),
        put("traces", value={}),
        put("traces", 0, value=None),
        put("traces", 0, "parent", value=0),
        put("traces", 0, "first", value=1),
        put("traces", 1, "parent", value=1),
        put("traces", 1, "parent", value=-1),
        put("traces", 1, "parent", value=None),
        put("traces", 1, "parent", value="0"),
        put("traces", 1, "first", value=3),
        put("traces", 1, "first", value=4),
        put("traces", 1, "first", value=2.0),
        put("traces", 1, "first", value=-2),
        put("traces", 1, "begins_anew", value=1),
        put("traces", 1, "edited", value=False),
        put("traces", 0, "clipped_shares", value=[0.0] * 3),
        put("traces", 0, "clipped_shares", value=[0.0] * 5),
        put("traces", 0, "clipped_shares", value=[2.0] * 4),
        put("traces", 0, "clipped_shares", value=["0"] * 4),
        put("traces", 0, "clipped_shares", value=4),
        put("traces", 0, "kept", "x0", value=[0, 1, 2]),
        put("traces", 0, "kept", "x0", value=[0, 1, 3, 2]),
        put("traces", 0, "kept", "x0", value=[0, 1, 2, 9]),
        put("traces", 0, "kept", "x0", value=[0, 1, 1, 2]),
        put("traces", 0, "kept", "x0", value=[0, 1, 2, "3"]),
        put("traces", 0, "kept", "x0", value=[]),
        put("traces", 0, "kept", "z_t", value=[]),
        put("traces", 0, "kept", "z_s", value=[0]),
        put("traces", 0, "kept", "magic", value=[0]),
        put("traces", 0, "kept", value=[]),
        put("traces", 0, "run", value=None),
        put("traces", 0, "run", "known", value=False),
        put("traces", 0, "run", "pictures", value=[1, 2]),
        put("traces", 0, "run", "shape", value=[4096, 4096, 4096]),
        put("traces", 1, "run", "pictures", value=[3, 4, 5]),
        put("traces", 1, "run", "pairs", value=[[59, -1]]),
        memory_of_another_sampler,
        put("traces", 1, "run", "thresholding", "kind", value="hard"),
        tensor("0.z_s", None),
        tensor("0.z_s", torch.zeros(4, *SHAPE, dtype=torch.float64)),
        tensor("0.z_s", torch.zeros(4, 3, 2, 5, 6)),
        tensor("0.z_s", torch.zeros(5, *SHAPE)),
        tensor("0.x0", torch.tensor(1.0)),
        tensor("1.edited", torch.zeros(1)),
        tensor("1.edited", None),
        tensor("7.z_s", torch.zeros(1)),
        tensor("0.known_mask", None),
        tensor("0.known_picture", None),
        tensor("0.known_mask", torch.ones(1, 1, 6, 5)),
        tensor("0.known_mask", torch.ones(2, 1, 6, 5, dtype=torch.bool)),
        tensor("0.known_picture", torch.ones(1, 3, 6, 5)),
        tensor("0.known_picture", torch.ones(1, 2, 6, 5, dtype=torch.int32)),
    ],
)
def test_a_file_that_contradicts_itself_gets_a_sentence(change, tmp_path: Path) -> None:
    path = saved(tmp_path)
    load_traces(path)
    with pytest.raises(ModelFileError) as error:
        load_traces(edit(path, change))
    assert error.value.remedy
    assert len(str(error.value)) < 600


def test_a_mask_of_other_bytes_than_0_and_1_is_a_mask(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = bytearray(path.read_bytes())
    mask = read_tensors(path).tensors["0.known_mask"]
    # The narrowest numbers stand last.
    assert bytes(content[-mask.numel() :]) == bytes(mask.view(torch.uint8).flatten().tolist())
    content[-mask.numel() :] = bytes(7 * value for value in content[-mask.numel() :])
    path.write_bytes(content)
    known = load_traces(path).root.run.known
    assert known is not None
    assert torch.equal(known.mask, mask)
    assert set(known.mask.view(torch.uint8).flatten().tolist()) == {0, 1}


def test_a_model_and_what_is_missing_get_a_sentence(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model", {"weight": torch.zeros(2)}, {"kind": "model", "format": 1})
    with pytest.raises(ModelFileError, match="is a model, not a trace"):
        load_traces(tmp_path / "model")
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(ModelFileError):
            load_traces(path)


def test_a_disk_too_full_to_open_a_file_leaves_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with pytest.raises(StorageError, match="no room"):
        load_traces(path, 0, folder=tmp_path / "is not there")


def test_a_trace_on_disk_is_never_whole_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = family(budget_bytes=0, folder=tmp_path)
    held: list[torch.Tensor] = []
    most = 0
    real = Trace.kept

    def kept(self: Trace, piece: Piece, k: int) -> torch.Tensor:
        nonlocal most
        held[:] = [tensor for tensor in held if sys.getrefcount(tensor) > 3]
        held.append(real(self, piece, k))
        most = max(most, len(held))
        return held[-1]

    monkeypatch.setattr(Trace, "kept", kept)
    save_traces(tmp_path / "run", traces[0], HASH, "")
    assert most <= 2
    traces[0].close()


def test_models_are_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path)
    monkeypatch.setattr(CountingDenoiser, "predict", lambda *_: pytest.fail("a model was asked"))
    for trace in load_traces(path).traces:
        for k in range(len(trace)):
            trace.frame(k)
