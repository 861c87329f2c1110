"""The sample wall: rows kept, row lit, columns of seeds, whole multiples, film."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

from studio.app.docks.train.wall_panel import wall_sheet
from studio.app.widgets.moments import Moment, WallView, clock, thin_out
from studio.app.widgets.sample_wall import MOST_FRAMES, MOST_ROWS, SampleWall
from studio.app.widgets.wall_canvas import WallGeometry
from tests.gui.training_helpers import place  # noqa: F401  (fixture)


def moment(step: int, count: int = 4, shape: tuple[int, int, int] = (8, 8, 1)) -> Moment:
    return Moment(step, step * 10, step * 0.5, np.full((count, *shape), (step * 7) % 256, np.uint8))


@pytest.fixture
def wall(place) -> SampleWall:
    wall = SampleWall()
    place(wall, 800, 520)
    return wall


def fill(wall: SampleWall, steps: range | list[int], **options: object) -> None:
    for step in steps:
        made = moment(step, **options)
        wall.add(made, [f"seed {column + 1}" for column in range(len(made.pictures))])


@given(st.sets(st.integers(0, 10**7), min_size=1, max_size=80), st.integers(2, 20))
def test_thinning_keeps_first_and_newest_and_order(steps: set[int], most: int) -> None:
    moments = [moment(step, 1, (1, 1, 1)) for step in sorted(steps)]
    kept = thin_out(moments, most)
    assert len(kept) == min(most, len(moments))
    assert kept[0] is moments[0]
    assert kept[-1] is moments[-1]
    assert [m.step for m in kept] == sorted(m.step for m in kept)


def test_thinning_spreads_the_rows_geometrically() -> None:
    kept = [m.step for m in thin_out([moment(step, 1, (1, 1, 1)) for step in range(1, 1025)], 11)]
    ratios = np.array(kept[1:]) / np.array(kept[:-1])
    assert ratios.max() < 3.5
    assert sum(step <= 32 for step in kept) >= 4


def test_clock() -> None:
    assert [clock(s) for s in (0, 41.4, 162, 3725)] == ["0:00", "0:41", "2:42", "1:02:05"]


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
@pytest.mark.parametrize(("width", "height"), [(28, 28), (8, 8), (2, 1), (16, 16), (64, 64), (31, 17)])
def test_cells_are_whole_multiples_on_whole_device_pixels(ratio: float, width: int, height: int) -> None:
    geometry = WallGeometry.fit(QSize(850, 480), ratio, width, height, 16)
    assert geometry.multiple >= 1
    assert geometry.cell_width * ratio == pytest.approx(width * geometry.multiple)
    assert geometry.cell_height * ratio == pytest.approx(height * geometry.multiple)
    for row, column in ((0, 0), (1, 2), (3, 3)):
        cell = geometry.cell(row, column)
        assert cell.left() * ratio == pytest.approx(round(cell.left() * ratio), abs=1e-6)
    assert geometry.right <= 850 or geometry.multiple == 1


def test_where_the_height_keeps_pictures_small_more_of_them_stand_in_a_row() -> None:
    high, low = (WallGeometry.fit(QSize(600, height), 1.0, 16, 16, 12) for height in (900, 260))
    assert high.columns < low.columns
    assert low.right <= 600


def test_the_newest_row_is_lit_and_followed(wall: SampleWall) -> None:
    fill(wall, [0, 5, 20])
    assert [row.step for row in wall.rows] == [0, 5, 20]
    assert wall.current.step == 20
    assert wall.following


def test_who_walked_away_stays_until_they_come_back(qtbot, wall: SampleWall) -> None:
    fill(wall, [0, 5, 20])
    qtbot.keyClick(wall._canvas, Qt.Key.Key_Up)
    assert wall.current.step == 5
    fill(wall, [50])
    assert wall.current.step == 5
    assert not wall.following
    assert wall._back.isVisible()
    wall.back_to_now()
    fill(wall, [90])
    assert wall.current.step == 90
    assert not wall._back.isVisible()


def test_arrow_keys_walk_moments_and_seeds_and_stop_at_the_edges(qtbot, wall: SampleWall) -> None:
    fill(wall, [0, 5, 20])
    for key, expected in (
        (Qt.Key.Key_Right, (20, 1)),
        (Qt.Key.Key_Home, (0, 1)),
        (Qt.Key.Key_Up, (0, 1)),
        (Qt.Key.Key_Left, (0, 0)),
        (Qt.Key.Key_Left, (0, 0)),
        (Qt.Key.Key_End, (20, 0)),
    ):
        qtbot.keyClick(wall._canvas, key)
        assert (wall.current.step, wall.current_column) == expected


def test_a_click_chooses_the_row_and_the_seed(qtbot, wall: SampleWall) -> None:
    fill(wall, [0, 5, 20])
    qtbot.wait(20)
    place = wall._canvas._geometry.cell(1, 2).center().toPoint()
    qtbot.mouseClick(wall._canvas, Qt.MouseButton.LeftButton, pos=place)
    assert (wall.current.step, wall.current_column) == (5, 2)


def test_a_long_run_keeps_bounded_rows_and_frames(wall: SampleWall) -> None:
    fill(wall, range(0, 400), count=2, shape=(2, 2, 1))
    assert len(wall.rows) == MOST_ROWS
    assert len(wall.moments) == MOST_FRAMES
    assert (wall.rows[0].step, wall.rows[-1].step) == (0, 399)
    assert len(wall._cache._pixmaps) <= MOST_FRAMES


def test_a_step_back_in_time_or_other_pictures_begin_a_new_wall(wall: SampleWall) -> None:
    fill(wall, [0, 5, 20])
    fill(wall, [3])
    assert [row.step for row in wall.rows] == [3]
    fill(wall, [9], shape=(4, 4, 3))
    assert [row.step for row in wall.rows] == [9]


def test_the_same_step_again_replaces_its_row(wall: SampleWall) -> None:
    fill(wall, [0, 5, 5])
    assert [row.step for row in wall.rows] == [0, 5]


def test_pictures_are_shown_pixel_for_pixel(qtbot, wall: SampleWall) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    wall.add(Moment(1, 10, 1.0, pictures), ["cat", "dog", "cat", "dog"])
    qtbot.wait(20)
    shot = wall._canvas.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    geometry = wall._canvas._geometry
    cell, step = geometry.cell(0, 2), geometry.multiple / geometry.ratio
    for row in range(8):
        for column in range(8):
            x, y = int(cell.left() + (column + 0.5) * step), int(cell.top() + (row + 0.5) * step)
            assert shot.pixelColor(x, y).red() == pictures[2, row, column, 0]


def test_two_pixel_pictures_are_wide_and_low(wall: SampleWall) -> None:
    fill(wall, [0, 5], count=16, shape=(1, 2, 1))
    geometry = wall._canvas._geometry
    assert geometry.cell_width == 2 * geometry.cell_height
    assert geometry.cell_height >= 16
    assert geometry.columns >= 6


def test_the_film_plays_from_the_first_moment_to_the_last_and_rests_there(qtbot, wall: SampleWall) -> None:
    fill(wall, [0, 5, 20])
    wall.toggle_play()
    assert wall.film_shown
    assert wall.playing
    assert wall._film._moment.step == 0
    qtbot.waitUntil(lambda: not wall.playing, timeout=4000)
    assert wall._film._moment.step == 20
    wall.back_to_now()
    assert not wall.film_shown


def test_one_row_is_no_film(wall: SampleWall) -> None:
    fill(wall, [0])
    assert not wall._play.isEnabled()
    wall.toggle_play()
    assert not wall.playing


def test_clearing_leaves_an_empty_wall_that_can_be_painted(wall: SampleWall) -> None:
    fill(wall, [0, 5])
    wall.show_film(True)
    wall.clear()
    assert wall.current is None
    assert not wall.grab().isNull()


def test_all_columns_are_shown_while_their_pictures_can_be_judged() -> None:
    # Ten classes of 28 × 28 fit into a usual window twice as large as they are.
    assert WallGeometry.fit(QSize(730, 420), 1.0, 28, 28, 10).columns == 10
    assert WallGeometry.fit(QSize(400, 420), 1.0, 28, 28, 10).columns < 10


def test_raw_and_averaged_rows_are_views_of_the_same_moments(wall: SampleWall) -> None:
    names = [f"seed {column + 1}" for column in range(4)]
    with_raw = [replace(moment(step), raw=moment(step + 1).pictures) for step in (0, 10, 20)]
    wall.set_moments(with_raw, names)
    wall._choose(1, 2)
    wall.set_view(WallView.RAW)
    assert wall.current.step == 10
    assert np.array_equal(wall.current.pictures, moment(11).pictures)
    wall.set_view(WallView.BOTH)
    assert wall.current.pictures.shape == (8, 8, 8, 1)
    assert np.array_equal(wall.current.pictures[0::2], moment(11).pictures)
    assert np.array_equal(wall.current.pictures[1::2], moment(10).pictures)
    assert wall._header._names[:4] == ("seed 1", "EMA", "seed 2", "EMA")
    wall.set_view(WallView.AVERAGED)
    assert wall.current is with_raw[1]
    assert not wall.following


def test_rows_without_raw_pictures_are_left_out_of_the_raw_view(qtbot, wall: SampleWall) -> None:
    said: list[bool] = []
    wall.raw_available.connect(said.append)
    fill(wall, [0, 10])
    assert said == []
    wall.add(replace(moment(20), raw=moment(5).pictures), [f"seed {column + 1}" for column in range(4)])
    assert said == [True]
    wall.set_view(WallView.RAW)
    assert [m.step for m in wall.rows] == [20]
    assert [m.step for m in wall.moments] == [0, 10, 20]
    with qtbot.waitSignal(wall.view_changed):
        fill(wall, [0], count=2)
    assert wall.view is WallView.AVERAGED
    assert said == [True, False]


def test_going_back_takes_down_the_rows_of_what_never_was(wall: SampleWall) -> None:
    fill(wall, [0, 10, 20, 30])
    wall._choose(1, 0)
    wall.cut(20)
    assert [m.step for m in wall.moments] == [0, 10, 20]
    assert wall.current.step == 20
    fill(wall, [25])
    assert [m.step for m in wall.moments] == [0, 10, 20, 25]


def test_the_way_back_is_offered_for_the_row_that_is_lit(qtbot, wall: SampleWall) -> None:
    fill(wall, [0, 10, 20])
    wall.set_way_back("Back to 0:05", True, "")
    wall._choose(1, 0)
    with qtbot.waitSignal(wall.back_requested) as asked:
        wall._way_back.click()
    assert asked.args[0].step == 10
    wall.set_way_back("", False, "")
    assert wall._way_back.isHidden()


def test_a_sheet_holds_every_row_and_column_pixel_for_pixel() -> None:
    rows = [moment(step, count=3, shape=(4, 5, 3)) for step in (1, 2)]
    sheet = wall_sheet(rows)
    assert sheet.shape == (2 * 4 + 2, 3 * 5 + 2 * 2, 3)
    for row, shown in enumerate(rows):
        for column in range(3):
            top, left = row * 6, column * 7
            assert np.array_equal(sheet[top : top + 4, left : left + 5], shown.pictures[column])
