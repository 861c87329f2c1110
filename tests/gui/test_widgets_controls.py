"""Segments, sliders, fields, buttons: values, keys, wheel, names, steady widths."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPushButton, QTabBar, QVBoxLayout, QWidget

from studio.app.focus_ring import FocusRing
from studio.app.theme import theme
from studio.app.widgets.controls import (
    CheckField,
    ComboField,
    IconButton,
    Label,
    NumberEdit,
    NumberField,
    PrimaryButton,
    SecondaryButton,
    SeedField,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.number_edit import parse_number
from tests.helpers.gallery import gallery

pytestmark = pytest.mark.usefixtures("dark")


@pytest.fixture
def show(qtbot):
    # Within a host: a window's own size limits make the platform that draws offscreen complain.
    host = QWidget()
    host.resize(1400, 900)
    qtbot.addWidget(host)

    def shown(widget: QWidget) -> QWidget:
        widget.setParent(host)
        host.show()
        widget.show()
        QApplication.processEvents()
        return widget

    return shown


def turn_wheel(widget: QWidget, steps: int) -> None:
    middle = QPointF(widget.rect().center())
    event = QWheelEvent(
        middle,
        QPointF(widget.mapToGlobal(QPoint(0, 0))) + middle,
        QPoint(0, 0),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def segments(control: SegmentedControl) -> list[QAbstractButton]:
    return sorted(control.findChildren(QAbstractButton), key=lambda button: button.x())


class TestSegmentedControl:
    def make(self) -> SegmentedControl:
        return SegmentedControl([("a", "Alpha"), ("b", "Beta"), (3, "Gamma\n4 min")], name="Letter")

    def test_the_first_is_on(self, show) -> None:
        assert show(self.make()).value() == "a"

    def test_a_click_chooses_and_tells_once(self, show, qtbot) -> None:
        control = show(self.make())
        with qtbot.waitSignal(control.value_changed) as told:
            qtbot.mouseClick(segments(control)[2], Qt.MouseButton.LeftButton)
        assert told.args == [3]
        assert control.value() == 3
        with qtbot.assertNotEmitted(control.value_changed):
            qtbot.mouseClick(segments(control)[2], Qt.MouseButton.LeftButton)
            control.set_value(3)

    def test_arrow_keys_skip_what_is_disabled(self, show, qtbot) -> None:
        control = show(self.make())
        control.set_option_enabled("b", False, "no such letter here")
        segments(control)[0].setFocus()
        qtbot.keyClick(segments(control)[0], Qt.Key.Key_Right)
        assert control.value() == 3
        qtbot.keyClick(segments(control)[2], Qt.Key.Key_Left)
        assert control.value() == "a"
        assert "no such letter" in segments(control)[1].toolTip()

    def test_only_the_one_that_is_on_takes_the_tab_key(self, show) -> None:
        control = show(self.make())
        control.set_value("b")
        assert [bool(s.focusPolicy() & Qt.FocusPolicy.TabFocus) for s in segments(control)] == [False, True, False]

    def test_widths_do_not_depend_on_the_choice(self, show) -> None:
        control = show(self.make())
        before = [segment.geometry() for segment in segments(control)]
        control.set_value("b")
        QApplication.processEvents()
        assert [segment.geometry() for segment in segments(control)] == before

    def test_options_can_be_replaced(self, show) -> None:
        control = show(self.make())
        control.set_value("b")
        control.set_options([("b", "Beta"), ("c", "Kappa")])
        assert control.value() == "b"
        control.set_options([("c", "Kappa")])
        assert control.value() == "c"

    def test_an_unknown_value_is_refused(self, show) -> None:
        control = show(self.make())
        with pytest.raises(ValueError, match="not one of the options"):
            control.set_value("z")

    def test_the_accent_line_follows_the_theme(self, show) -> None:
        control = show(self.make())

        def line() -> str:
            segment = segments(control)[0]
            return segment.grab().toImage().pixelColor(segment.width() // 2, segment.height() - 2).name().upper()

        assert line() == theme().tokens.accent
        theme().set_choice("light")
        assert line() == theme().tokens.accent


class TestValueSlider:
    def test_a_drag_changes_and_commits_at_its_end(self, show, qtbot) -> None:
        slider = show(ValueSlider("Steps", 1, 101, 1))
        slider.resize(320, 24)
        groove = slider.focusProxy()
        changed: list[object] = []
        committed: list[object] = []
        slider.value_changed.connect(changed.append)
        slider.value_committed.connect(committed.append)
        middle = groove.rect().center()
        qtbot.mousePress(groove, Qt.MouseButton.LeftButton, pos=middle)
        assert slider.value() == pytest.approx(51, abs=1)
        assert committed == []
        qtbot.mouseMove(groove, QPoint(groove.width() - 1, middle.y()))
        qtbot.mouseRelease(groove, Qt.MouseButton.LeftButton, pos=QPoint(groove.width() - 1, middle.y()))
        assert slider.value() == 101
        assert isinstance(slider.value(), int)
        assert committed == [101]
        assert changed[-1] == 101

    def test_a_number_can_be_typed(self, show, qtbot) -> None:
        slider = show(ValueSlider("Noise", 0, 1, 1, 2))
        edit = slider.findChild(QLineEdit)
        edit.selectAll()
        with qtbot.waitSignal(slider.value_changed):
            qtbot.keyClicks(edit, "0,25")
            qtbot.keyClick(edit, Qt.Key.Key_Return)
        assert slider.value() == 0.25
        assert edit.text() == "0.25"

    def test_nonsense_is_put_back_and_too_much_clamped(self, show, qtbot) -> None:
        slider = show(ValueSlider("Noise", 0, 1, 0.5, 2))
        edit = slider.findChild(QLineEdit)
        edit.selectAll()
        qtbot.keyClicks(edit, "lots")
        qtbot.keyClick(edit, Qt.Key.Key_Return)
        assert (slider.value(), edit.text()) == (0.5, "0.50")
        edit.selectAll()
        qtbot.keyClicks(edit, "7")
        qtbot.keyClick(edit, Qt.Key.Key_Return)
        assert slider.value() == 1.0

    def test_the_wheel_needs_the_focus(self, show) -> None:
        slider = show(ValueSlider("Steps", 1, 100, 50))
        groove = slider.focusProxy()
        groove.clearFocus()
        turn_wheel(groove, 1)
        turn_wheel(slider.findChild(QLineEdit), 1)
        assert slider.value() == 50
        groove.setFocus()
        turn_wheel(groove, 1)
        assert slider.value() > 50

    def test_arrow_keys_move_one_step(self, show, qtbot) -> None:
        slider = show(ValueSlider("Guidance", 0, 4, 1, 1))
        qtbot.keyClick(slider.focusProxy(), Qt.Key.Key_Right)
        assert slider.value() == 1.1

    def test_setting_the_same_value_is_silent(self, show, qtbot) -> None:
        slider = show(ValueSlider("Steps", 1, 100, 50))
        with qtbot.assertNotEmitted(slider.value_changed):
            slider.set_value(50)
        with qtbot.waitSignal(slider.value_changed):
            slider.set_range(1, 20)
        assert slider.value() == 20

    def test_what_a_screen_reader_says_is_the_value(self, show) -> None:
        slider = show(ValueSlider("Pictures", 1, 64, 16))
        assert (slider.focusProxy().minimum(), slider.focusProxy().value(), slider.focusProxy().maximum()) == (
            1,
            16,
            64,
        )

    def test_steps_reach_both_ends(self, show, qtbot) -> None:
        slider = show(ValueSlider("Width", 1, 64, 16, step=8))
        seen = []
        slider.value_changed.connect(seen.append)
        qtbot.keyClick(slider.focusProxy(), Qt.Key.Key_End)
        qtbot.keyClick(slider.focusProxy(), Qt.Key.Key_Home)
        qtbot.keyClick(slider.focusProxy(), Qt.Key.Key_Right)
        assert seen == [64, 1, 8]

    def test_powers_spread_evenly(self, show) -> None:
        slider = show(ValueSlider("Rate", 1e-5, 1e-1, 1e-3, 5, logarithmic=True))
        assert slider.focusProxy().value() == pytest.approx(slider.focusProxy().maximum() / 2, abs=1)

    def test_its_width_does_not_jump_with_the_number(self, show) -> None:
        slider = show(ValueSlider("Steps", 1, 1000, 1))
        slider.resize(320, 24)
        QApplication.processEvents()
        before = slider.focusProxy().geometry()
        slider.set_value(1000)
        QApplication.processEvents()
        assert slider.focusProxy().geometry() == before
        edit = slider.findChild(QLineEdit)
        assert edit.fontMetrics().horizontalAdvance("1000") <= edit.width() - 4

    def test_ranges_must_make_sense(self, application) -> None:
        with pytest.raises(ValueError, match="minimum < maximum"):
            ValueSlider("x", 1, 1, 1)
        with pytest.raises(ValueError, match="above 0"):
            ValueSlider("x", 0, 1, 1, logarithmic=True)


class TestFields:
    def test_a_choice(self, show, qtbot) -> None:
        field = show(ComboField("Schedule", [("cosine", "Cosine"), ("linear", "Linear")]))
        assert field.value() == "cosine"
        with qtbot.waitSignal(field.value_changed) as told:
            field.set_value("linear")
        assert told.args == ["linear"]
        with qtbot.assertNotEmitted(field.value_changed):
            field.set_options([("quadratic", "Quadratic"), ("linear", "Linear")])
        assert field.value() == "linear"
        field.focusProxy().clearFocus()
        turn_wheel(field.focusProxy(), 1)
        assert field.value() == "linear"
        with pytest.raises(ValueError, match="not one of the options"):
            field.set_value("cosine")

    def test_a_number(self, show, qtbot) -> None:
        field = show(NumberField("T", 2, 4000, 1000))
        edit = field.focusProxy()
        with qtbot.waitSignal(field.value_changed) as told:
            qtbot.keyClick(edit, Qt.Key.Key_Up)
        assert told.args == [1001]
        qtbot.keyClick(edit, Qt.Key.Key_PageDown)
        assert field.value() == 991

    def test_a_seed_and_its_die(self, show, qtbot) -> None:
        field = show(SeedField(value=11))
        with qtbot.waitSignal(field.value_changed):
            qtbot.mouseClick(field.findChild(IconButton), Qt.MouseButton.LeftButton)
        assert field.value() != 11
        field.set_value(2**31 - 1)
        assert field.value() == 2**31 - 1
        assert field.focusProxy().text() == "2147483647"

    def test_a_check_mark(self, show, qtbot) -> None:
        field = show(CheckField("Clip", False))
        with qtbot.waitSignal(field.value_changed) as told:
            qtbot.keyClick(field, Qt.Key.Key_Space)
        assert told.args == [True]
        assert field.value() is True

    def test_a_label_of_a_disabled_row_is_dimmed(self, show) -> None:
        field = show(NumberField("T", 2, 4000, 1000))
        field.setEnabled(False)
        assert field.label.property("role") == "disabled"
        field.setEnabled(True)
        assert field.label.property("role") == "muted"

    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("1,5", 1.5),
            ("−3", -3),
            (" 12 s ", 12),
            ("1 000", 1000),
            ("1e3", 1000),
            ("nan", None),
            ("", None),
            ("x", None),
        ],
    )
    def test_what_people_type(self, text: str, number: float | None) -> None:
        assert parse_number(text, " s") == number

    def test_escape_takes_back_what_was_typed(self, show, qtbot) -> None:
        edit = show(NumberEdit(0, 10, 5))
        edit.selectAll()
        qtbot.keyClicks(edit, "7")
        qtbot.keyClick(edit, Qt.Key.Key_Escape)
        assert (edit.text(), edit.value()) == ("5", 5)


class TestButtons:
    def test_icon_buttons_say_name_shortcut_and_reason(self, show) -> None:
        button = show(IconButton("play", "Play", "Space"))
        assert button.accessibleName() == "Play"
        assert button.toolTip() == "Play   Space"
        button.set_tooltip("Play", "nothing to play yet")
        assert button.toolTip().endswith("nothing to play yet")
        assert button.size().width() == button.size().height() == 28

    def test_heights(self, show) -> None:
        assert show(PrimaryButton("Go")).height() == 40
        assert show(PrimaryButton("Go", large=True)).height() == 48
        assert show(SecondaryButton("Go")).height() == 28
        assert show(SecondaryButton("Go", dense=True)).height() == 24

    def test_words_and_name_change_together(self, show) -> None:
        button = show(SecondaryButton("Play", "play"))
        button.set_text("Pause", "pause")
        assert (button.text(), button.accessibleName()) == ("Pause", "Pause")

    def test_the_primary_button_is_filled_with_the_accent(self, show) -> None:
        button = show(PrimaryButton("Go"))
        for choice in ("dark", "light"):
            theme().set_choice(choice)
            QApplication.processEvents()
            assert button.grab().toImage().pixelColor(6, 20).name().upper() == theme().tokens.accent


def test_an_elided_label_keeps_its_words(show) -> None:
    label = show(Label("a half-sentence that does not fit", elided=True))
    label.resize(60, 20)
    QApplication.processEvents()
    assert label.toolTip() == "a half-sentence that does not fit"
    label.resize(600, 20)
    QApplication.processEvents()
    assert label.toolTip() == ""


def test_the_focus_ring_follows_the_keyboard_but_not_the_mouse(show, qtbot) -> None:
    window = QWidget()
    column = QVBoxLayout(window)
    one, two = QPushButton("One", window), QPushButton("Two", window)
    column.addWidget(one)
    column.addWidget(two)
    show(window)
    ring = QApplication.instance().findChild(FocusRing)
    window.activateWindow()
    one.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: ring.target is one)
    frame = window.window().findChild(QWidget, "focusRing")
    assert frame.isVisible()
    assert frame.geometry() == one.geometry().adjusted(-4, -4, 4, 4)
    window.resize(400, 300)
    QApplication.processEvents()
    assert frame.geometry() == one.geometry().adjusted(-4, -4, 4, 4)
    qtbot.mousePress(one, Qt.MouseButton.LeftButton)
    assert ring.target is None
    assert not frame.isVisible()
    qtbot.mouseRelease(one, Qt.MouseButton.LeftButton)


def test_everything_the_keyboard_reaches_has_a_name(show) -> None:
    window = show(gallery())
    nameless = [
        f"{type(widget).__name__} in {type(widget.parent()).__name__}"
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and not widget.accessibleName()
        # A tab bar speaks through its tabs.
        and not isinstance(widget, QTabBar)
    ]
    assert nameless == []


def test_no_button_is_narrower_than_its_words(show) -> None:
    window = show(gallery())
    window.resize(1280, 800)
    QApplication.processEvents()
    cut = [
        button.accessibleName()
        for button in window.findChildren(QAbstractButton)
        if button.isVisible()
        and not isinstance(button, IconButton)
        and button.width() < button.fontMetrics().horizontalAdvance(max(button.text().split("\n"), key=len))
    ]
    assert cut == []
