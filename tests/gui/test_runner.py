"""The background thread: orders, order, outcomes, and an end without force."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication, QElapsedTimer, QObject, QThread, QTimer, Slot
from PySide6.QtTest import QSignalSpy

from studio.app import runner as runner_module
from studio.app import worker as worker_module
from studio.app.runner import JobHandle, JobState, LatestFrame, Runner
from studio.errors import DataError, OutOfMemory, StudioError


class Watcher(QObject):
    """Writes down every signal of a handle, with the thread in which it came."""

    def __init__(self, handle: JobHandle) -> None:
        super().__init__()
        self.log: list[tuple[str, object]] = []
        self.threads: set[QThread] = set()
        handle.events.connect(self.on_events)
        handle.frame.connect(self.on_frame)
        handle.succeeded.connect(self.on_succeeded)
        handle.failed.connect(self.on_failed)
        handle.cancelled.connect(self.on_cancelled)
        handle.state_changed.connect(self.on_state)
        handle.finished.connect(self.on_finished)

    def named(self, name: str) -> list[object]:
        return [value for kind, value in self.log if kind == name]

    @property
    def events(self) -> list[object]:
        return list(itertools.chain.from_iterable(self.named("events")))

    @property
    def outcomes(self) -> list[str]:
        return [kind for kind, _ in self.log if kind in ("succeeded", "failed", "cancelled")]

    def _note(self, kind: str, value: object = None) -> None:
        self.threads.add(QThread.currentThread())
        self.log.append((kind, value))

    @Slot(list)
    def on_events(self, events: list) -> None:
        self._note("events", events)

    @Slot(object)
    def on_frame(self, frame: object) -> None:
        self._note("frame", frame)

    @Slot(object)
    def on_succeeded(self, result: object) -> None:
        self._note("succeeded", result)

    @Slot(object, str)
    def on_failed(self, error: object, details: str) -> None:
        self._note("failed", (error, details))

    @Slot()
    def on_cancelled(self) -> None:
        self._note("cancelled")

    @Slot(object)
    def on_state(self, state: JobState) -> None:
        self._note("state", state)

    @Slot()
    def on_finished(self) -> None:
        self._note("finished")


class Counting:
    """A job that counts until it is told to stop, and remembers how it was treated."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.reached = 0
        self.closed = threading.Event()
        self.threads: set[int] = set()

    def __call__(self) -> Iterator[int]:
        try:
            while self.limit is None or self.reached < self.limit:
                self.threads.add(threading.get_ident())
                self.reached += 1
                yield self.reached
                time.sleep(0.0005)
        except GeneratorExit:
            self.closed.set()
            raise


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    assert runner.shutdown(5000)
    runner.deleteLater()


def wait_for_end(qtbot, handle: JobHandle) -> None:
    qtbot.waitUntil(lambda: not handle.alive, timeout=5000)


def test_events_come_whole_in_order_and_before_the_result(runner: Runner, qtbot) -> None:
    def job() -> Iterator[int]:
        yield from range(500)
        return "the result"

    watcher = Watcher(runner.start(job(), "counting"))
    qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert watcher.events == list(range(500))
    assert [kind for kind, _ in watcher.log][-3:] == ["state", "succeeded", "finished"]
    assert watcher.named("succeeded") == ["the result"]


def test_signals_come_in_the_gui_thread_and_jobs_run_in_another(runner: Runner, qtbot) -> None:
    counting = Counting(limit=20)
    watcher = Watcher(runner.start(counting(), "counting"))
    qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert watcher.threads == {QCoreApplication.instance().thread()}
    assert len(counting.threads) == 1
    assert counting.threads != {threading.get_ident()}


def test_only_the_newest_frame_is_shown_and_the_last_one_always(runner: Runner, qtbot) -> None:
    def job() -> Iterator[object]:
        for number in range(1000):
            yield LatestFrame(number)

    watcher = Watcher(runner.start(job(), "frames"))
    qtbot.waitUntil(lambda: bool(watcher.outcomes))
    frames = watcher.named("frame")
    assert frames[-1] == 999
    assert len(frames) < 200
    assert frames == sorted(frames)
    kinds = [kind for kind, _ in watcher.log]
    assert kinds.index("succeeded") > max(place for place, kind in enumerate(kinds) if kind == "frame")


