"""Finding pictures of a catalog by name and class, without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.app.data.catalog_index import CatalogIndex, index_catalog
from studio.app.data.shared_sources import SharedSource, catalog_of, shared
from studio.app.widgets.grid_selection import Selection
from studio.data.classes import classes_of
from studio.data.image_set import ImageSet
from studio.data.preparation import Preparation
from studio.data.sources.source import Catalog, Decoded, UnreadableError


class Drawers:
    """Pictures in folders, each a single level of grey."""

    def __init__(self, *paths: str) -> None:
        self._paths = paths
        self.reads: list[int] = []
        self.closed = False

    @property
    def count(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        return self._paths[index]

    def folders(self, index: int) -> tuple[str, ...]:
        return tuple(self._paths[index].split("/")[:-1])

    def label(self, index: int) -> str | None:
        return None

    def size(self, index: int) -> tuple[int, int]:
        return (4, 4)

    def read(self, index: int, smallest_side: int | None = None) -> Decoded:
        self.reads.append(index)
        return Decoded(np.full((4, 4, 1), index, np.uint8), (4, 4))

    def close(self) -> None:
        self.closed = True


PATHS = ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/10.png", "dogs/2.png", "owls/Big one.png")


def indexed(*paths: str) -> CatalogIndex:
    *_, index = index_catalog(Catalog("set", "set", (Drawers(*paths[:2]), Drawers(*paths[2:]))))
    assert isinstance(index, CatalogIndex)
    return index


def test_pictures_are_found_by_name_and_by_words_of_it() -> None:
    index = indexed(*PATHS)
    assert index.names == list(PATHS)
    assert index.place("dogs/10.png") == 3
    assert index.place("nobody.png") is None
    assert index.places(["owls/Big one.png", "gone", "cats/1.png"]).tolist() == [0, 5]
    assert index.matching("DOGS 1").tolist() == [2, 3]
    assert index.matching("big ONE").tolist() == [5]
    assert index.matching("bear").tolist() == []


def test_classes_are_those_of_the_folders() -> None:
    shown = indexed(*PATHS).shown(Preparation())
    assert shown.names == ("cats", "dogs", "owls")
    assert shown.name_of(5) == "owls"
    assert shown.pictures_of("dogs").tolist() == [2, 3, 4]
    assert shown.pictures_of("bears").tolist() == []
    assert shown.counts(np.array([3, 5])) == {"cats": 2, "dogs": 2, "owls": 0}


def test_a_class_given_by_hand_goes_before_the_folder_and_a_new_name_before_both() -> None:
    index = indexed(*PATHS)
    preparation = Preparation(classes={"cats/1.png": "dogs", "dogs/2.png": "bears"}, renamed={"dogs": "wolves"})
    shown = index.shown(preparation)
    assert shown.names == ("cats", "wolves", "owls", "bears", "dogs")
    assert shown.pictures_of("wolves").tolist() == [2, 3]
    assert shown.pictures_of("dogs").tolist() == [0]
    assert shown.pictures_of("bears").tolist() == [4]


def test_pictures_without_classes_get_them_by_hand() -> None:
    index = indexed("a.png", "b.png", "c.png")
    assert index.shown(Preparation()).names == ()
    assert index.shown(Preparation()).name_of(0) is None
    shown = index.shown(Preparation(classes={"b.png": "hats"}))
    assert shown.pictures_of("hats").tolist() == [1]
    assert shown.name_of(0) == shown.name_of(2) != "hats"


@given(
    given_classes=st.dictionaries(st.sampled_from(PATHS), st.sampled_from(("cats", "dogs", "new"))),
    renamed=st.dictionaries(st.sampled_from(("cats", "dogs", "new")), st.sampled_from(("owls", "pets", "dogs"))),
)
def test_what_the_page_shows_is_what_the_preparation_makes(given_classes: dict, renamed: dict) -> None:
    catalog = Catalog("set", "set", (Drawers(*PATHS),))
    *_, index = index_catalog(catalog)
    preparation = replace(Preparation(), classes=given_classes, renamed=renamed)
    shown = index.shown(preparation)
    made = classes_of(catalog, np.arange(len(PATHS)), preparation)
    if made.labels is not None:
        expected = [made.class_names[label] for label in made.labels]
        assert [shown.name_of(place) for place in range(len(PATHS))] == expected
    else:
        assert len(set(shown.codes.tolist())) == 1


def test_a_shared_source_reads_a_picture_once_while_it_is_looked_at() -> None:
    drawers = Drawers(*PATHS)
    source = shared(Catalog("set", "set", (drawers,))).sources[0]
    for index in (3, 3, 3, 4, 3):
        assert source.read(index).pixels[0, 0, 0] == index
    assert drawers.reads == [3, 4, 3]
    assert SharedSource(drawers, "more/").name(0) == "more/cats/1.png"
    assert not hasattr(source, "read_block")
    source.close()
    assert drawers.closed
    with pytest.raises(UnreadableError):
        source.read(3)


def test_pictures_in_memory_are_a_catalog_too() -> None:
    images = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((3, 2, 5, 1), np.uint8)
    image_set = ImageSet("Made", images, np.array([1, 0, 1]), ("a", "b"), ("x.png", "y.png", "z.png"))
    catalog = catalog_of(image_set)
    source, number = catalog.locate(2)
    assert isinstance(source, SharedSource)
    assert (source.name(number), source.label(number), source.size(number)) == ("z.png", "b", (5, 2))
    assert source.read(number).pixels.tolist() == images[2].tolist()
    assert source.read_block(1, 3).tolist() == images[1:].tolist()
    unnamed = catalog_of(ImageSet("Made", images))
    assert unnamed.sources[0].name(1) == "Made#1"


def test_a_range_goes_from_the_anchor_wherever_the_keyboard_went() -> None:
    selection = Selection()
    selection.reset(10)
    selection.choose(4)
    selection.extend(7)
    assert selection.chosen == {4, 5, 6, 7}
    selection.extend(2)
    assert selection.chosen == {2, 3, 4}
    assert selection.current == 2
    selection.toggle(9)
    assert selection.chosen == {2, 3, 4, 9}
    selection.toggle(3)
    assert selection.chosen == {2, 4, 9}


def test_moving_stops_at_the_ends() -> None:
    selection = Selection()
    assert not selection.move(1)
    selection.reset(5)
    assert selection.move(1)
    assert selection.current == 0
    assert not selection.move(-3)
    assert selection.move(100)
    assert selection.chosen == {4}
    assert selection.move(-2, extending=True)
    assert selection.chosen == {2, 3, 4}
