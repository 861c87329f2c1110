"""The Data page from the outside: what is seen, what a click or a key does, and what it leads to."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from studio.app.data.editing import Augmentation
from studio.app.data.pictures import AS_THEY_ARE, AS_THEY_WILL_BE
from studio.app.docks.data.augmented import VERSIONS, augmentation_words, augmented
from studio.app.docks.data.stage import DataStage
from studio.app.undo import undo_stack_of
from studio.data.image_set import ImageSet
from studio.data.preparation import Fit, Ground
from tests.gui.data_helpers import make_folder, make_sheet, opened, settle
from tests.gui.training_helpers import place, runner, small_pictures, state  # noqa: F401  (fixtures)


@pytest.fixture
def page(place, state, runner) -> DataStage:
    page = DataStage(state, runner)
    place(page, 1280, 740)
    yield page
    page.pictures.stop()


@pytest.fixture
def pets(qtbot, page: DataStage, state, runner, tmp_path) -> DataStage:
    opened(qtbot, state, runner, make_folder(tmp_path / "pets"))
    return page


def seen(page: DataStage, index: int) -> bool:
    return page.pictures.cell(index).image is not None


def test_without_pictures_it_says_what_can_be_dropped(qtbot, page: DataStage) -> None:
    assert page.empty.isVisible()
    with qtbot.waitSignal(page.starter_requested) as chosen:
        qtbot.mouseClick(page.empty.starters.cards[0], Qt.MouseButton.LeftButton)
    assert chosen.args == ["avatars"]
    with qtbot.waitSignal(page.browse_requested):
        qtbot.mouseClick(page.empty.area, Qt.MouseButton.LeftButton)


def test_every_picture_is_there_and_the_first_one_closely(qtbot, pets: DataStage) -> None:
    assert not pets.empty.isVisible()
    assert pets.grid.indices.tolist() == list(range(12))
    assert pets.headline.text() == "pets"
    assert pets.sentence.text().startswith("12 pictures")
    qtbot.waitUntil(lambda: all(seen(pets, index) for index in range(12)))
    qtbot.waitUntil(lambda: pets.detail.words[1] != "")
    assert pets.detail.words[0] == "cats/0.png"
    assert pets.detail.words[1].startswith("40 × 20")


def test_as_they_are_shows_what_is_kept(qtbot, pets: DataStage) -> None:
    pets.side.controls.size_field.set_value(16)
    pets.toolbar.view.set_value(AS_THEY_ARE)
    qtbot.waitUntil(lambda: bool(pets.pictures.cell(0).boxes))
    assert pets.pictures.cell(0).boxes == ((0.25, 0.0, 0.5, 1.0),)
    pets.toolbar.view.set_value(AS_THEY_WILL_BE)
    qtbot.waitUntil(lambda: seen(pets, 0))
    assert pets.pictures.cell(0).boxes == ()
    settle(qtbot, pets.editing)


def test_the_grid_shows_a_decision_before_the_set_follows(qtbot, pets: DataStage, state) -> None:
    settle(qtbot, pets.editing)
    before = state.image_set
    pets.side.controls.size_field.set_value(16)
    qtbot.waitUntil(lambda: seen(pets, 3) and pets.pictures.cell(3).image.width() == 16)
    settle(qtbot, pets.editing)
    assert state.image_set is not before
    assert (state.image_set.width, state.image_set.height) == (16, 16)


def test_the_controls_decide_and_follow_undo(qtbot, pets: DataStage, state) -> None:
    controls = pets.side.controls
    qtbot.mouseClick(controls.fit.choice(Fit.FIT), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(controls.ground.choice(Ground.BLACK), Qt.MouseButton.LeftButton)
    controls.colours.set_value(1)
    controls.size_field.set_value(24)
    decided = pets.editing.preparation
    assert (decided.fit, decided.ground, decided.channels, decided.size) == (Fit.FIT, Ground.BLACK, 1, (24, 24))
    settle(qtbot, pets.editing)
    assert state.image_set.images.shape == (12, 24, 24, 1)
    assert state.image_set.images[:, :5].max() == 0
    for _ in range(4):
        undo_stack_of(state).undo()
    assert controls.fit.value() is Fit.FILL
    assert controls.colours.value() is None
    assert controls.size_field.value() is None
    settle(qtbot, pets.editing)


def test_a_size_of_one_s_own(qtbot, pets: DataStage, state) -> None:
    controls = pets.side.controls
    controls.size_field.set_value("custom")
    assert controls.custom_width.isVisible()
    assert pets.editing.preparation.size is None
    controls.custom_width.setFocus()
    controls.custom_width.selectAll()
    qtbot.keyClicks(controls.custom_width, "20")
    qtbot.keyClick(controls.custom_width, Qt.Key.Key_Return)
    controls.custom_height.selectAll()
    qtbot.keyClicks(controls.custom_height, "10")
    qtbot.keyClick(controls.custom_height, Qt.Key.Key_Return)
    settle(qtbot, pets.editing)
    assert (state.image_set.width, state.image_set.height) == (20, 10)


def test_delete_leaves_out_and_brings_back(qtbot, pets: DataStage, state) -> None:
    pets.grid.setFocus()
    qtbot.mouseClick(pets.grid.viewport(), Qt.MouseButton.LeftButton, pos=pets.grid.cell_rect(2).center())
    qtbot.mouseClick(
        pets.grid.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ShiftModifier,
        pets.grid.cell_rect(4).center(),
    )
    assert pets.grid.chosen().tolist() == [2, 3, 4]
    qtbot.keyClick(pets.grid, Qt.Key.Key_Delete)
    assert pets.editing.left_out.tolist() == [2, 3, 4]
    assert pets.pictures.cell(3).faded
    assert pets.footer.left_out.text() == "3 left out"
    qtbot.mouseClick(pets.footer.left_out, Qt.MouseButton.LeftButton)
    assert pets.grid.indices.tolist() == [2, 3, 4]
    qtbot.keyClick(pets.grid, Qt.Key.Key_Delete)
    assert pets.editing.left_out.tolist() == [3, 4]
    qtbot.mouseClick(pets.footer.everything, Qt.MouseButton.LeftButton)
    assert len(pets.grid.indices) == 12
    settle(qtbot, pets.editing)
    assert state.image_set.count == 10


def test_classes_and_names_narrow_what_is_shown(qtbot, pets: DataStage) -> None:
    pets.toolbar.classes.set_value("dogs")
    assert pets.grid.indices.tolist() == list(range(6, 12))
    assert pets.footer.words == "6 of 12"
    pets.toolbar.search.setText("1")
    qtbot.waitUntil(lambda: pets.grid.indices.tolist() == [10, 11])
    pets.toolbar.classes.set_value(None)
    assert pets.grid.indices.tolist() == [1, 10, 11]
    pets.show_picture(5)
    assert len(pets.grid.indices) == 12
    assert pets.grid.current() == 5


def test_a_class_is_given_and_the_picture_leaves_the_class_that_is_shown(qtbot, pets: DataStage, state) -> None:
    pets.toolbar.classes.set_value("dogs")
    pets.grid.choose(7)
    box = pets.detail.class_box
    box.lineEdit().setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "owls")
    qtbot.keyClick(box.lineEdit(), Qt.Key.Key_Return)
    assert pets.editing.class_of(7) == "owls"
    qtbot.waitUntil(lambda: 7 not in pets.grid.indices.tolist())
    settle(qtbot, pets.editing)
    assert set(state.image_set.class_names) == {"cats", "dogs", "owls"}
    menu = pets.menu.make([7])
    words = [action.text() for action in menu.actions()]
    assert words[0] == "Leave out"
    assert words[-1] == "Rename “owls”…"
    menu.close()
    menu.deleteLater()


def test_dragging_in_the_original_moves_what_is_kept(qtbot, pets: DataStage, state) -> None:
    pets.side.controls.size_field.set_value(16)
    pets.grid.choose(0)
    qtbot.waitUntil(lambda: pets.detail.crop.movable)
    area = pets.detail.crop.picture_rect()
    end = QPoint(round(area.right()) - 2, round(area.center().y()))
    qtbot.mousePress(pets.detail.crop, Qt.MouseButton.LeftButton, pos=area.center().toPoint())
    qtbot.mouseMove(pets.detail.crop, end)
    assert pets.detail.crop.boxes[0].right() == pytest.approx(1.0)
    qtbot.mouseRelease(pets.detail.crop, Qt.MouseButton.LeftButton, pos=end)
    settle(qtbot, pets.editing)
    assert state.image_set.images[0, :, :, 2].min() > 200
    pets.detail.crop.setFocus()
    qtbot.keyClick(pets.detail.crop, Qt.Key.Key_Home)
    assert pets.editing.preparation.focus == {}
    qtbot.keyClick(pets.detail.crop, Qt.Key.Key_Left)
    assert pets.editing.preparation.focus["cats/0.png"][0] < 0.5
    settle(qtbot, pets.editing)


def test_copies_are_shown_as_pairs_and_left_out_at_a_click(qtbot, page: DataStage, state, runner) -> None:
    pictures = small_pictures(count=40)
    images = pictures.images.copy()
    images[7], images[30] = images[3], images[5]
    state.set_image_set(ImageSet("Copies", images))
    qtbot.waitUntil(lambda: any(line.are_copies and len(line.pairs) for line in page.side.lines), timeout=20_000)
    line = next(line for line in page.side.lines if line.are_copies)
    page.show_finding(line)
    assert page.grid.indices.tolist() == [3, 7, 5, 30]
    assert page.footer.words.startswith("4 of 40")
    assert page.grid.columns % 2 == 0
    qtbot.waitUntil(lambda: page.editing.index is not None)
    qtbot.mouseClick(page.side.copies, Qt.MouseButton.LeftButton)
    assert page.editing.left_out.tolist() == [7, 30]
    settle(qtbot, page.editing)
    assert state.image_set.count == 38


def test_a_sheet_is_seen_with_its_grid_and_its_lines_can_be_dragged(
    qtbot, page: DataStage, state, runner, tmp_path
) -> None:
    make_sheet(tmp_path / "sprites.png")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "plain.png")
    editing = opened(qtbot, state, runner, tmp_path / "sprites.png", tmp_path / "plain.png")
    sheet = next(sheet for sheet in editing.catalog.sheets if sheet.name == "sprites.png")
    page.edit_sheet(sheet)
    editor = page.sheet_editor
    qtbot.waitUntil(lambda: editor.view.count[0] > 0)
    assert editor.isVisible()
    assert editor.view.count == (7, 1)
    assert [edit.value() for edit in editor.numbers["cell"]] == [8, 8]
    start = QPoint(round(editor.view.line_position(0, 2)), round(editor.view.sheet_rect().center().y()))
    scale = editor.view.sheet_rect().width() / sheet.size[0]
    end = start + QPoint(round(-2 * scale), 0)
    qtbot.mousePress(editor.view, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(editor.view, end)
    qtbot.mouseRelease(editor.view, Qt.MouseButton.LeftButton, pos=end)
    assert [edit.value() for edit in editor.numbers["cell"]] == [7, 8]
    undo_stack_of(state).undo()
    assert [edit.value() for edit in editor.numbers["cell"]] == [8, 8]
    qtbot.mouseClick(editor.whole, Qt.MouseButton.LeftButton)
    settle(qtbot, editing)
    assert state.image_set.count == 2
    qtbot.mouseClick(editor.done, Qt.MouseButton.LeftButton)
    assert page.grid.isVisible()


def test_frames_of_a_film_are_all_taken_or_the_first(qtbot, page: DataStage, state, runner, tmp_path) -> None:
    frames = [Image.fromarray(np.full((8, 8), 20 * number, np.uint8)) for number in range(5)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:], duration=50)
    editing = opened(qtbot, state, runner, tmp_path)
    assert state.image_set.count == 5
    assert page.side.controls.frames.isVisible()
    page.side.controls.frames.set_value(False)
    settle(qtbot, editing)
    assert state.image_set.count == 1


def test_what_the_network_may_see_goes_through_the_training_s_own_augmentation(qtbot, pets: DataStage) -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert len(augmented(picture, Augmentation(), 1)) == 1
    made = augmented(picture, Augmentation(horizontal_flips=True), 1)
    assert len(made) == VERSIONS
    versions = {version.tobytes() for version in made}
    assert versions == {picture.tobytes(), np.ascontiguousarray(picture[:, ::-1]).tobytes()}
    assert augmentation_words(Augmentation(True, True, True, 2)) == "mirrored, upside down, turned, shifted ≤ 2 px"
    pets.editing.set_augmentation(Augmentation(quarter_turns=True))
    assert pets.detail.augmented.words == "turned"
    QApplication.processEvents()
    # The row took room from the result, and what is said of it is still true.
    qtbot.waitUntil(lambda: pets.detail.words[2].endswith(f"×{pets.detail.result.multiple}"))


def test_what_is_shown_leaves_as_files(qtbot, pets: DataStage, state, runner, tmp_path) -> None:
    arrays, sheet, report = pets.export.exports
    handle = arrays.write(tmp_path / "set.npz")
    qtbot.waitUntil(lambda: not handle.alive, timeout=20_000)
    with np.load(tmp_path / "set.npz") as stored:
        assert np.array_equal(stored["images"], state.image_set.images)
        assert stored["class_names"].tolist() == ["cats", "dogs"]
    pets.export.export_to(sheet, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width > 300
    pets.export.export_to(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["taken"] == 12
    pets.export.export_to(report, tmp_path / "report.txt")
    assert "12" in (tmp_path / "report.txt").read_text(encoding="utf-8")


def test_a_large_set_asks_only_for_what_is_in_sight(qtbot, page: DataStage, state) -> None:
    images = np.random.default_rng(1).integers(0, 256, (30_000, 8, 8, 1), dtype=np.uint8)
    state.set_image_set(ImageSet("Many", images))
    qtbot.waitUntil(lambda: page.editing.index is not None)
    page.grid.verticalScrollBar().setValue(page.grid.verticalScrollBar().maximum())
    QApplication.processEvents()
    first, end = page.grid.places_in_sight()
    assert end == 30_000
    assert end - first < 600
    assert seen(page, 29_999)
    assert not seen(page, 15_000)
    assert page.pictures.size_bytes < 2**20
    page.editing._stop_working()
