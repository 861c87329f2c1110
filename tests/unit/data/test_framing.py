"""Where pictures are cut and what lies beside them, against geometry worked out by hand and Pillow's own functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from studio.data.framing import coloured, framed, kept_boxes, tile_counts
from studio.data.preparation import Fit, Ground
from tests.unit.data.pictures import noise

sides = st.integers(1, 90)
shares = st.floats(0, 1)


@given(size=st.tuples(sides, sides), wanted=st.tuples(sides, sides), focus=st.tuples(shares, shares))
def test_filling_keeps_the_proportions_and_all_it_can(size, wanted, focus) -> None:
    (box,) = kept_boxes(size, wanted, Fit.FILL, focus)
    left, top, right, bottom = box
    assert -1e-9 <= left < right <= size[0] + 1e-6
    assert -1e-9 <= top < bottom <= size[1] + 1e-6
    assert (right - left) / (bottom - top) == pytest.approx(wanted[0] / wanted[1])
    assert right - left == pytest.approx(size[0]) or bottom - top == pytest.approx(size[1])
    # The focus stays in view.
    assert left - 1e-6 <= focus[0] * size[0] <= right + 1e-6
    assert top - 1e-6 <= focus[1] * size[1] <= bottom + 1e-6


@given(size=st.tuples(sides, sides), wanted=st.tuples(sides, sides), focus=st.tuples(shares, shares))
def test_padding_keeps_whole_pixels_around_the_focus(size, wanted, focus) -> None:
    ((left, top, right, bottom),) = kept_boxes(size, wanted, Fit.PAD, focus)
    assert (right - left, bottom - top) == (min(size[0], wanted[0]), min(size[1], wanted[1]))
    assert 0 <= left <= size[0] - (right - left)
    assert 0 <= top <= size[1] - (bottom - top)
    assert left.is_integer()
    assert top.is_integer()
    assert left - 1 <= focus[0] * size[0] <= right + 1


@given(size=st.tuples(sides, sides), wanted=st.tuples(sides, sides), focus=st.tuples(shares, shares))
def test_tiles_do_not_overlap_and_none_is_missing(size, wanted, focus) -> None:
    boxes = kept_boxes(size, wanted, Fit.TILE, focus)
    columns, rows = tile_counts(size, wanted)
    assert len(boxes) == columns * rows
    covered = np.zeros((size[1], size[0]), int)
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        covered[int(top) : int(bottom), int(left) : int(right)] += 1
    assert covered.max() == 1
    assert covered.sum() == min(size[0], columns * wanted[0]) * min(size[1], rows * wanted[1])


@given(
    size=st.tuples(sides, sides),
    wanted=st.tuples(sides, sides),
    fit=st.sampled_from(Fit),
    ground=st.sampled_from(Ground),
    focus=st.tuples(shares, shares),
    channels=st.sampled_from((1, 3, 4)),
)
def test_whatever_is_wished_the_size_comes_out(size, wanted, fit, ground, focus, channels) -> None:
    pictures = framed(noise(size[1], size[0], channels), wanted, fit, ground, focus)
    assert len(pictures) == (tile_counts(size, wanted)[0] * tile_counts(size, wanted)[1] if fit is Fit.TILE else 1)
    assert all(picture.shape == (wanted[1], wanted[0], channels) for picture in pictures)
    assert all(picture.dtype == np.uint8 for picture in pictures)


@given(size=st.tuples(sides, sides), fit=st.sampled_from(Fit), ground=st.sampled_from(Ground))
def test_the_right_size_goes_through_untouched(size, fit, ground) -> None:
    pixels = noise(size[1], size[0], 3)
    (picture,) = framed(pixels, size, fit, ground, (0.3, 0.9))
    assert (picture == pixels).all()


@pytest.mark.parametrize("size", [(97, 41), (41, 97), (64, 33), (200, 201)])
@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_filling_is_what_pillow_makes_of_it(size, channels, mode) -> None:
    pixels = noise(size[1], size[0], channels)
    picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)
    expected = np.asarray(ImageOps.fit(picture, (32, 32), Image.Resampling.LANCZOS)).reshape(32, 32, channels)
    assert (framed(pixels, (32, 32), Fit.FILL)[0] == expected).all()


def test_the_focus_chooses_what_is_cut_off() -> None:
    pixels = np.repeat(np.array([[10, 20, 30]], np.uint8), 8, axis=1).repeat(8, axis=0)[..., None]
    for focus, level in ((0.0, 10), (0.5, 20), (1.0, 30)):
        (picture,) = framed(pixels, (8, 8), Fit.FILL, focus=(focus, 0.5))
        assert (picture == level).all()
        (picture,) = framed(pixels, (8, 8), Fit.PAD, focus=(focus, 0.5))
        assert (picture == level).all()


def test_cropped_pixel_art_stays_exact() -> None:
    art = noise(8, 12, 3)
    big = art.repeat(5, axis=0).repeat(5, axis=1)
    (picture,) = framed(big, (8, 8), Fit.FILL)
    assert (picture == art[:, 2:10]).all()
    (picture,) = framed(art, (24, 24), Fit.FIT)
    assert (picture[4:20] == art.repeat(2, axis=0).repeat(2, axis=1)).all()


@pytest.mark.parametrize(("ground", "level"), [(Ground.WHITE, 255), (Ground.BLACK, 0), (Ground.GREY, 128)])
def test_ground_lies_evenly_beside_what_does_not_fill(ground, level) -> None:
    pixels = noise(6, 16, 3)
    (picture,) = framed(pixels, (16, 16), Fit.FIT, ground)
    assert (picture[5:11] == pixels).all()
    assert (picture[:5] == level).all()
    assert (picture[11:] == level).all()
    (picture,) = framed(pixels, (20, 6), Fit.PAD, ground)
    assert (picture[:, 2:18] == pixels).all()
    assert (picture[:, :2] == level).all()


def test_edges_are_repeated() -> None:
    pixels = noise(4, 8, 3)
    (picture,) = framed(pixels, (8, 8), Fit.FIT, Ground.EDGE)
    assert (picture[:2] == pixels[0]).all()
    assert (picture[6:] == pixels[-1]).all()


def test_beside_a_picture_with_transparency_lies_transparency() -> None:
    pixels = noise(4, 8, 4)
    (picture,) = framed(pixels, (8, 8), Fit.FIT, Ground.GREY)
    assert (picture[:2] == 0).all()
    on_ground = coloured(picture, 3, Ground.GREY)
    assert (on_ground[:2] == 128).all()


@pytest.mark.parametrize(
    ("ground", "expected"),
    [(Ground.WHITE, 203), (Ground.BLACK, 100), (Ground.GREY, 151), (Ground.EDGE, 203)],
)
def test_transparency_that_is_not_kept_is_laid_on_the_ground(ground, expected) -> None:
    # 0.6 · 166 … by hand: opacity 153/255 = 0.6, colour 168: 100.8 + 0.4 · ground.
    pixels = np.array([[[168, 168, 168, 153]]], np.uint8)
    by_hand = round(168 * 0.6 + 0.4 * {"white": 255, "edge": 255, "black": 0, "grey": 128}[ground.value])
    assert coloured(pixels, 3, ground).tolist() == [[[by_hand] * 3]]
    assert abs(by_hand - expected) <= 1


def test_tiles_are_the_parts_in_reading_order() -> None:
    pixels = noise(21, 34, 1)
    tiles = framed(pixels, (8, 8), Fit.TILE)
    # 4 × 2 whole tiles: 32 × 16 of 34 × 21, cut around the centre.
    left, top = 1, 2
    assert len(tiles) == 8
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 4)
        part = pixels[top + 8 * row : top + 8 * row + 8, left + 8 * column : left + 8 * column + 8]
        assert (tile == part).all()
