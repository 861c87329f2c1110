"""From what was dropped to a set and its report."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.data.importing import ImportResult, import_images, load_images
from studio.data.progress import ImportProgress
from studio.errors import DataError, SettingsError
from tests.unit.data.pictures import noise, save_noise


def test_a_folder_with_classes(tmp_path: Path) -> None:
    for number in range(12):
        save_noise(tmp_path / "cat" / f"{number}.png", seed=number)
        save_noise(tmp_path / "dog" / f"{number}.png", seed=100 + number)
    result = load_images(tmp_path)
    image_set = result.image_set
    assert image_set.name == tmp_path.name
    assert image_set.images.shape == (24, 16, 16, 3)
    assert image_set.sources[:3] == ("cat/0.png", "cat/1.png", "cat/2.png")
    assert image_set.sources[10:12] == ("cat/10.png", "cat/11.png")
    assert result.report.class_counts == {"cat": 12, "dog": 12}
    assert result.report.size_counts == {(16, 16): 24}
    assert (image_set.images[2] == noise(16, 16, 3, seed=2)).all()


def test_one_loose_picture(tmp_path: Path) -> None:
    result = load_images(save_noise(tmp_path / "only.png", 28, 20))
    assert result.image_set.images.shape == (1, 20, 28, 3)
    assert result.image_set.name == "only"
    assert "only one picture" in result.report.warnings[0]


def test_several_loose_pictures_keep_their_order(tmp_path: Path) -> None:
    paths = [save_noise(tmp_path / f"{name}.png", seed=index) for index, name in enumerate("cab")]
    image_set = load_images(paths).image_set
    assert image_set.sources == ("c.png", "a.png", "b.png")
    assert image_set.labels is None


def test_two_folders_dropped_together_are_two_classes(tmp_path: Path) -> None:
    save_noise(tmp_path / "cat" / "1.png")
    save_noise(tmp_path / "dog" / "1.png", seed=1)
    image_set = load_images([tmp_path / "cat", tmp_path / "dog"], name="pets").image_set
    assert image_set.class_names == ("cat", "dog")
    assert image_set.name == "pets"


def test_sizes_that_differ_are_fitted(tmp_path: Path) -> None:
    save_noise(tmp_path / "a.png", 100, 50)
    save_noise(tmp_path / "b.png", 50, 100, seed=1)
    result = load_images(tmp_path)
    assert result.image_set.images.shape == (2, 32, 32, 3)
    assert result.report.size_counts == {(100, 50): 1, (50, 100): 1}
    assert any("2 pictures are fitted to 32 × 32" in note for note in result.report.notes)


@pytest.mark.parametrize("size", [1, 8, 64])
def test_a_wished_size_wins(tmp_path: Path, size: int) -> None:
    save_noise(tmp_path / "a.png")
    assert load_images(tmp_path, size=size).image_set.images.shape == (1, size, size, 3)


def test_enlarged_pixel_art_comes_back_exactly(tmp_path: Path) -> None:
    originals = [noise(16, 16, 3, seed=seed) for seed in range(20)]
    for number, pixels in enumerate(originals):
        Image.fromarray(pixels).resize((256, 256), Image.Resampling.NEAREST).save(tmp_path / f"{number}.png")
    result = load_images(tmp_path)
    assert (result.image_set.images == np.stack(originals)).all()
    assert any("fitted to 16 × 16" in note for note in result.report.notes)


def test_channels_follow_the_pictures(tmp_path: Path) -> None:
    grey = np.repeat(noise(8, 8, 1), 3, axis=2)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert load_images(tmp_path).image_set.channels == 1
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "b.png")
    assert load_images(tmp_path).image_set.channels == 3
    see_through = noise(8, 8, 4)
    see_through[0, 0] = [9, 9, 9, 0]
    Image.fromarray(see_through).save(tmp_path / "c.png")
    image_set = load_images(tmp_path).image_set
    assert image_set.channels == 4
    assert (image_set.images[0, ..., :3] == grey).all()
    assert (image_set.images[:2, ..., 3] == 255).all()
    assert image_set.images[2, 0, 0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_wished_channels_win(tmp_path: Path, channels: int) -> None:
    see_through = np.zeros((8, 8, 4), np.uint8)
    see_through[4:] = [200, 0, 0, 255]
    Image.fromarray(see_through).save(tmp_path / "a.png")
    image_set = load_images(tmp_path, channels=channels).image_set
    assert image_set.channels == channels
    if channels == 3:
        assert image_set.images[0, 0, 0].tolist() == [255, 255, 255]
        assert image_set.images[0, 7, 7].tolist() == [200, 0, 0]


def test_arrays_are_fitted_and_their_hidden_colours_removed(tmp_path: Path) -> None:
    pictures = noise(30, 80, 80, 4)
    pictures[:, :40, :, 3] = 0
    np.savez(tmp_path / "big.npz", images=pictures)
    result = load_images(tmp_path / "big.npz")
    assert result.image_set.images.shape == (30, 32, 32, 4)
    assert (result.image_set.images[:, :12] == 0).all()
    assert result.report.size_counts == {(80, 80): 30}
    assert any("30 pictures are fitted" in note for note in result.report.notes)


def test_pictures_win_over_an_array_file_beside_them(tmp_path: Path) -> None:
    save_noise(tmp_path / "a.png")
    np.savez(tmp_path / "features.npz", images=noise(5, 4, 4))
    result = load_images(tmp_path)
    assert result.image_set.count == 1
    assert result.report.skipped[0].path == "features.npz"
    assert "choose it alone" in result.report.skipped[0].reason


def test_an_array_file_is_found_in_a_folder_without_pictures(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=noise(30, 4, 4))
    (tmp_path / "README.txt").write_text("hello", encoding="utf-8")
    result = load_images(tmp_path)
    assert result.image_set.count == 30
    assert [item.path for item in result.report.skipped] == ["README.txt"]


def test_too_many_pictures_are_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.preparing.MAX_PICTURES", 10)
    for number in range(50):
        save_noise(tmp_path / ("a" if number < 25 else "b") / f"{number}.png", 4, 4, seed=number)
    np.savez(tmp_path / "set.npz", images=noise(50, 4, 4), labels=np.arange(50) // 25)
    for dropped in ([tmp_path / "a", tmp_path / "b"], tmp_path / "set.npz"):
        result = load_images(dropped)
        assert result.image_set.count == 10
        assert list(result.report.class_counts.values()) == [5, 5]
        assert any("Only 10 of 50 pictures" in note for note in result.report.notes)


def test_copies_are_counted(tmp_path: Path) -> None:
    for number in range(4):
        save_noise(tmp_path / f"{number}.png", seed=number % 2)
    report = load_images(tmp_path).report
    assert "2 pictures are exactly like an earlier one." in report.notes
    assert "only 2 different pictures" in report.warnings[0]


@pytest.mark.parametrize(("count", "expected"), [(19, "learns to copy them"), (199, "near copies"), (200, None)])
def test_small_sets_are_warned_about(tmp_path: Path, count: int, expected: str | None) -> None:
    np.savez(tmp_path / "set.npz", images=noise(count, 4, 4))
    warned = load_images(tmp_path / "set.npz").report.warnings
    assert (expected in warned[0]) if expected else warned == ()


def test_uneven_classes_are_warned_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", images=noise(300, 4, 4), labels=np.arange(300) < 40)
    assert load_images(tmp_path / "set.npz").report.warnings == (
        "The classes are uneven: 0 has 260 pictures, 1 only 40. Rare classes will be drawn rarely and less well.",
    )


def test_progress_grows_and_the_result_comes_last(tmp_path: Path) -> None:
    for number in range(5):
        save_noise(tmp_path / f"{number}.png", seed=number)
    events = list(import_images(tmp_path))
    assert isinstance(events[-1], ImportResult)
    assert all(isinstance(event, ImportProgress) for event in events[:-1])
    reading = [event for event in events[:-1] if event.message == "Reading pictures"]
    assert [event.done for event in reading] == [0, 1, 2, 3, 4]
    assert {event.total for event in reading} == {5}
    assert reading[2].path == "2.png"


def test_dropping_the_generator_cancels(tmp_path: Path) -> None:
    filters = list(warnings.filters)
    for number in range(5):
        save_noise(tmp_path / f"{number}.png", seed=number)
    for stop_after in range(1, len(list(import_images(tmp_path)))):
        running = import_images(tmp_path)
        for _ in range(stop_after):
            next(running)
        running.close()
    assert warnings.filters == filters


def test_the_same_files_give_the_same_set(tmp_path: Path) -> None:
    for number in range(8):
        save_noise(tmp_path / f"{number}.png", 40 + number, 50, seed=number)
    assert load_images(tmp_path).image_set.fingerprint() == load_images(tmp_path).image_set.fingerprint()


def test_impossible_wishes_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        import_images(tmp_path, size=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder, "holds no pictures"),
        (lambda folder: folder / "gone", "gone cannot be used: not there"),
        (lambda folder: [], "Nothing was chosen"),
        (lambda folder: [folder / "a", folder / "b"], "None of the 2 files"),
    ],
)
def test_nothing_usable_is_said_in_words(tmp_path: Path, make, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        load_images(make(tmp_path))
    assert caught.value.remedy
