from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.errors import StorageError
from studio.generation.export import (
    CANVAS,
    contact_sheet,
    picture_image,
    preferred_scale,
    save_image,
    save_pictures,
)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 3, 2, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_is_enlarged_by_repeating_its_pixels(channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 2, channels), dtype=np.uint8)
    enlarged = np.asarray(picture_image(picture, 4)).reshape(12, 8, channels)
    np.testing.assert_array_equal(enlarged, picture.repeat(4, axis=0).repeat(4, axis=1))


def test_a_sheet_has_every_picture_in_its_place_on_the_dark_canvas(pictures: np.ndarray) -> None:
    sheet = np.asarray(contact_sheet(pictures, columns=3, scale=2, gap=5))
    assert sheet.shape == (2 * 6 + 3 * 5, 3 * 4 + 4 * 5, 3)
    covered = np.zeros(sheet.shape[:2], bool)
    for number, picture in enumerate(pictures):
        top, left = 5 + number // 3 * 11, 5 + number % 3 * 9
        part = np.s_[top : top + 6, left : left + 4]
        np.testing.assert_array_equal(sheet[part], picture.repeat(2, axis=0).repeat(2, axis=1))
        covered[part] = True
    assert (sheet[~covered] == CANVAS).all()


@pytest.mark.parametrize("shape", [(1, 1, 2, 1), (7, 28, 28, 1), (64, 16, 16, 4), (3, 100, 30, 3), (2, 300, 300, 3)])
def test_sheets_of_any_pictures_are_nearly_square_and_whole_multiples(shape: tuple[int, ...]) -> None:
    sheet = contact_sheet(np.full(shape, 200, np.uint8), gap=0)
    scale = preferred_scale(*shape[1:3])
    assert sheet.width % (shape[2] * scale) == sheet.height % (shape[1] * scale) == 0
    assert (sheet.width // (shape[2] * scale)) * (sheet.height // (shape[1] * scale)) >= shape[0]
    if shape[0] > 4:
        assert 0.5 < sheet.width / sheet.height < 2


def test_transparent_pixels_show_the_canvas() -> None:
    picture = np.zeros((1, 1, 2, 4), np.uint8)
    picture[0, 0, 1] = (10, 200, 30, 255)
    sheet = np.asarray(contact_sheet(picture, scale=1, gap=0))
    np.testing.assert_array_equal(sheet[0], [CANVAS, (10, 200, 30)])


def test_nothing_is_overwritten_unasked(tmp_path: Path, pictures: np.ndarray) -> None:
    for path, write in [
        (tmp_path / "a.npz", lambda path, **how: save_pictures(pictures, path, **how)),
        (tmp_path / "a.png", lambda path, **how: save_image(contact_sheet(pictures), path, **how)),
    ]:
        path.write_bytes(b"precious")
        with pytest.raises(StorageError, match="exists already"):
            write(path)
        assert path.read_bytes() == b"precious"
        write(path, overwrite=True)
        assert path.read_bytes() != b"precious"


def test_an_array_file_holds_the_pictures(tmp_path: Path, pictures: np.ndarray) -> None:
    (path,) = save_pictures(pictures, tmp_path / "out" / "pictures.npz")
    with np.load(path, allow_pickle=False) as content:
        assert content.files == ["images"]
        np.testing.assert_array_equal(content["images"], pictures)


def test_a_folder_is_added_to(tmp_path: Path, pictures: np.ndarray) -> None:
    first = save_pictures(pictures, tmp_path / "out")
    (tmp_path / "out" / "notes.png").write_bytes(b"mine")
    second = save_pictures(pictures[:2], tmp_path / "out")
    assert [path.name for path in first] == [f"{number:05d}.png" for number in range(5)]
    assert [path.name for path in second] == ["00005.png", "00006.png"]
    for path, picture in zip(first + second, [*pictures, *pictures[:2]], strict=True):
        with Image.open(path) as image:
            np.testing.assert_array_equal(np.asarray(image), picture)


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, pictures: np.ndarray) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(StorageError, match="not a folder"):
        save_pictures(pictures, tmp_path / "out")


def test_an_empty_sheet_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet(np.zeros((0, 2, 2, 1), np.uint8))
    assert list(tmp_path.iterdir()) == []
