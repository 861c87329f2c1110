import hashlib

import numpy as np
import pytest

from studio.data.mixtures import generate
from studio.data.starter import load_starter, starter_sets
from studio.errors import DataError

IDS = ("avatars", "digits", "two-pixels")


def test_all_are_there_with_recipe_and_licence() -> None:
    assert tuple(starter.id for starter in starter_sets()) == IDS
    for starter in starter_sets():
        assert starter.path.is_file()
        assert (starter.path.parent / "RECIPE.md").is_file()
        assert (starter.path.parent / "LICENCE.md").is_file()
        assert starter.title
        assert starter.description
        assert starter.licence


@pytest.mark.parametrize(
    ("id", "shape", "classes"),
    [("avatars", (2000, 16, 16, 3), 4), ("digits", (1797, 8, 8, 1), 10), ("two-pixels", (2000, 1, 2, 1), 4)],
)
def test_shapes_and_classes(id: str, shape: tuple[int, ...], classes: int) -> None:
    image_set = load_starter(id)
    assert image_set.images.shape == shape
    assert len(image_set.class_names) == classes
    assert np.bincount(image_set.labels).min() > 170
    assert image_set.name == next(starter.title for starter in starter_sets() if starter.id == id)


def test_avatars_are_all_different_and_share_their_background() -> None:
    images = load_starter("avatars").images
    assert len({hashlib.sha256(image).digest() for image in images}) == 2000
    # The corners at the bottom are never covered by a person.
    assert (images[:, 15, [0, 15]] == [0xB6, 0xE3, 0xF4]).all()


def test_digits_are_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    original = datasets.load_digits()
    image_set = load_starter("digits")
    assert np.abs(image_set.images[..., 0] - original.images * 255 / 16).max() <= 0.5
    assert (image_set.labels == original.target).all()


def test_two_pixels_are_the_generated_mixture() -> None:
    assert load_starter("two-pixels").fingerprint() == generate("four-blobs", 2000, seed=0).fingerprint()


def test_unknown_set() -> None:
    with pytest.raises(DataError, match="no starter set called 'cats'"):
        load_starter("cats")
