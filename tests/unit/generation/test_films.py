"""Films in every format, read back by Pillow and by the video decoder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.errors import SettingsError, StorageError
from studio.generation.export import CANVAS
from studio.generation.films import FILM_FORMATS, FilmFormat, write_film

SUFFIXES = [each.suffix for each in FILM_FORMATS if each.available]


def frames(channels: int = 1, count: int = 5) -> list[np.ndarray]:
    made = [np.full((4, 3, channels), 20 + 40 * number, np.uint8) for number in range(count)]
    for frame in made:
        frame[:, :, -1] = 255 if channels == 4 else frame[:, :, -1]
    return made


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_film_loops_and_rests_on_its_last_frame(tmp_path: Path, suffix: str, channels: int) -> None:
    path = write_film(iter(frames(channels)), tmp_path / f"film{suffix}", fps=10, scale=3, hold_seconds=2)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        assert film.size == (9, 12)
        durations = []
        for number in range(5):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
            assert film.convert("RGB").getpixel((4, 4))[0] == 20 + 40 * number
    assert durations == [100, 100, 100, 100, 2100]


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_what_keeps_every_value_keeps_every_value(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
    path = write_film(list(noise), tmp_path / f"noise{suffix}")
    with Image.open(path) as film:
        for number, frame in enumerate(noise):
            film.seek(number)
            np.testing.assert_array_equal(np.asarray(film.convert("RGB")), frame)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_equal_frames_take_their_time(tmp_path: Path, suffix: str) -> None:
    still = [np.full((4, 4, 1), 90, np.uint8)] * 6
    path = write_film([*still, still[0] + 30], tmp_path / f"still{suffix}", fps=20, hold_seconds=0)
    with Image.open(path) as film:
        durations = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
    assert sum(durations) == 350


@pytest.mark.skipif(".mp4" not in SUFFIXES, reason="the extra `video` is not installed")
def test_a_video_shows_the_frames_one_after_the_other_and_holds_the_last(tmp_path: Path) -> None:
    import imageio_ffmpeg

    path = write_film(frames(3), tmp_path / "film.mp4", fps=10, scale=5, hold_seconds=0.5)
    decoded = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        capture_output=True,
        check=True,
    )
    assert b"10 fps" in decoded.stderr
    # An odd side gets one more row or column: 15 × 20 becomes 16 × 20.
    shown = np.frombuffer(decoded.stdout, np.uint8).reshape(-1, 20, 16, 3)[:, :, :15].astype(int)
    assert len(shown) == 10
    for number in range(5):
        assert abs(shown[number] - (20 + 40 * number)).max() <= 6
    assert abs(shown[-1] - 180).max() <= 6
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_overwritten_unasked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    path.write_bytes(b"precious")
    with pytest.raises(StorageError, match="exists already"):
        write_film(frames(), path)
    assert path.read_bytes() == b"precious"
    write_film(frames(), path, overwrite=True)
    assert path.read_bytes() != b"precious"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_that_breaks_off_leaves_what_was_there(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    path.write_bytes(b"precious")

    def broken():
        yield from frames()
        raise StorageError("The trace cannot be read.", "Try again.")

    with pytest.raises(StorageError, match="cannot be read"):
        write_film(broken(), path, overwrite=True)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_transparent_parts_lie_on_the_dark_canvas(tmp_path: Path) -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    path = write_film([clear, clear + 255], tmp_path / "clear.png")
    with Image.open(path) as film:
        assert film.convert("RGB").getpixel((0, 0)) == CANVAS


def test_what_cannot_be_a_film_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"\.avi"):
        write_film(frames(), tmp_path / "film.avi")
    with pytest.raises(SettingsError, match="0 frames a second"):
        write_film(frames(), tmp_path / "film.gif", fps=0)
    with pytest.raises(ValueError, match="at least one"):
        write_film([], tmp_path / "film.gif")
    with pytest.raises(ValueError, match="in a film of"):
        write_film([*frames(), np.zeros((2, 2, 1), np.uint8)], tmp_path / "film.gif")
    monkeypatch.setattr(FilmFormat, "available", property(lambda self: self.suffix != ".mp4"))
    with pytest.raises(SettingsError, match="video encoder"):
        write_film(frames(), tmp_path / "film.mp4")
    assert list(tmp_path.iterdir()) == []
