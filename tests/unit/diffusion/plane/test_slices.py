"""Planes through image space: coordinates there and back, principal directions against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from studio.diffusion.plane import PlaneSlice, pixel_plane, plane_through, principal_plane
from studio.errors import SettingsError


def pictures(count: int, shape: tuple[int, int, int] = (4, 5, 3)) -> np.ndarray:
    """uint8 (count, H, W, C) whose values depend on each other, so that there are principal directions."""
    draw = np.random.default_rng(count)
    values = int(np.prod(shape))
    levels = 128 + draw.normal(size=(count, 6)) * np.array([60, 40, 25, 10, 5, 3]) @ draw.normal(size=(6, values)) / 2
    return np.clip(levels, 0, 255).astype(np.uint8).reshape(count, *shape)


def rows(images: np.ndarray) -> np.ndarray:
    return np.moveaxis(images, -1, 1).reshape(len(images), -1) / 127.5 - 1.0


def some_plane() -> PlaneSlice:
    return plane_through(torch.randn(3, 2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64))


@given(u=st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=8))
def test_coordinates_come_back_and_nothing_is_off_the_plane(u: list[tuple[float, float]]) -> None:
    plane, points = some_plane(), np.array(u)
    there = plane.points(points)
    np.testing.assert_allclose(plane.coordinates(there), points, atol=1e-12)
    np.testing.assert_allclose(plane.residual(there), 0.0, atol=1e-12)


def test_the_residual_is_the_distance_to_the_plane() -> None:
    plane = some_plane()
    other = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64).flatten()
    for axis in plane.axes.flatten(1):
        other -= (other @ axis) * axis
    off = plane.points([[0.3, -0.7]]) + other.reshape(1, 2, 3, 4)
    assert plane.residual(off)[0] == pytest.approx(float(other.square().mean().sqrt()))
    np.testing.assert_allclose(plane.coordinates(off), [[0.3, -0.7]], atol=1e-12)


def test_a_parallel_plane_goes_through_the_picture_and_keeps_all_coordinates() -> None:
    plane = some_plane()
    picture = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    parallel = plane.through(picture)
    assert parallel.residual(picture.unsqueeze(0))[0] == pytest.approx(0.0, abs=1e-12)
    others = torch.randn(5, 2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    np.testing.assert_allclose(parallel.coordinates(others), plane.coordinates(others), atol=1e-12)


def test_two_pixels_are_the_whole_space() -> None:
    plane = pixel_plane()
    assert plane.is_everything
    np.testing.assert_array_equal(plane.points([[0.25, -0.5]]).numpy(), [[[[0.25, -0.5]]]])
    assert not some_plane().is_everything


@pytest.mark.parametrize("count", [40, 500])
def test_principal_directions_are_those_of_scikit_learn(count: int) -> None:
    images = pictures(count)
    plane, oracle = principal_plane(images), PCA(2, svd_solver="full").fit(rows(images))
    cosines = np.abs((plane.axes.flatten(1).numpy() * oracle.components_).sum(1))
    np.testing.assert_allclose(cosines, 1.0, atol=1e-9)
    np.testing.assert_allclose(plane.variance_shares, oracle.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(plane.origin.flatten().numpy(), oracle.mean_, atol=1e-12)


def test_the_same_pictures_in_another_order_give_the_same_plane() -> None:
    images = pictures(60)
    np.testing.assert_allclose(
        principal_plane(images).axes.numpy(), principal_plane(images[::-1].copy()).axes.numpy(), atol=1e-9
    )


def test_three_pictures_lie_where_they_are_said_to() -> None:
    chosen = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    plane = plane_through(chosen)
    places = plane.coordinates(chosen)
    np.testing.assert_allclose(plane.residual(chosen), 0.0, atol=1e-12)
    np.testing.assert_allclose(places[0], [0.0, 0.0], atol=1e-12)
    assert places[1] == pytest.approx([float((chosen[1] - chosen[0]).norm()), 0.0])
    assert places[2, 1] > 0


def test_what_spans_no_plane_is_refused() -> None:
    with pytest.raises(SettingsError):
        principal_plane(np.repeat(pictures(2), 5, axis=0))
    with pytest.raises(SettingsError):
        principal_plane(np.full((9, 2, 2, 1), 7, np.uint8))
    line = torch.tensor([0.0, 1.0, 2.0]).reshape(3, 1, 1, 1) * torch.ones(1, 1, 2, 2)
    with pytest.raises(SettingsError):
        plane_through(line)
    with pytest.raises(SettingsError):
        plane_through(torch.zeros(3, 1, 2, 2))
    with pytest.raises(ValueError, match="right angles"):
        PlaneSlice(torch.zeros(1, 1, 2), torch.ones(2, 1, 1, 2), ("a", "b"))
