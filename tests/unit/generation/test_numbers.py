"""Numbers that leave the program come back as they were."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from studio.errors import StorageError
from studio.generation.numbers import write_arrays, write_table


def test_a_table_gives_back_the_same_bits(tmp_path: Path) -> None:
    numbers = np.random.default_rng(3).standard_normal(50) * 10.0 ** np.arange(-25, 25)
    small = numbers[:50].astype(np.float32)
    path = write_table(
        tmp_path / "table.csv", {"t": np.arange(50), "exact": numbers, "single": small, "name": ["a,b"] * 50}
    )
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["t"]) for row in rows] == list(range(50))
    np.testing.assert_array_equal([float(row["exact"]) for row in rows], numbers)
    np.testing.assert_array_equal(np.array([row["single"] for row in rows], np.float32), small)
    assert rows[7]["name"] == "a,b"
    # A single-precision number is not spelled with the digits that double precision would add.
    assert len(rows[30]["single"]) < 16


def test_what_is_not_known_is_an_empty_cell(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.csv", {"a": [1.5, None, float("nan")], "b": [1, 2, 3]})
    assert path.read_text(encoding="utf-8") == "a,b\n1.5,1\n,2\n,3\n"


def test_columns_are_of_one_length_and_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one length"):
        write_table(tmp_path / "table.csv", {"a": [1], "b": [1, 2]})
    path = write_table(tmp_path / "table.csv", {"a": [1]})
    with pytest.raises(StorageError, match="exists already"):
        write_table(path, {"a": [2]})
    assert path.read_text(encoding="utf-8") == "a\n1\n"


def test_arrays_come_back_without_pickle(tmp_path: Path) -> None:
    arrays = {"z": np.random.default_rng(0).standard_normal((3, 1, 4, 4)).astype(np.float32), "t": np.arange(3)}
    path = write_arrays(tmp_path / "run.npz", arrays)
    with np.load(path, allow_pickle=False) as content:
        assert set(content.files) == {"z", "t"}
        np.testing.assert_array_equal(content["z"], arrays["z"])
    with pytest.raises(ValueError, match="pickle"):
        write_arrays(tmp_path / "bad.npz", {"a": np.array([object()])})
    with pytest.raises(StorageError, match="exists already"):
        write_arrays(path, arrays)
