"""What was dropped becomes a catalog: cheap to keep, closed when it is not wanted, and never more than was meant."""

from __future__ import annotations

import gc
import os
import tarfile
import tracemalloc
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from studio.data.progress import ImportProgress
from studio.data.scanning import scan
from studio.data.sources.source import Catalog, UnreadableError
from studio.errors import DataError
from tests.unit.data.pictures import idx_bytes, noise, save_idx, save_noise
from tests.unit.data.scans import labels, names, pixels, read, reasons, scanned


def test_everything_is_cheap_until_it_is_read(tmp_path: Path) -> None:
    for number in range(3):
        save_noise(tmp_path / "cat" / f"{number}.png", 20, 10, seed=number)
    with scanned(tmp_path) as catalog:
        for path in (tmp_path / "cat").iterdir():
            path.unlink()
        source = catalog.sources[0]
        assert (catalog.title, catalog.count) == (tmp_path.name, 3)
        assert names(catalog) == ["cat/0.png", "cat/1.png", "cat/2.png"]
        assert (source.folders(2), source.size(1), source.label(0)) == (("cat",), (20, 10), None)
        with pytest.raises(UnreadableError, match="gone"):
            source.read(0)


def test_names_sizes_and_labels_outlive_the_closing(tmp_path: Path) -> None:
    save_idx(tmp_path / "train-images-idx3-ubyte", noise(4, 5, 6))
    save_idx(tmp_path / "train-labels-idx1-ubyte", np.array([0, 1, 0, 1], np.uint8))
    with scanned(tmp_path) as catalog:
        pass
    assert names(catalog)[3] == "train-images-idx3-ubyte#3"
    assert labels(catalog) == ["0", "1", "0", "1"]
    assert catalog.sources[0].size(0) == (6, 5)


def test_a_scan_that_is_dropped_lets_go_of_everything(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for number in range(20):
            save_noise(tmp_path / "x.png", seed=number)
            archive.add(tmp_path / "x.png", f"{number}.png")
    (tmp_path / "x.png").unlink()
    gc.collect()
    before = len(list(descriptors.iterdir())) if descriptors.exists() else 0
    for stop in range(1, 6):
        running = scan(tmp_path)
        for _ in range(stop):
            assert isinstance(next(running), ImportProgress | Catalog)
        running.close()
    if descriptors.exists():
        assert len(list(descriptors.iterdir())) == before


def test_a_million_names_would_fit(tmp_path: Path) -> None:
    # A million files are too many for a test; what one costs is the same for five thousand.
    count = 5_000
    picture = save_noise(tmp_path / "one.png", 4, 4).read_bytes()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(count):
            member = tarfile.TarInfo(f"class {number % 10}/picture {number:08}.png")
            member.size = len(picture)
            archive.addfile(member, BytesIO(picture))
    next(scan(tmp_path / "one.png"))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        with scanned(tmp_path / "a.tar") as catalog:
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0] - before
            assert catalog.count == count
    finally:
        tracemalloc.stop()
    assert kept < 200 * count


def test_pictures_of_a_large_array_are_read_one_by_one(tmp_path: Path) -> None:
    # Longer than the memory that the process may take for it: most of the file is a hole.
    count = 200_000
    path = tmp_path / "images-idx3-ubyte"
    last = noise(1, 64, 64)
    with path.open("wb") as file:
        file.write(idx_bytes(last, (count, 64, 64))[:16])
        file.seek(16 + (count - 1) * 4096)
        file.write(last.tobytes())
    tracemalloc.start()
    try:
        with scanned(path) as catalog:
            assert catalog.count == count
            assert (read(catalog, count - 1).pixels[..., 0] == last[0]).all()
            assert (read(catalog, 7).pixels == 0).all()
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64, ">u2", np.bool_, np.int64])
def test_single_arrays(tmp_path: Path, order: str, kind) -> None:
    values = noise(12, 6, 5, 3)
    stored = {"f": values / 255, "b": values > 127}.get(np.dtype(kind).kind, values)
    if np.dtype(kind) == ">u2":
        stored = values.astype(np.uint16) * 257
    expected = (values > 127) * 255 if np.dtype(kind).kind == "b" else values
    np.save(tmp_path / "x_train.npy", np.asarray(stored, kind, order=order))
    np.save(tmp_path / "y_train.npy", np.arange(12) % 3)
    with scanned(tmp_path) as catalog:
        assert all(
            (np.broadcast_to(seen, (6, 5, 3)) == e).all() for seen, e in zip(pixels(catalog), expected, strict=True)
        )
        assert labels(catalog) == ["0", "1", "2"] * 4
        assert reasons(catalog) == {}
        block = catalog.sources[0].read_block(3, 9)
        assert (block == expected[3:9]).all()


