"""The playhead: where it may go, how it moves by itself, and when it follows a run."""

from __future__ import annotations

import pytest
from PySide6.QtTest import QSignalSpy

from studio.app.microscope.playback import Playback


@pytest.fixture
def playback(qapp):
    playback = Playback()
    playback.set_follow(False)
    playback.begin(21)
    playback.extend(21)
    yield playback
    playback.pause()


def test_seeking_stays_within_what_is_recorded(playback):
    playback.seek(-5)
    assert playback.position == 0
    playback.seek(400)
    assert playback.position == 20
    playback.extend(10, 10)
    playback.seek(400)
    assert playback.position == 9


def test_nothing_is_emitted_when_nothing_moves(playback):
    spy = QSignalSpy(playback.position_changed)
    playback.seek(0)
    assert spy.count() == 0
    playback.step_forward()
    playback.step_back()
    assert [spy.at(i)[0] for i in range(spy.count())] == [1, 0]


def test_a_film_of_usual_length_takes_the_same_time_for_any_number_of_steps(playback):
    playback.extend(200, 200)
    long_rate = playback.rate
    playback.extend(100, 100)
    assert long_rate == pytest.approx(2 * playback.rate)
    playback.set_speed(2)
    assert playback.rate == pytest.approx(long_rate)


def test_late_ticks_skip_positions(playback):
    playback.play()
    playback.advance(10 / playback.rate)
    assert playback.position == 10


def test_without_loop_the_film_ends_on_the_picture(playback):
    playback.set_loop(False)
    playback.play()
    playback.advance(1000)
    assert playback.position == 20
    assert not playback.playing


def test_a_loop_rests_on_the_picture_and_begins_again(playback):
    playback.play()
    playback.advance(20.5 / playback.rate)
    assert playback.position == 20
    playback.advance(0.9)
    assert playback.position == 20
    assert playback.playing
    playback.advance(0.3)
    assert playback.position == 0
    assert playback.playing


def test_playing_at_the_end_starts_over(playback):
    playback.go_to_last()
    playback.play()
    assert playback.position == 0


def test_the_clock_moves_the_playhead(playback, qtbot):
    playback.play()
    qtbot.waitUntil(lambda: playback.position >= 1, timeout=3000)


def test_seeking_by_hand_stops_the_film(playback):
    playback.play()
    playback.seek(4)
    assert not playback.playing


def test_a_follower_shows_the_newest_moment(playback):
    playback.set_follow(True)
    playback.begin(10)
    playback.extend(3)
    assert playback.position == 2
    playback.extend(6)
    assert playback.position == 5


def test_looking_back_interrupts_following_until_the_next_run(playback):
    playback.set_follow(True)
    playback.begin(10)
    playback.extend(5)
    playback.seek(1)
    assert not playback.follow
    playback.extend(7)
    assert playback.position == 1
    playback.begin(10)
    assert playback.follow


def test_not_following_by_choice_lasts(playback):
    playback.begin(10)
    playback.extend(5)
    playback.seek(1)
    playback.begin(10)
    assert not playback.follow
