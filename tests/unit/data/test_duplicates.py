"""Copies that were made on purpose are found; pictures that merely resemble each other are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from studio.data.duplicates import NearCopies, count_copies, digests, exact_copies, find_near_copies
from studio.data.image_set import ImageSet
from studio.data.progress import ImportProgress
from studio.data.starter import load_starter
from tests.unit.data.pictures import noise


def clouds(count: int, side: int = 32, seed: int = 0) -> np.ndarray:
    """Soft pictures that differ, uint8 (count, side, side, 3); as in photographs, light varies more than colour."""
    random = np.random.default_rng(seed)
    light = random.integers(0, 200, (count, 5, 5, 1))
    coarse = (light + random.integers(0, 56, (count, 5, 5, 3))).astype(np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(item).resize((side, side), Image.Resampling.BICUBIC)) for item in coarse]
    )


def near_copies(pictures: np.ndarray, passed_over: np.ndarray | None = None) -> NearCopies:
    image_set = ImageSet("set", pictures)
    running = find_near_copies(image_set, np.zeros(image_set.count, bool) if passed_over is None else passed_over)
    while True:
        try:
            assert isinstance(next(running), ImportProgress)
        except StopIteration as end:
            return end.value


def as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """As if the copy had been encoded when the picture was still large."""
    content = io.BytesIO()
    large = Image.fromarray(picture).resize((4 * picture.shape[1], 4 * picture.shape[0]), Image.Resampling.BICUBIC)
    large.save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content).resize((picture.shape[1], picture.shape[0]), Image.Resampling.LANCZOS))


def rescaled(picture: np.ndarray) -> np.ndarray:
    side = picture.shape[0]
    larger = Image.fromarray(picture).resize((3 * side, 3 * side), Image.Resampling.BICUBIC)
    return np.asarray(larger.resize((side, side), Image.Resampling.LANCZOS))


def test_what_was_moved_on_an_even_ground_is_found() -> None:
    originals = np.full((200, 32, 32, 3), 240, np.uint8)
    originals[:, 6:26, 6:26] = clouds(200, 20)
    moved = np.roll(originals[:50], (3, -2), (1, 2))
    found = near_copies(np.concatenate([originals, moved, moved[:, :, ::-1]]))
    pairs = dict(found.pairs.tolist())
    assert sum(pairs.get(200 + index) == index for index in range(50)) >= 45
    assert sum(pairs.get(250 + index) in (index, 200 + index) for index in range(50)) >= 45
    assert set(pairs) <= set(range(200, 300))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
@settings(deadline=None)
def test_exact_copies_are_those_that_comparing_finds(kinds) -> None:
    pictures = np.stack([noise(4, 4, 3, seed=kind) for kind in kinds])
    expected = [(index, kinds.index(kind)) for index, kind in enumerate(kinds) if kinds.index(kind) < index]
    assert list(map(tuple, exact_copies(digests(pictures)).tolist())) == expected
    assert count_copies(digests(pictures)) == len(expected)


@pytest.mark.parametrize(
    ("change", "mirrored"),
    [
        (lambda picture: as_jpeg(picture, 75), False),
        (lambda picture: as_jpeg(picture, 40), False),
        (rescaled, False),
        (lambda picture: picture[:, ::-1], True),
        (lambda picture: as_jpeg(picture[:, ::-1].copy(), 75), True),
        (lambda picture: np.asarray(ImageEnhance.Brightness(Image.fromarray(picture)).enhance(1.04)), False),
        (lambda picture: np.clip(picture.astype(int) + noise(*picture.shape) % 5, 0, 255).astype(np.uint8), False),
    ],
    ids=["jpeg 75", "jpeg 40", "rescaled", "mirrored", "mirrored jpeg", "brighter", "grain"],
)
@pytest.mark.parametrize("side", [16, 32, 48])
def test_what_was_done_to_a_copy_does_not_hide_it(change, mirrored: bool, side: int) -> None:
    originals = clouds(300, side)
    copied = np.arange(0, 300, 15)
    pictures = np.concatenate([originals, np.stack([change(originals[index]) for index in copied])])
    found = near_copies(pictures)
    expected = {(300 + place, original) for place, original in enumerate(copied.tolist())}
    right = expected & set(map(tuple, found.pairs.tolist()))
    assert len(right) >= 0.9 * len(expected)
    assert set(map(tuple, found.pairs.tolist())) <= expected
    assert (found.mirrored == mirrored).all()
    assert (found.difference <= 0.1).all()


def test_pictures_that_merely_resemble_each_other_are_not_copies() -> None:
    for starter in ("avatars", "digits"):
        assert len(near_copies(load_starter(starter).images).pairs) <= 2
    assert not len(near_copies(clouds(2000)).pairs)
    assert not len(near_copies(noise(2000, 16, 16, 3)).pairs)


def test_another_colour_is_another_picture() -> None:
    shapes = clouds(200)[..., :1] // 2
    red, green = (np.concatenate([shapes * (place == channel) for place in range(3)], axis=3) for channel in (0, 1))
    assert not len(near_copies(np.concatenate([red, green])).pairs)


def test_what_says_too_little_is_passed_over() -> None:
    blank = np.full((50, 16, 16, 1), 200, np.uint8)
    blank += noise(50, 16, 16, 1) % 3
    assert not len(near_copies(blank).pairs)
    assert not len(near_copies(noise(500, 1, 2, 1)).pairs)
    originals = clouds(40)
    twice = np.concatenate([originals, originals[:, :, ::-1]])
    assert len(near_copies(twice).pairs) == 40
    assert not len(near_copies(twice, np.arange(80) >= 40).pairs)


def test_a_crowd_of_one_picture_is_found_without_comparing_all_with_all() -> None:
    crowd = np.clip(clouds(1).astype(int) + noise(3000, 32, 32, 3) % 9, 0, 255).astype(np.uint8)
    found = near_copies(crowd)
    assert len(found.pairs) > 1500
    assert len(np.unique(found.pairs[:, 0])) == len(found.pairs)
    assert (found.pairs[:, 0] > found.pairs[:, 1]).all()


def test_the_same_set_gives_the_same_answer() -> None:
    pictures = np.concatenate([clouds(100), clouds(100)[:, :, ::-1]])
    one, two = near_copies(pictures), near_copies(pictures)
    assert (one.pairs == two.pairs).all()
    assert (one.difference == two.difference).all()
