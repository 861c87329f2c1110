"""Files of tensors: the safetensors package is the independent reader and writer."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from studio.errors import ModelFileError, StorageError
from studio.library import tensors as module
from studio.library.tensors import METADATA_KEY, read_tensors, write_tensors

SAMPLES = {
    "weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
    "brain": torch.tensor([[0.5]], dtype=torch.bfloat16),
    "double": torch.tensor([1e-300], dtype=torch.float64),
    "count": torch.tensor([2**40, -1]),
    "bytes": torch.tensor([0, 255, 7], dtype=torch.uint8),
    "flag": torch.tensor([True, False]),
    "scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 4),
}


def assert_same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert tensor.dtype == two[name].dtype
        assert torch.equal(tensor, two[name])


def raw(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(**changes) -> bytes:
    return json.dumps({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}).encode()


def test_the_safetensors_package_reads_what_is_written(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a.safetensors", SAMPLES, {"answer": [1, "ü"]})
    assert_same(safetensors.torch.load_file(tmp_path / "a.safetensors"), SAMPLES)
    with safetensors.safe_open(tmp_path / "a.safetensors", "pt") as file:
        assert file.metadata()["format"] == "pt"
        assert json.loads(file.metadata()[METADATA_KEY]) == {"answer": [1, "ü"]}


def test_what_the_safetensors_package_writes_is_read(tmp_path: Path) -> None:
    safetensors.torch.save_file(SAMPLES, tmp_path / "a.safetensors", metadata={"format": "pt"})
    file = read_tensors(tmp_path / "a.safetensors")
    assert_same(file.tensors, SAMPLES)
    assert file.header == {}


def test_writing_twice_gives_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", SAMPLES, {})
    write_tensors(tmp_path / "b", dict(reversed(SAMPLES.items())), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_views_are_written_as_what_they_show(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    views = {"turned": base.T, "part": base[1:, ::2], "grown": torch.tensor([1.0]).expand(5)}
    write_tensors(tmp_path / "a", views, {})
    assert_same(read_tensors(tmp_path / "a").tensors, views)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    write_tensors(tmp_path / "whole", SAMPLES, {"a": 1})
    whole = (tmp_path / "whole").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut short|not a safetensors"):
            read_tensors(tmp_path / "cut")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a safetensors"),
        (b"PK\x03\x04 a zip archive or a pickle", "not a safetensors"),
        (b"\x80\x04" + bytes(100), "not a safetensors"),
        (raw(b"{}", length=2**40) + bytes(50), "claims 1,099,511,627,776 bytes"),
        (raw(b'{"x": '), "not JSON"),
        (raw(b"{" + b'"a":[' * 100_000), "not JSON"),
        (raw(entry(), bytes(12)), "longer than its header says"),
        (raw(entry(), bytes(4)), "4 of its bytes are missing"),
        (raw(entry(shape=[3]), bytes(8)), "as many bytes"),
        (raw(entry(shape=[-2]), bytes(8)), "shape of the tensor x"),
        (raw(entry(shape=[2.0]), bytes(8)), "shape of the tensor x"),
        (raw(entry(shape=[True, 2]), bytes(8)), "shape of the tensor x"),
        (raw(entry(shape=2), bytes(8)), "cannot be understood"),
        (raw(entry(dtype="F8"), bytes(8)), "cannot be understood"),
        (raw(entry(dtype=["F32"]), bytes(8)), "cannot be understood"),
        (raw(entry(data_offsets=[4, 12]), bytes(12)), "not where the one before it ends"),
        (raw(entry(data_offsets=[0]), bytes(8)), "cannot be understood"),
        (raw(b'{"x": 5}'), "cannot be understood"),
        (raw(b'{"__metadata__": 5}'), "metadata is not a table"),
        (raw(b'{"__metadata__": {"diffusion_studio": "[1]"}}'), "description is not a table"),
        (raw(b'{"__metadata__": {"diffusion_studio": "{"}}'), "description is not JSON"),
        (raw(entry(shape=[2**62, 2**62], data_offsets=[0, 2**126])), "missing"),
    ],
)
def test_foreign_and_damaged_files_get_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ModelFileError, match=says) as error:
        read_tensors(tmp_path / "file")
    assert error.value.remedy


def test_tensors_that_overlap_are_refused(tmp_path: Path) -> None:
    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    (tmp_path / "file").write_bytes(raw(json.dumps({"x": one, "y": one}).encode(), bytes(8)))
    with pytest.raises(ModelFileError, match="damaged"):
        read_tensors(tmp_path / "file")


def test_missing_files_and_folders_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        read_tensors(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match=r"is a folder|could not be read"):
        read_tensors(tmp_path)


def test_limits_are_checked_before_memory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "a", SAMPLES, {})
    monkeypatch.setattr(module, "MAXIMUM_TENSORS", 3)
    with pytest.raises(ModelFileError, match="more than 3 tensors"):
        read_tensors(tmp_path / "a")
    monkeypatch.setattr(module, "MAXIMUM_FILE_BYTES", 100)
    with pytest.raises(ModelFileError, match="larger than"):
        read_tensors(tmp_path / "a")


def test_a_header_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_tensors(tmp_path / "a", SAMPLES, {})
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_tensors(tmp_path / "a", SAMPLES, {"loss": float("nan")})
    assert (tmp_path / "a").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        write_tensors(tmp_path / "file" / "a", SAMPLES, {})
