"""Loss by timestep: what is kept of it, and what the map shows."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.app.docks.train.levels import LevelsDock
from studio.app.docks.train.loss import LossDock
from studio.app.heat_colors import heat_colors, heat_table
from studio.app.theme import theme
from studio.app.training.level_history import LevelHistory
from studio.app.widgets.heat_map import HeatMap, HeatTable
from studio.training.events import LEVEL_BANDS, MarkKind
from tests.gui.training_helpers import (  # noqa: F401  (fixtures)
    ToldTraining,
    marked,
    place,
    progress,
    runner,
    state,
    told,
    validated,
)

BANDS = 4

REPORTS = st.lists(
    st.tuples(
        st.lists(st.one_of(st.none(), st.integers(1, 64)), min_size=BANDS, max_size=BANDS),
        st.lists(st.integers(1, 9), min_size=BANDS, max_size=BANDS),
    ),
    min_size=1,
    max_size=200,
)


@given(REPORTS)
def test_merging_neither_loses_nor_invents_a_picture(reports: list[tuple[list[float | None], list[int]]]) -> None:
    history = LevelHistory(capacity=8, fewest_pictures=0)
    totals, counts = np.zeros(BANDS), np.zeros(BANDS)
    for number, (losses, pictures) in enumerate(reports, start=1):
        history.append(losses, pictures, float(number), number * 10)
        for band, (loss, count) in enumerate(zip(losses, pictures, strict=True)):
            if loss is not None:
                totals[band] += loss * count
                counts[band] += count
    table, edges = history.table(), history.edges("images")
    assert table.shape == (BANDS, len(edges) - 1)
    assert len(history) <= 8
    assert edges[0] == 0
    assert edges[-1] == len(reports) * 10
    assert (np.diff(edges) > 0).all()
    held_sums, held_counts = np.sum(history._sums, axis=0), np.sum(history._counts, axis=0)
    assert np.array_equal(held_counts, counts)
    assert np.allclose(held_sums, totals)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(np.isnan(table).all(axis=1), counts == 0)


def test_a_column_waits_until_it_has_enough_pictures_to_mean_something() -> None:
    history = LevelHistory(fewest_pictures=8)
    for number in range(1, 5):
        history.append((1.0,) * BANDS, (4,) * BANDS, float(number), number)
    assert history.edges("images").tolist() == [0, 2, 4]


def test_going_back_forgets_the_columns_that_reach_beyond() -> None:
    history = LevelHistory(fewest_pictures=0)
    for number in range(1, 7):
        history.append((float(number),) * BANDS, (1,) * BANDS, float(number), number * 10)
    history.cut(45)
    assert history.edges("images").tolist() == [0, 10, 20, 30, 40]
    history.append((9.0,) * BANDS, (1,) * BANDS, 5.0, 50)
    assert history.table()[0].tolist() == [1, 2, 3, 4, 9]


def test_the_ramp_only_gets_lighter_and_says_where_nothing_is() -> None:
    table = heat_table(64).astype(float)
    luminance = table @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(luminance) > 0).all()
    colors = heat_colors(np.array([-1.0, 0.0, 1.0, 2.0, np.nan]), (1, 2, 3))
    assert colors[0].tolist() == colors[1].tolist() == heat_table()[0].tolist()
    assert colors[2].tolist() == colors[3].tolist() == heat_table()[-1].tolist()
    assert colors[4].tolist() == [1, 2, 3]


@pytest.fixture
def dock(place, state, runner) -> LevelsDock:
    dock = LevelsDock(state, runner)
    place(dock, 380, 220)
    return dock


def levels(start: float) -> tuple[float, ...]:
    """Most at small t."""
    return tuple(start / (1 + band) for band in range(LEVEL_BANDS))


def test_the_map_says_where_the_network_errs_most(dock: LevelsDock, told: ToldTraining) -> None:
    told.tell(*(progress(step, (0.5,), levels=levels(1.0)) for step in range(100, 2100, 100)))
    dock._redraw()
    assert dock.map.hardest == "t small: hardest"
    assert dock.map.table.levels == 50
    # 50 noise levels in 20 bands; the last column ends with the last report.
    last = dock.map.table.values.shape[1] - 1
    assert dock.map.reading(0, last) == "t 1–2   3:20   1.0000"
    assert dock.map.reading(LEVEL_BANDS - 1, last) == "t 48–50   3:20   0.0500"


def test_the_pointer_finds_the_cell_below_it(dock: LevelsDock, told: ToldTraining) -> None:
    told.tell(*(progress(step, (0.5,), levels=levels(1.0), fraction=0.5) for step in range(100, 2100, 100)))
    dock._redraw()
    frame = dock.map.frame()
    assert dock.map._cell_at(QPointF(frame.left() + 1, frame.bottom() - 1)) == (0, 0)
    assert dock.map._cell_at(QPointF(frame.left() + 1, frame.top() + 1)) == (LEVEL_BANDS - 1, 0)
    # Half of the budget is used up: the right half of the map is still empty.
    assert dock.map._cell_at(QPointF(frame.left() + 0.75 * frame.width(), frame.center().y())) is None
    before = dock.map.grab().toImage()
    QTest.mouseMove(dock.map, QPoint(round(frame.left() + 0.2 * frame.width()), round(frame.center().y())))
    assert dock.map._cell is not None
    assert dock.map.grab().toImage() != before
    QApplication.sendEvent(dock.map, QEvent(QEvent.Type.Leave))
    assert dock.map.grab().toImage() == before


def test_brighter_is_harder_and_less_noise_is_lower(dark, dock: LevelsDock, told: ToldTraining) -> None:
    told.tell(*(progress(step, (0.5,), levels=levels(1.0), fraction=0.9) for step in range(100, 2100, 100)))
    dock._redraw()
    image, frame = dock.map.grab().toImage(), dock.map.frame()
    x = round(frame.left() + frame.width() / 4)
    low, high = (image.pixelColor(x, round(y)) for y in (frame.bottom() - 3, frame.top() + 3))
    assert low.lightnessF() > high.lightnessF() + 0.3


def test_training_and_validation_are_two_maps(dock: LevelsDock, told: ToldTraining) -> None:
    told.tell(progress(100, (0.5,), levels=levels(1.0)))
    dock._redraw()
    dock.source.set_value("validation")
    assert dock.map.table is None
    told.tell(validated(100, 0.25), validated(200, 0.2))
    dock._redraw()
    assert dock.map.table.values.shape == (LEVEL_BANDS, 2)
    assert dock.map.table.values[0].tolist() == pytest.approx([0.5 * 20 / 21, 0.4 * 20 / 21])


def test_both_clocks_and_scales_are_those_of_the_curve(place, state, runner) -> None:
    loss, dock = LossDock(state, runner), LevelsDock(state, runner)
    place(loss, 380, 260)
    place(dock, 380, 220)
    told = ToldTraining(state)
    told.tell(*(progress(step, (0.5,), levels=levels(1.0), fraction=0.25) for step in range(100, 2100, 100)))
    loss._redraw()
    dock._redraw()
    for _ in range(2):
        # The same minute, or picture, lies at the same place in both.
        (low, high), _ = loss.plot.plot.item.getViewBox().viewRange()
        assert low == 0
        assert dock.map._axis_end(dock.map.table) == pytest.approx(high)
        assert dock.map.table.axis == loss.record.axis
        loss._axis.click()
    loss._scale.set_value("linear")
    assert not dock.map._logarithmic


def test_a_run_that_went_back_loses_the_columns_of_what_never_was(dock: LevelsDock, told: ToldTraining) -> None:
    told.tell(*(progress(step, (0.5,), levels=levels(1.0)) for step in range(100, 2100, 100)))
    told.tell(marked(MarkKind.ROLLED_BACK, 1000, "rate halved"))
    dock._redraw()
    assert dock.map.table.edges[-1] <= 100 / 60


def test_strange_tables_can_be_drawn(place) -> None:
    heat_map = HeatMap("Map")
    place(heat_map, 300, 150)
    for values in ([[np.nan]], [[0.0]], [[1.0]], [[1e30, 1e-30]], [[0.5] * 3]):
        table = np.array(values)
        heat_map.set_table(HeatTable(np.arange(table.shape[1] + 1.0), table, "images", 10.0, 1000), "nothing yet")
        for logarithmic in (False, True):
            heat_map.set_logarithmic(logarithmic)
            assert not heat_map.grab().isNull()
    heat_map.set_table(None, "nothing yet")
    assert heat_map.hardest == ""
    assert heat_map.reading(0, 0) == ""


def test_the_map_follows_the_theme_and_goes_into_a_table(dark, dock: LevelsDock, told: ToldTraining, tmp_path) -> None:
    told.tell(*(progress(step, (0.5,), levels=levels(1.0)) for step in range(100, 1100, 100)))
    dock._redraw()
    before = dock.map.grab().toImage()
    theme().set_choice("light")
    assert dock.map.grab().toImage() != before
    path = tmp_path / "levels.csv"
    dock._export.export_to(dock._export.exports[1], path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == dock.map.table.values.shape[1]
    assert float(rows[-1]["t_1_2"]) == 1.0
