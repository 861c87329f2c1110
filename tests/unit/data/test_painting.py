"""Painted two-pixel pictures: what a stroke adds, what is taken away, and what stays where it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.data.mixtures import MIXTURES, generate
from studio.data.painting import EDGE, MOST_POINTS, Painting, typical_spacing
from studio.errors import DataError, SettingsError

HALF_LEVEL = 0.5 / 127.5


def painted() -> Painting:
    """Two clusters far from each other, the first of two dabs."""
    first = Painting().add((-0.5, 0.5), 0.08, 30, 0).add((-0.4, 0.5), 0.08, 30, 0)
    return first.add((0.5, -0.5), 0.05, 40, 1)


def test_a_dab_is_a_round_normal_cloud_with_an_edge() -> None:
    points = Painting().add((0.1, -0.2), 0.1, 5000, 0).points()
    # Cut off at 3 σ, the variance of one coordinate is σ² (1 − 4.5 e^{−4.5} / (1 − e^{−4.5})).
    variance = 0.01 * (1 - 4.5 * np.exp(-4.5) / (1 - np.exp(-4.5)))
    assert points.mean(0) == pytest.approx([0.1, -0.2], abs=0.006)
    assert points.var(0) == pytest.approx([variance, variance], rel=0.06)
    assert np.corrcoef(points.T)[0, 1] == pytest.approx(0.0, abs=0.05)
    assert np.hypot(*(points - [0.1, -0.2]).T).max() <= EDGE * 0.1 + 2 * HALF_LEVEL


def test_points_are_what_the_pictures_hold() -> None:
    painting = painted()
    image_set = painting.image_set()
    assert image_set.images.shape == (100, 1, 2, 1)
    np.testing.assert_allclose(image_set.images.reshape(-1, 2) / 127.5 - 1.0, painting.points())
    assert image_set.labels.tolist() == painting.labels().tolist() == [0] * 60 + [1] * 40
    assert len(image_set.class_names) == 2


def test_the_same_painting_has_the_same_points_and_another_seed_others() -> None:
    np.testing.assert_array_equal(painted().points(), painted().points())
    assert not np.array_equal(painted().points(), painted().points(1))


@given(
    centre=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    radius=st.floats(0.01, 1.5),
)
def test_erasing_takes_what_is_near_and_leaves_the_rest_where_it_is(centre: tuple[float, float], radius: float) -> None:
    before = painted()
    after = before.erase(centre, radius)
    exact = np.concatenate([dab.points() for dab in before.dabs])
    kept = np.hypot(*(exact - centre).T) > radius
    np.testing.assert_array_equal(after.points(), before.points()[kept])
    assert after.count == kept.sum()


def test_erasing_nothing_is_no_change() -> None:
    painting = painted()
    assert painting.erase((0.9, 0.9), 0.01) is painting


def test_erased_stays_erased_when_more_is_painted() -> None:
    erased = painted().erase((0.5, -0.5), 0.05)
    more = erased.add((0.0, 0.0), 0.05, 10, 2)
    np.testing.assert_array_equal(more.points()[: erased.count], erased.points())


def test_a_cluster_moves_as_a_whole_and_alone() -> None:
    before, after = painted(), painted().moved(1, (0.2, 0.1))
    moved = after.points()[60:] - before.points()[60:]
    np.testing.assert_array_equal(after.points()[:60], before.points()[:60])
    np.testing.assert_allclose(moved, np.full((40, 2), [0.2, 0.1]), atol=2 * HALF_LEVEL)


def test_labels_count_the_clusters_that_are_left() -> None:
    without_first = painted().erase((-0.45, 0.5), 0.6)
    assert set(without_first.labels().tolist()) == {0}
    assert without_first.clusters == (1,)
    assert without_first.next_cluster == 2


def test_the_nearest_cluster_is_found_within_reach() -> None:
    assert painted().cluster_at((-0.5, 0.5), 0.1) == 0
    assert painted().cluster_at((0.5, -0.5), 0.1) == 1
    assert painted().cluster_at((0.0, 0.0), 0.1) is None
    assert Painting().cluster_at((0.0, 0.0), 9.0) is None


@pytest.mark.parametrize("kind", list(MIXTURES))
def test_ready_paintings_are_the_mixtures(kind: str) -> None:
    painting = Painting.ready(kind)
    drawn = generate(kind, 1200)
    of_mixture = {tuple(point) for point in drawn.images.reshape(-1, 2).tolist()}
    levels = np.rint((painting.points() + 1) * 127.5).astype(int)
    assert {tuple(point) for point in levels.tolist()} <= of_mixture
    assert painting.count >= 0.97 * drawn.count
    assert len(painting.clusters) == max(1, len(MIXTURES[kind].class_names))
    assert painting.erase((0.0, 0.0), 0.5).moved(0, (0.1, 0.0)).name == "Painted"


@pytest.mark.parametrize("kind", list(MIXTURES))
def test_every_picture_lies_within_the_regions(kind: str) -> None:
    regions, points = Painting.ready(kind).regions(), Painting.ready(kind).points()
    distances = np.hypot(*(points[:, np.newaxis] - regions.centres).transpose(2, 0, 1))
    assert (distances <= regions.reaches + np.hypot(HALF_LEVEL, HALF_LEVEL)).any(1).all()


def test_regions_of_dabs_are_three_standard_deviations() -> None:
    regions = painted().regions()
    np.testing.assert_allclose(regions.reaches, [0.24, 0.24, 0.15])
    assert regions.clusters.tolist() == [0, 0, 1]


def test_typical_spacing_of_a_lattice_is_its_step() -> None:
    lattice = np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2) * 0.1
    assert typical_spacing(lattice) == pytest.approx(0.1)
    assert typical_spacing(lattice[:1]) > 0


def test_what_cannot_be_is_refused_with_a_remedy() -> None:
    with pytest.raises(SettingsError, match="Erase some"):
        Painting().add((0, 0), 0.1, MOST_POINTS, 0).add((0, 0), 0.1, 1, 0)
    with pytest.raises(SettingsError):
        Painting().add((0, 0), 0.0, 1, 0)
    with pytest.raises(SettingsError):
        Painting.ready("nothing")
    with pytest.raises(DataError):
        Painting().image_set()
