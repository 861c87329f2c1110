"""The page Compare as a person uses it: ask, watch, scrub together, measure, export, open under the microscope."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow

from studio.app.arrangements import COMPARE
from studio.app.comparing.choices import QUESTIONS
from studio.app.comparing.comparing import comparing_of
from studio.app.docks.compare.settings import ComparisonDock
from studio.app.docks.compare.stage import CompareStage
from studio.app.microscope.denoising import denoising_of
from studio.app.runner import Runner
from studio.app.state import ModelChoice, ModelSource, StudioState
from studio.app.theme import theme
from studio.app.undo import undo_stack_of
from studio.diffusion.denoisers.network import NetworkDenoiser
from studio.generation.comparison_run import Alignment
from studio.networks.devices import choose_device
from tests.gui.denoise_helpers import tiny_model

SHAPE = (1, 6, 5)


class Compare:
    """Panel and page in a window, as the main window builds them, with a tiny model at hand."""

    def __init__(self, qtbot, path) -> None:
        self.qtbot = qtbot
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.state = StudioState(self.window)
        self.state.set_device(choose_device("cpu"))
        self.runner = Runner(self.window)
        self.comparing = comparing_of(self.state)
        self.denoising = denoising_of(self.state)
        self.choice = ModelChoice(ModelSource.STARTER, "Tiny", path)
        self.state.set_starter_models((self.choice,))
        self.stage = CompareStage(self.state, self.runner, self.window)
        self.dock = ComparisonDock(self.state, self.runner, self.window)
        self.window.setCentralWidget(self.stage)
        self.window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.dock)
        self.window.resize(1280, 800)
        self.window.show()
        qtbot.waitExposed(self.window)
        qtbot.waitUntil(lambda: self.denoising.models.known(self.choice) is not None, timeout=10000)

    @property
    def table(self):
        return self.stage.table

    def set_up(self, rows="sampler", columns="steps", **values) -> None:
        settings = self.comparing.settings
        for kind, chosen in values.items():
            settings = settings.with_values(kind, chosen)
        self.comparing.set_settings(dataclasses.replace(settings, rows=rows, columns=columns))

    def compare(self, **settings) -> None:
        if settings:
            self.set_up(**settings)
        self.comparing.start(self.choice, self.runner)
        self.finish()

    def finish(self) -> None:
        self.qtbot.waitUntil(lambda: not self.comparing.running, timeout=30000)
        self.qtbot.wait(100)

    def click(self, cell: int, *, twice: bool = False) -> None:
        grid = self.table.grid
        press = QTest.mouseDClick if twice else QTest.mouseClick
        point = grid.tile_rect(cell).center()
        press(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)

    def pixels(self, cell: int) -> np.ndarray:
        """Grey values of a cell's first picture as the grid has it."""
        image = self.table.grid.cells[cell].images[0].convertToFormat(image_format())
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : image.width()].copy()


def image_format():
    from PySide6.QtGui import QImage

    return QImage.Format.Format_Grayscale8


@pytest.fixture
def compare(qtbot, tmp_path):
    path = tmp_path / "tiny.safetensors"
    tiny_model(SHAPE).save(path)
    compare = Compare(qtbot, path)
    yield compare
    assert compare.runner.shutdown(5000)


@pytest.fixture
def calls(monkeypatch):
    """How often any model was asked."""
    asked = []
    original = NetworkDenoiser.predict

    def counting(self, z_t, t, condition=None):
        asked.append(t)
        return original(self, z_t, t, condition)

    monkeypatch.setattr(NetworkDenoiser, "predict", counting)
    return asked


def test_one_click_on_a_question_answers_it(compare, qtbot):
    card = next(card for card in compare.stage.start_page.cards if card.question is QUESTIONS[0])
    QTest.mouseClick(card, Qt.MouseButton.LeftButton)
    compare.finish()
    album = compare.comparing.album
    assert album.comparison.row_labels == ("DDPM", "DDIM", "UniPC")
    assert len(album.traces) == 12
    assert all(trace.complete for trace in album.traces.values())
    assert compare.table.isVisible()
    assert all(cell.images for cell in compare.table.grid.cells)
    # All stand at their pictures, and the keys go on to the playhead.
    assert compare.comparing.playback.position == 50
    assert compare.window.focusWidget() is compare.table.grid
    QTest.keyClick(compare.window.focusWidget(), Qt.Key.Key_Home)
    assert compare.comparing.playback.position == 0


