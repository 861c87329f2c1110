"""The plane's canvas by itself: the map to the screen, the tools by real mouse and keys, zoom, and what is painted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from studio.app.theme import theme
from studio.app.widgets.plane_canvas import PlaneCanvas
from studio.app.widgets.plane_drawing import Arrows, Cloud, Paths, PlaneDrawing, ProbeArrows
from studio.app.widgets.plane_ground import cloud_image
from studio.app.widgets.plane_time_strip import PlaneTimeStrip
from studio.app.widgets.plane_tools import PlaneTool
from studio.app.widgets.plane_view import PlaneView

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
WIDTH, HEIGHT = 600, 400


@pytest.fixture
def canvas(show, dark) -> PlaneCanvas:
    return show(PlaneCanvas(reach=2.0), WIDTH, HEIGHT)


def wheel(canvas: PlaneCanvas, place: QPoint, delta: int) -> None:
    at = QPointF(place)
    event = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, NO_KEY,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)


def heard(signal) -> list[tuple]:
    calls: list[tuple] = []
    signal.connect(lambda *values: calls.append(values))
    return calls


def pixels(canvas: PlaneCanvas) -> np.ndarray:
    image = QImage(canvas.size(), QImage.Format.Format_RGB888)
    painter = QPainter(image)
    canvas.paint(painter, canvas.view)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def close_to(picture: np.ndarray, role: str, tolerance: int = 24) -> np.ndarray:
    color = np.array(theme().color(role).getRgb()[:3])
    return np.abs(picture - color).max(2) <= tolerance


# The map


def test_the_home_view_has_the_reach_along_the_shorter_side_and_pixel_two_upwards() -> None:
    view = PlaneView.home(QSize(WIDTH, HEIGHT), 2.0)

    assert view.extent == pytest.approx((-3.0, 3.0, -2.0, 2.0))
    assert view.place((0, 0)) == QPointF(300, 200)
    assert view.place((1, 1)) == QPointF(400, 100)


coordinates = st.floats(-3, 3)


@given(st.tuples(coordinates, coordinates), st.floats(0.3, 4.0), st.tuples(st.floats(0, 600), st.floats(0, 400)))
def test_zooming_keeps_what_is_under_the_cursor_and_places_lead_back_to_points(point, factor, about) -> None:
    place = QPointF(*about)
    before = PlaneView.home(QSize(WIDTH, HEIGHT), 2.0, point)

    after = before.zoomed(factor, place)

    assert after.scale == pytest.approx(before.scale * factor)
    assert after.point(place) == pytest.approx(before.point(place), abs=1e-9)
    assert after.point(after.place(point)) == pytest.approx(point, abs=1e-9)


# The tools


def test_dragging_with_the_probe_reports_the_points_under_the_mouse(canvas, qtbot) -> None:
    moves = heard(canvas.probe_moved)

    qtbot.mousePress(canvas, LEFT, pos=QPoint(300, 200))
    qtbot.mouseMove(canvas, QPoint(400, 100))
    drag(canvas, QPoint(400, 100))
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(400, 100))

    assert moves[0] == pytest.approx((0.0, 0.0))
    assert moves[-1] == pytest.approx((1.0, 1.0))


def drag(canvas: PlaneCanvas, place: QPoint) -> None:
    """A move with the button held, which the test library's own does not send."""
    at = QPointF(place)
    QApplication.sendEvent(canvas, QMouseEvent(QEvent.Type.MouseMove, at, canvas.mapToGlobal(at), LEFT, LEFT, NO_KEY))


