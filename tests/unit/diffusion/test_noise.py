"""PictureNoise: the generator's published vectors, golden values, independence, normality."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.diffusion import PictureNoise
from studio.diffusion.noise import philox
from studio.errors import SettingsError


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_vectors_its_authors_published(counter, key: int, words) -> None:
    drawn = philox(tuple(np.array([word], dtype=np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in drawn) == words


def test_golden_values() -> None:
    # Pinned: were these to change, every seed that anyone wrote down would give another picture.
    noise = PictureNoise(2024, (0, 1_000_000_007), (1, 2, 3))
    assert noise.initial().flatten().tolist() == pytest.approx(GOLDEN_INITIAL, abs=0)
    assert noise.at(0).flatten().tolist() == pytest.approx(GOLDEN_STEP_0, abs=0)


GOLDEN_INITIAL = [
    -0.11691734939813614,
    0.9978575110435486,
    0.15243761241436005,
    0.08834568411111832,
    -1.33981192111969,
    0.5708719491958618,
    -0.4069577753543854,
    1.6226691007614136,
    -0.956951916217804,
    -1.630910873413086,
    -0.3808082044124603,
    -1.4794739484786987,
]
GOLDEN_STEP_0 = [
    1.4021893739700317,
    0.7383058071136475,
    -0.6665945053100586,
    -0.9136317372322083,
    0.7193682193756104,
    -1.0599892139434814,
    0.6689847707748413,
    1.2565668821334839,
    1.823777675628662,
    0.16224344074726105,
    1.441535234451294,
    1.3040307760238647,
]


@given(st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5), st.integers(0, 2000))
def test_a_picture_does_not_depend_on_its_batch(seed: int, pictures: list[int], step: int) -> None:
    shape = (3, 3, 5)
    together = PictureNoise(seed, pictures, shape)
    for i, number in enumerate(pictures):
        alone = PictureNoise(seed, [number], shape)
        assert torch.equal(together.initial()[i], alone.initial()[0])
        assert torch.equal(together.at(step)[i], alone.at(step)[0])


def test_seed_picture_and_step_each_give_other_noise() -> None:
    shape = (1, 8, 8)
    draws = [
        PictureNoise(seed, [picture], shape)._draw(stream)
        for seed in (0, 1, 2**32)
        for picture in (0, 1, 2**32)
        for stream in (0, 1, 2)
    ]
    for i, first in enumerate(draws):
        for second in draws[:i]:
            assert not torch.equal(first, second)
            assert (first == second).sum() == 0


def test_float32_on_the_cpu_in_the_wished_for_shape() -> None:
    noise = PictureNoise(0, range(3), (4, 5, 7))
    for drawn in (noise.initial(), noise.at(0), noise(0)):
        assert drawn.shape == (3, 4, 5, 7)
        assert drawn.dtype == torch.float32
        assert drawn.device.type == "cpu"
    assert torch.equal(noise(3), noise.at(3))
    assert PictureNoise(0, [], (1, 2, 2)).initial().shape == (0, 1, 2, 2)


def test_moments_and_shape_of_the_normal_distribution() -> None:
    noise = PictureNoise(99, range(64), (3, 32, 32))
    values = noise.initial().double().flatten()
    n = values.numel()
    for power, expected, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert float((values**power).mean()) == pytest.approx(expected, abs=5 * math.sqrt(spread / n))
    # Kolmogorov–Smirnov distance to the normal distribution; 1.95/√n is exceeded once in a thousand.
    ordered = torch.sort(values).values
    normal = 0.5 * (1 + torch.erf(ordered / math.sqrt(2)))
    rank = torch.arange(n, dtype=torch.float64) / n
    assert float((normal - rank).abs().max()) < 1.95 / math.sqrt(n)
    assert 4.0 < float(values.abs().max()) < 6.8


def test_neighbouring_values_pictures_and_steps_are_not_correlated() -> None:
    noise = PictureNoise(4, range(32), (1, 32, 32))
    first, second = noise.at(0).double(), noise.at(1).double()
    limit = 5 / math.sqrt(first.numel())
    pairs = (
        (first, second),
        (first, first.roll(1, 0)),
        (first, first.roll(1, -1)),
        (first, first.roll(1, -2)),
        (first**2, (first**2).roll(1, -1)),
    )
    for a, b in pairs:
        a, b = a - a.mean(), b - b.mean()
        assert abs(float((a * b).mean() / (a.std() * b.std()))) < limit


@pytest.mark.parametrize(("seed", "pictures"), [(-1, [0]), (2**64, [0]), (0, [-1]), (0, [2**64])])
def test_numbers_that_do_not_fit_are_refused(seed: int, pictures: list[int]) -> None:
    with pytest.raises(SettingsError):
        PictureNoise(seed, pictures, (1, 1, 1))


@pytest.mark.parametrize("step", [-1, 2**30 - 1])
def test_a_step_index_that_does_not_fit_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match="step index"):
        PictureNoise(0, [0], (1, 1, 1)).at(step)
