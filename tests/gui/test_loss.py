"""The loss panel: what is kept, what is drawn, and how often."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import csv
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QGraphicsView

from studio.app.docks.train.loss import REDRAW_MS, LossDock
from studio.app.theme import theme
from studio.app.training.loss_history import LossHistory, decimate, extremes
from studio.app.widgets.loss_plot import MOST_POINTS, LossCurves, LossPlot, Mark, lines_of_labels
from studio.app.widgets.ticks import linear_ticks, logarithmic_ticks, minute_ticks
from studio.training.events import MarkKind
from tests.gui.training_helpers import (  # noqa: F401  (fixtures)
    ToldTraining,
    marked,
    place,
    progress,
    runner,
    started,
    state,
    told,
    validated,
)


def test_losses_between_two_reports_are_placed_evenly() -> None:
    history = LossHistory()
    history.append((1.0, 2.0), seconds=60.0, images_seen=100)
    history.append((3.0, 4.0), seconds=120.0, images_seen=200)
    x, y = history.raw("minutes", 100)
    assert x.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert y.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert history.raw("images", 100)[0].tolist() == [50, 100, 150, 200]


def test_a_constant_loss_is_its_own_average_from_the_first_step() -> None:
    history = LossHistory()
    history.append((0.25,) * 500, seconds=10.0, images_seen=500)
    assert np.allclose(history.smoothed("images", 1000)[1], 0.25)


def test_losses_that_are_no_numbers_are_counted_and_left_out() -> None:
    history = LossHistory()
    history.append((1.0, math.nan, math.inf, 0.5), seconds=1.0, images_seen=4)
    assert history.not_finite_count == 2
    assert history.raw("images", 10)[1].tolist() == [1.0, 0.5]
    assert np.isfinite(history.smoothed("images", 10)[1]).all()
    assert history.latest == 0.5


def test_a_full_history_keeps_its_extremes_and_its_ends_in_order() -> None:
    history = LossHistory(capacity=64)
    losses = [1.0] * 500
    losses[123], losses[321] = 9.0, 0.125
    for step, loss in enumerate(losses, start=1):
        history.append((loss,), seconds=float(step), images_seen=step)
    x, y = history.raw("images", 1000)
    assert len(y) <= 64
    assert y.max() == 9.0
    assert y.min() == 0.125
    assert (np.diff(x) > 0).all()
    assert x[-1] == 500


@given(st.integers(1, 400), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_decimation_keeps_lowest_and_highest(count: int, most: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=count)
    x, kept = decimate(np.arange(count, dtype=float), y, most)
    assert len(kept) <= max(2, most)
    assert kept.min() == y.min()
    assert kept.max() == y.max()
    assert (np.diff(x) > 0).all()


def test_each_stretch_gives_its_two_extremes() -> None:
    y = np.array([0.0, 5.0, -5.0, 1.0, 1.0, 7.0, 2.0, 3.0])
    assert extremes(y, 2).tolist() == [1, 2, 4, 5] or extremes(y, 2).tolist() == [1, 2, 3, 5]


@pytest.mark.parametrize(("low", "high"), [(0.21, 0.49), (0.01, 1.0), (1e-4, 10.0), (0.9, 1.1), (0.05, 0.8)])
def test_every_range_of_losses_has_a_few_ticks_inside(low: float, high: float) -> None:
    ticks = logarithmic_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low * 0.99 <= tick.value <= high * 1.01 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_ticks_of_times_speak_of_seconds_minutes_and_hours() -> None:
    assert [tick.label for tick in minute_ticks(0, 0.5)] == ["0", "10 s", "20 s", "30 s"]
    assert [tick.label for tick in minute_ticks(0, 4)] == ["0", "1 min", "2 min", "3 min", "4 min"]
    assert minute_ticks(0, 600)[-1].label == "10 h"
    assert [tick.label for tick in minute_ticks(2.5, 4.2)] == ["2.5 min", "3 min", "3.5 min", "4 min"]


def test_numbers_have_a_true_minus_sign() -> None:
    assert [tick.label for tick in linear_ticks(-40, 40)] == ["−40", "−20", "0", "20", "40"]


@pytest.fixture
def dock(place, state, runner) -> LossDock:
    dock = LossDock(state, runner)
    place(dock, 420, 300)
    return dock


def test_a_storm_of_events_is_drawn_a_few_times(qtbot, dock: LossDock, told: ToldTraining, monkeypatch) -> None:
    drawn = []
    set_curves = dock.plot.set_curves
    monkeypatch.setattr(dock.plot, "set_curves", lambda *a, **k: (drawn.append(1), set_curves(*a, **k)))
    for step in range(1, 3001):
        told.tell(progress(step, (1.0 / step,)))
    assert drawn == []
    qtbot.waitUntil(lambda: len(drawn) == 1, timeout=2000)
    qtbot.wait(3 * REDRAW_MS)
    assert len(drawn) == 1
    assert len(dock.history) == 3000
    assert 0 < dock.plot.points_shown <= MOST_POINTS


def test_the_newest_values_stand_below_the_curve(qtbot, dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(10, (0.5,) * 10))
    qtbot.waitUntil(lambda: dock.legend.entries[0].value == "0.5000", timeout=2000)
    assert dock.legend.entries[2].value == ""
    told.tell(validated(10, 0.25, 0.375))
    qtbot.waitUntil(lambda: dock.legend.entries[2].value == "0.2500", timeout=2000)
    assert "raw weights 0.3750" in dock.legend.toolTip()


def test_the_pointer_reads_the_average_nearest_to_it(qtbot, dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(600, (0.5,) * 600))
    dock._redraw()
    plot = dock.plot.plot
    assert "pointer" not in plot.marker_names()
    canvas = plot.findChild(QGraphicsView)
    QTest.mouseMove(canvas.viewport(), QPoint(120, 60))
    qtbot.waitUntil(lambda: "pointer" in plot.marker_names())
    assert plot.note.endswith("0.5000")
    QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert "pointer" not in plot.marker_names()
    assert plot.note == ""


def test_a_plot_that_is_not_seen_draws_nothing_and_catches_up(qtbot) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    x = np.linspace(0, 1, 50)
    plot.set_curves(LossCurves((x, x + 0.1), (x, x + 0.1)))
    assert plot.plot is None
    plot.show()
    assert len(plot.plot.item.listDataItems()[0].xData) == 50
    plot.hide()
    plot.set_curves(LossCurves((x[:9], x[:9]), (x[:9], x[:9])))
    assert len(plot.plot.item.listDataItems()[0].xData) == 50
    plot.show()
    assert len(plot.plot.item.listDataItems()[0].xData) == 9


def test_the_first_window_does_not_wait_for_the_plotting_library() -> None:
    code = "import sys, studio.app.main_window; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize("levels", [(0.0,) * 5, (1e300,) * 5, (-1.0, 0.0, 1e-12, 1e12, 0.5), (0.5,)])
def test_no_loss_is_too_strange_to_draw(qtbot, levels: tuple[float, ...], logarithmic: bool) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.set_logarithmic(logarithmic)
    plot.show()
    points = (np.arange(len(levels), dtype=float), np.array(levels))
    plot.set_curves(LossCurves(points, points, points, axis="images"))
    assert not plot.grab().isNull()


def test_a_loss_that_is_no_number_marks_the_plot_and_breaks_nothing(qtbot, dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(4, (0.5, math.nan, math.inf, 0.4)))
    dock._redraw()
    assert [mark.label for mark in dock.plot.curves.marks] == ["not a number"]
    assert dock.plot.plot.marker_names() == ("mark 0",)
    assert not dock.grab().isNull()


def test_nothing_but_bad_losses_can_be_drawn(dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(2, (math.nan, -math.inf)))
    dock._redraw()
    dock._scale.set_value("linear")
    assert not dock.grab().isNull()


def test_scale_and_axis_follow_their_switches(dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(10, (0.5,) * 10))
    dock._redraw()
    assert dock.plot.logarithmic
    dock._scale.set_value("linear")
    assert not dock.plot.logarithmic
    in_minutes = dock.plot.curves.raw[0][-1]
    dock._axis.click()
    assert (in_minutes, dock.plot.curves.raw[0][-1]) == (pytest.approx(1 / 60), 100.0)


def test_a_new_run_begins_with_an_empty_plot_and_a_resumed_one_goes_on(dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(10, (0.5,) * 10), started(10, 0.2))
    assert len(dock.history) == 10
    assert [mark.words for mark in dock.record.marks] == ["resumed"]
    told.tell(started())
    assert len(dock.history) == 0
    assert dock.record.marks == ()


def test_the_plot_takes_the_colours_of_the_theme(dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(10, (0.5,) * 10))
    dock._redraw()
    theme().install("dark")
    dark = dock.plot.grab().toImage()
    theme().set_choice("light")
    light = dock.plot.grab().toImage()
    theme().set_choice("dark")
    assert dark != light
    assert dock.plot.grab().toImage() == dark


def test_the_validation_is_a_curve_of_its_own_and_is_read_out(dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(600, (0.5,) * 600), validated(300, 0.25, 0.375), validated(600, 0.2, 0.3))
    dock._redraw()
    x, y = dock.plot.curves.validation
    assert (x.tolist(), y.tolist()) == ([0.5, 1.0], [0.25, 0.2])
    assert dock.plot.reading(0.45) == "0:27   0.5000   validation 0.2500 (raw weights 0.3750)"


def test_a_run_that_went_back_has_no_curves_beyond_that_moment(dock: LossDock, told: ToldTraining) -> None:
    told.tell(progress(100, (0.5,) * 100), validated(50, 0.4), validated(100, 0.3))
    told.tell(progress(130, (9.0,) * 29 + (math.nan,)), validated(130, 9.0))
    told.tell(marked(MarkKind.ROLLED_BACK, 80, "rate halved"))
    assert dock.history.images_seen == 800
    assert dock.history.latest == 0.5
    assert [each.step for each in dock.record.validations] == [50]
    assert [mark.words for mark in dock.record.marks] == ["rate halved"]
    told.tell(progress(90, (0.25,) * 10))
    assert dock.history.raw("images", 1000)[0][-1] == 900
    assert dock.history.raw("images", 1000)[1].max() == 0.5


@given(st.lists(st.integers(0, 99), min_size=1, max_size=12), st.integers(1, 3))
def test_words_of_marks_never_lie_on_each_other(places: list[int], most_lines: int) -> None:
    marks = [Mark(float(place), "rate halved") for place in sorted(places)]
    lines = lines_of_labels(marks, 100.0, 400.0, most_lines)
    width = 400.0 / 101.2
    spans: dict[int, list[tuple[float, float]]] = {}
    for mark, line in zip(marks, lines, strict=True):
        if line is not None:
            assert 0 <= line < most_lines
            # Words are at least 30 pixels long, at the right of their line or at its left.
            left = mark.x * width
            spans.setdefault(line, []).append((left, left + 30) if left + 80 <= 400 else (left - 30, left))
    for line_spans in spans.values():
        line_spans.sort()
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(line_spans))
    assert lines[-1] == 0


def test_the_table_of_the_curves_has_a_line_for_everything(dock: LossDock, told: ToldTraining, tmp_path) -> None:
    told.tell(progress(4, (0.5, 0.4, 0.3, 0.2)), validated(4, 0.25), marked(MarkKind.LEARNING_RATE, 4, "rate halved"))
    path = tmp_path / "loss.csv"
    dock._export.export_to(dock._export.exports[1], path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["loss"] for row in rows[:4]] == [repr(float(np.float32(loss))) for loss in (0.5, 0.4, 0.3, 0.2)]
    assert [row["validation"] for row in rows if row["validation"]] == ["0.25"]
    assert [row["mark"] for row in rows if row["mark"]] == ["rate halved"]
