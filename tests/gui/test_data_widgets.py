"""The widgets of the Data page by themselves: the grid, the crop, the sheet, the choices, the zones for dropping."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QImage

from studio.app.imaging import picture_image
from studio.app.widgets.crop_view import CropView
from studio.app.widgets.data_grid import CELL_SIZES, DataGrid
from studio.app.widgets.drop_zones import ADD, REPLACE, DropZones
from studio.app.widgets.grid_cells import Cell
from studio.app.widgets.picture_choice import PictureChoice
from studio.app.widgets.result_view import ResultView
from studio.app.widgets.sheet_view import empty_cells
from studio.app.window.opening import Opener
from studio.data.sources.source import SheetGrid
from tests.gui.training_helpers import runner, state  # noqa: F401  (fixtures)


def grey(level: int, side: int = 4) -> QImage:
    return picture_image(np.full((side, side), level, np.uint8))


@pytest.fixture
def grid(show) -> DataGrid:
    grid = DataGrid()
    grid.cell_for = lambda index: Cell(grey(index % 256))
    show(grid, 600, 400)
    grid.set_indices(np.arange(1000))
    return grid


def test_a_cell_shows_the_picture_of_its_number(grid: DataGrid) -> None:
    shot = grid.viewport().grab().toImage()
    for place in (0, 1, 7, 9):
        assert shot.pixelColor(grid.cell_rect(place).center()).red() == place
        assert grid.place_at(grid.cell_rect(place).center()) == place
    grid.set_indices([200, 100])
    assert grid.viewport().grab().toImage().pixelColor(grid.cell_rect(1).center()).red() == 100


def test_only_what_is_in_sight_is_asked_for(qtbot, grid: DataGrid) -> None:
    asked: list[int] = []
    grid.cell_for = lambda index: asked.append(index) or Cell()
    grid.viewport().repaint()
    first, end = grid.places_in_sight()
    assert asked == list(range(first, end))
    assert len(asked) < 100
    with qtbot.waitSignal(grid.wanted) as wanted:
        grid.verticalScrollBar().setValue(2000)
    first, end = grid.places_in_sight()
    assert first > 100
    assert wanted.args[0][: end - first] == list(range(first, end))


def test_keys_and_clicks_choose(qtbot, grid: DataGrid) -> None:
    columns = grid.columns
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.cell_rect(1).center())
    qtbot.keyClick(grid, Qt.Key.Key_Down)
    assert grid.chosen().tolist() == [1 + columns]
    qtbot.keyClick(grid, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert grid.chosen().tolist() == [1 + columns, 2 + columns]
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, control, grid.cell_rect(0).center())
    assert grid.chosen().tolist() == [0, 1 + columns, 2 + columns]
    qtbot.keyClick(grid, Qt.Key.Key_End)
    assert grid.current() == 999
    assert grid.viewport().rect().contains(grid.cell_rect(999))
    qtbot.keyClick(grid, Qt.Key.Key_A, control)
    assert len(grid.chosen()) == 1000
    with qtbot.waitSignal(grid.remove_requested):
        qtbot.keyClick(grid, Qt.Key.Key_Delete)


def test_a_rubber_band_chooses_what_it_goes_over(qtbot, grid: DataGrid) -> None:
    start, end = grid.cell_rect(0).topLeft() - QPoint(3, 3), grid.cell_rect(grid.columns + 1).center()
    qtbot.mousePress(grid.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(grid.viewport(), start + QPoint(10, 10))
    qtbot.mouseMove(grid.viewport(), end)
    qtbot.mouseRelease(grid.viewport(), Qt.MouseButton.LeftButton, pos=end)
    assert grid.chosen().tolist() == [0, 1, grid.columns, grid.columns + 1]


def test_larger_cells_keep_the_place(grid: DataGrid) -> None:
    grid.verticalScrollBar().setValue(1500)
    first = grid.places_in_sight()[0]
    grid.larger()
    assert grid.cell_size == CELL_SIZES[CELL_SIZES.index(72) + 1]
    assert abs(grid.places_in_sight()[0] - first) <= 2 * grid.columns
    for _ in range(20):
        grid.larger()
    assert grid.cell_size == CELL_SIZES[-1]
    for _ in range(20):
        grid.smaller()
    assert grid.cell_size == CELL_SIZES[0]


def test_pairs_stand_together(grid: DataGrid) -> None:
    grid.set_indices(range(8), 2)
    assert grid.columns % 2 == 0
    within = grid.cell_rect(1).left() - grid.cell_rect(0).right()
    between = grid.cell_rect(2).left() - grid.cell_rect(1).right()
    assert between > within
    assert [grid.place_at(grid.cell_rect(place).center()) for place in range(8)] == list(range(8))
    assert not grid.grab().isNull()


def test_a_picture_that_is_left_out_is_struck_through(grid: DataGrid) -> None:
    grid.cell_for = lambda index: Cell(grey(200), faded=index == 1, badge="×4" if index == 2 else "")
    shot = grid.viewport().grab().toImage()
    inside = grid.cell_rect(1).center() + QPoint(8, 12)
    assert shot.pixelColor(grid.cell_rect(0).center()).red() == 200
    assert shot.pixelColor(inside).red() < 120
    cell = grid.cell_rect(1)
    row = [shot.pixelColor(x, cell.center().y()) for x in range(cell.left(), cell.right())]
    assert max(color.red() - color.green() for color in row) > 30


def test_the_focus_is_dragged_and_moved_by_keys(qtbot, show) -> None:
    view = CropView()
    show(view, 200, 100)
    view.show_picture(picture_image(np.zeros((20, 40), np.uint8)), [(0.25, 0, 0.5, 1)], movable=True)
    told: list[tuple[float, float, object]] = []
    view.focus_moved.connect(lambda x, y, drag: told.append((x, y, drag)))
    area = view.picture_rect()
    assert (area.width(), area.height()) == (200, 100)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(150, 50))
    qtbot.mouseMove(view, QPoint(300, 75))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton)
    assert [(x, y) for x, y, _ in told] == [(0.75, 0.5), (1.0, 0.75)]
    assert told[0][2] is told[1][2]
    assert told[0][2] is not None
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert told[-1] == (0.5, pytest.approx(0.4), None)
    with qtbot.waitSignal(view.focus_reset):
        qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    told.clear()
    view.show_picture(picture_image(np.zeros((20, 40), np.uint8)))
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert told == []


def test_what_is_cut_off_lies_in_the_shade(show) -> None:
    view = CropView()
    show(view, 200, 100)
    view.show_picture(picture_image(np.full((20, 40), 200, np.uint8)), [(0.25, 0, 0.5, 1)], movable=False)
    shot = view.grab().toImage()
    assert shot.pixelColor(100, 30).red() == 200
    assert shot.pixelColor(20, 30).red() < 100


@given(
    width=st.integers(1, 7),
    height=st.integers(1, 7),
    margin=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    gap=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_empty_cells_are_those_of_one_colour(width, height, margin, gap, seed) -> None:
    pixels = np.random.default_rng(seed).integers(0, 2, (17, 23, 3), dtype=np.uint8)
    pixels[6:12, 4:15] = 1
    grid = SheetGrid((width, height), margin, gap)
    found = empty_cells(pixels, grid)
    columns, rows = grid.cells(23, 17)
    assert found.shape == (rows, columns)
    for row in range(rows):
        for column in range(columns):
            top, left = margin[1] + row * (height + gap[1]), margin[0] + column * (width + gap[0])
            cell = pixels[top : top + height, left : left + width].reshape(-1, 3)
            assert found[row, column] == (len(np.unique(cell, axis=0)) == 1)


def test_a_choice_is_made_by_a_click_or_an_arrow(qtbot, show) -> None:
    choice = PictureChoice(
        [(name, name, lambda painter, area: painter.fillRect(area, Qt.GlobalColor.red), "") for name in "abc"],
        name="Letters",
    )
    show(choice, 240, 60)
    with qtbot.waitSignal(choice.value_changed) as changed:
        qtbot.mouseClick(choice.choice("b"), Qt.MouseButton.LeftButton)
    assert changed.args == ["b"]
    choice.choice("b").setFocus()
    with qtbot.waitSignal(choice.value_changed) as changed:
        qtbot.keyClick(choice.choice("b"), Qt.Key.Key_Right)
    assert changed.args == ["c"]
    assert choice.value() == "c"
    with pytest.raises(ValueError, match="z"):
        choice.set_value("z")
    assert not choice.grab().isNull()


def test_results_are_shown_at_a_whole_multiple(show) -> None:
    view = ResultView()
    show(view, 210, 100)
    view.show_pictures([np.full((16, 16, 1), 90, np.uint8)])
    assert view.multiple == 6
    assert view.grab().toImage().pixelColor(105, 50).red() == 90
    view.show_pictures([np.full((16, 16, 1), 90, np.uint8)] * 8)
    assert view.multiple == 3
    view.show_pictures([np.full((300, 300, 1), 90, np.uint8)])
    assert view.multiple == 1
    assert view.grab().toImage().pixelColor(105, 50).red() == 90
    view.show_pictures([])
    assert not view.grab().isNull()


def test_the_halves_of_the_window_mean_different_things(qtbot, show) -> None:
    from PySide6.QtWidgets import QWidget

    host = QWidget()
    show(host, 800, 500)
    zones = DropZones(host)
    zones.lift("fashion")
    assert zones.accessibleName() == "Add to fashion or Replace fashion"
    zones.point(QPointF(100, 100))
    assert zones.choice == ADD
    zones.point(QPointF(700, 100))
    assert zones.choice == REPLACE
    assert zones.zone(ADD).right() < zones.zone(REPLACE).left()
    assert not zones.grab().isNull()


def test_paths_can_be_pasted_as_files_and_as_text(qtbot, state, runner, tmp_path) -> None:
    from studio.app.settings import Settings

    opener = Opener(state, runner, Settings())
    brought: list[list] = []
    opener.bring = brought.append
    (tmp_path / "a.png").write_bytes(b"x")
    files, text, prose = QMimeData(), QMimeData(), QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.png"))])
    text.setText(f'"{tmp_path}"\n{tmp_path / "a.png"}\n')
    prose.setText("Dear Sir,\n/tmp")
    assert opener.open_mime(files)
    assert opener.open_mime(text)
    assert not opener.open_mime(prose)
    assert brought == [[tmp_path / "a.png"], [tmp_path, tmp_path / "a.png"]]