def test_questions_about_classes_are_for_models_that_have_some(compare):
    shown = [card.isVisibleTo(compare.stage.start_page) for card in compare.stage.start_page.cards]
    assert shown == [not question.for_classes for question in QUESTIONS]
    assert "class" not in compare.dock._kinds()
    assert "guidance" not in compare.dock._kinds()
    assert "checkpoint" not in compare.dock._kinds()


def test_all_cells_scrub_together_and_no_model_is_asked(compare, calls):
    compare.compare(sampler=("ddim", "heun"), steps=(3, 6))
    assert len(calls) == 3 + 6 + 5 + 11
    calls.clear()
    scrubber, time = compare.table.scrubber, compare.comparing.time
    assert time.count == 7
    traces, seen = compare.comparing.album.traces, set()
    for share in (0.2, 0.5, 1.0):
        x = round(144 + share * (scrubber.width() - 144 - 86))
        QTest.mouseClick(scrubber, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(x, 20))
        seen.add(compare.comparing.playback.position)
        for cell, trace in traces.items():
            z = trace.state(compare.comparing.position(cell))[0, 0].numpy()
            levels = np.clip(np.rint((z + 1) * 127.5), 0, 255).astype(np.uint8)
            np.testing.assert_array_equal(compare.pixels(cell), levels)
    assert len(seen) == 3
    assert max(seen) == 6
    compare.comparing.playback.seek(0)
    # One noise in all cells.
    assert len({compare.pixels(cell).tobytes() for cell in range(4)}) == 1
    for kind in ("eps", "x0"):
        compare.comparing.change_view(shown=kind)
        compare.comparing.playback.seek(4)
    compare.comparing.change_view(difference=True)
    assert calls == []


def test_cells_align_by_noise_level(compare):
    compare.compare(columns="", rows="steps", steps=(2, 6))
    compare.table.transport.alignments.set_value("level")
    time = compare.comparing.time
    assert time.alignment is Alignment.LEVEL
    assert compare.comparing.playback.position == time.count - 1
    compare.comparing.playback.seek(1)
    assert [compare.comparing.position(cell) for cell in (0, 1)] == [0, 1]
    assert compare.table.grid.cells[0].moment == "t 60"
    assert compare.table.scrubber.film.labels[0] == "60"
    compare.table.transport.alignments.set_value("share")
    assert compare.comparing.time.count == 7


def test_a_click_makes_the_reference_and_difference_shows_what_is_left(compare):
    compare.compare(sampler=("ddpm", "ddim"), steps=(2, 5))
    grid = compare.table.grid
    assert grid.cells[0].measure == "reference"
    compare.click(3)
    assert compare.comparing.view.reference == 3
    assert grid.reference == 3
    traces = compare.comparing.album.traces
    expected = float((traces[1].pictures() - traces[3].pictures()).square().mean().sqrt())
    assert grid.cells[1].measure == f"RMS {expected:.2f}"
    before = [compare.pixels(cell).tobytes() for cell in range(4)]
    QTest.keyClick(grid, Qt.Key.Key_D)
    after = [compare.pixels(cell).tobytes() for cell in range(4)]
    assert compare.table.transport.difference.isChecked()
    # The reference stays what it is; all others turn into their difference from it.
    assert [one == two for one, two in zip(before, after, strict=True)] == [False, False, False, True]
    compare.comparing.playback.seek(0)
    # From one noise there is no difference at the beginning: everything is the colour of zero.
    zero = theme().color("noise_zero")
    images = [grid.cells[cell].images[0] for cell in (0, 1, 2)]
    assert {image.pixelColor(x, y).name() for image in images for x in range(5) for y in range(6)} == {zero.name()}


def test_hovering_tells_the_numbers_and_draws_the_way_apart(compare):
    compare.compare(sampler=("ddim", "unipc"), steps=(2, 5))
    grid = compare.table.grid
    QTest.mouseMove(grid.viewport(), grid.tile_rect(3).center())
    assert grid.current == 3
    assert compare.table.numbers.startswith("UniPC, 5 steps · step 5 of 5 · t = 0 · 5 model calls")
    assert "RMS difference" in compare.table.numbers
    curve = compare.table.scrubber.film.curve
    assert curve[0] == 0.0
    assert curve[-1] > 0.0
    compare.comparing.playback.seek(2)
    assert "step 2 of 5" in compare.table.numbers


