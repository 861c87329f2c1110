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


def test_a_large_selection_goes_through_a_file_and_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("DIFFUSION_STUDIO_HOME", str(tmp_path))
    image_set = ImageSet("many", noise(300, 4, 5, 3), sources=[str(index) for index in range(300)])
    fingerprint = image_set.fingerprint()
    chosen = np.random.default_rng(0).permutation(300)[:200]
    in_memory = image_set.select(chosen)
    monkeypatch.setattr("studio.data.image_set.MAX_BYTES_IN_MEMORY", 100)
    monkeypatch.setattr("studio.data.image_set.MAX_NAMES_IN_MEMORY", 100)
    monkeypatch.setattr("studio.data.image_set.CHUNK_BYTES", 1000)
    through_file = image_set.select(chosen)
    assert isinstance(through_file.images, np.memmap)
    assert (through_file.images == in_memory.images).all()
    assert tuple(through_file.sources) == in_memory.sources
    assert through_file.sources[3:5] == in_memory.sources[3:5]
    assert through_file.fingerprint() == in_memory.fingerprint()
    assert ImageSet("many", image_set.images).fingerprint() == fingerprint
    # The file has no name, so nothing is left when the program ends, however it ends.
    assert not list((tmp_path / "cache" / "pictures").iterdir())


def test_a_stretch_of_a_large_set_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.image_set.MAX_BYTES_IN_MEMORY", 100)
    image_set = ImageSet("many", noise(300, 4, 5, 3))
    assert np.shares_memory(image_set.select(np.arange(50, 250)).images, image_set.images)
