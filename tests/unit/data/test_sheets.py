"""Sheets of sprites: grids that were drawn are found as they were drawn; what is one picture is never cut."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from studio.data.sources.sheets import detect, filled_cells
from studio.data.sources.source import ScanOptions, SheetGrid
from tests.unit.data.pictures import noise, save_noise
from tests.unit.data.scans import names, pixels, scanned

FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")


def sprite(random: np.random.Generator, side: int, padding: int = 2) -> NDArray[np.uint8]:
    """A figure with mirrored halves on clear ground, uint8 (side, side, 4)."""
    inner = side - 2 * padding
    half = random.integers(0, 2, (inner, inner // 2))
    half[:, -1] = 1
    half[[0, -1]] = 1
    figure = np.concatenate([half, half[:, ::-1]], axis=1)
    cell = np.zeros((side, side, 4), np.uint8)
    drawn = cell[padding:-padding, padding:-padding]
    drawn[..., :3] = random.integers(40, 256, (inner, inner, 3)) * figure[..., np.newaxis]
    drawn[..., 3] = 255 * figure
    return cell


def sheet(cells: list[NDArray[np.uint8]], columns: int, rows: int, *, margin: int = 0, gap: int = 0, ground=0):
    """The cells row by row on one ground, uint8 (H, W, C)."""
    height, width, channels = cells[0].shape
    whole = np.empty(
        (2 * margin + rows * (height + gap) - gap, 2 * margin + columns * (width + gap) - gap, channels), np.uint8
    )
    whole[:] = ground
    for number, cell in enumerate(cells):
        y = margin + number // columns * (height + gap)
        x = margin + number % columns * (width + gap)
        whole[y : y + height, x : x + width] = cell
    return whole


def is_certain(picture: NDArray[np.uint8]) -> bool:
    found = detect(picture)
    return found is not None and found.certain


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    columns=st.integers(3, 9),
    rows=st.integers(2, 6),
    side=st.sampled_from([16, 24, 32]),
    missing=st.integers(0, 2),
)
def test_sprites_on_clear_ground(seed: int, columns: int, rows: int, side: int, missing: int) -> None:
    random = np.random.default_rng(seed)
    cells = [sprite(random, side) for _ in range(columns * rows - missing)]
    picture = sheet(cells, columns, rows)
    found = detect(picture)
    assert found is not None
    assert found.certain
    assert found.grid == SheetGrid((side, side))
    assert filled_cells(picture, found.grid) == list(range(columns * rows - missing))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    columns=st.integers(4, 9),
    rows=st.integers(2, 6),
    width=st.integers(8, 24),
    height=st.integers(8, 24),
    gap=st.integers(1, 4),
    margin=st.sampled_from([0, 5, 7]),
    ground=st.sampled_from([0, 77, 255]),
)
def test_cells_with_ruled_gutters(seed, columns, rows, width, height, gap, margin, ground) -> None:
    assume(max(width, height) <= 2 * min(width, height))
    cells = list(np.random.default_rng(seed).integers(0, 256, (columns * rows, height, width, 3), dtype=np.uint8))
    found = detect(sheet(cells, columns, rows, margin=margin, gap=gap, ground=ground))
    assert found is not None
    assert found.certain
    assert found.grid == SheetGrid((width, height), (margin, margin), (gap, gap))


def test_a_strip_of_square_frames() -> None:
    random = np.random.default_rng(0)
    strip = sheet([sprite(random, 32) for _ in range(6)], 6, 1)
    found = detect(strip)
    assert found is not None
    assert found.certain
    assert found.grid == SheetGrid((32, 32))
    upright = detect(np.ascontiguousarray(strip.transpose(1, 0, 2)))
    assert upright is not None
    assert upright.grid == SheetGrid((32, 32))


# What must never be cut


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), side=st.sampled_from([16, 24, 32, 48]), scale=st.sampled_from([1, 2, 4, 8]))
def test_a_single_sprite(seed: int, side: int, scale: int) -> None:
    one = sprite(np.random.default_rng(seed), side).repeat(scale, 0).repeat(scale, 1)
    assert not is_certain(one)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), blur=st.sampled_from([0.0, 1.0, 4.0]), white=st.booleans())
def test_a_photograph(seed: int, blur: float, white: bool) -> None:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    picture = coarse.resize((256, 192), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(blur))
    values = np.asarray(picture).astype(np.int16) + random.normal(0, 3, (192, 256, 3)).astype(np.int16)
    photograph = np.clip(values, 0, 255).astype(np.uint8)
    if white:
        photograph[:40] = photograph[-40:] = photograph[:, :30] = photograph[:, -30:] = 255
    assert not is_certain(photograph)


@pytest.mark.parametrize("shape", [(64, 64, 3), (96, 128, 1), (200, 200, 4)])
def test_noise(shape: tuple[int, int, int]) -> None:
    assert detect(noise(*shape)) is None


@pytest.mark.parametrize("value", [0, 255])
def test_a_single_colour(value: int) -> None:
    assert detect(np.full((64, 64, 3), value, np.uint8)) is None


def test_patterns_are_not_sheets() -> None:
    squares = np.full((65, 65, 3), 255, np.uint8)
    for y in range(1, 65, 16):
        for x in range(1, 65, 16):
            squares[y : y + 15, x : x + 15] = (30, 90, 200)
    assert not is_certain(squares)
    one = noise(15, 15, 3)
    assert not is_certain(sheet([one] * 16, 4, 4, gap=1))


@pytest.mark.parametrize("text", ["LOGO", "DIFFUSION", "i i i i i", "....", "MMMMMM"])
def test_words_are_not_sheets(text: str) -> None:
    picture = Image.new("L", (160, 48), 255)
    ImageDraw.Draw(picture).text((8, 12), text, fill=0, font_size=20)
    assert not is_certain(np.asarray(picture)[:, :, np.newaxis])


def test_a_drawing_of_windows_and_bars() -> None:
    picture = Image.new("RGB", (128, 128), "white")
    draw = ImageDraw.Draw(picture)
    for number in range(6):
        draw.rectangle((8 + 20 * number, 120 - 17 * number, 20 + 20 * number, 120), fill="navy")
    assert not is_certain(np.asarray(picture))


@pytest.mark.skipif(not FASHION.exists(), reason="needs Fashion-MNIST")
def test_a_contact_sheet_without_gaps_is_not_certain() -> None:
    pictures = np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    assert not is_certain(sheet(list(pictures[:80]), 10, 8))


def test_tiles_without_gaps_are_said_but_not_cut(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tiles = [
        np.asarray(Image.fromarray(random.integers(0, 256, (3, 3, 3), dtype=np.uint8)).resize((16, 16), Image.BICUBIC))
        for _ in range(24)
    ]
    Image.fromarray(sheet(tiles, 6, 4)).save(tmp_path / "tiles.png")
    with scanned(tmp_path) as catalog:
        assert names(catalog) == ["tiles.png"]
        (found,) = catalog.sheets
        assert not found.certain
        assert found.grid == SheetGrid((16, 16))


# What a scan makes of them


def save_sheet(path: Path, cells: list[NDArray[np.uint8]]) -> Path:
    Image.fromarray(sheet(cells, 6, 4)).save(path)
    return path


def test_the_cells_of_a_sheet_are_its_pictures(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    cells = [sprite(random, 16) for _ in range(22)]
    path = save_sheet(tmp_path / "sheet.png", cells)
    with scanned(path) as catalog:
        assert names(catalog) == [f"sheet.png#{number}" for number in range(22)]
        assert catalog.sheets[0].certain
        assert catalog.sheets[0].size == (96, 64)
        for picture, cell in zip(pixels(catalog), cells, strict=True):
            assert (picture == cell).all()


def test_the_person_decides(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    path = save_sheet(tmp_path / "sheet.png", [sprite(random, 16) for _ in range(24)])
    with scanned(path, ScanOptions(sheets=(("sheet.png", None),))) as catalog:
        assert names(catalog) == ["sheet.png"]
        assert catalog.sheets == ()
    grid = SheetGrid((32, 32), skip_empty=False)
    with scanned(path, ScanOptions(sheets=(("sheet.png", grid),))) as catalog:
        assert catalog.count == 6
        assert catalog.sheets[0].grid == grid
        whole = np.asarray(Image.open(path))
        assert (pixels(catalog)[4] == whole[32:64, 32:64]).all()
    beyond = SheetGrid((500, 500))
    with scanned(path, ScanOptions(sheets=(("sheet.png", beyond),))) as catalog:
        assert names(catalog) == ["sheet.png"]
        assert "taken as one picture" in catalog.notes[0]


def test_among_many_pictures_none_is_examined(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    save_sheet(tmp_path / "0.png", [sprite(random, 16) for _ in range(24)])
    for number in range(1, 70):
        save_noise(tmp_path / f"{number}.png", 4, 4)
    with scanned(tmp_path) as catalog:
        assert catalog.count == 70
        assert catalog.sheets == ()
