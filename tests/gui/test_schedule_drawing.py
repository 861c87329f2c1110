"""Drawing a schedule as a person does: by mouse, by keyboard, by numbers; taking it back; to a file and home again."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from studio.app.docks.schedule.dock import ScheduleDock
from studio.app.schedule.editing import CUSTOM, DRAWN, schedule_editing_of
from studio.app.state import StudioState
from studio.app.undo import UndoStack, undo_stack_of
from studio.app.widgets.curve_editor import CurveEditor
from studio.app.widgets.file_drops import DropVeil
from studio.diffusion.schedule import (
    NoiseSchedule,
    cosine,
    linear,
    read_schedule,
    rescale_zero_terminal_snr,
    schedule_from_beta,
    with_steps,
    write_schedule,
)
from tests.gui.training_helpers import place, runner, small_pictures, state  # noqa: F401  (fixtures)

LEFT, RIGHT, NO_KEY = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def dock(place, state, runner) -> ScheduleDock:
    state.set_schedule(cosine(1000))
    state.set_image_set(small_pictures(side=28))
    dock = ScheduleDock(state, runner)
    place(dock, 1080, 250)
    return dock


@pytest.fixture
def changes(state) -> UndoStack:
    return undo_stack_of(state)


@pytest.fixture
def alpha(dock) -> CurveEditor:
    return dock.bench.plots[0].editor


def grab(editor: CurveEditor, index: int) -> QPoint:
    start = editor.place_of(index).toPoint()
    QTest.mousePress(editor, LEFT, NO_KEY, start)
    return start


def drag(editor: CurveEditor, index: int, by: QPoint, moves: int = 6) -> None:
    start = grab(editor, index)
    for k in range(1, moves + 1):
        QTest.mouseMove(editor, start + by * (k / moves))
    QTest.mouseRelease(editor, LEFT, NO_KEY, start + by)


def valid(schedule: NoiseSchedule) -> bool:
    return bool((schedule.beta > 0).all() and (schedule.beta < 1).all() and (np.diff(schedule.alpha_bar) < 0).all())


def test_draw_undo_redo_type_save_and_open_again(dock, state, changes, alpha, tmp_path: Path) -> None:
    """The journey: what a person draws can be taken back, put into numbers, and comes home from a file unchanged."""
    before = state.schedule
    strip = [dock.bench.strip.grab().toImage(), dock.bench.plots[1].editor.curves[0].values]
    drag(alpha, 3, QPoint(18, 9))
    drawn = state.schedule
    assert drawn.kind == DRAWN
    assert dock.bench.kind_control.value() == DRAWN
    assert valid(drawn)
    assert dock.bench.strip.grab().toImage() != strip[0]
    assert not np.array_equal(dock.bench.plots[1].editor.curves[0].values, strip[1])

    assert changes.next_undo == "move handle"
    changes.undo()
    assert state.schedule is before
    assert dock.bench.kind_control.value() == "cosine"
    assert changes.next_undo == ""
    changes.redo()
    assert state.schedule is drawn
    assert alpha.selected_handle == 3

    value, t = reversed(dock.bench.plots[0].title.numbers)
    value.setFocus()
    value.selectAll()
    QTest.keyClicks(value, "0,61")
    QTest.keyClick(value, Qt.Key.Key_Return)
    assert alpha.handles[3].value == 0.61
    t.setFocus()
    t.selectAll()
    QTest.keyClicks(t, "400")
    QTest.keyClick(t, Qt.Key.Key_Return)
    assert alpha.handles[3] == (400, 0.61)
    assert state.schedule.alpha_bar[399] == pytest.approx(0.61)

    typed = state.schedule
    export = dock.bench.actions.export
    for name in ("mine.json", "mine.csv"):
        export.export_to(export.exports[0], tmp_path / name)
        dock.bench.kind_control.set_value("linear")
        assert state.schedule == linear(1000)
        dock.bench.files_dropped([tmp_path / name])
        assert state.schedule == typed
        assert state.schedule.beta.tobytes() == typed.beta.tobytes()
    dock.bench.files_dropped([tmp_path / "mine.json"])
    changes.undo()
    dock.bench.kind_control.set_value("linear")
    dock.bench.files_dropped([tmp_path / "mine.json"])
    assert [(h.t, h.value) for h in alpha.handles] == [
        (pytest.approx(u * 1000), value) for u, value in typed.curve.handles
    ]


def test_everything_follows_while_the_handle_is_still_held(dock, state, changes, alpha) -> None:
    start = grab(alpha, 4)
    seen = []
    for k in range(5):
        QTest.mouseMove(alpha, start + QPoint(-6 * k, -5 * k))
        seen.append(state.schedule)
        for plot in dock.bench.plots:
            assert plot.editor.curves[0].values is not None
        assert dock.bench.plots[1].editor.curves[0].values is state.schedule.beta
        assert valid(state.schedule)
        alpha.grab()
        t, value = alpha.handles[alpha.selected_handle]
        assert alpha.note == f"t  {round(t)}    α t  {value:.4f}"
    assert len({schedule.beta.tobytes() for schedule in seen}) == 5
    assert changes.next_undo == ""
    QTest.mouseRelease(alpha, LEFT, NO_KEY, start)
    assert changes.next_undo == "move handle"


def test_a_handle_cannot_be_dragged_where_no_schedule_is(dock, state, alpha) -> None:
    for by in (QPoint(4000, -4000), QPoint(-4000, 4000), QPoint(0, -3000)):
        before = alpha.handles
        drag(alpha, 3, by)
        assert valid(state.schedule)
        assert [h.t for h in alpha.handles] == sorted(h.t for h in alpha.handles)
        assert before[3] != alpha.handles[3]
    picture = alpha.handles[0]
    drag(alpha, 0, QPoint(50, 50))
    assert alpha.handles[0] == picture == (0.0, 1.0)


def test_escape_gives_a_drag_up(state, changes, alpha) -> None:
    before = state.schedule
    start = grab(alpha, 3)
    QTest.mouseMove(alpha, start + QPoint(20, 10))
    assert state.schedule is not before
    QTest.keyClick(alpha, Qt.Key.Key_Escape)
    assert state.schedule is before
    QTest.mouseMove(alpha, start + QPoint(30, 10))
    QTest.mouseRelease(alpha, LEFT, NO_KEY, start)
    assert state.schedule is before
    assert changes.next_undo == ""


def test_while_a_handle_is_in_the_hand_nothing_else_happens_to_it(changes, alpha) -> None:
    count = len(alpha.handles)
    start = grab(alpha, 3)
    QTest.mouseMove(alpha, start + QPoint(20, 10))
    QTest.keyClick(alpha, Qt.Key.Key_Delete)
    QTest.mousePress(alpha, RIGHT, NO_KEY, start + QPoint(20, 10))
    assert len(alpha.handles) == count
    QTest.mouseRelease(alpha, LEFT, NO_KEY, start + QPoint(20, 10))
    assert changes.next_undo == "move handle"


def test_a_click_chooses_the_plot_that_carries_the_handles(dock, state, alpha) -> None:
    snr = dock.bench.plots[2].editor
    before = state.schedule
    QTest.mouseClick(snr, LEFT, NO_KEY, QPoint(60, snr.height() // 2))
    assert alpha.handles == ()
    assert len(snr.handles) > 2
    assert state.schedule is before
    drag(snr, 2, QPoint(10, 6))
    assert state.schedule.curve.quantity == "log_snr"
    t, decibels = snr.handles[2]
    assert 10 * np.log10(state.schedule.snr[round(t) - 1]) == pytest.approx(decibels)
    beta = dock.bench.plots[1]
    QTest.mouseClick(beta.title, LEFT, NO_KEY, QPoint(4, 4))
    drag(beta.editor, 1, QPoint(0, -8))
    t, value = beta.editor.handles[1]
    assert state.schedule.beta[round(t) - 1] == pytest.approx(value)


def test_a_click_on_the_curve_adds_a_handle_and_a_right_click_takes_it_away(state, changes, alpha) -> None:
    count = len(alpha.handles)
    place = QPoint(round(alpha.axes.x(500)), round(alpha.axes.y(state.schedule.alpha_bar[499])))
    QTest.mouseClick(alpha, LEFT, NO_KEY, place)
    assert len(alpha.handles) == count + 1
    assert changes.next_undo == "add handle"
    index = alpha.selected_handle
    assert abs(alpha.handles[index].t - 500) < 8
    QTest.mouseClick(alpha, RIGHT, NO_KEY, alpha.place_of(index).toPoint())
    assert len(alpha.handles) == count
    assert changes.next_undo == "remove handle"
    changes.undo()
    assert len(alpha.handles) == count + 1
    changes.undo()
    assert len(alpha.handles) == count
    assert state.schedule == cosine(1000)


def test_a_double_click_beside_the_curve_pulls_the_curve_there(state, alpha) -> None:
    place = QPoint(round(alpha.axes.x(500)), round(alpha.axes.y(0.7)))
    QTest.mouseDClick(alpha, LEFT, NO_KEY, place)
    t, value = alpha.handles[alpha.selected_handle]
    assert abs(t - 500) < 8
    assert value == pytest.approx(0.7, abs=0.01)
    assert state.schedule.alpha_bar[round(t) - 1] == pytest.approx(value)


def test_the_keyboard_reaches_every_handle_and_moves_it(dock, state, changes, alpha) -> None:
    alpha.setFocus(Qt.FocusReason.TabFocusReason)
    walked = []
    while alpha.hasFocus() and len(walked) < 20:
        walked.append(alpha.accessibleDescription())
        QTest.keyClick(alpha, Qt.Key.Key_Tab)
    assert len(walked) == len(alpha.handles)
    assert walked[0] == "Handle 1 of 8: t 0, 1.0000"
    assert len(set(walked)) == len(walked)
    alpha.setFocus()
    QTest.keyClick(alpha, Qt.Key.Key_Home)
    QTest.keyClick(alpha, Qt.Key.Key_Tab)
    QTest.keyClick(alpha, Qt.Key.Key_Tab)
    t, value = alpha.handles[2]
    QTest.keyClick(alpha, Qt.Key.Key_Left)
    assert alpha.handles[2] == (pytest.approx(t - 1), value)
    QTest.keyClick(alpha, Qt.Key.Key_Down)
    assert alpha.handles[2].value == pytest.approx(value - 0.001)
    QTest.keyClick(alpha, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert alpha.handles[2].value == pytest.approx(value - 0.021)
    for _ in range(3):
        assert changes.next_undo == "move handle"
        changes.undo()
    assert state.schedule == cosine(1000)
    count = len(alpha.handles)
    QTest.keyClick(alpha, Qt.Key.Key_End)
    QTest.keyClick(alpha, Qt.Key.Key_Insert)
    assert len(alpha.handles) == count + 1
    QTest.keyClick(alpha, Qt.Key.Key_Delete)
    assert len(alpha.handles) == count
    QTest.keyClick(alpha, Qt.Key.Key_Escape)
    assert alpha.selected_handle is None
    beta = dock.bench.plots[1].editor
    beta.setFocus()
    QTest.keyClick(beta, Qt.Key.Key_Space)
    assert beta.selected_handle == 0


def test_a_slider_drag_is_one_change_and_so_are_kind_and_steps(dock, state, changes) -> None:
    bench = dock.bench
    bench.kind_control.set_value("linear")
    assert changes.next_undo == "kind of schedule"
    slider = bench.sliders["beta_end"]
    groove = slider.focusProxy()
    QTest.mousePress(groove, LEFT, NO_KEY, QPoint(20, 10))
    for x in (24, 28, 32):
        QTest.mouseMove(groove, QPoint(x, 10))
    QTest.mouseRelease(groove, LEFT, NO_KEY, QPoint(32, 10))
    once = state.schedule
    assert once.options["beta_end"] != linear(1000).options.get("beta_end", 0.02)
    assert changes.next_undo == "Last β"
    QTest.mousePress(groove, LEFT, NO_KEY, QPoint(8, 10))
    QTest.mouseRelease(groove, LEFT, NO_KEY, QPoint(8, 10))
    changes.undo()
    assert state.schedule is once
    changes.undo()
    assert state.schedule == linear(1000)
    bench.steps_control.set_value(300)
    assert changes.next_undo == "number of steps"
    changes.undo()
    changes.undo()
    assert state.schedule == cosine(1000)
    assert bench.kind_control.value() == "cosine"


def test_another_number_of_steps_keeps_the_handles(dock, state, alpha) -> None:
    drag(alpha, 3, QPoint(12, 7))
    drawn = state.schedule
    dock.bench.steps_control.set_value(250)
    assert state.schedule.step_count == 250
    assert state.schedule.curve == drawn.curve
    assert state.schedule == with_steps(drawn, 250)
    assert alpha.handles[3].t == pytest.approx(drawn.curve.handles[3][0] * 250)


def test_numbers_from_a_file_are_not_called_what_they_are_not(dock, state, tmp_path) -> None:
    numbers = schedule_from_beta(np.linspace(1e-4, 0.03, 400))
    write_schedule(tmp_path / "numbers.csv", numbers)
    dock.bench.files_dropped([tmp_path / "numbers.csv"])
    assert state.schedule == numbers
    assert dock.bench.kind_control.value() == CUSTOM
    assert dock.bench.sliders == {}
    state.set_schedule(NoiseSchedule(numbers.beta * 0.9, kind="cosine"))
    assert dock.bench.kind_control.value() == CUSTOM
    state.set_schedule(linear(400, beta_end=0.7))
    assert dock.bench.kind_control.value() == CUSTOM
    dock.bench.kind_control.set_value("linear")
    assert state.schedule == linear(400)
    state.set_schedule(cosine(400))
    assert dock.bench.kind_control.value() == "cosine"


def test_a_schedule_stretched_to_pure_noise_stays_stretched_while_its_numbers_change(dock, state) -> None:
    state.set_schedule(rescale_zero_terminal_snr(linear(1000)))
    assert dock.bench.kind_control.value() == "linear"
    dock.bench.sliders["beta_end"].set_value(0.03)
    assert state.schedule == rescale_zero_terminal_snr(linear(1000, beta_end=0.03))


def test_a_single_step_has_no_curve_to_draw_on(dock, state, alpha) -> None:
    state.set_schedule(schedule_from_beta([0.5]))
    assert alpha.handles == ()
    QTest.mouseClick(alpha, LEFT, NO_KEY, alpha.rect().center())
    assert not dock.grab().isNull()
    assert state.schedule.step_count == 1
    assert dock.bench.steps_control.value() == 1


def test_other_schedules_lie_under_the_curves(dock, state, alpha) -> None:
    assert [curve.label for curve in alpha.curves] == ["", "linear"]
    menu = dock.bench.actions.make_menu()

    def action(title: str) -> QAction:
        return next(action for action in menu.actions() if action.text() == title)

    assert action("Linear").isChecked()
    action("Karras").trigger()
    action("Linear").trigger()
    assert [curve.label for curve in alpha.curves] == ["", "karras"]
    kept = state.schedule
    action("Keep this one to compare").trigger()
    drag(alpha, 3, QPoint(12, 7))
    assert [curve.label for curve in alpha.curves] == ["", "karras", "kept"]
    assert np.array_equal(alpha.curves[2].values, kept.alpha_bar)
    state.set_schedule(cosine(200))
    assert [len(curve.values) for curve in alpha.curves[1:]][-1] == 200
    menu.close()


def test_curves_to_compare_with_are_not_painted_anew_while_dragging(alpha) -> None:
    alpha.grab()
    start = grab(alpha, 3)
    QTest.mouseMove(alpha, start + QPoint(3, 2))
    alpha.grab()
    still = alpha._still
    QTest.mouseMove(alpha, start + QPoint(9, 5))
    alpha.grab()
    assert alpha._still is still
    QTest.mouseRelease(alpha, LEFT, NO_KEY, start)


def test_a_schedule_is_dropped_on_the_panel_and_pictures_pass_through(dock, state, tmp_path) -> None:
    write_schedule(tmp_path / "dropped.json", linear(123))

    def mime(name: str) -> QMimeData:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
        return data

    def enter(data: QMimeData) -> bool:
        event = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, LEFT, NO_KEY)
        QApplication.sendEvent(dock.bench, event)
        return event.isAccepted()

    assert not enter(mime("picture.png"))
    data = mime("dropped.json")
    assert enter(data)
    veil = dock.bench.findChild(DropVeil)
    assert veil.isVisible()
    QApplication.sendEvent(dock.bench, QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, LEFT, NO_KEY))
    assert state.schedule == linear(123)
    assert not veil.isVisible()


def test_curves_and_strip_leave_as_pictures(dock, tmp_path) -> None:
    export = dock.bench.actions.export
    for number, way in enumerate(export.exports[2:]):
        for suffix, _ in way.kinds:
            path = tmp_path / f"{number}{suffix}"
            export.export_to(way, path)
            assert path.stat().st_size > 1000
    drawing = (tmp_path / "0.svg").read_text(encoding="utf-8")
    assert "polyline" in drawing or "<path" in drawing
    assert "<image" not in drawing


def test_the_steps_at_each_ratio_leave_as_a_table(dock, state, tmp_path) -> None:
    export = dock.bench.actions.export
    export.export_to(export.exports[1], tmp_path / "shares.csv")
    table = np.genfromtxt(tmp_path / "shares.csv", delimiter=",", names=True)
    assert table["share_of_steps"].sum() == pytest.approx(1.0)
    decibels = 10 * np.log10(state.schedule.snr)
    inside = table[5]
    assert inside["share_of_steps"] == np.mean((decibels >= inside["from_db"]) & (decibels < inside["to_db"]))


def test_a_file_that_cannot_be_written_is_said_in_the_panel(dock, tmp_path) -> None:
    export = dock.bench.actions.export
    (tmp_path / "nowhere").write_text("a file where a folder belongs")
    export.export_to(export.exports[0], tmp_path / "nowhere" / "schedule.json")
    assert len(dock.bench.notes.findings) == 1
    assert "nowhere" in dock.bench.notes.findings[0].text


def test_undo_and_redo_stand_in_the_title(dock, state, changes, alpha) -> None:
    undo, redo = dock.bench.actions.undo, dock.bench.actions.redo
    assert not undo.isEnabled()
    assert "Nothing was changed yet." in undo.toolTip()
    drag(alpha, 3, QPoint(12, 7))
    undo.click()
    assert state.schedule == cosine(1000)
    redo.click()
    assert state.schedule.kind == DRAWN
    assert undo.accessibleName() == "Undo move handle"


def test_one_editing_serves_a_state(state: StudioState, dock: QWidget) -> None:
    assert schedule_editing_of(state) is schedule_editing_of(state)


def test_what_was_written_is_what_is_read(state, dock, alpha, tmp_path) -> None:
    drag(alpha, 2, QPoint(3, 9))
    schedule_editing_of(state).save_file(tmp_path / "drawn.json")
    assert read_schedule(tmp_path / "drawn.json").curve == state.schedule.curve
