"""Parquet tables as Hugging Face's data sets are kept."""

from __future__ import annotations

import builtins
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.errors import DataError
from tests.unit.data.pictures import noise
from tests.unit.data.scans import labels, names, pixels, read, reasons, scanned

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

PICTURES = [noise(6, 8, 3, seed=number) for number in range(20)]
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def write(path: Path, columns: dict, features: dict | None = None, rows_each: int = 7) -> Path:
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=rows_each)
    return path


def images(kind: pa.DataType = STRUCT, pictures: list = PICTURES) -> pa.Array:
    values = [png(picture) for picture in pictures]
    return pa.array([{"bytes": value, "path": None} for value in values] if kind is STRUCT else values, kind)


CLASS_LABEL = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog", "owl"]}}


def test_the_layout_of_hugging_face(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", {"image": images(), "label": [i % 3 for i in range(20)]}, CLASS_LABEL)
    with scanned(path) as catalog:
        assert names(catalog) == [f"a.parquet#{number}" for number in range(20)]
        assert catalog.class_names == ("cat", "dog", "owl")
        assert labels(catalog) == [("cat", "dog", "owl")[number % 3] for number in range(20)]
        assert all((seen == picture).all() for seen, picture in zip(pixels(catalog), PICTURES, strict=True))
        # From group to group and back.
        assert (read(catalog, 19).pixels == PICTURES[19]).all()
        assert (read(catalog, 0).pixels == PICTURES[0]).all()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_column_of_bytes_and_labels_in_words(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {"id": list(range(20)), "photo": images(kind), "category": ["ab"[i % 2] for i in range(20)]}
    with scanned(write(tmp_path / "a.parquet", columns)) as catalog:
        assert labels(catalog) == ["a", "b"] * 10
        assert (read(catalog, 5).pixels == PICTURES[5]).all()


def test_without_labels(tmp_path: Path) -> None:
    with scanned(write(tmp_path / "a.parquet", {"img": images()})) as catalog:
        assert labels(catalog) == [None] * 20


def test_shards_are_one_set_and_those_for_tests_stay(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        write(tmp_path / f"{name}.parquet", {"image": images()})
    with scanned(tmp_path) as catalog:
        assert catalog.count == 40
        assert len(set(names(catalog))) == 40
        assert "left for other uses: test-00000-of-00001.parquet" in catalog.notes[0]


def test_rows_that_are_no_pictures_are_named(tmp_path: Path) -> None:
    values = [
        {"bytes": png(PICTURES[0]), "path": None},
        {"bytes": b"x", "path": None},
        {"bytes": None, "path": "a"},
        None,
    ]
    with scanned(write(tmp_path / "a.parquet", {"image": pa.array(values, STRUCT)})) as catalog:
        assert names(catalog) == ["a.parquet#0"]
        assert reasons(catalog) == {
            "a.parquet#1": "not a picture",
            "a.parquet#2": "the table holds its path, not the picture",
            "a.parquet#3": "an empty place in the table",
        }


def test_groups_of_rows_that_do_not_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.parquet.MAX_ROW_GROUP_BYTES", 100)
    with (
        pytest.raises(DataError, match="more than is read at once"),
        scanned(write(tmp_path / "a.parquet", {"image": images()})),
    ):
        pass


@pytest.mark.parametrize("kept", [4, 100, 0.5, 0.99])
def test_tables_that_are_cut_off(tmp_path: Path, kept: float) -> None:
    path = write(tmp_path / "a.parquet", {"image": images()})
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(DataError, match=r"a\.parquet cannot be used: damaged"), scanned(path):
        pass


def test_a_table_without_pictures(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="without a column of pictures"),
        scanned(write(tmp_path / "a.parquet", {"label": [1, 2]})),
    ):
        pass


@pytest.mark.parametrize("head", ["[]", "{", '{"info": {"features": {"label": 3}}}', "null", "[" * 100_000])
def test_heads_that_lie_cost_only_the_names(tmp_path: Path, head: str) -> None:
    table = pa.table({"image": images(), "label": [i % 3 for i in range(20)]})
    pq.write_table(table.replace_schema_metadata({"huggingface": head}), tmp_path / "a.parquet")
    with scanned(tmp_path / "a.parquet") as catalog:
        assert labels(catalog)[:3] == ["0", "1", "2"]


def test_without_the_package_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", {"image": images()})
    real = builtins.__import__

    def without(name: str, *rest: object, **options: object) -> object:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **options)

    for name in [name for name in sys.modules if name.startswith("pyarrow")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=r'pip install "diffusion-studio\[parquet\]"'), scanned(path):
        pass
