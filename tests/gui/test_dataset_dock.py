"""The data set panel: what there is, and what to know about it."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from studio.app.data.jobs import open_data
from studio.app.docks.train.dataset import DatasetDock
from studio.app.docks.train.dataset_health import Health, health_lines, size_words, verdict
from studio.data.health import look_over
from studio.data.image_set import ImageSet
from studio.data.report import ImportReport, SkippedFile
from tests.gui.training_helpers import place, runner, small_pictures, state, two_pixels  # noqa: F401  (fixtures)


@pytest.fixture
def dock(place, state, runner) -> DatasetDock:
    dock = DatasetDock(state, runner)
    place(dock, 290, 900)
    return dock


def classed(counts: tuple[int, ...]) -> ImageSet:
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.zeros((len(labels), 4, 4, 1), np.uint8)
    return ImageSet("Classed", images, labels, tuple(f"class {n}" for n in range(len(counts))))


def test_size_in_words() -> None:
    assert size_words(small_pictures(side=28)) == "28 × 28 grey"
    assert size_words(small_pictures(channels=3)) == "8 × 8 colour"
    assert size_words(two_pixels()) == "2 × 1 grey"


def test_health_of_an_even_set_is_good() -> None:
    pictures = small_pictures(count=300)
    even = ImageSet("Even", pictures.images, np.arange(300) % 3, ("a", "b", "c"))
    lines = health_lines(look_over(even))
    assert all(line.state is Health.GOOD for line in lines)
    assert lines[0].text.startswith("300 pictures")
    assert any(line.value == "100 each" for line in lines)
    assert verdict(lines).text == "Ready to train"


def test_health_tells_what_was_found_and_what_was_noted() -> None:
    report = ImportReport("folder", 12, (4, 4, 1), skipped=(SkippedFile("a.txt", "not a picture"),))
    lines = health_lines(look_over(classed((11, 1)), report), ("The folders train and test were taken together.",))
    warnings = [line for line in lines if line.state is Health.WARNING]
    assert warnings
    assert lines[-1].state is Health.NOTE
    assert lines[-1].text == "The folders train and test were taken together."
    assert not any("not taken" in line.text or "left out" in line.text.lower() for line in lines)
    assert verdict(lines).text.endswith("to know")


def test_a_finding_about_certain_pictures_leads_to_them(qtbot, dock: DatasetDock, state) -> None:
    pictures = small_pictures(count=40)
    images = pictures.images.copy()
    images[7] = images[3]
    state.set_image_set(ImageSet("Copies", images))
    qtbot.waitUntil(lambda: any(each.line.are_copies for each in dock.health.findings), timeout=10_000)
    copies = next(each for each in dock.health.findings if each.line.are_copies)
    assert copies.line.pairs.tolist() == [[7, 3]]
    with qtbot.waitSignal(dock.finding_requested) as asked:
        qtbot.mouseClick(copies, Qt.MouseButton.LeftButton)
    assert asked.args == [copies.line]


def test_before_there_are_pictures_the_starter_sets_are_offered(qtbot, dock: DatasetDock) -> None:
    assert [card.starter.id for card in dock.starters.cards] == ["avatars", "digits", "two-pixels"]
    assert all(card.isVisible() for card in dock.starters.cards)
    assert not dock.grab().isNull()
    with qtbot.waitSignal(dock.starter_requested) as chosen:
        qtbot.mouseClick(dock.starters.cards[1], Qt.MouseButton.LeftButton)
    assert chosen.args == ["digits"]


def test_pictures_fill_the_panel(dock: DatasetDock, state) -> None:
    state.set_image_set(classed((300, 300)))
    assert not dock.starters.isVisible()
    assert 0 < dock.sheet.shown < 600
    assert dock.count_text == f"{dock.sheet.shown} of 600"
    assert [(share.name, share.count) for share in dock.bars.shares] == [("class 0", 300), ("class 1", 300)]
    assert not dock.grab().isNull()


def test_few_pictures_are_all_shown(dock: DatasetDock, state) -> None:
    state.set_image_set(small_pictures(count=3))
    assert dock.sheet.shown == 3
    assert dock.count_text == "all 3"
    assert not dock.bars.isVisible()


def test_the_sheet_knows_which_picture_is_where(dock: DatasetDock, state) -> None:
    state.set_image_set(small_pictures(count=30))
    sheet = dock.sheet
    found = {sheet.position_at(x, y) for x in range(0, sheet.width(), 4) for y in range(0, sheet.height(), 4)}
    assert len(found - {None}) == sheet.shown


def test_the_sheet_shows_the_pixels_of_the_pictures(dock: DatasetDock, state) -> None:
    pictures = small_pictures(count=20)
    state.set_image_set(pictures)
    sheet = dock.sheet
    position = sheet.position_at(1, 1)
    assert sheet.grab().toImage().pixelColor(1, 1).red() == pictures.images[position, 0, 0, 0]


def test_files_not_taken_are_named_with_their_reasons(qtbot, dock: DatasetDock, state) -> None:
    skipped = (SkippedFile("notes.txt", "not a picture"), SkippedFile("half.png", "cut short"))
    state.set_image_set(small_pictures(), ImportReport("folder", 40, (8, 8, 1), skipped=skipped))
    assert not dock.health._files.isVisible()
    qtbot.mouseClick(dock.health.why_button, Qt.MouseButton.LeftButton)
    assert dock.health._files.isVisible()
    assert dock.health.files_text == "notes.txt: not a picture\nhalf.png: cut short"
    state.set_image_set(small_pictures())
    assert not dock.health.why_button.isVisible()


def test_a_real_folder_goes_through_to_the_panel(qtbot, dock: DatasetDock, state, runner, tmp_path) -> None:
    from PIL import Image

    for number in range(6):
        folder = tmp_path / ("cats" if number % 2 else "dogs")
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), number * 20, np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "cats" / "broken.png").write_bytes(b"\x89PNG no picture")
    handle = runner.interject(open_data([tmp_path]), "Opening")
    with qtbot.waitSignal(handle.succeeded, timeout=10_000) as done:
        pass
    result = done.args[0]
    state.set_image_set(result.image_set, result.report)
    assert [share.name for share in dock.bars.shares] == ["cats", "dogs"]
    assert "broken.png" in dock.health.files_text


def test_see_all_crop_and_a_picture_lead_to_the_page(qtbot, dock: DatasetDock, state) -> None:
    state.set_image_set(small_pictures(count=30))
    with qtbot.waitSignal(dock.picture_requested) as asked:
        qtbot.mouseClick(dock.crop_button, Qt.MouseButton.LeftButton)
    assert asked.args == [None]
    position = dock.sheet.position_at(1, 1)
    with qtbot.waitSignal(dock.picture_requested) as asked:
        qtbot.mouseClick(dock.sheet, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert asked.args == [position]


def test_a_class_leads_to_its_pictures(qtbot, dock: DatasetDock, state) -> None:
    state.set_image_set(classed((6, 6)))
    with qtbot.waitSignal(dock.class_requested) as asked:
        qtbot.mouseClick(dock.bars, Qt.MouseButton.LeftButton, pos=QPoint(60, 19 + 5))
    assert asked.args == ["class 1"]


def test_many_classes_are_bounded(dock: DatasetDock, state) -> None:
    state.set_image_set(classed((1,) * 500))
    assert len(dock.bars.shares) == 200
    assert not dock.grab().isNull()
