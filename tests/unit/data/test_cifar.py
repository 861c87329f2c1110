"""CIFAR in its binary version, loose and as it is downloaded."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from studio.errors import DataError
from tests.unit.data.pictures import noise, save_noise
from tests.unit.data.scans import labels, names, pixels, reasons, scanned

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
FINE = [f"fine {number}" for number in range(100)]


def batch(pictures: np.ndarray, *classes: np.ndarray) -> bytes:
    """Records of label bytes and the three channels, (N, 32, 32, 3)."""
    flat = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return np.concatenate([*(column[:, np.newaxis] for column in classes), flat], axis=1).astype(np.uint8).tobytes()


def pictures(seed: int, count: int = 20) -> np.ndarray:
    return noise(count, 32, 32, 3, seed=seed)


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def cifar_10() -> dict[str, bytes]:
    files = {"batches.meta.txt": "\n".join([*CLASSES, "", ""]).encode(), "readme.html": b"<html></html>"}
    for number in range(1, 4):
        files[f"data_batch_{number}.bin"] = batch(pictures(number), np.arange(20) % 10)
    files["test_batch.bin"] = batch(pictures(9), np.arange(20) % 10)
    return files


def test_the_download_just_works(tmp_path: Path) -> None:
    files = {f"cifar-10-batches-bin/{name}": content for name, content in cifar_10().items()}
    with scanned(tarball(tmp_path / "cifar-10-binary.tar.gz", files)) as catalog:
        assert catalog.class_names == tuple(CLASSES)
        assert names(catalog)[20] == "cifar-10-batches-bin/data_batch_2.bin#0"
        assert (np.stack(pixels(catalog)) == np.concatenate([pictures(number) for number in (1, 2, 3)])).all()
        assert labels(catalog) == [CLASSES[number % 10] for number in range(20)] * 3
        assert reasons(catalog) == {}
        assert "left for other uses: cifar-10-batches-bin/test_batch.bin" in catalog.notes[1]


def test_unpacked_batches_in_a_folder(tmp_path: Path) -> None:
    for name, content in cifar_10().items():
        (tmp_path / name).write_bytes(content)
    save_noise(tmp_path / "preview.png")
    with scanned(tmp_path) as catalog:
        assert catalog.count == 60
        assert reasons(catalog) == {"preview.png": "beside CIFAR's batches"}
    with scanned(tmp_path / "test_batch.bin") as catalog:
        assert (np.stack(pixels(catalog)) == pictures(9)).all()
        assert catalog.class_names == tuple(CLASSES)


def test_a_hundred_classes(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(batch(pictures(1), np.arange(20) // 5, np.arange(20) * 5))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(FINE))
    with scanned(tmp_path) as catalog:
        assert labels(catalog) == [FINE[number * 5] for number in range(20)]
        assert (np.stack(pixels(catalog)) == pictures(1)).all()


def test_without_names_the_classes_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(batch(pictures(1), np.arange(20) % 10))
    with scanned(tmp_path) as catalog:
        assert catalog.class_names == tuple("0123456789")
        assert labels(catalog)[:3] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (batch(pictures(1), np.arange(20))[:-1], "not a CIFAR batch, whose length"),
        (batch(pictures(1), np.arange(20)), "a label in it is 19, beyond 9"),
    ],
)
def test_files_that_are_no_batches(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "data_batch_1.bin").write_bytes(content)
    with pytest.raises(DataError, match=reason), scanned(tmp_path):
        pass


def test_pickles_are_refused_with_a_way_out(tmp_path: Path) -> None:
    for name in ("data_batch_1", "batches.meta"):
        (tmp_path / name).write_bytes(pickle.dumps({b"data": [1, 2, 3]}, protocol=2))
    with pytest.raises(DataError, match=r"Python pickle.*cifar-10-binary\.tar\.gz"), scanned(tmp_path):
        pass
