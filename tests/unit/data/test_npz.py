from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from studio.data.importing import load_images
from studio.data.sources.spool import Spool
from studio.errors import DataError
from tests.unit.data.pictures import noise


def save(path: Path, **arrays) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def header(descr: str, shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_pictures_labels_and_names(tmp_path: Path) -> None:
    pictures, labels = noise(30, 6, 5, 3), np.arange(30) % 3
    path = save(tmp_path / "own.npz", images=pictures, labels=labels, class_names=["a", "b", "c"])
    result = load_images(path)
    assert (result.image_set.images == pictures).all()
    assert (result.image_set.labels == labels).all()
    assert result.image_set.class_names == ("a", "b", "c")
    assert result.image_set.name == "own"
    assert result.report.skipped == ()


@pytest.mark.parametrize(
    ("arrays", "classes"),
    [
        ({"x_train": noise(30, 4, 4), "y_train": np.arange(30) % 2, "x_test": noise(5, 4, 4)}, ("0", "1")),
        ({"train_images": noise(30, 4, 4), "train_labels": (np.arange(30) % 2)[:, None]}, ("0", "1")),
        ({"arr_0": noise(30, 4, 4), "arr_1": np.arange(30) % 2}, ("0", "1")),
        ({"images": noise(30, 4, 4), "labels": np.array(["cat", "dog"] * 15)}, ("cat", "dog")),
        ({"images": noise(30, 4, 4), "labels": np.array([b"cat", b"dog"] * 15)}, ("cat", "dog")),
        ({"images": noise(30, 4, 4), "labels": np.array([3.0, 8.0] * 15)}, ("3", "8")),
        ({"images": noise(30, 4, 4), "labels": np.array([False, True] * 15)}, ("0", "1")),
        ({"images": noise(30, 4, 4), "labels": np.array([-1, 7] * 15), "class_names": ["a", "b"]}, ("-1", "7")),
        ({"images": noise(30, 4, 4), "labels": np.zeros(30, int)}, ()),
        ({"pictures": noise(30, 4, 4), "numbers": np.arange(3)}, ()),
        ({"data": noise(30), "faces": noise(30, 4, 4)}, ()),
    ],
)
def test_names_that_others_use(tmp_path: Path, arrays, classes) -> None:
    image_set = load_images(save(tmp_path / "other.npz", **arrays)).image_set
    assert image_set.images.shape == (30, 4, 4, 1)
    assert image_set.class_names == classes


def test_a_name_like_that_of_an_idx_file(tmp_path: Path) -> None:
    assert load_images(save(tmp_path / "train-images-idx3-ubyte.npz", images=noise(30, 4, 4))).image_set.count == 30


@pytest.mark.parametrize(
    ("values", "expected", "note"),
    [
        (lambda u: u / 255, lambda u: u, "Values from 0 to 1 became 0 to 255."),
        (lambda u: (u / 127.5 - 1).astype(np.float32), lambda u: u, "Values from -1 to 1 became 0 to 255."),
        (lambda u: u.astype(np.float16), lambda u: u, None),
        (lambda u: u.astype(np.int64), lambda u: u, None),
        (lambda u: u.astype(np.uint16) * 257, lambda u: u, "Values from 0 to 65,535 became 0 to 255."),
        (lambda u: u > 127, lambda u: (u > 127) * 255, "True and false became white and black."),
        (lambda u: (u > 127).astype(np.uint8), lambda u: (u > 127) * 255, "Values from 0 to 1 became 0 to 255."),
        (lambda u: np.asfortranarray(u), lambda u: u, None),
        (
            lambda u: u.transpose(0, 3, 1, 2),
            lambda u: u,
            "Channels came first in the file; they were moved to the end.",
        ),
    ],
)
def test_kinds_of_values(tmp_path: Path, values, expected, note) -> None:
    pictures = noise(30, 6, 5, 3)
    result = load_images(save(tmp_path / "values.npz", images=values(pictures)), channels=3)
    assert (result.image_set.images == expected(pictures)).all()
    assert result.report.notes == ((note,) if note else ())


def test_labels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    result = load_images(save(tmp_path / "own.npz", images=noise(30, 4, 4), labels=np.arange(29)))
    assert result.image_set.labels is None
    assert result.report.notes == ("The labels in labels were not used: 29 labels for 30 pictures.",)


@pytest.mark.parametrize("values", [np.full(30, 0.5), np.full(30, np.nan), np.full(30, 1e300), np.arange(30) * 1j])
def test_values_that_are_no_labels(tmp_path: Path, values) -> None:
    result = load_images(save(tmp_path / "own.npz", images=noise(30, 4, 4), labels=values))
    assert result.image_set.labels is None
    assert "not whole numbers" in result.report.notes[0]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"images": noise(30, 4, 4).astype(float) - 300}, "values run from"),
        ({"images": np.full((3, 4, 4), np.nan)}, "not numbers"),
        ({"images": noise(30, 4, 4).astype(complex)}, "not numbers"),
        ({"images": np.zeros((3, 4, 4), "U3")}, "not numbers"),
        ({"images": np.zeros((3, 4, 4), [("a", "u1"), ("b", "u1")])}, "not numbers"),
        ({"images": noise(30, 5, 5, 2)}, "2 channels"),
        ({"images": noise(30, 65)}, "not pictures"),
        ({"images": noise(0, 4, 4)}, "empty"),
        ({"weights": noise(30, 4)}, "no pictures in it"),
        ({}, "holds no arrays"),
    ],
)
def test_arrays_that_are_no_pictures(tmp_path: Path, arrays, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        load_images(save(tmp_path / "bad.npz", **arrays))


def test_python_objects_are_refused_without_being_loaded(tmp_path: Path) -> None:
    path = save(tmp_path / "evil.npz", images=np.array([_Trap(tmp_path / "sprung")] * 3, object).reshape(3, 1, 1))
    with pytest.raises(DataError, match="Python objects"):
        load_images(path)
    assert not (tmp_path / "sprung").exists()


def test_labels_that_are_python_objects_are_not_used(tmp_path: Path) -> None:
    path = save(
        tmp_path / "evil.npz",
        images=noise(30, 4, 4),
        labels=np.array([_Trap(tmp_path / "sprung")] * 30, object),
        class_names=np.array([_Trap(tmp_path / "sprung")], object),
    )
    assert load_images(path).image_set.labels is None
    assert not (tmp_path / "sprung").exists()


class _Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_the_trap_works(tmp_path: Path) -> None:
    path = save(tmp_path / "evil.npz", images=np.array([_Trap(tmp_path / "sprung")], object))
    np.load(path, allow_pickle=True)["images"]
    assert (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"images": header("|u1", (10**6, 10**6, 10**6))}, "not as long as its header says"),
        ({"images": header("|u1", (4, 4, 4)) + bytes(63)}, "not as long as its header says"),
        ({"images": header("|u1", (4, 4, 4)) + bytes(65)}, "not as long as its header says"),
        ({"images": header("|u1", (-4, 4, -4)) + bytes(64)}, "damaged"),
        ({"images": b"\x93NUMPY\x09\x00"}, "form that is not known|damaged"),
        ({"images": b"not an array"}, "damaged"),
        ({"images": header("|u1", (4, 4, 4))[:20]}, "damaged"),
        ({"images": b""}, "damaged"),
    ],
)
def test_members_that_lie(tmp_path: Path, members: dict[str, bytes], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        load_images(archive(tmp_path / "bad.npz", **members))


def test_a_zip_bomb_is_measured_and_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.numpy_arrays.MAX_UNPACKED_BYTES", 10**7)
    path = archive(tmp_path / "bomb.npz", images=header("|u1", (20, 1000, 1000)) + bytes(20_000_000))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(Spool, "write", lambda *_: pytest.fail("the bomb was unpacked"))
    with pytest.raises(DataError, match="more than can be taken"):
        load_images(path)


@pytest.mark.parametrize(
    "damage", [lambda c: c[: len(c) // 2], lambda c: b"PK\x03\x04" + bytes(100), lambda c: b"hello"]
)
def test_damaged_archives(tmp_path: Path, damage) -> None:
    path = save(tmp_path / "own.npz", images=noise(30, 4, 4))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="damaged"):
        load_images(path)


def test_damaged_labels_cost_only_themselves(tmp_path: Path) -> None:
    good = header("|u1", (30, 4, 4)) + bytes(480)
    for labels in (b"", b"garbage", header("|u1", (29,)) + bytes(30)):
        result = load_images(archive(tmp_path / "own.npz", images=good, labels=labels))
        assert result.image_set.count == 30
        assert result.report.notes[0].startswith("labels.npy inside was not used: damaged")


def test_flipped_bits_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=noise(30, 16, 16))
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load_images(path)
