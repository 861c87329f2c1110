import numpy as np
import pytest

from studio.data.image_set import ImageSet
from tests.unit.data.pictures import noise


def labelled_set() -> ImageSet:
    return ImageSet("six", noise(6, 4, 5, 3), np.array([0, 1, 2, 0, 1, 2]), ("a", "b", "c"), tuple("uvwxyz"))


def test_measures() -> None:
    image_set = labelled_set()
    assert (image_set.count, image_set.height, image_set.width, image_set.channels) == (6, 4, 5, 3)
    assert image_set.labels.dtype == np.int64


def test_nothing_in_it_can_be_changed() -> None:
    image_set = labelled_set()
    with pytest.raises(ValueError, match="read-only"):
        image_set.images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        image_set.labels[0] = 1


@pytest.mark.parametrize("indices", [[4, 1], np.array([False, True, False, False, True, False])])
def test_select_keeps_pictures_labels_and_sources_together(indices) -> None:
    image_set = labelled_set()
    chosen = image_set.select(indices)
    order = [4, 1] if isinstance(indices, list) else [1, 4]
    assert (chosen.images == image_set.images[order]).all()
    assert chosen.labels.tolist() == [1, 1]
    assert chosen.sources == tuple("uvwxyz"[index] for index in order)
    assert chosen.class_names == image_set.class_names


def test_fingerprint_knows_content_and_not_names() -> None:
    image_set = labelled_set()
    same = ImageSet("other", image_set.images.copy(), image_set.labels, image_set.class_names)
    assert same.fingerprint() == image_set.fingerprint()
    assert len(image_set.fingerprint()) == 64


@pytest.mark.parametrize(
    "other",
    [
        lambda s: ImageSet(s.name, s.images ^ 1, s.labels, s.class_names),
        lambda s: ImageSet(s.name, s.images, s.labels[::-1], s.class_names),
        lambda s: ImageSet(s.name, s.images, s.labels, ("a", "b", "d")),
        lambda s: ImageSet(s.name, s.images.reshape(6, 5, 4, 3), s.labels, s.class_names),
        lambda s: ImageSet(s.name, s.images),
    ],
)
def test_fingerprint_changes_with_anything_learned_from(other) -> None:
    image_set = labelled_set()
    assert other(image_set).fingerprint() != image_set.fingerprint()


@pytest.mark.parametrize(
    ("images", "labels", "class_names", "sources"),
    [
        (noise(2, 4, 4, 2), None, (), ()),
        (noise(2, 4, 4), None, (), ()),
        (noise(2, 4, 4, 3).astype(np.float32), None, (), ()),
        (noise(0, 4, 4, 3), None, (), ()),
        (noise(2, 4, 4, 3), np.array([0]), ("a",), ()),
        (noise(2, 4, 4, 3), np.array([0, 2]), ("a", "b"), ()),
        (noise(2, 4, 4, 3), np.array([-1, 0]), ("a", "b"), ()),
        (noise(2, 4, 4, 3), None, ("a",), ()),
        (noise(2, 4, 4, 3), None, (), ("only one",)),
    ],
)
def test_parts_that_do_not_fit_are_refused(images, labels, class_names, sources) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ImageSet("bad", images, labels, class_names, sources)