def test_pictures_in_rows_of_numbers(tmp_path: Path) -> None:
    grey, colour = noise(12, 28, 28), noise(12, 9, 9, 3)
    for order in ("C", "F"):
        np.save(tmp_path / "grey.npy", np.asarray(grey.reshape(12, -1), order=order))
        np.save(tmp_path / "colour.npy", np.asarray(colour.transpose(0, 3, 1, 2).reshape(12, -1), order=order))
        with scanned(tmp_path / "grey.npy") as catalog:
            assert (np.stack(pixels(catalog))[..., 0] == grey).all()
            assert catalog.notes == ("Rows of 784 numbers became pictures of 28 × 28.",)
        with scanned(tmp_path / "colour.npy") as catalog:
            assert (np.stack(pixels(catalog)) == colour).all()


def test_labels_are_not_taken_for_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "a labels.npy", np.arange(12) % 2)
    np.save(tmp_path / "a images.npy", noise(12, 6, 5))
    with scanned(tmp_path) as catalog:
        assert labels(catalog) == ["0", "1"] * 6
        assert reasons(catalog) == {}


def test_the_stamp_changes_with_the_files(tmp_path: Path) -> None:
    images = save_idx(tmp_path / "train-images-idx3-ubyte", noise(4, 5, 6))
    classes = save_idx(tmp_path / "train-labels-idx1-ubyte", np.array([0, 1, 0, 1], np.uint8))
    save_noise(tmp_path / "folder" / "a.png")

    def stamps(path: Path) -> list[str]:
        with scanned(path) as catalog:
            return [source.stamp() for source in catalog.sources]

    assert stamps(images) == stamps(images)
    before = stamps(images)
    os.utime(classes, (1, 1))
    assert stamps(images) != before
    before = stamps(tmp_path / "folder")
    os.utime(tmp_path / "folder" / "a.png", (1, 1))
    assert stamps(tmp_path / "folder") != before


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made on Windows")
def test_names_on_the_disk_that_cannot_be_shown(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/bad\xff\x1bname.png"
    Path(os.fsdecode(raw)).write_bytes(save_noise(tmp_path / "b.png").read_bytes())
    with scanned(tmp_path) as catalog:
        assert names(catalog) == ["b.png", "bad\\udcff\\x1bname.png"]
        assert len(pixels(catalog)) == 2


def test_loose_files_from_several_places(tmp_path: Path) -> None:
    paths = [save_noise(tmp_path / folder / f"{folder}.png", seed=n) for n, folder in enumerate(("x", "y", "z"))]
    with scanned(paths) as catalog:
        assert names(catalog) == ["x.png", "y.png", "z.png"]
        assert (pixels(catalog)[2] == noise(16, 16, 3, seed=2)).all()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no pictures"),
        ({"a.zip": b"PK"}, r"a\.zip cannot be used: damaged"),
        ({"a.tar.zst": b"\x28\xb5\x2f\xfd" + bytes(40)}, "cannot be read; unpack it first"),
        ({"a.rar": b"Rar!"}, "an archive; unpack it first"),
        ({"x.npy": b"\x93NUMPY\x01\x00"}, "damaged"),
        ({"a.parquet": b"PAR1PAR1"}, "damaged"),
        ({"a.csv": b"1,2", "b.txt": b"x", "c.npz": b"x"}, "None of the 3 files"),
    ],
)
def test_nothing_usable_is_said_in_words(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words) as caught, scanned(tmp_path):
        pass
    assert caught.value.remedy


def test_only_pictures_that_can_be_read_win_over_an_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=noise(30, 4, 4))
    (tmp_path / "weights.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7")
    with scanned(tmp_path) as catalog:
        assert catalog.count == 30
        assert set(reasons(catalog)) == {"weights.h5", "paper.pdf"}
