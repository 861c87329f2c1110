"""Decisions about the data: they hold at once, the set follows, everything can be taken back."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio.app.data.editing import DataEditing, data_editing_of
from studio.app.data.looks import detail_of, kept_shares, thumbnail_as_it_will_be
from studio.app.data.thumbnails import Readings, Thumbnail
from studio.app.imaging import image_array
from studio.app.undo import undo_stack_of
from studio.data.image_set import ImageSet
from studio.data.preparation import Fit
from studio.data.preparing import preview
from studio.data.sources.source import ScanOptions, SheetGrid
from studio.errors import StudioError
from tests.gui.data_helpers import make_folder, make_sheet, opened, settle
from tests.gui.training_helpers import runner, small_pictures, state  # noqa: F401  (fixtures)


@pytest.fixture
def editing(qtbot, state, runner, tmp_path) -> DataEditing:
    return opened(qtbot, state, runner, make_folder(tmp_path / "pets"))


def test_what_was_opened_is_the_state_s_set(editing: DataEditing, state) -> None:
    assert state.image_set.count == editing.catalog.count == 12
    assert editing.classes.names == ("cats", "dogs")
    assert editing.settled
    assert editing.index.names[0] == "cats/0.png"


def test_leaving_out_holds_at_once_and_the_set_follows(qtbot, editing: DataEditing, state) -> None:
    before = state.image_set
    editing.leave_out([1, 8])
    assert editing.left_out.tolist() == [1, 8]
    assert state.image_set is before
    assert not editing.settled
    with qtbot.waitSignal(editing.prepared, timeout=20_000):
        pass
    assert state.image_set.count == 10
    assert "cats/1.png" not in list(state.image_set.sources)
    assert editing.places_of([0, 1, 7]) == [0, 2, 9]


def test_decisions_are_taken_back_and_made_again(qtbot, editing: DataEditing, state) -> None:
    changes = undo_stack_of(state)
    editing.leave_out([0])
    editing.relabel([1, 2], "owls")
    assert changes.next_undo == "Call owls: 2 pictures"
    assert [editing.class_of(index) for index in range(4)] == ["cats", "owls", "owls", "cats"]
    changes.undo()
    assert editing.class_of(1) == "cats"
    changes.undo()
    assert editing.left_out.tolist() == []
    changes.redo()
    assert editing.left_out.tolist() == [0]
    assert [editing.class_of(index) for index in (1, 2)] == ["cats", "cats"]
    changes.redo()
    settle(qtbot, editing)
    assert set(state.image_set.class_names) == {"cats", "dogs", "owls"}
    editing.bring_back([0, 5])
    settle(qtbot, editing)
    assert state.image_set.count == 12


def test_a_class_can_be_called_otherwise_and_two_become_one(qtbot, editing: DataEditing, state) -> None:
    editing.rename_class("cats", "pets")
    assert editing.classes.names[:1] == ("pets",)
    editing.relabel([0], "dogs")
    assert editing.class_of(0) == "dogs"
    editing.relabel([0], "pets")
    assert editing.preparation.classes == {}
    editing.rename_class("dogs", "pets")
    assert editing.classes.names == ("pets",)
    settle(qtbot, editing)
    assert state.image_set.labels is None
    undo_stack_of(state).undo()
    settle(qtbot, editing)
    assert set(state.image_set.class_names) == {"pets", "dogs"}


def test_the_newest_decision_wins(qtbot, editing: DataEditing, state) -> None:
    seen = []
    state.image_set_changed.connect(lambda image_set: seen.append(image_set.width))
    for side in (8, 9, 10, 11, 12):
        editing.decide("Size", replace(editing.preparation, size=(side, side)))
    settle(qtbot, editing)
    assert seen == [12]


def test_a_decision_that_leaves_nothing_is_told_and_loses_nothing(qtbot, editing, state, caplog) -> None:
    before = state.image_set
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(editing.failed, timeout=20_000) as failed:
        editing.leave_out(range(12))
    assert isinstance(failed.args[0], StudioError)
    assert state.image_set is before
    undo_stack_of(state).undo()
    assert editing.left_out.tolist() == []
    qtbot.waitUntil(lambda: not editing._settle.isActive() and editing.settled)


def test_cancel_takes_the_decision_back(qtbot, editing: DataEditing, state) -> None:
    before = state.image_set
    editing.decide("Size", replace(editing.preparation, size=(9, 9)))
    qtbot.waitUntil(lambda: editing.working is not None)
    editing.cancel()
    qtbot.waitUntil(lambda: editing.working is None)
    # It may have been too late to cancel.
    assert editing.settled
    assert (state.image_set is before) == (editing.preparation.size is None)


def test_what_was_undone_of_another_data_set_touches_nothing(qtbot, editing, state, runner, tmp_path) -> None:
    editing.leave_out([0])
    opened(qtbot, state, runner, make_folder(tmp_path / "others", each=3))
    undo_stack_of(state).undo()
    assert editing.preparation.excluded == frozenset()
    assert state.image_set.count == 6


def test_pictures_of_a_script_have_a_page_too(qtbot, state, runner) -> None:
    editing = data_editing_of(state, runner)
    state.set_image_set(small_pictures(count=20))
    qtbot.waitUntil(lambda: editing.index is not None)
    assert editing.catalog.count == 20
    editing.leave_out([3])
    settle(qtbot, editing)
    assert state.image_set.count == 19
    state.set_image_set(None)
    assert editing.catalog is None


def test_a_training_that_brings_the_same_pictures_again_changes_nothing(editing: DataEditing, state) -> None:
    before = editing.catalog
    state.set_image_set(state.image_set, state.report)
    assert editing.catalog is before
    assert editing.paths


def test_a_dragged_focus_is_one_change(qtbot, editing: DataEditing, state) -> None:
    drag = object()
    for x in (0.1, 0.5, 0.9, 1.0):
        editing.set_focus(0, (x, 0.5), drag)
    editing.decide("Size", replace(editing.preparation, size=(10, 10)))
    settle(qtbot, editing)
    # All of what is kept lies at the right, where the picture is blue.
    assert state.image_set.images[0, :, :, 2].min() > 200
    undo_stack_of(state).undo()
    undo_stack_of(state).undo()
    assert editing.preparation.focus == {}
    settle(qtbot, editing)


def test_a_sheet_is_cut_as_the_person_says(qtbot, state, runner, tmp_path) -> None:
    editing = opened(qtbot, state, runner, make_sheet(tmp_path / "sprites.png", gap=2))
    name = "sprites.png"
    editing.cut_sheet(name, SheetGrid((8, 8), (0, 0), (2, 2)))
    settle(qtbot, editing)
    assert state.image_set.count == 7
    assert (state.image_set.width, state.image_set.height) == (8, 8)
    editing.cut_sheet(name, None)
    settle(qtbot, editing)
    assert state.image_set.count == 1
    undo_stack_of(state).undo()
    settle(qtbot, editing)
    assert state.image_set.count == 7
    assert editing.options == replace(ScanOptions(), sheets=editing.options.sheets)


def test_a_thumbnail_is_what_the_import_makes(editing: DataEditing) -> None:
    for fit in (Fit.FILL, Fit.FIT, Fit.PAD):
        preparation = replace(editing.preparation, size=(12, 12), fit=fit, channels=3)
        made = preview(editing.catalog, 4, preparation).after[0]
        shown = thumbnail_as_it_will_be(editing.catalog, 4, preparation, 64)
        assert np.array_equal(image_array(shown.image), made)
    tiles = replace(editing.preparation, size=(10, 10), fit=Fit.TILE, channels=3)
    assert thumbnail_as_it_will_be(editing.catalog, 4, tiles, 64).pieces == 8
    assert len(detail_of(editing.catalog, 4, tiles).results) == 8


def test_a_thumbnail_of_a_photograph_is_exact_though_it_is_decoded_smaller(qtbot, state, runner, tmp_path) -> None:
    generator = np.random.default_rng(1)
    for number, size in enumerate(((640, 480), (90, 300), (33, 31))):
        colours = Image.fromarray(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        colours.resize(size, Image.Resampling.BICUBIC).save(tmp_path / f"{number}.jpg", quality=90)
    editing = opened(qtbot, state, runner, tmp_path)
    for index in range(3):
        for fit in (Fit.FILL, Fit.FIT):
            preparation = replace(editing.concrete, size=(16, 16), fit=fit)
            shown = image_array(thumbnail_as_it_will_be(editing.catalog, index, preparation, 64).image)
            assert np.array_equal(shown, preview(editing.catalog, index, preparation).after[0])


def test_what_is_kept_is_told_before_anything_is_read(editing: DataEditing) -> None:
    preparation = replace(editing.preparation, size=(10, 10), focus={"cats/0.png": (1.0, 0.5)})
    assert kept_shares((40, 20), "cats/0.png", preparation) == ((0.5, 0.0, 0.5, 1.0),)
    assert kept_shares((40, 20), "cats/1.png", preparation) == ((0.25, 0.0, 0.5, 1.0),)
    assert kept_shares((40, 20), "cats/1.png", replace(preparation, size=None)) == ()


def test_health_comes_by_itself(qtbot, editing: DataEditing) -> None:
    assert editing.health is not None
    qtbot.waitUntil(lambda: editing.health.complete, timeout=20_000)


def test_a_broken_file_is_shown_with_its_reason(qtbot, state, runner, tmp_path) -> None:
    folder = make_folder(tmp_path / "pets")
    whole = (folder / "cats" / "0.png").read_bytes()
    (folder / "cats" / "broken.png").write_bytes(whole[:60])
    editing = opened(qtbot, state, runner, folder)
    assert state.image_set.count == 12
    index = editing.index.place("cats/broken.png")
    if index is not None:
        detail = detail_of(editing.catalog, index, editing.concrete)
        assert detail.image is None
        assert detail.words


def test_what_was_asked_last_comes_first_and_the_cache_is_bounded(qtbot) -> None:
    readings = Readings(budget_bytes=5000)
    begun, gate, order = threading.Event(), threading.Event(), []

    def make(name: str) -> Thumbnail:
        order.append(name)
        if name == "first":
            begun.set()
            gate.wait(5)
        return Thumbnail(None, words=name)

    def work(name: str) -> tuple[object, object, object]:
        return name, 1, lambda: make(name)

    readings.request([work("first"), work("forgotten")])
    assert begun.wait(5)
    readings.request([work("new"), work("newer")])
    gate.set()
    qtbot.waitUntil(lambda: readings.get("newer") is not None)
    assert order == ["first", "new", "newer"]
    assert readings.is_current("new", 1)
    assert not readings.is_current("new", 2)
    for number in range(100):
        readings.put(number, 1, Thumbnail(None))
    assert readings.size_bytes <= 5000
    assert readings.get(99) is not None
    assert readings.get("first") is None
    readings.stop()


def test_a_failing_picture_takes_nothing_with_it(qtbot, caplog) -> None:
    readings = Readings()

    def fail() -> Thumbnail:
        raise ValueError("no such pixels")

    with caplog.at_level(logging.WARNING):
        readings.request([("bad", 1, fail), ("good", 1, lambda: Thumbnail(None, words="fine"))])
        qtbot.waitUntil(lambda: readings.get("good") is not None)
    assert "no such pixels" in readings.get("bad").words
    assert "nothing to show of bad" in caplog.text
    readings.stop()


def test_added_pictures_keep_what_was_decided(qtbot, state, runner, tmp_path: Path, caplog) -> None:
    from studio.app.settings import Settings
    from studio.app.window.opening import Opener

    opener = Opener(state, runner, Settings())
    first, second = make_folder(tmp_path / "first", each=3), make_folder(tmp_path / "second", each=2)
    with qtbot.waitSignal(opener.pictures_opened, timeout=20_000):
        opener.bring([first])
    editing = data_editing_of(state)
    editing.decide("Size", replace(editing.preparation, size=(16, 16)))
    editing.leave_out([1])
    settle(qtbot, editing)
    with qtbot.waitSignal(opener.choice_needed) as asked:
        opener.bring([second])
    with qtbot.waitSignal(opener.pictures_opened, timeout=20_000):
        opener.add(asked.args[0])
    assert state.image_set.count == 9
    assert (state.image_set.width, state.image_set.height) == (16, 16)
    assert state.image_set.name == "first"
    assert editing.paths == (first, second)
    # Both have cats and dogs, and files of the same names.
    assert set(state.image_set.class_names) == {"cats", "dogs"}
    assert len(set(editing.index.names)) == 10
    assert editing.left_out.tolist() == [editing.index.place("cats/1.png")]
    editing.look_differently("Frames", replace(editing.options, film_frames=False))
    settle(qtbot, editing)
    assert state.image_set.count == 9
    with qtbot.waitSignal(opener.failed):
        opener.add([second])
    with caplog.at_level(logging.WARNING), qtbot.waitSignal(opener.failed, timeout=20_000):
        opener.open([tmp_path / "nothing here"])
    assert state.image_set.count == 9


def test_an_examination_gives_way_and_begins_again_unless_it_was_cancelled(qtbot, state, runner) -> None:
    editing = data_editing_of(state, runner)
    begun: list[str] = []
    runner.job_started.connect(lambda handle: begun.append(handle.title))
    images = np.random.default_rng(1).integers(0, 256, (20_000, 16, 16, 1), dtype=np.uint8)
    state.set_image_set(ImageSet("Many", images))
    qtbot.waitUntil(lambda: editing.index is not None, timeout=20_000)
    assert not editing.health.complete
    with qtbot.waitSignal(runner.start(iter(()), "Something else").finished, timeout=20_000):
        pass
    qtbot.waitUntil(lambda: begun.count("Examining pictures") >= 2, timeout=20_000)
    for handle in runner.jobs:
        handle.cancel()
    qtbot.waitUntil(lambda: not runner.busy, timeout=20_000)
    counted = len(begun)
    qtbot.wait(100)
    assert len(begun) == counted
