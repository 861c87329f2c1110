"""Every kind of picture that Pillow reads, down to its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.data.sources.decoding import read_picture, read_size
from tests.unit.data.pictures import noise


def save(picture: Image.Image, path: Path, **options) -> Path:
    picture.save(path, **options)
    return path


def test_colour_grey_and_transparent_pictures_keep_their_pixels(tmp_path: Path) -> None:
    colour, grey = noise(5, 7, 3), noise(5, 7)
    see_through = noise(5, 7, 4)
    see_through[..., 3] |= 1
    assert (read_picture(save(Image.fromarray(colour), tmp_path / "c.png")).pixels == colour).all()
    assert (read_picture(save(Image.fromarray(grey), tmp_path / "g.png")).pixels[..., 0] == grey).all()
    assert (read_picture(save(Image.fromarray(see_through), tmp_path / "t.png")).pixels == see_through).all()


def test_channels_that_say_nothing_are_dropped(tmp_path: Path) -> None:
    grey = np.repeat(noise(4, 4, 1), 3, axis=2)
    opaque = np.concatenate([noise(4, 4, 3), np.full((4, 4, 1), 255, np.uint8)], axis=2)
    assert read_picture(save(Image.fromarray(grey), tmp_path / "grey.png")).pixels.shape == (4, 4, 1)
    assert read_picture(save(Image.fromarray(opaque), tmp_path / "opaque.png")).pixels.shape == (4, 4, 3)


def test_colours_under_full_transparency_are_removed(tmp_path: Path) -> None:
    pixels = noise(4, 4, 4)
    pixels[:2, :, 3], pixels[2:, :, 3] = 0, 200
    read = read_picture(save(Image.fromarray(pixels), tmp_path / "t.png")).pixels
    assert (read[:2] == 0).all()
    assert (read[2:] == pixels[2:]).all()


def test_one_bit(tmp_path: Path) -> None:
    bits = noise(6, 6) > 127
    read = read_picture(save(Image.fromarray(bits), tmp_path / "bits.png")).pixels
    assert (read[..., 0] == bits * 255).all()


def test_palette(tmp_path: Path) -> None:
    picture = Image.fromarray(noise(6, 6, 3)).quantize(8)
    assert picture.mode == "P"
    read = read_picture(save(picture, tmp_path / "palette.png")).pixels
    assert (read == np.asarray(picture.convert("RGB"))).all()


def test_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [1, 0]], np.uint8)
    picture = Image.frombytes("P", (2, 2), indices.tobytes())
    picture.putpalette([10, 20, 30, 200, 100, 50])
    read = read_picture(save(picture, tmp_path / "palette.png", transparency=0)).pixels
    assert read.shape == (2, 2, 4)
    assert read[0, 0].tolist() == [0, 0, 0, 0]
    assert read[0, 1].tolist() == [200, 100, 50, 255]


def test_colour_key_of_a_grey_picture(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[7, 90]], np.uint8))
    read = read_picture(save(picture, tmp_path / "key.png", transparency=7)).pixels
    assert read.tolist() == [[[0, 0, 0, 0], [90, 90, 90, 255]]]


def test_grey_with_transparency(tmp_path: Path) -> None:
    picture = Image.merge(
        "LA", [Image.fromarray(np.full((1, 2), 90, np.uint8)), Image.fromarray(np.array([[255, 9]], np.uint8))]
    )
    assert read_picture(save(picture, tmp_path / "la.png")).pixels.tolist() == [[[90, 90, 90, 255], [90, 90, 90, 9]]]


def test_sixteen_bits(tmp_path: Path) -> None:
    values = np.array([[0, 257, 65535], [32896, 128, 129]], np.uint16)
    for name in ("deep.png", "deep.tif"):
        read = read_picture(save(Image.fromarray(values), tmp_path / name)).pixels
        assert read[..., 0].tolist() == [[0, 1, 255], [128, 0, 1]]


def test_thirty_two_bits_are_stretched_and_said_so(tmp_path: Path) -> None:
    decoded = read_picture(save(Image.fromarray(np.array([[-100, 0, 100]], np.int32)), tmp_path / "i.tif"))
    assert decoded.pixels[..., 0].tolist() == [[0, 128, 255]]
    assert decoded.remarks == ("values -100 to 100 were stretched to 0 to 255",)


def test_floating_point(tmp_path: Path) -> None:
    decoded = read_picture(save(Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), tmp_path / "f.tif"))
    assert decoded.pixels[..., 0].tolist() == [[0, 128, 255]]
    assert decoded.remarks == ()


def test_cmyk(tmp_path: Path) -> None:
    picture = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    read = read_picture(save(picture, tmp_path / "ink.tif")).pixels
    assert read.shape == (8, 8, 3)
    assert (read == [255, 0, 0]).all()


@pytest.mark.parametrize("name", ["a.bmp", "a.gif", "a.jpg", "a.webp", "a.tga", "a.ppm", "a.tif", "a.ico", "a.pcx"])
def test_formats(tmp_path: Path, name: str) -> None:
    path = save(Image.new("RGB", (16, 16), (200, 40, 40)), tmp_path / name)
    decoded = read_picture(path)
    assert decoded.original_size == read_size(path) == (16, 16)
    assert np.abs(decoded.pixels[..., :3].astype(int) - [200, 40, 40]).max() <= 3


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(tmp_path: Path, name: str, orientation: int) -> None:
    # A bright corner shows where the top left of the stored picture went.
    stored = np.zeros((16, 32), np.uint8)
    stored[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(stored), tmp_path / name, exif=exif, **({"quality": 95} if name != "a.tif" else {}))
    decoded = read_picture(path)
    corner = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
    lying = orientation >= 5
    assert decoded.pixels.shape[:2] == ((32, 16) if lying else (16, 32))
    assert decoded.original_size == ((16, 32) if lying else (32, 16))
    if name != "a.png":
        assert read_size(path) == decoded.original_size
    rows = (slice(0, 4), slice(-4, None))
    assert decoded.pixels[rows[corner[0]], rows[corner[1]]].mean() > 240
    assert decoded.pixels[rows[1 - corner[0]], rows[1 - corner[1]]].mean() < 15


def test_damaged_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    path = save(Image.fromarray(noise(8, 8, 3)), tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffgarbage")
    assert read_size(path) == (8, 8)
    assert read_picture(path).pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if name == "a.webp" else {}
    decoded = read_picture(save(frames[0], tmp_path / name, save_all=True, append_images=frames[1:], **options))
    assert (decoded.pixels == [255, 0, 0]).all()
    assert decoded.remarks == ("holds several frames; the first was taken",)


def test_a_photograph_may_be_decoded_smaller_but_reports_its_size(tmp_path: Path) -> None:
    path = save(Image.new("RGB", (640, 320), "red"), tmp_path / "big.jpg")
    decoded = read_picture(path, smallest_side=64)
    assert decoded.pixels.shape == (80, 160, 3)
    assert decoded.original_size == (640, 320)


def test_complaints_of_the_decoder_become_remarks(tmp_path: Path) -> None:
    # An EXIF block whose only entry points far beyond its end.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0e\0\x02\0\0\0\xff\0\0\xff\xff\0\0\0\0"
    decoded = read_picture(save(Image.fromarray(noise(8, 8, 3)), tmp_path / "a.jpg", exif=exif))
    assert decoded.pixels.shape == (8, 8, 3)
    assert decoded.remarks[0].startswith("taken with a doubt: ")
