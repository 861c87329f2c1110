"""Walks end where pictures are; and the loss that no network goes below."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from studio.data.mixtures import MIXTURES
from studio.data.painting import Painting
from studio.diffusion import DataSetDenoiser, GaussianDenoiser, cosine
from studio.diffusion.plane import Walk, best_possible_loss, pixel_plane, share_inside, walk, walk_steps

SCHEDULE = cosine(1000)


def hand_painted() -> Painting:
    painting = Painting()
    for number, (x, y) in enumerate(((-0.6, 0.5), (-0.5, 0.55), (0.7, 0.1), (0.0, -0.7), (0.1, -0.75))):
        painting = painting.add((x, y), 0.06, 60, (0, 0, 1, 2, 2)[number])
    return painting


@pytest.mark.parametrize("kind", [*MIXTURES, "painted"])
def test_exact_walks_end_in_clusters(kind: str) -> None:
    painting = hand_painted() if kind == "painted" else Painting.ready(kind)
    exact = DataSetDenoiser(SCHEDULE, painting.image_set().images)
    walked = walk(exact, SCHEDULE, pixel_plane(), count=500, steps=50, seed=1)
    regions = painting.regions()
    assert share_inside(walked.ends, regions.centres, regions.reaches) >= 0.99
    # Not because the regions are everywhere: noise itself is mostly outside.
    assert share_inside(walked.points[0], regions.centres, regions.reaches) < 0.5


def test_a_walk_towards_one_picture_is_known() -> None:
    # The exact denoiser of one picture always says that one: DDIM's way is then a line in (√ᾱ, √(1−ᾱ)).
    target = np.array([0.4, -0.3])
    denoiser = GaussianDenoiser(SCHEDULE, torch.from_numpy(target).reshape(1, 1, 1, 2), 0.0)
    start = np.array([[1.2, 0.9]])
    walked = walk(denoiser, SCHEDULE, pixel_plane(), starts=start, steps=20)
    first = walked.times[0]
    noise = (start - math.sqrt(SCHEDULE.alpha_bar_at(first)) * target) / math.sqrt(
        SCHEDULE.one_minus_alpha_bar_at(first)
    )
    for t, place in zip(walked.times, walked.points[:, 0], strict=True):
        signal, sigma = math.sqrt(SCHEDULE.alpha_bar_at(t)), math.sqrt(SCHEDULE.one_minus_alpha_bar_at(t))
        np.testing.assert_allclose(place, signal * target + sigma * noise[0], atol=1e-9)
    assert walked.times[-1] == -1


def test_every_step_is_told_as_it_is_taken() -> None:
    exact = DataSetDenoiser(SCHEDULE, hand_painted().image_set().images)
    lengths = [len(walked.times) for walked in walk_steps(exact, SCHEDULE, pixel_plane(), count=3, steps=7)]
    assert lengths == list(range(2, 9))


def test_between_two_moments_a_walk_is_straight() -> None:
    walked = Walk(np.array([[[0.0, 0.0]], [[2.0, 0.0]], [[2.0, 4.0]]]), (999, 499, -1))
    np.testing.assert_allclose(walked.at(999), [[0.0, 0.0]])
    np.testing.assert_allclose(walked.at(749), [[1.0, 0.0]])
    np.testing.assert_allclose(walked.at(249), [[2.0, 2.0]])
    np.testing.assert_allclose(walked.at(-1), walked.ends)


def test_inside_is_within_reach_of_any_centre() -> None:
    centres, reaches = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0.1, 0.5])
    ends = np.array([[0.09, 0.0], [0.2, 0.0], [1.3, 1.3], [1.4, 1.4]])
    assert share_inside(ends, centres, reaches) == 0.5
    assert share_inside(ends[:0], centres, reaches) == 0.0
    assert share_inside(ends, centres[:0], reaches[:0]) == 0.0


def test_the_floor_of_gaussian_pictures_is_in_closed_form() -> None:
    variance = 0.09
    generator = torch.Generator().manual_seed(0)
    pictures = 0.3 * torch.randn(20_000, 1, 1, 2, generator=generator, dtype=torch.float64)
    alpha_bar = SCHEDULE.alpha_bar
    # E‖ε̂ − ε‖² per value is the posterior variance of ε: ᾱ v / (ᾱ v + 1 − ᾱ).
    expected = (alpha_bar * variance / (alpha_bar * variance + 1 - alpha_bar)).mean()
    found = best_possible_loss(GaussianDenoiser(SCHEDULE, 0.0, variance), SCHEDULE, pictures, levels=400, draws=128)
    assert found == pytest.approx(expected, rel=0.02)