def test_pause_takes_effect_between_steps_and_resume_goes_on(runner: Runner, qtbot) -> None:
    counting = Counting()
    handle = runner.start(counting(), "counting")
    watcher = Watcher(handle)
    qtbot.waitUntil(lambda: counting.reached > 10)
    handle.pause()
    assert handle.state is JobState.PAUSING
    qtbot.waitUntil(lambda: handle.state is JobState.PAUSED)
    reached = counting.reached
    qtbot.wait(50)
    assert counting.reached == reached
    handle.resume()
    qtbot.waitUntil(lambda: counting.reached > reached + 10)
    assert handle.state is JobState.RUNNING
    handle.cancel()
    wait_for_end(qtbot, handle)
    assert watcher.events == list(range(1, counting.reached + 1))


def test_a_pause_taken_back_at_once_leaves_the_job_running(runner: Runner, qtbot) -> None:
    counting = Counting()
    handle = runner.start(counting(), "counting")
    qtbot.waitUntil(lambda: handle.state is JobState.RUNNING)
    for _ in range(20):
        handle.pause()
        handle.resume()
    reached = counting.reached
    qtbot.waitUntil(lambda: counting.reached > reached + 20)
    qtbot.wait(80)
    assert handle.state is JobState.RUNNING
    handle.cancel()
    wait_for_end(qtbot, handle)


@pytest.mark.parametrize("paused", [False, True])
def test_cancel_closes_the_job_running_or_paused(runner: Runner, qtbot, paused: bool) -> None:
    counting = Counting()
    handle = runner.start(counting(), "counting")
    watcher = Watcher(handle)
    qtbot.waitUntil(lambda: counting.reached > 3)
    if paused:
        handle.pause()
        qtbot.waitUntil(lambda: handle.state is JobState.PAUSED)
    handle.cancel()
    assert handle.state is JobState.CANCELLING
    wait_for_end(qtbot, handle)
    assert counting.closed.is_set()
    assert watcher.outcomes == ["cancelled"]
    assert handle.state is JobState.CANCELLED


def test_a_job_that_waits_is_cancelled_without_its_turn(runner: Runner, qtbot) -> None:
    first = Counting()
    second = Counting()
    busy = runner.start(first(), "first")
    waiting = runner.start(second(), "second")
    assert waiting.state is JobState.QUEUED
    waiting.cancel()
    wait_for_end(qtbot, waiting)
    assert busy.alive
    assert second.reached == 0
    busy.cancel()
    wait_for_end(qtbot, busy)


def test_jobs_started_run_one_after_another(runner: Runner, qtbot) -> None:
    order: list[str] = []

    def job(name: str) -> Iterator[int]:
        for number in range(5):
            order.append(name)
            yield number

    handles = [runner.start(job(name), name) for name in "abc"]
    for handle in handles:
        wait_for_end(qtbot, handle)
    assert order == ["a"] * 5 + ["b"] * 5 + ["c"] * 5


def test_an_interjected_job_runs_whole_between_two_steps(runner: Runner, qtbot) -> None:
    order: list[str] = []

    def long() -> Iterator[int]:
        for number in itertools.count():
            order.append("long")
            yield number
            time.sleep(0.0005)

    def short() -> Iterator[int]:
        for number in range(7):
            order.append("short")
            yield number
        return threading.get_ident()

    training = runner.start(long(), "long")
    qtbot.waitUntil(lambda: len(order) > 5)
    watcher = Watcher(runner.interject(short(), "short"))
    qtbot.waitUntil(lambda: bool(watcher.outcomes))
    place = order.index("short")
    assert order[place : place + 7] == ["short"] * 7
    assert training.state is JobState.RUNNING
    length = len(order)
    qtbot.waitUntil(lambda: len(order) > length + 5)
    assert order[-1] == "long"
    training.cancel()
    wait_for_end(qtbot, training)


