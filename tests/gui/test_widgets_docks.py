"""Docks, drop areas, banners, plots."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMainWindow, QScrollArea, QWidget

from studio.app.theme import DARK, LIGHT, theme
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import IconButton, SegmentedControl
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.decimation import thin_curve
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.drop_area import DropArea
from studio.app.widgets.file_drops import AcceptsFiles, DropVeil, dropped_paths
from studio.app.widgets.plot import Plot
from studio.app.widgets.ticks import Tick
from studio.errors import DataError

pytestmark = pytest.mark.usefixtures("dark")


@pytest.fixture
def window(show):
    window = show(QMainWindow(), 1200, 800)
    window.setCentralWidget(QWidget(window))
    window.centralWidget().setMinimumWidth(400)
    return window


def add_dock(window: QMainWindow, name: str, title: str, subtitle: str = "") -> StudioDock:
    dock = StudioDock(name, title, subtitle, window)
    dock.set_body(QLabel(title, dock))
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    QApplication.processEvents()
    return dock


class TestStudioDock:
    def test_the_title_bar_is_what_the_language_says(self, window) -> None:
        dock = add_dock(window, "sampler", "Sampler", "set once")
        bar = dock.titleBarWidget()
        assert bar.height() == 29
        assert dock.widget().y() == 29
        assert dock.widget().layout().contentsMargins().left() == 12
        image = bar.grab().toImage()
        assert image.pixelColor(100, 28) == QColor(DARK.border)
        assert image.pixelColor(1, 10) == QColor(DARK.panel)
        theme().set_choice("light")
        assert bar.grab().toImage().pixelColor(100, 28) == QColor(LIGHT.border)

    def test_it_floats_and_docks_by_button_and_by_menu(self, window, qtbot) -> None:
        dock = add_dock(window, "sampler", "Sampler")
        floating = next(b for b in dock.findChildren(IconButton) if b.accessibleName() == "Float Sampler")
        qtbot.mouseClick(floating, Qt.MouseButton.LeftButton)
        assert dock.isFloating()
        assert dock.float_action.isChecked()
        assert floating.accessibleName() == "Dock again Sampler"
        dock.float_action.trigger()
        assert not dock.isFloating()
        assert floating.accessibleName() == "Float Sampler"

    def test_closing_is_undone_by_its_menu_entry(self, window, qtbot) -> None:
        dock = add_dock(window, "sampler", "Sampler")
        close = next(b for b in dock.findChildren(IconButton) if b.accessibleName() == "Close Sampler")
        qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
        assert not dock.isVisible()
        dock.toggleViewAction().trigger()
        assert dock.isVisible()

    def test_tabbed_the_tab_carries_the_title(self, window) -> None:
        one, two = add_dock(window, "one", "One", "first"), add_dock(window, "two", "Two", "second")
        title = next(label for label in two.titleBarWidget().findChildren(QLabel) if label.text() == "Two")
        assert title.isVisible()
        window.tabifyDockWidget(one, two)
        two.raise_()
        QApplication.processEvents()
        assert not title.isVisible()
        two.setFloating(True)
        QApplication.processEvents()
        assert title.isVisible()

    def test_an_arrangement_is_saved_and_restored(self, window) -> None:
        one, two = add_dock(window, "one", "One"), add_dock(window, "two", "Two")
        window.tabifyDockWidget(one, two)
        saved = window.saveState()
        window.removeDockWidget(two)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, two)
        assert window.restoreState(saved)
        assert window.tabifiedDockWidgets(one) == [two]

    def test_a_long_subtitle_gives_way_and_actions_fit(self, window) -> None:
        dock = add_dock(window, "one", "One", "a very long half-sentence " * 20)
        control = SegmentedControl([(0, "Log"), (1, "Linear")], dock, dense=True)
        dock.title_actions().addWidget(control)
        window.resizeDocks([dock], [240], Qt.Orientation.Horizontal)
        QApplication.processEvents()
        assert dock.width() < 400
        assert control.width() >= control.sizeHint().width()
        assert dock.subtitle().startswith("a very long")

    def test_a_dock_without_a_name_is_refused(self, window) -> None:
        with pytest.raises(ValueError, match="object name"):
            StudioDock("", "Nameless", parent=window)


def mime(*urls: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl(url) for url in urls])
    return data


def drag_enter(widget: QWidget, data: QMimeData) -> bool:
    event = QDragEnterEvent(
        widget.rect().center(),
        Qt.DropAction.CopyAction | Qt.DropAction.MoveAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    event.setDropAction(Qt.DropAction.MoveAction)
    QApplication.sendEvent(widget, event)
    if event.isAccepted():
        assert event.dropAction() == Qt.DropAction.CopyAction
    return event.isAccepted()


def drop(widget: QWidget, data: QMimeData) -> bool:
    event = QDropEvent(
        QPointF(widget.rect().center()),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


class TestDrops:
    def test_only_local_files_count_and_each_once(self) -> None:
        data = mime("file:///tmp/a.png", "https://example.org/b.png", "file:///tmp/c%20d", "file:///tmp/a.png")
        assert dropped_paths(data) == [Path("/tmp/a.png"), Path("/tmp/c d")]

    def test_an_area_takes_files_and_lights_up(self, show, qtbot) -> None:
        area = show(DropArea("Drop pictures", "folder, ZIP"), 300, 60)
        data = mime("file:///tmp/a.png")

        def lit() -> bool:
            return area.grab().toImage().pixelColor(290, 30) == QColor(DARK.selected)

        assert not lit()
        assert drag_enter(area, data)
        assert lit()
        QApplication.sendEvent(area, QDragLeaveEvent())
        assert not lit()
        drag_enter(area, data)
        with qtbot.waitSignal(area.dropped) as told:
            assert drop(area, data)
        assert told.args == [[Path("/tmp/a.png")]]
        assert not lit()

    def test_an_area_refuses_the_web_and_plain_text(self, show, qtbot) -> None:
        area = show(DropArea("Drop pictures", "folder, ZIP"), 300, 60)
        text = QMimeData()
        text.setText("/tmp/a.png")
        with qtbot.assertNotEmitted(area.dropped):
            for data in (mime("https://example.org/b.png"), text):
                assert not drag_enter(area, data)
                assert not drop(area, data)

    @pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return])
    def test_mouse_and_keys_browse(self, show, qtbot, key) -> None:
        area = show(DropArea("Drop pictures", "folder, ZIP", compact=False), 300, 160)
        with qtbot.waitSignal(area.browse_requested):
            qtbot.mouseClick(area, Qt.MouseButton.LeftButton)
        with qtbot.waitSignal(area.browse_requested):
            qtbot.keyClick(area, key)

    def test_a_whole_window_takes_files_under_a_veil(self, show) -> None:
        class Window(AcceptsFiles, QWidget):
            def __init__(self) -> None:
                super().__init__()
                self.paths: list[Path] = []
                self.veil = DropVeil("Drop to open", self)
                self.accept_files()

            def files_dropped(self, paths: list[Path]) -> None:
                self.paths = paths

            def files_over(self, over: bool) -> None:
                self.veil.lift(over)

        window = show(Window(), 400, 300)
        assert drag_enter(window, mime("file:///tmp/set.zip"))
        assert window.veil.isVisible()
        assert window.veil.geometry() == window.rect()
        assert not window.veil.grab().isNull()
        drop(window, mime("file:///tmp/set.zip"))
        assert window.paths == [Path("/tmp/set.zip")]
        assert not window.veil.isVisible()


def buttons(banner: Banner) -> dict[str, QAbstractButton]:
    return {button.accessibleName(): button for button in banner.findChildren(QAbstractButton) if not button.isHidden()}


class TestBanner:
    def test_an_error_says_what_and_what_to_do(self, show, qtbot) -> None:
        banner = show(Banner(), 800, 60)
        banner.hide()
        done: list[str] = []
        banner.show_error(
            DataError("No file is a picture.", "Drop a folder with PNG files."),
            "twelve reasons",
            [("Choose…", lambda: done.append("chosen"))],
        )
        assert banner.isVisible()
        assert banner.text() == "No file is a picture. Drop a folder with PNG files."
        qtbot.mouseClick(buttons(banner)["Choose…"], Qt.MouseButton.LeftButton)
        assert done == ["chosen"]
        qtbot.mouseClick(buttons(banner)["Copy details"], Qt.MouseButton.LeftButton)
        assert QGuiApplication.clipboard().text().endswith("twelve reasons")
        assert "No file is a picture." in QGuiApplication.clipboard().text()
        assert "Copied" in buttons(banner)

    def test_a_foreign_exception_is_named_a_mistake(self, show) -> None:
        banner = show(Banner(), 800, 60)
        banner.show_error(KeyError("alpha"))
        assert "made a mistake" in banner.text()
        assert "Copy details" in buttons(banner)

    def test_the_next_sentence_takes_the_buttons_away(self, show) -> None:
        banner = show(Banner(), 800, 60)
        banner.show_message("First", actions=[("Do it", banner.update)], details="x")
        banner.show_message("Second", kind="warn")
        assert set(buttons(banner)) == {"Dismiss"}
        assert banner.kind == "warn"

    def test_closing_is_told(self, show, qtbot) -> None:
        banner = show(Banner(), 800, 60)
        banner.show_message("Saved", kind="ok")
        with qtbot.waitSignal(banner.dismissed):
            qtbot.mouseClick(buttons(banner)["Dismiss"], Qt.MouseButton.LeftButton)
        assert not banner.isVisible()

    @pytest.mark.parametrize("kind", ["error", "warn", "ok"])
    def test_the_edge_has_the_colour_of_its_kind(self, show, kind) -> None:
        banner = show(Banner(), 800, 60)
        banner.show_message("Something", kind=kind)
        for choice, tokens in (("dark", DARK), ("light", LIGHT)):
            theme().set_choice(choice)
            assert banner.grab().toImage().pixelColor(1, 20) == tokens.color(kind)

    def test_an_unknown_kind_is_refused(self, show) -> None:
        with pytest.raises(ValueError, match="kind"):
            show(Banner(), 800, 60).show_message("x", kind="purple")


class TestThinning:
    def test_spikes_and_ends_survive(self) -> None:
        x = np.arange(100_000)
        y = np.sin(x / 5000)
        y[54_321], y[12_345] = 9.0, -9.0
        thin_x, thin_y = thin_curve(x, y, 1000)
        assert len(thin_x) <= 1000
        assert (thin_x[0], thin_x[-1]) == (0, 99_999)
        assert (np.diff(thin_x) > 0).all()
        assert 54_321 in thin_x
        assert 12_345 in thin_x
        assert (thin_y == y[thin_x.astype(int)]).all()

    def test_gaps_stay_gaps(self) -> None:
        y = np.ones(10_000)
        y[4000:6000] = np.nan
        thin_x, thin_y = thin_curve(np.arange(10_000), y, 200)
        inside = (thin_x > 4100) & (thin_x < 5900)
        assert inside.any()
        assert np.isnan(thin_y[inside]).all()
        assert np.isfinite(thin_y[(thin_x < 3900) | (thin_x > 6100)]).all()

    def test_short_curves_and_wrong_ones(self) -> None:
        x, y = thin_curve(np.arange(3), np.array([1.0, np.nan, 3.0]))
        assert len(x) == len(y) == 3
        with pytest.raises(ValueError, match="equal length"):
            thin_curve(np.arange(3), np.arange(4))


class TestPlot:
    def test_curves_are_thinned_and_take_the_themes_colour(self, show) -> None:
        plot = show(Plot(name="Loss", logarithmic=True), 400, 240)
        x = np.linspace(0, 3, 50_000)
        plot.set_curve("loss", x, np.exp(-x), CurveLook("d1"))
        plot.set_marker("playhead", 1.5)
        image = plot.grab().toImage()
        colors = {image.pixelColor(x, y).name().upper() for x in range(400) for y in range(240)}
        assert {DARK.d1, DARK.accent, DARK.field, DARK.panel} <= colors
        assert len(plot.item.listDataItems()[0].xData) <= 2000
        theme().set_choice("light")
        image = plot.grab().toImage()
        colors = {image.pixelColor(x, y).name().upper() for x in range(400) for y in range(240)}
        assert {LIGHT.d1, LIGHT.accent, LIGHT.field, LIGHT.panel} <= colors

    def test_a_curve_with_zeros_and_gaps_draws_without_a_warning(self, show, caplog) -> None:
        plot = show(Plot(logarithmic=True), 400, 240)
        y = np.array([1.0, 0.0, -1.0, np.nan, np.inf, 0.1])
        with np.errstate(all="raise"), caplog.at_level(logging.WARNING):
            plot.set_curve("loss", np.arange(6), y)
            plot.set_curve("empty", np.array([]), np.array([]))
            assert not plot.grab().isNull()
            plot.set_logarithmic(False)
            assert not plot.grab().isNull()
        assert not caplog.records

    def test_curves_and_markers_go_again(self, show) -> None:
        plot = show(Plot(), 400, 240)
        plot.set_curve("a", np.arange(4), np.arange(4))
        plot.remove_curve("a")
        plot.remove_curve("a")
        plot.set_marker("m", 1.0)
        plot.set_marker("m", None)
        plot.set_marker("m", None)
        assert plot.curve_names() == ()
        assert plot.item.listDataItems() == []

    def test_the_wheel_scrolls_the_panel_around_the_plot(self, qtbot, show) -> None:
        area = show(QScrollArea(), 300, 200)
        plot = Plot()
        plot.setFixedSize(280, 900)
        area.setWidget(plot)
        plot.show()
        plot.set_curve("a", np.arange(4), np.arange(4))
        QApplication.processEvents()
        shown = plot.item.getViewBox().viewRange()
        QTest.wheelEvent(area.window().windowHandle(), QPointF(100, 60), QPoint(0, -120))
        assert area.verticalScrollBar().value() > 0
        assert plot.item.getViewBox().viewRange() == shown

    def test_dots_follow_the_scale(self, show) -> None:
        plot = show(Plot(), 400, 240)
        plot.set_curve("a", np.arange(1, 101), np.linspace(1, 100, 100))
        plot.set_dot("now", 50.0, 10.0, "d4")
        plot.set_logarithmic(True)
        dot = plot._dots["now"].item
        assert dot.pos().y() == pytest.approx(1.0)
        plot.set_logarithmic(False)
        assert dot.pos().y() == 10.0
        plot.set_dot("now", None)
        assert dot.scene() is None

    def test_ticks_of_ones_own_reach_axis_and_grid(self, show) -> None:
        plot = show(Plot(), 400, 240)
        plot.set_x_range(0, 10)
        plot.set_ticks("bottom", lambda low, high, most: (Tick(0, "begin"), Tick(10, "end")))
        assert plot.item.getAxis("bottom").ticks(0, 10, 300) == [(0, "begin"), (10, "end")]
        assert not plot.grab().isNull()

    def test_lines_are_as_wide_on_screens_of_many_pixels(self) -> None:
        assert [CurveLook(width=2.0).pen(ratio).widthF() for ratio in (1.0, 1.5, 2.0)] == [2.0, 3.0, 4.0]
        assert CurveLook(faint=True).pen(2.0).widthF() == 1.0

    def test_markers_keep_width_and_dash_in_another_theme(self, show) -> None:
        plot = show(Plot(), 400, 240)
        plot.set_marker("mark", 1.0, CurveLook("warn", 1.0, "dash"), "{half}")
        theme().set_choice("light")
        line = plot.item.items[-1]
        assert line.pen.color() == QColor(LIGHT.warn)
        assert (line.pen.widthF(), line.pen.dashPattern()) == (1.0, [5.0, 3.0])
        assert line.label.toPlainText() == "{half}"

    def test_the_left_axis_never_changes_its_width(self, show) -> None:
        plot = show(Plot(), 400, 240)
        plot.set_curve("a", np.arange(4), np.arange(4))
        plot.grab()
        before = plot.item.getViewBox().sceneBoundingRect().left()
        plot.set_curve("a", np.arange(4), np.arange(4) * 1234.5)
        plot.grab()
        assert plot.item.getViewBox().sceneBoundingRect().left() == before


def test_a_dashed_curve_has_gaps_and_a_solid_one_none(show) -> None:
    plot = show(Plot(), 400, 240)
    plot.set_x_range(0, 1)
    plot.set_y_range(0, 1)

    def drawn_share(dash: str) -> float:
        x = np.linspace(0, 1, 3000)
        plot.set_curve("level", x, np.full(3000, 0.5), CurveLook("d4", dash=dash))
        image = plot.grab().toImage()
        columns = range(120, 380)
        hit = [any(image.pixelColor(x, y) == QColor(DARK.d4) for y in range(240)) for x in columns]
        return sum(hit) / len(columns)

    assert drawn_share("solid") == 1.0
    assert 0.3 < drawn_share("dash") < 0.9