def test_the_keyboard_walks_through_the_cells(compare):
    compare.compare(sampler=("ddim", "unipc"), steps=(2, 3, 4))
    grid = compare.table.grid
    grid.setFocus()
    for key, expected in (
        (Qt.Key.Key_Right, 0),
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_Down, 4),
        (Qt.Key.Key_Left, 3),
        (Qt.Key.Key_Up, 0),
        (Qt.Key.Key_Up, 0),
        (Qt.Key.Key_Right, 1),
    ):
        QTest.keyClick(grid, key, Qt.KeyboardModifier.ShiftModifier)
        assert grid.current == expected
    QTest.keyClick(grid, Qt.Key.Key_R)
    assert compare.comparing.view.reference == 1
    QTest.keyClick(grid, Qt.Key.Key_Left)
    assert compare.comparing.playback.position == 3
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert compare.comparing.playback.playing
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert not compare.comparing.playback.playing


def test_pictures_are_drawn_at_whole_multiples_and_zoomed_by_them(compare):
    compare.compare(sampler=("ddim", "unipc"), steps=(2, 3))
    grid = compare.table.grid
    scale = grid.scale
    assert grid.tile_rect(0).width() == 5 * scale
    QTest.keyClick(grid, Qt.Key.Key_Minus)
    assert grid.tile_rect(0).width() == 5 * (scale - 1)
    QTest.keyClick(grid, Qt.Key.Key_0)
    for _ in range(12):
        QTest.keyClick(grid, Qt.Key.Key_Plus)
    assert grid.scale == scale + 12
    assert grid.verticalScrollBar().maximum() > 0
    picture = grid.grab().toImage()
    place = grid.tile_rect(0)
    shown = {picture.pixelColor(place.x() + 1, place.y() + y).name() for y in range(1, grid.scale - 1)}
    assert len(shown) == 1


def test_a_double_click_opens_the_run_in_the_microscope(compare, qtbot):
    compare.compare(sampler=("ddim", "unipc"), steps=(2, 5))
    with qtbot.waitSignal(compare.stage.opened):
        compare.click(3, twice=True)
    trace = compare.comparing.album.traces[3]
    assert compare.state.trace is trace
    assert compare.denoising.frames.trace is trace
    assert compare.state.model_choice == compare.choice
    # The comparison stays as it is, even when the next one takes its place.
    compare.compare()
    assert len(trace) == 5
    assert trace.state(0).shape == (1, *SHAPE)


def test_cancel_keeps_what_is_done(compare, qtbot):
    # So many steps that the news of a cell comes long before its end.
    tiny_model(SHAPE, levels=600).save(compare.choice.path)
    compare.set_up(columns="", rows="seed", seed=(1, 2, 3, 4))
    settings = compare.comparing.settings
    compare.comparing.set_settings(
        dataclasses.replace(settings, base=dataclasses.replace(settings.base, steps=600, sampler="ddpm", count=4))
    )
    cancel = cancel_in_the_second_cell(compare)
    compare.comparing.cells_grew.connect(cancel)
    compare.comparing.start(compare.choice, compare.runner)
    compare.finish()
    traces = compare.comparing.album.traces
    assert traces[0].complete
    assert not traces[1].complete
    assert len(traces) == 2
    assert compare.table.grid.cells[1].images
    assert compare.table.grid.cells[3].moment == "not made"
    assert not compare.table.grid.cells[3].images
    # And it goes anew.
    compare.comparing.cells_grew.disconnect(cancel)
    compare.compare()
    assert len(compare.comparing.album.traces) == 4


def cancel_in_the_second_cell(compare):
    def cancel(cells) -> None:
        if max(cells) >= 1:
            compare.comparing.cancel()

    return cancel


def export(compare, qtbot, title: str, path) -> None:
    button = compare.stage.export
    chosen = next(export for export in button.exports if export.title.startswith(title))
    with qtbot.waitSignal(compare.comparing.exported, timeout=20000):
        button.export_to(chosen, path)