def test_an_interjected_job_runs_while_the_other_stays_paused(runner: Runner, qtbot) -> None:
    counting = Counting()
    handle = runner.start(counting(), "counting")
    qtbot.waitUntil(lambda: counting.reached > 3)
    handle.pause()
    qtbot.waitUntil(lambda: handle.state is JobState.PAUSED)
    reached = counting.reached
    for number in range(3):
        between = Counting(limit=5)
        watcher = Watcher(runner.interject(between(), f"between {number}"))
        qtbot.waitUntil(lambda watcher=watcher: bool(watcher.outcomes))
        assert watcher.events == [1, 2, 3, 4, 5]
        assert between.threads == counting.threads
    assert handle.state is JobState.PAUSED
    assert counting.reached == reached
    handle.resume()
    qtbot.waitUntil(lambda: counting.reached > reached)
    handle.cancel()
    wait_for_end(qtbot, handle)


def test_an_interjected_job_can_be_cancelled_and_the_other_goes_on(runner: Runner, qtbot) -> None:
    counting, endless = Counting(), Counting()
    handle = runner.start(counting(), "counting")
    between = runner.interject(endless(), "between")
    qtbot.waitUntil(lambda: endless.reached > 5)
    reached = counting.reached
    between.cancel()
    wait_for_end(qtbot, between)
    assert endless.closed.is_set()
    qtbot.waitUntil(lambda: counting.reached > reached)
    handle.cancel()
    wait_for_end(qtbot, handle)


def test_an_interjected_job_may_be_interrupted_by_the_next(runner: Runner, qtbot) -> None:
    first, second = Counting(), Counting(limit=5)
    outer = runner.interject(first(), "first")
    qtbot.waitUntil(lambda: first.reached > 2)
    inner = runner.interject(second(), "second")
    wait_for_end(qtbot, inner)
    assert outer.alive
    outer.cancel()
    wait_for_end(qtbot, outer)


def test_a_failure_in_an_interjected_job_leaves_the_other_alone(runner: Runner, qtbot) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise DataError("Nothing there.", "Choose another.")

    counting = Counting()
    handle = runner.start(counting(), "counting")
    watcher = Watcher(runner.interject(broken(), "broken"))
    with expected_errors():
        qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert watcher.outcomes == ["failed"]
    reached = counting.reached
    qtbot.waitUntil(lambda: counting.reached > reached)
    handle.cancel()
    wait_for_end(qtbot, handle)


def test_a_studio_error_arrives_as_it_was_raised(runner: Runner, qtbot) -> None:
    error = DataError("Nothing usable was found.", "Drop a folder of pictures.")

    def job() -> Iterator[int]:
        yield 1
        raise error

    watcher = Watcher(runner.start(job(), "import"))
    with expected_errors():
        qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert watcher.named("failed") == [(error, "")]
    assert error.__traceback__ is None
    assert watcher.events == [1]


def test_any_other_exception_becomes_a_sentence_with_the_traceback(runner: Runner, qtbot) -> None:
    def job() -> Iterator[int]:
        yield 1
        raise KeyError("no such thing")

    watcher = Watcher(runner.start(job(), "Reading"))
    with expected_errors():
        qtbot.waitUntil(lambda: bool(watcher.outcomes))
    [(error, details)] = watcher.named("failed")
    assert isinstance(error, StudioError)
    assert "Reading" in error.what
    assert "KeyError" in error.what
    assert "no such thing" in details
    assert "test_runner.py" in details


def test_running_out_of_memory_says_what_to_do(runner: Runner, qtbot) -> None:
    def job() -> Iterator[int]:
        yield 1
        raise MemoryError

    watcher = Watcher(runner.start(job(), "Training"))
    with expected_errors():
        qtbot.waitUntil(lambda: bool(watcher.outcomes))
    [(error, _)] = watcher.named("failed")
    assert isinstance(error, OutOfMemory)
    assert error.remedy


