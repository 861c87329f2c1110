"""The schedule panel: controls, plots, warnings and the strip all tell of the one schedule in the state."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from studio.app.docks.schedule.dock import ScheduleDock
from studio.app.schedule.strip import FEW_SHARES, MANY_SHARES, ForwardStrip
from studio.app.state import StudioState
from studio.app.widgets.curve_editor_shares import Shares
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.curve_plot import Curve, CurvePlot
from studio.app.widgets.math_text import Term
from studio.diffusion.schedule import cosine, linear, log_snr_slope
from tests.gui.training_helpers import place, runner, small_pictures, state, two_pixels  # noqa: F401  (fixtures)


@pytest.fixture
def dock(place, state, runner) -> ScheduleDock:
    dock = ScheduleDock(state, runner)
    place(dock, 1100, 300)
    return dock


def test_a_state_without_schedule_is_given_one(qtbot, runner) -> None:
    state = StudioState()
    qtbot.addWidget(ScheduleDock(state, runner))
    assert state.schedule == cosine(1000)


def test_plots_show_what_the_schedule_says(dock: ScheduleDock, state: StudioState) -> None:
    alpha, beta, snr = (plot.editor for plot in dock.bench.plots)
    assert np.array_equal(alpha.curves[0].values, state.schedule.alpha_bar)
    assert np.array_equal(beta.curves[0].values, state.schedule.beta)
    assert np.allclose(snr.curves[0].values, 10 * np.log10(state.schedule.snr))
    assert snr.shares.shares.sum() == pytest.approx(1.0)


def test_another_kind_and_other_numbers_reach_the_state_at_once(dock: ScheduleDock, state: StudioState) -> None:
    dock.bench.kind_control.set_value("linear")
    assert state.schedule == linear(50)
    dock.bench.sliders["beta_end"].set_value(0.01)
    assert state.schedule == linear(50, beta_end=0.01)
    dock.bench.steps_control.set_value(120)
    assert state.schedule == linear(120, beta_end=0.01)
    dock.bench.kind_control.set_value("cosine")
    assert state.schedule == cosine(120)
    assert set(dock.bench.sliders) == {"offset", "maximum_beta"}


def test_a_schedule_set_elsewhere_moves_the_controls(dock: ScheduleDock, state: StudioState) -> None:
    state.set_schedule(linear(200, beta_start=0.001, beta_end=0.03))
    assert dock.bench.kind_control.value() == "linear"
    assert dock.bench.steps_control.value() == 200
    assert dock.bench.sliders["beta_end"].value() == pytest.approx(0.03)
    assert state.schedule == linear(200, beta_start=0.001, beta_end=0.03)


def test_a_good_schedule_says_so_and_a_poor_one_says_what_to_do(dock: ScheduleDock, state: StudioState) -> None:
    assert [finding.text for finding in dock.bench.notes.findings] == ["Ends in pure noise"]
    poor = linear(50, beta_end=0.002)
    state.set_schedule(poor)
    shown = [(finding.text, finding.remedy) for finding in dock.bench.notes.findings]
    assert shown == [(warning.message, warning.remedy) for warning in poor.warnings()]
    assert shown
    assert all(remedy for _, remedy in shown)


def test_the_cursor_is_shared_by_plots_and_strip(dock: ScheduleDock, state: StudioState) -> None:
    state.set_image_set(small_pictures())
    dock.bench.plots[0].hovered.emit(29)
    assert [plot.editor.cursor_step for plot in dock.bench.plots] == [29, 29, 29]
    assert dock.bench.strip.steps[dock.bench.strip.marked] == 30
    dock.bench.plots[1].hovered.emit(None)
    assert [plot.editor.cursor_step for plot in dock.bench.plots] == [None] * 3
    assert not dock.grab().isNull()


def test_the_pointer_over_a_plot_moves_the_cursor_of_all(dock: ScheduleDock) -> None:
    alpha, beta, snr = (plot.editor for plot in dock.bench.plots)
    QTest.mouseMove(alpha, QPoint(alpha.width() - 1, 40))
    assert snr.cursor_step == 49
    alpha.grab(), beta.grab()
    assert alpha.note.startswith("t  50")
    assert beta.note.startswith("t  50    β t")
    QApplication.sendEvent(alpha, QEvent(QEvent.Type.Leave))
    assert snr.cursor_step is None
    alpha.grab()
    assert alpha.note == ""


def test_the_pointer_over_the_bars_reads_the_share_of_steps(dock: ScheduleDock, state: StudioState) -> None:
    state.set_schedule(log_snr_slope(1000, log_snr_max=1.0, log_snr_min=-1.0))
    snr = dock.bench.plots[2].editor
    ribbon = snr.axes.ribbon_frame
    QTest.mouseMove(snr, QPoint(round(ribbon.center().x()), round(snr.axes.y(2.0))))
    snr.grab()
    decibels = 10 * np.log10(state.schedule.snr)
    share = 100 * np.mean((decibels >= 0) & (decibels < 5))
    assert snr.note == f"{share:.1f} % of steps 0 to 5 dB"
    assert snr.cursor_step is None


def test_a_curve_may_hold_anything(qtbot) -> None:
    plot = CurvePlot("Anything", Term("β_t"), ribbon=True)
    qtbot.addWidget(plot)
    plot.show()
    values = np.array([0.0, np.nan, np.inf, -np.inf, 1e-9, 0.5])
    other = Curve(values, CurveLook("muted", 1.4, "dot"), "other", 1.0)
    for curves in ([Curve(values, label="it")], [Curve(values), other], []):
        for logarithmic in (True, False):
            plot.set_scale(1e-5, 1.0, (1e-4, 1.0), logarithmic=logarithmic)
            plot.set_curves(curves, Shares((0.0, 0.5, 1.0), np.array([0.25, 0.75]), np.array([1.0, 0.0])))
            for step in range(7):
                plot.set_cursor_step(step)
                assert not plot.grab().isNull()


def test_the_strip_follows_schedule_and_pictures(dock: ScheduleDock, state: StudioState) -> None:
    assert dock.bench.strip.steps == ()
    state.set_image_set(small_pictures(side=40))
    assert dock.bench.strip.steps == (0, *(max(1, round(share * 50)) for share in MANY_SHARES))
    state.set_schedule(cosine(200))
    assert dock.bench.strip.steps[-1] == 200
    state.set_image_set(two_pixels())
    assert not dock.grab().isNull()


def test_the_strip_shows_fewer_pictures_where_they_are_larger_for_it(qtbot, place, state, runner) -> None:
    state.set_image_set(small_pictures(side=28))
    dock = ScheduleDock(state, runner)
    place(dock, 1080, 280)
    assert dock.bench.strip.steps == (0, *(round(share * 50) for share in FEW_SHARES))
    dock.resize(1080, 200)
    qtbot.waitUntil(lambda: len(dock.bench.strip.steps) == 1 + len(MANY_SHARES))


def test_the_strip_goes_from_the_picture_to_noise_the_same_way_each_time() -> None:
    pictures = small_pictures()
    steps, strip = ForwardStrip(pictures, 3).pictures(linear(50))
    assert np.array_equal(strip[0], pictures.images[3])
    again = ForwardStrip(pictures, 3).pictures(linear(50))[1]
    assert np.array_equal(strip, again)
    distances = [np.abs(shown.astype(int) - strip[0]).mean() for shown in strip]
    assert distances[1] < distances[4] < distances[-1]
    assert steps[-1] == 50


def test_while_a_run_keeps_its_own_schedule_the_panel_says_so(qtbot, dock, state, runner) -> None:
    class Run:
        schedule = cosine(50)

    handle = runner.start(iter(()), "Training")
    state.set_run(Run())
    state.set_training(handle)
    assert len(dock.bench.notes.findings) == 1
    state.set_schedule(cosine(60))
    assert dock.bench.notes.findings[-1].text == "The run in training keeps its own schedule."
    state.set_training(None)
    assert [finding.text for finding in dock.bench.notes.findings] == ["Ends in pure noise"]
    qtbot.waitUntil(lambda: not handle.alive)


def test_numbers_that_cannot_be_leave_the_last_good_schedule(
    dock: ScheduleDock, state: StudioState, tmp_path: Path
) -> None:
    before = state.schedule
    broken = tmp_path / "broken.csv"
    broken.write_text("beta\n0.1\n1.5\n")
    dock.bench.files_dropped([broken])
    assert state.schedule is before
    assert [(f.text, f.remedy) for f in dock.bench.notes.findings] == [
        ("β at step 2 is 1.5.", "Every β must lie between 0 and 1, both excluded.")
    ]


def test_a_narrow_panel_stacks_its_halves(qtbot, dock: ScheduleDock, state: StudioState) -> None:
    state.set_image_set(small_pictures())

    def top(widget: QWidget) -> int:
        return widget.mapTo(dock, QPoint(0, 0)).y()

    assert top(dock.bench.strip) < top(dock.bench.plots[0]) + dock.bench.plots[0].height()
    dock.resize(500, 700)
    qtbot.waitUntil(lambda: top(dock.bench.plots[0]) >= top(dock.bench.strip) + dock.bench.strip.height())
