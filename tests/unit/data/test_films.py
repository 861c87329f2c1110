"""Animations and files of many pages: every frame a picture, or the first alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.data.sources.films import look_at_film
from studio.data.sources.folder import FoundFile
from studio.data.sources.source import FilmFound, ScanOptions, UnreadableError
from tests.unit.data.pictures import noise, save_noise
from tests.unit.data.scans import names, pixels, read, reasons, scanned

FRAMES = [noise(10, 12, 3, seed=number) for number in range(5)]
# Few colours, which GIF keeps exactly.
COARSE = [np.where(frame > 127, np.uint8(255), np.uint8(0)) for frame in FRAMES]


def save_film(path: Path, frames: list[np.ndarray] = COARSE, **options) -> Path:
    images = [Image.fromarray(frame) for frame in frames]
    if path.suffix == ".webp":
        options["lossless"] = True
    path.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(path, save_all=True, append_images=images[1:], **options)
    return path


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_every_frame_is_a_picture(tmp_path: Path, suffix: str) -> None:
    path = save_film(tmp_path / f"walk{suffix}")
    with scanned(path) as catalog:
        assert names(catalog) == [f"walk{suffix}#{number}" for number in range(5)]
        assert catalog.films == (FilmFound(f"walk{suffix}", 5),)
        seen = pixels(catalog)
        # In any order, and again.
        for index in (4, 0, 3, 3, 1):
            assert (read(catalog, index).pixels == seen[index]).all()
    for picture, frame in zip(seen, COARSE, strict=True):
        assert (picture == frame).all()


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_or_the_first_alone(tmp_path: Path, suffix: str) -> None:
    path = save_film(tmp_path / f"walk{suffix}")
    with scanned(path, ScanOptions(film_frames=False)) as catalog:
        assert names(catalog) == [f"walk{suffix}"]
        assert catalog.films == (FilmFound(f"walk{suffix}", 5),)
        decoded = read(catalog, 0)
        assert (decoded.pixels == COARSE[0]).all()
        assert decoded.remarks == ("holds several frames; the first was taken",)


def test_films_beside_pictures_keep_their_folders(tmp_path: Path) -> None:
    save_noise(tmp_path / "still" / "a.png")
    save_film(tmp_path / "moving" / "b.gif")
    with scanned(tmp_path) as catalog:
        assert names(catalog) == ["still/a.png", *(f"moving/b.gif#{number}" for number in range(5))]
        assert catalog.locate(3)[0].folders(2) == ("moving",)


def test_pages_of_different_sizes(tmp_path: Path) -> None:
    pages = [noise(10, 12, 3), noise(20, 6, 3), noise(4, 4, 3)]
    with scanned(save_film(tmp_path / "book.tif", pages)) as catalog:
        source = catalog.sources[0]
        assert [source.size(index) for index in range(3)] == [(12, 10), (6, 20), (4, 4)]
        assert all((picture == page).all() for picture, page in zip(pixels(catalog), pages, strict=True))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_frames_of_a_gif_are_counted_as_pillow_counts_them(tmp_path: Path, count: int) -> None:
    path = save_film(tmp_path / "a.gif", [noise(8, 8, 3, seed=number) for number in range(count)], loop=0)
    with Image.open(path) as image:
        assert look_at_film(FoundFile(path, "a.gif", ())).frames == getattr(image, "n_frames", 1) == count


def test_frames_beyond_the_limit_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.sources.films.MAX_FILM_PIXELS", 3 * 12 * 10)
    with scanned(save_film(tmp_path / "a.png")) as catalog:
        assert catalog.count == 3
        assert catalog.notes == ("Only the first 3 of 5 frames of a.png were taken.",)


def test_a_film_that_claims_more_frames_than_it_has(tmp_path: Path) -> None:
    path = save_film(tmp_path / "a.png")
    content = bytearray(path.read_bytes())
    at = content.find(b"acTL")
    content[at + 4 : at + 8] = struct.pack(">I", 2**31 - 1)
    content[at + 12 : at + 16] = struct.pack(">I", zlib.crc32(content[at : at + 12]))
    path.write_bytes(content)
    with scanned(path) as catalog:
        assert catalog.count == 10_000
        assert (read(catalog, 4).pixels == COARSE[4]).all()
        with pytest.raises(UnreadableError):
            read(catalog, 7)


def test_a_film_that_is_cut_off(tmp_path: Path) -> None:
    path = save_film(tmp_path / "a.gif", [noise(64, 64, 3, seed=number) for number in range(5)])
    path.write_bytes(path.read_bytes()[:-9000])
    good = 0
    with scanned(path) as catalog:
        assert not reasons(catalog)
        for index in range(catalog.count):
            try:
                good += read(catalog, index).pixels.shape == (64, 64, 3)
            except UnreadableError as error:
                last = str(error)
    assert good >= 2
    assert last
