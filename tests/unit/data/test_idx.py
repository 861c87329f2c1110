from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from studio.data.importing import load_images
from studio.data.sources.arrays import Opened
from studio.data.sources.folder import FoundFile
from studio.data.sources.idx import images_beside, labels_beside, open_idx
from studio.data.sources.source import UnreadableError
from studio.errors import DataError
from tests.unit.data.pictures import idx_bytes, noise, save_idx


def entry(path: Path) -> FoundFile:
    return FoundFile(path, path.name, ())


def opened(path: Path) -> Opened:
    opening = open_idx(entry(path))
    while True:
        try:
            next(opening)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_grey_pictures_with_labels(tmp_path: Path, suffix: str) -> None:
    pictures, labels = noise(30, 5, 7), (np.arange(30) % 3).astype(np.uint8) + 4
    path = save_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", pictures)
    save_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", labels)
    image_set = load_images(path).image_set
    assert (image_set.images[..., 0] == pictures).all()
    assert image_set.class_names == ("4", "5", "6")
    assert (image_set.labels == labels - 4).all()
    assert image_set.sources[3] == f"{path.name}#3"


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2)], ids=["channels last", "channels first"])
def test_colour_pictures(tmp_path: Path, axes: tuple[int, ...]) -> None:
    pictures = noise(30, 6, 5, 3)
    path = save_idx(tmp_path / "colour-idx4-ubyte", pictures.transpose(axes))
    source = opened(path).source
    assert source.count == 30
    assert all((source.read(index).pixels == pictures[index]).all() for index in (0, 29, 7))
    assert (source.read_block(3, 20) == pictures[3:20]).all()
    source.close()


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        ("emnist-letters-train-images-idx4-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
        ("image.idx3", "label.idx1"),
    ],
)
def test_pictures_and_labels_find_each_other(tmp_path: Path, images: str, labels: str) -> None:
    pictures = noise(4, 2, 2, 3) if "idx4" in images else noise(4, 2, 2)
    images_path = save_idx(tmp_path / images, pictures)
    labels_path = save_idx(tmp_path / labels, np.array([0, 1, 0, 1], np.uint8))
    assert labels_beside(entry(images_path)) == entry(labels_path)
    assert images_beside(entry(labels_path)) == entry(images_path)


def test_labels_of_another_length_are_not_used(tmp_path: Path) -> None:
    path = save_idx(tmp_path / "train-images-idx3-ubyte", noise(30, 4, 4))
    save_idx(tmp_path / "train-labels-idx1-ubyte", noise(29))
    idx = opened(path)
    assert idx.source.labels is None
    assert idx.notes == ("The labels in train-labels-idx1-ubyte were not used: 29 labels for 30 pictures.",)


def test_a_folder_prefers_the_training_files(tmp_path: Path) -> None:
    train, test = noise(30, 4, 4, seed=1), noise(30, 4, 4, seed=2)
    for name, pictures in (("t10k", test), ("train", train)):
        save_idx(tmp_path / "raw" / f"{name}-images-idx3-ubyte.gz", pictures)
        save_idx(tmp_path / "raw" / f"{name}-labels-idx1-ubyte.gz", (np.arange(30) % 2).astype(np.uint8))
    (tmp_path / "preview.png").write_bytes(b"not needed")
    result = load_images(tmp_path)
    assert (result.image_set.images[..., 0] == train).all()
    assert result.report.notes[0] == (
        "train-images-idx3-ubyte.gz was taken; left for other uses: "
        "raw/t10k-images-idx3-ubyte.gz, raw/t10k-labels-idx1-ubyte.gz."
    )
    assert [item.path for item in result.report.skipped] == ["preview.png"]


def test_the_labels_file_alone_brings_its_pictures(tmp_path: Path) -> None:
    save_idx(tmp_path / "train-images-idx3-ubyte", noise(30, 4, 4))
    labels = save_idx(tmp_path / "train-labels-idx1-ubyte", (np.arange(30) % 2).astype(np.uint8))
    result = load_images(labels)
    assert result.image_set.count == 30
    assert result.report.class_counts == {"0": 15, "1": 15}


def test_both_files_dropped_together_are_one_set(tmp_path: Path) -> None:
    images = save_idx(tmp_path / "train-images-idx3-ubyte", noise(30, 4, 4))
    labels = save_idx(tmp_path / "train-labels-idx1-ubyte", (np.arange(30) % 2).astype(np.uint8))
    result = load_images([labels, images])
    assert result.image_set.name == tmp_path.name
    assert result.report.class_counts == {"0": 15, "1": 15}
    assert result.report.skipped == ()


def test_a_file_named_otherwise_is_known_by_its_content(tmp_path: Path) -> None:
    path = save_idx(tmp_path / "letters.bin", noise(30, 4, 4))
    assert load_images(path).image_set.count == 30


def test_fashion_folder_gives_names(tmp_path: Path) -> None:
    folder = tmp_path / "Fashion_MNIST" / "raw"
    path = save_idx(folder / "train-images-idx3-ubyte", noise(30, 4, 4))
    save_idx(folder / "train-labels-idx1-ubyte", (np.arange(30) % 10).astype(np.uint8))
    assert load_images(path).image_set.class_names[9] == "Ankle boot"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\0\x08\x03\0\0", "header is not complete"),
        (idx_bytes(noise(4, 4, 4), (5, 4, 4)), "it holds less"),
        (idx_bytes(noise(4, 4, 4), (3, 4, 4)), "it holds more"),
        (idx_bytes(noise(4, 4, 4), (60000, 1024, 1024)), "more than can be taken"),
        (idx_bytes(noise(4, 4, 4), (2**32 - 1,) * 3), "more than can be taken"),
        (idx_bytes(noise(4, 4, 4), (0, 28, 28)), "holds nothing"),
        (idx_bytes(noise(4, 4, 4), (4, 4, 1), kind=0x0C), "not bytes"),
        (idx_bytes(noise(4, 5, 5, 5)), "not pictures"),
        (gzip.compress(idx_bytes(noise(64, 28, 28)))[:-900], "damaged or cut off"),
        (gzip.compress(idx_bytes(noise(4, 4, 4)))[:-8] + b"12345678", "damaged or cut off"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_headers_that_lie_and_files_that_are_damaged(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        opened(path)
    with pytest.raises(DataError):
        load_images(path)


def test_a_packed_file_that_never_ends_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx_bytes(noise(4, 4, 4)) + bytes(50_000_000)))
    with pytest.raises(UnreadableError, match="it holds more"):
        opened(path)


def test_a_damaged_file_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(noise(4, 4, 4), (9, 4, 4)))
    save_idx(tmp_path / "t10k-images-idx3-ubyte", noise(30, 4, 4))
    result = load_images(tmp_path)
    assert result.image_set.count == 30
    assert [item.path for item in result.report.skipped] == ["train-images-idx3-ubyte"]