def test_the_worker_survives_system_exit_in_a_job(runner: Runner, qtbot) -> None:
    def job() -> Iterator[int]:
        yield 1
        raise SystemExit(3)

    watcher = Watcher(runner.start(job(), "leaving"))
    with expected_errors():
        qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert watcher.outcomes == ["failed"]
    after = Watcher(runner.start(iter([1, 2]), "after"))
    qtbot.waitUntil(lambda: bool(after.outcomes))
    assert after.events == [1, 2]


def test_what_fails_while_closing_is_told(runner: Runner, qtbot) -> None:
    def job() -> Iterator[int]:
        try:
            for number in itertools.count():
                yield number
                time.sleep(0.001)
        finally:
            raise DataError("The last file could not be written.", "Free some space.")

    handle = runner.start(job(), "writing")
    watcher = Watcher(handle)
    qtbot.waitUntil(lambda: len(watcher.events) > 2)
    handle.cancel()
    with expected_errors():
        qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert watcher.outcomes == ["failed"]


def test_a_background_job_gives_way_to_any_other(runner: Runner, qtbot) -> None:
    endless = Counting()
    demo = runner.start(endless(), "demo", background=True)
    qtbot.waitUntil(lambda: endless.reached > 3)
    watcher = Watcher(runner.start(iter([1]), "wanted"))
    qtbot.waitUntil(lambda: bool(watcher.outcomes))
    assert demo.state is JobState.CANCELLED
    assert watcher.outcomes == ["succeeded"]


def test_a_hundred_thousand_cheap_events_do_not_freeze_the_window(runner: Runner, qtbot) -> None:
    late: list[int] = []
    clock = QElapsedTimer()
    timer = QTimer()
    timer.setInterval(10)

    def tick() -> None:
        late.append(clock.restart() - 10)

    timer.timeout.connect(tick)
    clock.start()
    timer.start()
    watcher = Watcher(runner.start(iter(range(100_000)), "storm"))
    qtbot.waitUntil(lambda: bool(watcher.outcomes), timeout=20_000)
    timer.stop()
    assert watcher.events == list(range(100_000))
    # Each emission carries what came in a 30th of a second, so there are few of them.
    assert len(watcher.named("events")) < 1000
    assert max(late) < 1000