def test_a_stroke_dabs_by_distance_and_holding_still_goes_on_dabbing(canvas, qtbot) -> None:
    canvas.set_tool(PlaneTool.BRUSH)
    canvas.set_brush_radius(0.3)
    begun, went_on, ended = (
        heard(signal) for signal in (canvas.stroke_begun, canvas.stroke_went_on, canvas.stroke_ended)
    )

    qtbot.mousePress(canvas, LEFT, pos=QPoint(100, 200))
    for x in range(101, 131):
        drag(canvas, QPoint(x, 200))
    by_distance = len(went_on)
    qtbot.waitUntil(lambda: len(went_on) >= by_distance + 2, timeout=3000)
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(130, 200))
    after = len(went_on)
    qtbot.wait(120)

    assert [call[0] for call in begun] == [PlaneTool.BRUSH]
    assert begun[0][1:] == pytest.approx((-2.0, 0.0))
    # A dab every third of the radius, 10 px here, and not one for every pixel.
    assert 2 <= by_distance <= 4
    assert ended == [(PlaneTool.BRUSH,)]
    assert len(went_on) == after


def test_a_tool_that_is_changed_in_the_middle_of_a_stroke_ends_it(canvas, qtbot) -> None:
    canvas.set_tool(PlaneTool.ERASER)
    ended = heard(canvas.stroke_ended)
    qtbot.mousePress(canvas, LEFT, pos=QPoint(100, 200))

    qtbot.keyClick(canvas, Qt.Key.Key_P)

    assert canvas.tool is PlaneTool.PROBE
    assert ended == [(PlaneTool.ERASER,)]


def test_a_click_with_the_trajectory_tool_asks_for_one_there(canvas, qtbot) -> None:
    qtbot.keyClick(canvas, Qt.Key.Key_A)
    asked = heard(canvas.trajectory_requested)

    qtbot.mouseClick(canvas, LEFT, pos=QPoint(200, 300))

    assert len(asked) == 1
    assert asked[0] == pytest.approx((-1.0, -1.0))


def test_arrow_keys_move_the_probe_finely_and_with_shift_coarsely(canvas, qtbot) -> None:
    canvas.set_drawing(PlaneDrawing(probe=ProbeArrows((0.5, -0.5), (0, 0), (0, 0), (0, 0))))
    moves = heard(canvas.probe_moved)

    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    qtbot.keyClick(canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)

    assert moves[0][0] > 0.5
    assert moves[0][1] == -0.5
    assert moves[1][0] == 0.5
    assert moves[1][1] + 0.5 == pytest.approx(10 * (moves[0][0] - 0.5))


# The view


def test_the_wheel_zooms_about_the_cursor_and_a_double_click_comes_back(canvas, qtbot) -> None:
    home = canvas.view
    place = QPoint(450, 120)
    point = home.point(QPointF(place))

    wheel(canvas, place, 240)
    near = canvas.view
    qtbot.mouseDClick(canvas, LEFT, pos=QPoint(300, 200))

    assert near.scale > home.scale
    assert near.point(QPointF(place)) == pytest.approx(point, abs=1e-9)
    assert canvas.view == home


def test_space_and_the_left_button_pan_and_space_alone_is_passed_on(canvas, qtbot) -> None:
    passed = heard(canvas.key_pressed)
    moves = heard(canvas.probe_moved)

    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    qtbot.mousePress(canvas, LEFT, pos=QPoint(300, 200))
    drag(canvas, QPoint(350, 200))
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(350, 200))
    qtbot.keyRelease(canvas, Qt.Key.Key_Space)

    assert canvas.view.center == pytest.approx((-0.5, 0.0))
    assert not moves
    assert not passed
    qtbot.keyPress(canvas, Qt.Key.Key_Space)
    qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert [call[0].key() for call in passed] == [Qt.Key.Key_Space]


def test_resizing_shows_the_same_reach(canvas) -> None:
    canvas.resize(300, 300)

    assert canvas.view.extent == pytest.approx((-2.0, 2.0, -2.0, 2.0))


# What is painted


def test_points_and_arrows_are_painted_where_they_are(canvas) -> None:
    arrows = Arrows(np.array([[-1.0, -1.0]]), np.array([[1.0, 0.0]]))
    canvas.set_drawing(
        PlaneDrawing(axis_names=("", ""), square=False, marks=(), points=np.array([[1.0, 1.0]]), arrows=arrows)
    )

    picture = pixels(canvas)

    assert close_to(picture, "d3")[100, 400]
    painted = ~close_to(picture, "canvas", 12)
    assert painted[299:301, 210:290].any(0).all()
    assert not painted[250:350, 305:].any()
    assert not painted[250:350, :195].any()


