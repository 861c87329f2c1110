"""Film strip and lanes: one axis, one playhead, and few thumbnails however long the run."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QSignalSpy, QTest

from studio.app.docks.denoise.lanes import LaneKind, film_of, lanes_of
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.widgets.film_strip import Axis, thumbnail_size
from studio.app.widgets.lanes import Curve, Lane
from studio.app.widgets.timeline import TimelineView
from tests.gui.denoise_helpers import recorded, steps


def frames_of(**options) -> Frames:
    frames = Frames(recorded(**options))
    frames.refresh()
    for picture in range(frames.picture_count):
        frames.measures.advance(picture)
    return frames


@pytest.fixture
def view(qtbot):
    frames = frames_of(taken=20)
    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(1200, 220)
    view.set_film(film_of(frames, FilmKind.Z, 0))
    view.set_lanes(lanes_of(frames, 0))
    view.show()
    return view


@pytest.mark.parametrize("planned", [1, 2, 17, 21, 50, 1001])
def test_the_axis_goes_there_and_back(planned):
    axis = Axis(100, 1100, planned, 56)
    for position in {0, planned // 3, planned // 2, planned - 1}:
        assert axis.position(axis.x(position)) == position
    assert axis.x(0) >= 100 + 28
    assert axis.x(planned - 1) <= 1100 - 28
    assert axis.position(-50) == 0
    assert axis.position(5000) == planned - 1


@pytest.mark.parametrize("planned", [2, 21, 22, 60, 1001])
def test_shown_thumbnails_never_overlap_and_include_the_picture(planned):
    axis = Axis(100, 1300, planned, 56)
    places = [axis.slot_x(slot) for slot in range(len(axis.shown))]
    assert all(b - a >= 56 for a, b in itertools.pairwise(places))
    assert (axis.shown[0], axis.shown[-1]) == (0, planned - 1)
    assert axis.all_fit == (axis.shown == tuple(range(planned)))


@pytest.mark.parametrize("planned", [2, 21, 51, 52, 200, 1001])
def test_thumbnails_are_evenly_spaced_and_within_half_a_step_of_their_place(planned):
    axis = Axis(0, 1000, planned, 56)
    slots = range(len(axis.shown))
    gaps = np.diff([axis.slot_x(slot) for slot in slots])
    assert gaps.max() - gaps.min() < 1e-6
    step = axis.x(1) - axis.x(0)
    for slot in slots:
        assert abs(axis.slot_x(slot) - axis.x(axis.shown[slot])) <= step / 2 + 1e-6
        assert axis.slot(axis.shown[slot]) == slot
    assert len(set(axis.shown)) == len(axis.shown)


def test_the_current_frame_takes_the_place_of_its_nearest_neighbour(qtbot):
    frames = frames_of(taken=None, levels=60)
    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(1000, 220)
    film = film_of(frames, FilmKind.Z, 0)
    view.set_film(film)
    view.show()
    axis = view.axis()
    hidden = next(position for position in range(film.planned) if position not in axis.shown)
    before = view.grab().toImage()
    view.set_position(hidden)
    after = view.grab().toImage()
    places = [round(axis.slot_x(slot)) for slot in range(len(axis.shown))]
    changed = {slot for slot, x in enumerate(places) if before.pixel(x, 4) != after.pixel(x, 4)}
    assert changed == {0, axis.slot(hidden)} - ({0} if axis.slot(hidden) == 0 else set())


@pytest.mark.parametrize(
    ("picture", "shown"), [((28, 28), (56, 56)), ((16, 16), (48, 48)), ((2, 1), (96, 48)), ((8, 8), (56, 56))]
)
def test_thumbnails_are_whole_multiples(picture, shown):
    assert thumbnail_size(picture) == shown


def test_only_the_shown_thumbnails_are_drawn(qtbot):
    frames = frames_of(taken=None, levels=400)
    asked: list[int] = []
    film = film_of(frames, FilmKind.Z, 0)

    def thumbnail(position: int):
        asked.append(position)
        return frames.thumbnail(position, FilmKind.Z, 0)

    view = TimelineView()
    qtbot.addWidget(view)
    view.resize(1200, 220)
    view.set_film(type(film)(film.planned, film.count, film.times, thumbnail, film.picture_size))
    view.show()
    view.grab()
    axis = view.axis()
    assert axis is not None
    assert set(asked) <= {*axis.shown, 0}
    asked.clear()
    view.set_position(137)
    view.grab()
    assert set(asked) <= {137}


def test_a_click_anywhere_seeks_the_nearest_moment(view):
    spy = QSignalSpy(view.seek_requested)
    axis = view.axis()
    for y in (20, 120, 200):
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(axis.x(7)) + 3, y))
    assert [spy.at(i)[0] for i in range(3)] == [7, 7, 7]


def test_dragging_seeks_all_the_way(view):
    spy = QSignalSpy(view.seek_requested)
    axis = view.axis()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(round(axis.x(3)), 120))
    for position in (4, 9, 20):
        QTest.mouseMove(view, QPoint(round(axis.x(position)), 120))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(round(axis.x(20)), 120))
    assert spy.at(spy.count() - 1)[0] == 20


@pytest.mark.parametrize(
    ("key", "target"),
    [
        (Qt.Key.Key_Left, 4),
        (Qt.Key.Key_Right, 6),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_End, 20),
        (Qt.Key.Key_PageDown, 15),
        (Qt.Key.Key_PageUp, 0),
    ],
)
def test_keys(view, key, target):
    view.set_position(5)
    spy = QSignalSpy(view.seek_requested)
    QTest.keyClick(view, key)
    assert spy.at(0)[0] == target


def test_space_asks_to_play(view):
    spy = QSignalSpy(view.play_requested)
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert spy.count() == 1


def test_lanes_say_what_the_steps_hold():
    frames = frames_of(shape=(3, 4, 4), taken=10)
    norms, signal, cosine, beyond, nearest = lanes_of(frames, 1)
    step = frames.trace.frame(4)
    for curve, values in zip(norms.curves, (step.z_t, step.eps, step.x0), strict=True):
        assert curve.values[4] == pytest.approx(float(values[1].square().mean().sqrt()), rel=1e-5)
    snr = frames.trace.schedule.snr[step.t]
    assert signal.curves[0].values[4] == pytest.approx(10 * np.log10(snr), rel=1e-5)
    share = float((step.x0[1].abs() > 1).float().mean())
    assert beyond.curves[0].values[4] == pytest.approx(100 * share)
    true = step.z_t[1] - frames.trace.schedule.alpha_bar[step.t] ** 0.5 * frames.trace.pictures()[1]
    together = torch.nn.functional.cosine_similarity(step.eps[1].flatten(), true.flatten(), dim=0)
    assert cosine.curves[0].values[4] == pytest.approx(float(together), rel=1e-5)
    # The last step arrives: what it took off is exactly what was left.
    assert cosine.curves[0].values[9] == pytest.approx(1.0, abs=1e-5)
    assert nearest.value_terms(4) == ()
    assert [term.role for term in norms.value_terms(4)] == ["text", "d2", "d3"]
    assert norms.value_terms(10) == ()


def test_of_a_clipped_run_only_the_batch_is_known_and_the_lane_says_so():
    frames = frames_of(shape=(1, 4, 4), taken=10, clip=True)
    lanes = [lanes_of(frames, picture, [LaneKind.BEYOND])[0] for picture in (0, 2)]
    for lane in lanes:
        assert lane.curves[0].values[8] == pytest.approx(100 * frames.step(8, 0).clipped_share)
        assert "batch" in lane.name[1].text
        assert "batch" in lane.tooltip
    assert frames.step(8, 0).clipped_share > 0


@pytest.mark.parametrize(
    ("value", "written"), [(0.984, "0.98"), (12.34, "12.3"), (345.6, "346"), (17234.0, "2e4"), (-0.5, "−0.50")]
)
def test_large_values_are_written_short(value, written):
    lane = Lane((), (Curve(np.array([value]), "d1"),), 0, 1, "0", "1")
    assert lane.value_terms(0)[0].text == written


def test_a_run_cut_short_ends_at_the_moment_it_reached():
    frames = frames_of(taken=8)
    film = film_of(frames, FilmKind.Z, 0, 9)
    assert film.times[-1] == 0
    trace, all_steps = steps(taken=8)
    cut = Frames(trace)
    for _ in range(3):
        trace.record(next(all_steps))
    cut.refresh()
    film = film_of(cut, FilmKind.Z, 0, 4)
    assert len(film.times) == 4
    assert film.times[-1] == cut.trace.times[2][1] + 1


def test_while_a_run_goes_on_its_newest_moment_has_its_true_time():
    trace, all_steps = steps(pairs=((30, 20), (30, 20), (20, -1)))
    frames = Frames(trace)
    trace.record(next(all_steps))
    frames.refresh()
    assert (len(trace), frames.count) == (1, 2)
    film = film_of(frames, FilmKind.Z, 0)
    # The walk goes back up before the second step: until that is taken, the newest picture is the one at 20.
    assert film.times == [31, 21, 21, 0]
    assert film.times[1] == frames.time(1) == trace.times[0][1] + 1
    trace.record(next(all_steps))
    frames.refresh()
    assert film_of(frames, FilmKind.Z, 0).times == [31, 31, 21, 0]


def test_what_the_background_records_meanwhile_does_not_mix_into_what_is_shown():
    trace, all_steps = steps(taken=8)
    frames = Frames(trace)
    for _ in range(3):
        trace.record(next(all_steps))
    frames.refresh()
    newest = trace.frame(2)
    trace.record(next(all_steps))
    assert frames.count == 4
    assert frames.step(3, 0).index == 2
    assert np.array_equal(frames.state(3).numpy(), newest.z_s.numpy())
    assert frames.time(3) == newest.s + 1
