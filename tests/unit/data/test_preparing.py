"""From a catalog in memory to a set: every step against what the parts say by themselves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.data.framing import coloured, framed
from studio.data.image_set import ImageSet
from studio.data.preparation import Fit, Ground, Preparation
from studio.data.preparing import ImportResult, prepare, preview, resolved
from studio.data.progress import ImportProgress
from studio.data.sources.source import Catalog
from studio.errors import DataError, SettingsError
from tests.unit.data.catalogs import BlockSource, ListSource, catalog_of
from tests.unit.data.pictures import noise

SMALL_LIMIT = "studio.data.preparing.MAX_BYTES_IN_MEMORY"


def prepared(catalog: Catalog, preparation: Preparation | None = None, store: Path | None = None) -> ImportResult:
    *progress, result = prepare(catalog, preparation, store=store)
    assert all(isinstance(item, ImportProgress) for item in progress)
    assert isinstance(result, ImportResult)
    return result


def odd_pictures(count: int = 7, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [
        noise(*random.integers(3, 40, 2), int(random.choice((1, 3, 4))), seed=index + 100 * seed)
        for index in range(count)
    ]


preparations = st.builds(
    Preparation,
    size=st.one_of(st.none(), st.tuples(st.integers(1, 40), st.integers(1, 40))),
    fit=st.sampled_from(Fit),
    channels=st.sampled_from((1, 3, 4)),
    ground=st.sampled_from(Ground),
    focus=st.dictionaries(st.sampled_from(("0.png", "3.png")), st.tuples(st.floats(0, 1), st.floats(0, 1))),
    excluded=st.frozensets(st.sampled_from(("1.png", "4.png"))),
)


@given(preparation=preparations, seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_the_preview_is_what_will_be(preparation, seed) -> None:
    pictures = odd_pictures(seed=seed)
    catalog = catalog_of(ListSource(pictures[:3]), ListSource(pictures[3:], names=[f"{i}.png" for i in range(3, 7)]))
    result = prepared(catalog, preparation)
    width, height, channels = resolved(catalog, preparation)
    assert result.image_set.images.shape[1:] == (height, width, channels)
    position = 0
    for index in range(7):
        shown = preview(catalog, index, preparation)
        assert len(shown.boxes) == len(shown.after)
        if f"{index}.png" in preparation.excluded:
            assert index not in result.origins.indices
            continue
        for picture in shown.after:
            assert (picture == result.image_set.images[position]).all()
            assert result.origins.indices[position] == index
            position += 1
    assert position == result.image_set.count


@given(preparation=preparations, channels=st.sampled_from((1, 3, 4)), opaque=st.booleans())
@example(preparation=Preparation(size=(1, 2), fit=Fit.FIT, channels=4), channels=4, opaque=True)
@settings(max_examples=40, deadline=None)
def test_many_at_a_time_is_the_same_as_one_by_one(preparation, channels, opaque) -> None:
    pictures = list(noise(6, 9, 11, channels))
    if channels == 4 and opaque:
        for picture in pictures:
            picture[..., 3] = 255
    one_by_one = prepared(catalog_of(ListSource(pictures)), preparation)
    at_once = prepared(catalog_of(BlockSource(pictures)), preparation)
    assert at_once.image_set.fingerprint() == one_by_one.image_set.fingerprint()
    assert (at_once.origins.transparent == one_by_one.origins.transparent).all()
    assert at_once.image_set.sources == one_by_one.image_set.sources


def test_each_picture_is_framed_and_coloured_by_itself() -> None:
    pictures = odd_pictures(5)
    preparation = Preparation(size=(12, 10), fit=Fit.FIT, channels=3, ground=Ground.GREY)
    result = prepared(catalog_of(ListSource(pictures)), preparation)
    for picture, image in zip(pictures, result.image_set.images, strict=True):
        (expected,) = framed(picture, (12, 10), Fit.FIT, Ground.GREY)
        assert (image == coloured(expected, 3, Ground.GREY)).all()


def test_open_choices_are_made_from_all_pictures_that_are_taken() -> None:
    source = ListSource([noise(20, 20, 1), noise(20, 20, 1, seed=1), noise(500, 300, 3)])
    catalog = catalog_of(source)
    assert resolved(catalog, Preparation())[2] == 3
    without = Preparation(excluded=frozenset({"2.png"}))
    assert resolved(catalog, without) == (20, 20, 1)
    assert prepared(catalog, without).image_set.images.shape == (2, 20, 20, 1)


def test_what_is_asked_again_and_again_is_read_once() -> None:
    source = ListSource([noise(20, 20, 3, seed=seed) for seed in range(200)])
    catalog = catalog_of(source)
    resolved(catalog, Preparation())
    reads = source.reads
    assert 0 < reads <= 32
    for side in range(2, 20):
        resolved(catalog, Preparation(size=(side, side)))
    assert source.reads == reads


def test_one_picture_that_needs_more_channels_than_the_sample_gives_them_to_all() -> None:
    pictures = [noise(8, 8, 1, seed=seed) for seed in range(1200)]
    pictures[777] = noise(8, 8, 3)
    result = prepared(catalog_of(ListSource(pictures)))
    assert result.image_set.channels == 3
    assert (result.image_set.images[777] == pictures[777]).all()
    assert (result.image_set.images[5] == np.repeat(pictures[5], 3, axis=2)).all()


def test_pictures_that_cannot_be_read_are_left_out_by_name() -> None:
    for kind in (ListSource, BlockSource):
        pictures = [noise(8, 8, 3, seed=seed) for seed in range(5)]
        pictures[2] = None
        source = kind(pictures)
        source.size = lambda index: (8, 8)
        result = prepared(catalog_of(source))
        assert result.image_set.sources == ("0.png", "1.png", "3.png", "4.png")
        assert [(item.path, item.reason) for item in result.report.skipped] == [("2.png", "damaged")]
        assert result.origins.indices.tolist() == [0, 1, 3, 4]


def test_nothing_readable_is_an_error_in_words() -> None:
    with pytest.raises(DataError, match=r"0\.png cannot be used: damaged"):
        prepared(catalog_of(ListSource([None])))
    with pytest.raises(DataError, match="left out"):
        prepared(catalog_of(ListSource([noise(4, 4, 1)])), Preparation(excluded=frozenset({"0.png"})))


def test_tiles_are_named_after_their_place_and_share_a_class() -> None:
    source = ListSource([noise(8, 16, 1), noise(8, 8, 1, seed=1)], labels=["cat", "dog"])
    result = prepared(catalog_of(source), Preparation(size=(8, 8), fit=Fit.TILE))
    assert result.image_set.sources == ("0.png [1, 1]", "0.png [2, 1]", "1.png")
    assert result.image_set.labels.tolist() == [0, 0, 1]
    assert result.origins.indices.tolist() == [0, 0, 1]
    assert result.origins.tiles.tolist() == [0, 1, 0]
    assert result.report.size_counts == {(16, 8): 1, (8, 8): 1}


def class_of_each(image_set: ImageSet) -> list[str]:
    return [image_set.class_names[label] for label in image_set.labels]


def test_what_a_person_says_goes_before_the_data_and_the_data_before_folders() -> None:
    source = ListSource(
        [noise(4, 4, 1, seed=seed) for seed in range(5)],
        labels=["x", "x", None, None, "y"],
        folders=[("a",), ("b",), ("a",), ("b",), ("a",)],
    )
    preparation = Preparation(classes={"1.png": "new"}, renamed={"x": "ex", "b": "be"})
    result = prepared(catalog_of(source), preparation)
    assert class_of_each(result.image_set) == ["ex", "new", "a", "be", "y"]
    assert result.image_set.class_names == ("a", "be", "ex", "new", "y")


def test_classes_of_the_data_keep_their_order_and_their_gaps() -> None:
    source = ListSource([noise(4, 4, 1, seed=seed) for seed in range(3)], labels=["zebra", "ant", "zebra"])
    catalog = catalog_of(source, class_names=("zebra", "yak", "ant"))
    assert prepared(catalog).image_set.class_names == ("zebra", "yak", "ant")
    renamed = prepared(catalog, Preparation(renamed={"zebra": "bee"})).image_set
    assert renamed.class_names == ("bee", "yak", "ant")
    merged = prepared(catalog, Preparation(renamed={"ant": "zebra"})).image_set
    assert merged.class_names == ("zebra", "yak")
    assert merged.labels.tolist() == [0, 0, 0]
    emptied = prepared(catalog, Preparation(excluded=frozenset({"1.png"}))).image_set
    assert emptied.class_names == ("zebra", "yak")


def test_a_class_for_some_pictures_leaves_the_others_without() -> None:
    catalog = catalog_of(ListSource([noise(4, 4, 1, seed=seed) for seed in range(3)]))
    image_set = prepared(catalog, Preparation(classes={"1.png": "cat"})).image_set
    assert class_of_each(image_set) == ["(no class)", "cat", "(no class)"]
    everything = dict.fromkeys(("0.png", "1.png", "2.png"), "cat")
    assert prepared(catalog, Preparation(classes=everything)).image_set.labels is None


def test_too_many_pictures_of_any_kind_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.data.preparing.MAX_PICTURES", 10)
    tiles = prepared(
        catalog_of(ListSource([noise(16, 16, 1, seed=seed) for seed in range(10)])),
        Preparation(size=(8, 8), fit=Fit.TILE),
    )
    assert tiles.image_set.count <= 10
    assert "Only 2 of 10 pictures were taken" in tiles.report.notes[0]


def test_notes_say_what_was_done() -> None:
    catalog = catalog_of(ListSource([noise(10, 20, 3, seed=0), noise(10, 20, 3, seed=1)]))
    said = {
        fit: prepared(catalog, Preparation(size=(8, 8), fit=fit, excluded=frozenset({"1.png"}))).report.notes
        for fit in Fit
    }
    assert all("1 picture is left out by hand." in notes for notes in said.values())
    assert any("cropped around the centre" in note for note in said[Fit.FILL])
    assert any("white beside" in note for note in said[Fit.FIT])
    assert any("without scaling" in note for note in said[Fit.PAD])
    assert any("cut into parts of 8 × 8" in note for note in said[Fit.TILE])


# Large sets


def test_a_large_set_is_the_same_set_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [noise(8, 8, 1, seed=seed) for seed in range(1300)]
    pictures[900] = noise(8, 8, 4)
    pictures[901] = pictures[899]
    # An equal one before and one after the picture that gives all of them more channels.
    pictures[1299] = pictures[3]
    folders = [(("a", "b")[index % 2],) for index in range(1300)]
    in_memory = prepared(catalog_of(ListSource(pictures, folders=folders)))
    monkeypatch.setattr(SMALL_LIMIT, 1000)
    monkeypatch.setattr("studio.data.preparing.MAX_NAMES_IN_MEMORY", 100)
    first_source, second_source = (ListSource(pictures, folders=folders) for _ in range(2))
    first = prepared(catalog_of(first_source), store=tmp_path)
    second = prepared(catalog_of(second_source), store=tmp_path)
    assert second_source.reads < 100 < first_source.reads
    for result in (first, second):
        assert isinstance(result.image_set.images, np.memmap)
        assert not result.image_set.images.flags.writeable
        assert (result.image_set.images == in_memory.image_set.images).all()
        assert (result.image_set.labels == in_memory.image_set.labels).all()
        assert result.image_set.fingerprint() == in_memory.image_set.fingerprint()
        assert tuple(result.image_set.sources) == tuple(in_memory.image_set.sources)
        assert result.report == in_memory.report
        assert result.report.copies == 2
        for name in ("indices", "sizes", "transparent"):
            assert (getattr(result.origins, name) == getattr(in_memory.origins, name)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda pictures: (ListSource(pictures, stamp="2"), Preparation()),
        lambda pictures: (ListSource(pictures), Preparation(channels=4)),
        lambda pictures: (ListSource(pictures), Preparation(renamed={"a": "b"})),
        lambda pictures: (ListSource(pictures), Preparation(excluded=frozenset({"3.png"}))),
    ],
)
def test_other_data_or_another_preparation_is_not_found(tmp_path: Path, monkeypatch, change) -> None:
    monkeypatch.setattr(SMALL_LIMIT, 1000)
    pictures = [noise(8, 8, 3, seed=seed) for seed in range(20)]
    prepared(catalog_of(ListSource(pictures)), store=tmp_path)
    source, preparation = change(pictures)
    prepared(catalog_of(source), preparation, store=tmp_path)
    assert source.reads >= 19
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("steps", [2, 700, 1290])
def test_cancelling_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    monkeypatch.setattr(SMALL_LIMIT, 1000)
    running = prepare(catalog_of(ListSource([noise(8, 8, 3, seed=seed) for seed in range(1300)])), store=tmp_path)
    for _ in range(steps):
        next(running)
    assert list(tmp_path.iterdir())
    running.close()
    assert not list(tmp_path.iterdir())


# What a preparation cannot be


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (0, 8)},
        {"size": (8, 513)},
        {"channels": 2},
        {"focus": {"a": (0.5, 1.2)}},
        {"classes": {"a": " "}},
        {"renamed": {"a": ""}},
    ],
)
def test_impossible_preparations_are_refused(wrong) -> None:
    with pytest.raises(SettingsError):
        dataclasses.replace(Preparation(), **wrong)