def test_a_cloud_is_grey_and_follows_the_theme(dark) -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)

    in_dark = cloud_image(values)
    theme().set_choice("light")
    in_light = cloud_image(values)

    for image, brighter in ((in_dark, True), (in_light, False)):
        assert image.isGrayscale()
        greys = [image.pixelColor(x, y).red() for y in range(3) for x in range(4)]
        assert greys == sorted(greys, reverse=not brighter)
        assert greys[0] != greys[-1]


def test_another_theme_repaints_the_ground(canvas) -> None:
    canvas.set_drawing(PlaneDrawing(axis_names=("", ""), square=False, marks=()))
    assert canvas.grab().toImage().pixelColor(300, 200) == theme().color("canvas")

    theme().set_choice("light")

    assert canvas.grab().toImage().pixelColor(300, 200) == theme().color("canvas")


@given(st.floats(-1, 999))
def test_a_way_is_split_where_it_is_now(t) -> None:
    times = (999, 600, 200, -1)
    points = np.array([[[float(time), 0.0]] for time in times])

    walked, here, to_come = Paths(points, times, t).split()

    # The ways go along their own times, so that where they are is the time itself.
    assert here[0, 0] == pytest.approx(t, abs=1e-6)
    assert (walked[:, 0, 0] >= t - 1e-6).all()
    assert (to_come[:, 0, 0] <= t + 1e-6).all()
    assert len(walked) + len(to_come) - 2 >= len(times) - 1


def test_the_canvas_draws_everything_at_once_without_a_complaint(canvas) -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(-1, 1, (50, 2))
    canvas.set_drawing(
        PlaneDrawing(
            cloud=Cloud(generator.uniform(0, 1, (20, 30)), canvas.view.extent),
            points=points,
            samples=points,
            arrows=Arrows(points, 0.2 * points, by_size=True, longest=0.2),
            paths=(Paths(generator.uniform(-2, 2, (4, 3, 2)), (999, 600, 200, -1), 300.0),),
            probe=ProbeArrows((0.1, 0.2), (9.0, 9.0), (0.0, 0.0), (0.5, 0.5)),
            note="a note",
        )
    )

    picture = pixels(canvas)

    for role in ("d1", "d2", "d3", "accent", "d6"):
        assert close_to(picture, role, 40).any(), role


# The strip of time


def test_the_strip_leads_from_noise_at_the_left_to_pictures_at_the_right(show, qtbot) -> None:
    strip = show(PlaneTimeStrip(), 500, 48)
    strip.set_thumbnails(1000, [(t, np.zeros((4, 4))) for t in (999, 500, 0)])
    asked = heard(strip.seek_requested)

    qtbot.mousePress(strip, LEFT, pos=QPoint(0, 20))
    drag(strip, QPoint(250, 20))
    drag(strip, QPoint(499, 20))
    qtbot.mouseRelease(strip, LEFT, pos=QPoint(499, 20))

    assert [t for (t,) in asked] == [999, pytest.approx(500, abs=1), 0]


@pytest.mark.parametrize(
    ("key", "shift", "t"),
    [
        (Qt.Key.Key_Left, False, 410),
        (Qt.Key.Key_Right, False, 390),
        (Qt.Key.Key_Right, True, 399),
        (Qt.Key.Key_PageUp, False, 500),
        (Qt.Key.Key_Home, False, 999),
        (Qt.Key.Key_End, False, 0),
    ],
)
def test_keys_move_through_time(show, qtbot, key, shift, t) -> None:
    strip = show(PlaneTimeStrip(), 500, 48)
    strip.set_thumbnails(1000, ())
    strip.set_moment(400, None)
    asked = heard(strip.seek_requested)

    qtbot.keyClick(strip, key, Qt.KeyboardModifier.ShiftModifier if shift else NO_KEY)

    assert asked == [(t,)]
