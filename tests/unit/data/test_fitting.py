import numpy as np
import pytest

from studio.data.fitting import check_wishes, choose_size, convert_channels, fit, minimal_channels, pixel_scale
from studio.errors import SettingsError
from tests.unit.data.pictures import noise


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(2, 1)], (2, 1)),
        ([(64, 48)] * 2, (64, 48)),
        ([(65, 65)] * 2, (32, 32)),
        ([(640, 480), (480, 640)], (32, 32)),
        ([(16, 16), (18, 20), (20, 17)], (16, 16)),
        ([(24, 24), (24, 25)], (32, 32)),
    ],
)
def test_choice_of_size(sizes, expected) -> None:
    assert choose_size(sizes) == expected


def test_enlarged_pixel_art_gets_its_own_size() -> None:
    assert choose_size([(512, 384)] * 3, pixel_scale=16) == (32, 24)
    assert choose_size([(1024, 1024)], pixel_scale=2) == (32, 32)


def enlarged(scale: int, seed: int = 0, side: int = 16):
    return noise(side, side, 3, seed=seed).repeat(scale, axis=0).repeat(scale, axis=1)


def test_pixel_scale_is_found_only_when_certain() -> None:
    art = [enlarged(8, seed) for seed in range(4)]
    assert pixel_scale(art) == 8
    assert pixel_scale([*art, np.zeros((128, 128, 3), np.uint8)]) == 8
    blot = art[0].copy()
    blot[3, 5] ^= 1
    assert pixel_scale([*art, blot]) == 1
    assert pixel_scale([enlarged(32, side=4)]) == 1
    assert pixel_scale([np.zeros((128, 128, 3), np.uint8)]) == 1


def test_pixel_art_is_shrunk_and_enlarged_exactly() -> None:
    pixels = noise(16, 16, 4)
    big = pixels.repeat(4, axis=0).repeat(4, axis=1)
    assert (fit(big, 16, 16) == pixels).all()
    assert (fit(pixels, 64, 64) == big).all()


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 255
    shrunk = fit(stripes, 16, 16)
    assert np.abs(shrunk[2:-2, 2:-2].astype(int) - 128).max() < 12


def test_cropping_is_centred() -> None:
    pixels = np.zeros((32, 96, 1), np.uint8)
    pixels[:, 32:64] = 200
    assert (fit(pixels, 32, 32) == 200).all()


def test_transparent_surroundings_do_not_bleed_into_the_edge() -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, 30:] = [250, 250, 250, 255]
    shrunk = fit(pixels, 16, 16)
    seen = shrunk[shrunk[..., 3] > 30]
    assert seen[:, :3].min() > 240


def test_channels() -> None:
    grey, colour = noise(2, 3, 3, 1), noise(2, 3, 3, 3)
    assert (convert_channels(grey, 3) == grey).all()
    assert convert_channels(grey, 4).shape == (2, 3, 3, 4)
    assert (convert_channels(colour, 4)[..., 3] == 255).all()
    assert convert_channels(np.array([255, 0, 0], np.uint8), 1).tolist() == [76]
    assert convert_channels(np.array([0, 0, 0, 0], np.uint8), 3).tolist() == [255, 255, 255]
    assert convert_channels(np.array([10, 20, 30, 255], np.uint8), 3).tolist() == [10, 20, 30]
    assert convert_channels(np.array([0, 0, 0, 51], np.uint8), 1).tolist() == [204]
    assert convert_channels(colour, 3) is colour


def test_minimal_channels_of_each_kind() -> None:
    grey = noise(3, 3, 1)
    assert minimal_channels(np.repeat(grey, 3, axis=2)).shape == (3, 3, 1)
    assert minimal_channels(np.concatenate([grey, grey, grey, np.full_like(grey, 254)], axis=2)).shape == (3, 3, 4)


@pytest.mark.parametrize(("size", "channels"), [(0, None), (513, None), (None, 2), (None, 5), (-3, 3)])
def test_impossible_wishes_are_refused(size, channels) -> None:
    with pytest.raises(SettingsError):
        check_wishes(size, channels)
