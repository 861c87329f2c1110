"""Files of tensors written in parts and read by rows: the same files as those written at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from studio.errors import ModelFileError, StorageError
from studio.library import tensor_stream as module
from studio.library.tensor_stream import TensorStream, open_tensors, write_streams
from studio.library.tensors import write_tensors

SAMPLES = {
    "rows": torch.arange(24, dtype=torch.float32).reshape(4, 2, 3),
    "double": torch.tensor([1e-300], dtype=torch.float64),
    "mask": torch.tensor([True, False, True]),
    "scalar": torch.tensor(3.0),
    "empty": torch.zeros(0, 4),
}


def in_parts(tensor: torch.Tensor) -> TensorStream:
    return TensorStream(tensor.dtype, tuple(tensor.shape), lambda: tensor if tensor.ndim else (tensor,))


def test_parts_make_the_same_file_as_the_whole(tmp_path: Path) -> None:
    write_tensors(tmp_path / "whole", SAMPLES, {"answer": 42})
    write_streams(tmp_path / "parts", {name: in_parts(tensor) for name, tensor in SAMPLES.items()}, {"answer": 42})
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_tensors_are_read_whole_and_by_rows(tmp_path: Path) -> None:
    write_tensors(tmp_path / "file", SAMPLES, {"answer": 42})
    with open_tensors(tmp_path / "file") as file:
        assert file.header == {"answer": 42}
        assert file.names == set(SAMPLES)
        for name, tensor in SAMPLES.items():
            assert (file.shape(name), file.dtype(name)) == (tuple(tensor.shape), tensor.dtype)
            assert torch.equal(file.read(name), tensor)
        for index in (2, 0, 3):
            assert torch.equal(file.row("rows", index), SAMPLES["rows"][index])
        assert file.row("mask", 1).item() is False
        for name, index in (("rows", 4), ("rows", -1), ("scalar", 0), ("empty", 0)):
            with pytest.raises(IndexError, match="no row"):
                file.row(name, index)
        with pytest.raises(KeyError):
            file.read("nothing")


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (TensorStream(torch.float32, (3, 2), lambda: torch.zeros(2, 2)), "16 bytes"),
        (TensorStream(torch.float32, (1, 2), lambda: torch.zeros(2, 2)), "16 bytes"),
        (TensorStream(torch.float32, (2, 2), lambda: torch.zeros(2, 1, dtype=torch.float64)), "float64"),
    ],
)
def test_parts_that_are_not_what_was_said_leave_no_file(stream: TensorStream, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        write_streams(tmp_path / "file", {"x": stream}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_no_reader_would_take_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_HEADER_BYTES", 500)
    with pytest.raises(StorageError, match="too long"):
        write_streams(tmp_path / "file", {}, {"story": "x" * 500})
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "pickle").write_bytes(b"\x80\x04" + bytes(100))
    for name in ("nothing", "", "pickle"):
        with pytest.raises(ModelFileError) as error, open_tensors(tmp_path / name):
            pass
        assert error.value.remedy


def test_a_file_that_is_cut_while_it_is_read_gets_a_sentence(tmp_path: Path) -> None:
    # Larger than what Python reads ahead.
    write_tensors(tmp_path / "file", {"rows": torch.zeros(100, 1000)}, {})
    with open_tensors(tmp_path / "file") as file:
        os.truncate(tmp_path / "file", 100_000)
        with pytest.raises(ModelFileError, match="changed while it was read"):
            file.read("rows")