def test_the_exported_sheet_has_its_labels(compare, qtbot, tmp_path):
    compare.compare(sampler=("ddim", "unipc"), steps=(2, 5))
    export(compare, qtbot, "Labelled sheet", tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        pixels = np.asarray(image.convert("L"))
    # Left of the cells and above them stand the labels, brighter than the ground.
    ground = int(pixels[0, 0])
    assert (pixels[:60] > ground + 100).sum() > 100
    assert (pixels[100:, 24:60] > ground + 100).sum() > 60
    export(compare, qtbot, "Film", tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 6
    export(compare, qtbot, "Pictures and noise", tmp_path / "cells.npz")
    with np.load(tmp_path / "cells.npz", allow_pickle=False) as content:
        assert content["pictures"].shape == (2, 2, 1, 6, 5, 1)
    export(compare, qtbot, "Numbers", tmp_path / "cells.csv")
    assert (tmp_path / "cells.csv").read_text().count("\n") == 5


def test_choosing_rows_columns_and_values_can_be_taken_back(compare, qtbot):
    undo = undo_stack_of(compare.state)
    compare.dock.rows.kind_changed.emit("steps")
    assert (compare.comparing.settings.rows, compare.comparing.settings.columns) == ("steps", "sampler")
    chip = compare.dock.rows.chips.chip(100)
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert compare.comparing.settings.values["steps"] == (5, 10, 20, 50, 100)
    field = compare.dock.rows.chips.field
    QTest.keyClicks(field, "7, 30")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert compare.comparing.settings.values["steps"] == (5, 7, 10, 20, 30, 50, 100)
    assert compare.dock.rows.chips.values() == (5, 7, 10, 20, 30, 50, 100)
    undo.undo()
    undo.undo()
    undo.undo()
    assert (compare.comparing.settings.rows, compare.comparing.settings.columns) == ("sampler", "steps")
    assert compare.comparing.settings.values["steps"] == (5, 10, 20, 50)
    undo.redo()
    assert compare.comparing.settings.rows == "steps"


def test_the_last_value_stays_on(compare):
    chips = compare.dock.rows.chips
    compare.set_up(sampler=("ddim",))
    QTest.mouseClick(chips.chip("ddim"), Qt.MouseButton.LeftButton)
    assert chips.values() == ("ddim",)
    assert compare.comparing.settings.values["sampler"] == ("ddim",)


def test_the_cost_is_told_before_and_equal_cost_changes_it(compare, qtbot):
    compare.set_up(sampler=("ddim", "heun"), steps=(4, 8))
    qtbot.waitUntil(lambda: "4\u00a0cells · 34\u00a0model\u00a0calls" in compare.dock._facts.text(), timeout=5000)
    compare.dock._equal.setChecked(True)
    qtbot.waitUntil(lambda: "22\u00a0model\u00a0calls" in compare.dock._facts.text(), timeout=5000)
    compare.compare()
    assert sum(compare.comparing.album.calls) == 4 + 8 + 3 + 7
    qtbot.waitUntil(lambda: "≈" in compare.dock._facts.text(), timeout=5000)


def test_what_is_impossible_is_said_and_cannot_be_started(compare, qtbot):
    compare.set_up(rows="eta", columns="steps")
    settings = compare.comparing.settings
    base = dataclasses.replace(settings.base, sampler="unipc")
    compare.comparing.set_settings(dataclasses.replace(settings, base=base))
    qtbot.waitUntil(lambda: "Only DDIM makes use of eta" in compare.dock._facts.text(), timeout=5000)
    assert not compare.dock._button.isEnabled()
    # Choosing the axis in the panel brings the sampler that it needs.
    compare.dock.rows.kind_changed.emit("variance")
    qtbot.waitUntil(compare.dock._button.isEnabled, timeout=5000)
    assert compare.comparing.settings.base.sampler == "ddpm"


def test_other_colours_reach_the_signed_maps(compare, dark):
    compare.compare(sampler=("ddim",), steps=(2, 5))
    compare.comparing.change_view(difference=True)
    before = compare.pixels(1).mean()
    theme().set_choice("light")
    assert compare.pixels(1).mean() > before + 40


def test_the_page_belongs_to_its_workspace(compare):
    assert compare.stage.view_switch.value() == COMPARE
