from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.training.augmentation import augment, changes_pictures, streams
from studio.training.settings import TrainingSettings

ALL = {"horizontal_flips": True, "vertical_flips": True, "quarter_turns": True, "largest_shift": 2}


def pictures(count: int = 200, height: int = 5, width: int = 5, channels: int = 3) -> torch.Tensor:
    """uint8 pictures in which no two pixels are alike."""
    one = np.arange(channels * height * width, dtype=np.uint8).reshape(1, channels, height, width)
    return torch.from_numpy(np.repeat(one, count, 0))


def variants(x: np.ndarray, settings: TrainingSettings) -> dict[bytes, np.ndarray]:
    """All that may become of one picture (C, H, W), by plain numpy."""
    most, (_, height, width) = settings.largest_shift, x.shape
    padded = np.pad(x, ((0, 0), (most, most), (most, most)), mode="edge")
    moved = [
        padded[:, most - dy : most - dy + height, most - dx : most - dx + width]
        for dy, dx in itertools.product(range(-most, most + 1), repeat=2)
    ]
    turns = (range(4) if height == width else (0, 2)) if settings.quarter_turns else (0,)
    found = [np.rot90(m, k, (1, 2)) for m in moved for k in turns]
    if settings.vertical_flips:
        found += [f[:, ::-1] for f in found]
    if settings.horizontal_flips:
        found += [f[:, :, ::-1] for f in found]
    return {np.ascontiguousarray(f).tobytes(): f for f in found}


@pytest.mark.parametrize("size", [(5, 5), (4, 6), (1, 2)])
@pytest.mark.parametrize("names", [*itertools.combinations(ALL, 1), tuple(ALL), ()])
def test_each_picture_becomes_one_of_its_variants_and_every_variant_is_seen(
    names: tuple[str, ...], size: tuple[int, int]
) -> None:
    settings = TrainingSettings(**{name: ALL[name] for name in names})
    x = pictures(3000, *size)
    before = x.clone()
    varied = augment(x, settings, streams(1, 640)).numpy()
    possible = variants(x[0].numpy(), settings)
    seen = {np.ascontiguousarray(picture).tobytes() for picture in varied}
    assert seen == set(possible)
    assert torch.equal(x, before)
    assert changes_pictures(settings) == bool(names)


@given(st.fixed_dictionaries({name: st.booleans() for name in ALL}), st.integers(0, 10**9))
def test_levels_and_numbers_are_varied_alike(switched: dict[str, bool], seen: int) -> None:
    settings = TrainingSettings(**{name: ALL[name] for name, on in switched.items() if on})
    x = pictures(20)
    levels = augment(x, settings, streams(3, seen))
    values = augment(x.float() / 127.5 - 1.0, settings, streams(3, seen))
    assert levels.dtype == torch.uint8
    assert torch.equal(values, levels.float() / 127.5 - 1.0)


def test_one_way_leaves_the_random_numbers_of_the_others_alone() -> None:
    x = pictures(64)
    flips = TrainingSettings(horizontal_flips=True)
    both = TrainingSettings(horizontal_flips=True, vertical_flips=True)
    upside_down = TrainingSettings(vertical_flips=True)
    once = augment(augment(x, upside_down, streams(0, 64)), flips, streams(0, 64))
    assert torch.equal(once, augment(x, both, streams(0, 64)))
    assert not torch.equal(augment(x, flips, streams(0, 64)), augment(x, flips, streams(0, 128)))


def test_each_way_is_taken_as_often_as_it_should() -> None:
    x = pictures(8000)
    shares = {
        "horizontal_flips": (x.flip(-1), 1 / 2),
        "vertical_flips": (x.flip(-2), 1 / 2),
        "quarter_turns": (x.rot90(1, (2, 3)), 1 / 4),
        "largest_shift": (x, 1 / 25),
    }
    for name, (expected, share) in shares.items():
        varied = augment(x, TrainingSettings(**{name: ALL[name]}), streams(9, 0))
        found = float((varied == expected).all(dim=(1, 2, 3)).float().mean())
        assert found == pytest.approx(share, abs=5 * (share * (1 - share) / len(x)) ** 0.5)