def test_a_job_faster_than_the_screen_waits_and_loses_nothing(runner: Runner, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(worker_module, "MOST_LETTERS", 50)
    watcher = Watcher(runner.start(iter(range(2000)), "storm"))
    time.sleep(0.2)
    assert len(runner._desk.mailbox) <= 52
    qtbot.waitUntil(lambda: bool(watcher.outcomes), timeout=20_000)
    assert watcher.events == list(range(2000))


def test_a_job_that_waits_for_the_screen_can_be_cancelled(runner: Runner, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(worker_module, "MOST_LETTERS", 10)
    handle = runner.start(itertools.count(), "storm")
    time.sleep(0.1)
    handle.cancel()
    wait_for_end(qtbot, handle)


def test_a_job_that_ignores_cancel_is_reported_and_not_killed(runner: Runner, qtbot, monkeypatch, caplog) -> None:
    monkeypatch.setattr(runner_module, "OVERDUE_SECONDS", 0.05)
    let_go = threading.Event()

    def stubborn() -> Iterator[int]:
        yield 1
        let_go.wait(10)
        yield 2

    handle = runner.start(stubborn(), "stubborn")
    overdue = QSignalSpy(runner.cancel_overdue)
    qtbot.waitUntil(lambda: handle.state is JobState.RUNNING)
    handle.cancel()
    with caplog.at_level(logging.WARNING):
        qtbot.waitUntil(lambda: overdue.count() == 1)
        assert "stubborn" in caplog.text
    qtbot.wait(100)
    assert overdue.count() == 1
    assert handle.state is JobState.CANCELLING
    let_go.set()
    wait_for_end(qtbot, handle)
    assert handle.state is JobState.CANCELLED


def test_a_runner_says_that_it_takes_no_more_jobs_before_it_refuses_one(qtbot) -> None:
    runner = Runner()
    accepted: list[bool] = []
    ending = threading.Event()

    def short() -> Iterator[int]:
        yield 1
        ending.wait(10)

    handle = runner.start(short(), "short")
    # The job's outcome is delivered during the shutdown: whoever wants to hand in another one then must be able to ask.
    handle.finished.connect(lambda: accepted.append(runner.accepting))
    qtbot.waitUntil(lambda: handle.state is JobState.RUNNING)
    assert runner.accepting
    ending.set()
    assert runner.shutdown(5000)
    assert accepted == [False]
    with pytest.raises(RuntimeError, match="shut down"):
        runner.start(short(), "late")


def test_shutdown_waits_no_longer_than_told_and_can_be_repeated(qtbot) -> None:
    runner = Runner()
    let_go = threading.Event()

    def stubborn() -> Iterator[int]:
        yield 1
        let_go.wait(10)

    handle = runner.start(stubborn(), "stubborn")
    qtbot.waitUntil(lambda: handle.state is JobState.RUNNING)
    began = time.monotonic()
    assert not runner.shutdown(100)
    assert time.monotonic() - began < 2
    let_go.set()
    assert runner.shutdown(5000)
    assert handle.state.over
    runner.deleteLater()


@pytest.mark.parametrize("paused", [False, True])
def test_shutdown_ends_jobs_running_paused_and_waiting(qtbot, paused: bool) -> None:
    runner = Runner()
    first, second, third = Counting(), Counting(), Counting()
    handles = [runner.start(first(), "first"), runner.start(second(), "second")]
    qtbot.waitUntil(lambda: first.reached > 2)
    if paused:
        handles[0].pause()
        qtbot.waitUntil(lambda: handles[0].state is JobState.PAUSED)
    handles.append(runner.interject(third(), "third"))
    watchers = [Watcher(handle) for handle in handles]
    assert runner.shutdown(5000)
    assert [watcher.outcomes for watcher in watchers] == [["cancelled"]] * 3
    assert not runner.busy
    with pytest.raises(RuntimeError):
        runner.start(iter([1]), "too late")
    runner.deleteLater()


def test_prepare_runs_once_in_the_worker_before_the_first_step(qtbot) -> None:
    calls: list[int] = []
    runner = Runner(prepare=lambda: calls.append(threading.get_ident()))
    counting = Counting(limit=3)
    first = runner.start(counting(), "first")
    wait_for_end(qtbot, first)
    wait_for_end(qtbot, runner.start(iter([1]), "second"))
    assert calls == list(counting.threads)
    assert runner.shutdown()
    runner.deleteLater()


def test_the_drain_timer_rests_while_nothing_is_alive(runner: Runner, qtbot) -> None:
    assert not runner._timer.isActive()
    idle = QSignalSpy(runner.idle)
    handle = runner.start(iter([1, 2]), "short")
    assert runner._timer.isActive()
    assert runner.busy
    wait_for_end(qtbot, handle)
    assert not runner._timer.isActive()
    assert not runner.busy
    assert idle.count() == 1


def test_a_job_started_from_an_outcome_runs(runner: Runner, qtbot) -> None:
    class Chain(QObject):
        def __init__(self) -> None:
            super().__init__()
            self.second: Watcher | None = None

        @Slot(object)
        def go_on(self, result: object) -> None:
            self.second = Watcher(runner.start(iter([result]), "second"))

    chain = Chain()

    def job() -> Iterator[int]:
        yield 0
        return 42

    runner.start(job(), "first").succeeded.connect(chain.go_on)
    qtbot.waitUntil(lambda: chain.second is not None and bool(chain.second.outcomes))
    assert chain.second.events == [42]


def test_the_handle_of_a_finished_job_is_let_go(runner: Runner, qtbot) -> None:
    handle = runner.start(iter([1]), "short")
    wait_for_end(qtbot, handle)
    assert handle.parent() is None
    assert runner.jobs == ()
    handle.pause()
    handle.resume()
    handle.cancel()
    assert handle.state is JobState.SUCCEEDED


@contextlib.contextmanager
def expected_errors() -> Iterator[None]:
    """Within it, errors in the log are part of the test."""
    logger = logging.getLogger("studio.app.runner")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)
