import hashlib

import numpy as np
import pytest

from studio.data.mixtures import MIXTURES, generate
from studio.errors import SettingsError


def points(kind: str, count: int = 4000) -> np.ndarray:
    """(N, 2) in -1..1."""
    return generate(kind, count, seed=3).images.reshape(-1, 2) / 127.5 - 1


@pytest.mark.parametrize("kind", MIXTURES)
def test_two_pixel_pictures_with_their_clusters(kind: str) -> None:
    image_set = generate(kind, 2000, seed=0)
    assert image_set.images.shape == (2000, 1, 2, 1)
    assert image_set.class_names == MIXTURES[kind].class_names
    if image_set.class_names:
        counts = np.bincount(image_set.labels)
        assert len(counts) == len(image_set.class_names)
        assert counts.max() - counts.min() <= 1
    # Hardly anything may be cut off at the border of the plane.
    assert np.isin(image_set.images, (0, 255)).mean() < 0.002


@pytest.mark.parametrize("kind", MIXTURES)
def test_the_seed_decides_everything(kind: str) -> None:
    assert generate(kind, 100, seed=5).fingerprint() == generate(kind, 100, seed=5).fingerprint()
    assert generate(kind, 100, seed=5).fingerprint() != generate(kind, 100, seed=6).fingerprint()


def test_pictures_never_change_from_one_version_to_the_next() -> None:
    pictures = np.concatenate([generate(kind, 50, seed=1).images for kind in MIXTURES])
    assert hashlib.sha256(pictures).hexdigest() == "013a1220e8a27f31781ef4ecad876fd4e79ac8c2c56bd5b0793872c2ff7af86d"


def test_blobs_are_gaussian_clusters() -> None:
    image_set = generate("four-blobs", 8000, seed=1)
    plane = image_set.images.reshape(-1, 2) / 127.5 - 1
    for label, centre in enumerate([(-0.55, 0.55), (0.55, 0.55), (-0.55, -0.55), (0.55, -0.55)]):
        cluster = plane[image_set.labels == label]
        assert np.abs(cluster.mean(axis=0) - centre).max() < 5 * 0.1 / np.sqrt(len(cluster))
        assert np.abs(cluster.std(axis=0) - 0.1).max() < 5 * 0.1 / np.sqrt(2 * len(cluster))
        assert abs(np.corrcoef(cluster.T)[0, 1]) < 5 / np.sqrt(len(cluster))


def test_ring_is_hollow() -> None:
    radius = np.hypot(*points("ring").T)
    assert abs(radius.mean() - 0.7) < 0.01
    assert radius.min() > 0.45


def test_checkerboard_fills_every_other_square() -> None:
    plane = points("checkerboard") / 0.85
    inside = (np.abs(plane) < 0.99).all(axis=1)
    cells = np.floor((plane[inside] + 1) * 2).astype(int)
    # A level of grey is 1/127 of the plane's half, so a few points round across an edge.
    assert (cells.sum(axis=1) % 2 == 0).mean() > 0.97


@pytest.mark.parametrize("kind", ["moons", "spiral"])
def test_interlocked_shapes_do_not_touch(kind: str) -> None:
    image_set = generate(kind, 2000, seed=2)
    plane = image_set.images.reshape(-1, 2) / 127.5 - 1
    first, second = plane[image_set.labels == 0], plane[image_set.labels == 1]
    distances = np.linalg.norm(first[:, np.newaxis] - second, axis=2)
    far_out = np.hypot(*first.T) > 0.3
    assert distances[far_out].min() > 0.05


@pytest.mark.parametrize(
    ("kind", "count", "seed"), [("cubes", 10, 0), ("ring", 0, 0), ("ring", -1, 0), ("ring", 10**9, 0), ("ring", 10, -1)]
)
def test_impossible_wishes_are_refused(kind: str, count: int, seed: int) -> None:
    with pytest.raises(SettingsError):
        generate(kind, count, seed)
