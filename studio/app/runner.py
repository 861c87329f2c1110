"""The one background thread, and the jobs it runs.

A job is an iterator. Each item it yields is an event for the screen (or a `LatestFrame`, of which only the newest is
shown); what a generator returns is its result. The worker looks at its orders (pause, cancel, a job to put in
between) after every item, so a job is as obedient as its steps are short, and never needs to know of threads.

All jobs run on the same thread, one step at a time, so a model has one owner at a time: a job that is interjected
while training runs or stands still may use the model that is being trained.

    handle = runner.start(train(run), "Training")
    handle.events.connect(self.on_events)      # signals are emitted in the GUI thread only
    handle.pause()
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from studio.app.mailbox import Kind, LatestFrame, Mailbox
from studio.errors import OutOfMemory, StudioError

__all__ = ["JobHandle", "JobState", "LatestFrame", "Runner"]

_log = logging.getLogger(__name__)

DRAIN_INTERVAL_MS = 33
"""How often what the worker posted reaches the screen while a job is alive."""

MOST_LETTERS = 200_000
"""A job that posts faster than the screen can read waits at this many unread events; none is ever dropped."""

OVERDUE_SECONDS = 4.0
"""A job that has not obeyed Cancel for this long is reported."""


class JobState(StrEnum):
    """Where a job stands, as its handle knows it."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """The job has ended, one way or another."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True)
class _Outcome:
    state: JobState
    result: object = None
    error: StudioError | None = None
    traceback: str = ""


@dataclass(eq=False)
class _Task:
    """The worker's side of a job: the iterator and the two flags it obeys."""

    number: int
    title: str
    job: Iterator[object] | None
    pause: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)


class _Desk:
    """What the GUI thread and the worker share: the jobs that wait, the mailbox, and the word to stop."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.changed = threading.Condition()
        self.queue: deque[_Task] = deque()
        self.interjections: deque[_Task] = deque()
        self.stopping = False

    def next_task(self) -> _Task | None:
        """The next job for an idle worker, waiting for one; None once the word to stop was given."""
        with self.changed:
            while True:
                if self.interjections:
                    return self.interjections.popleft()
                if self.queue:
                    return self.queue.popleft()
                if self.stopping:
                    return None
                self.changed.wait()

    def next_interjection(self) -> _Task | None:
        with self.changed:
            return self.interjections.popleft() if self.interjections else None

    def withdraw(self, task: _Task) -> bool:
        """Take a job off the list before the worker began it; False when it was begun."""
        with self.changed:
            for waiting in (self.queue, self.interjections):
                if task in waiting:
                    waiting.remove(task)
                    return True
        return False

    def notify(self) -> None:
        with self.changed:
            self.changed.notify_all()


class _Worker(QObject):
    """Lives in the background thread and never leaves `run` until told to stop."""

    def __init__(self, desk: _Desk, prepare: Callable[[], None] | None) -> None:
        super().__init__()
        self._desk = desk
        self._prepare = prepare

    @Slot()
    def run(self) -> None:
        while (task := self._desk.next_task()) is not None:
            self._run(task)
            del task
        QThread.currentThread().quit()

    def _run(self, task: _Task) -> None:
        mailbox = self._desk.mailbox
        outcome = _Outcome(JobState.CANCELLED)
        try:
            if not task.cancel.is_set():
                mailbox.post(task.number, Kind.STATE, JobState.RUNNING)
                self._prepare_once()
                outcome = self._step_through(task)
        except BaseException as error:  # a job must never take the worker down with it
            outcome = _failure(task.title, error)
        finally:
            # Models and pictures held by the job are let go here, in the thread that made them.
            task.job = None
        mailbox.post(task.number, Kind.OUTCOME, outcome)

    def _prepare_once(self) -> None:
        if self._prepare is not None:
            prepare, self._prepare = self._prepare, None
            prepare()

    def _step_through(self, task: _Task) -> _Outcome:
        job = task.job
        assert job is not None
        mailbox = self._desk.mailbox
        while self._may_go_on(task):
            try:
                event = next(job)
            except StopIteration as end:
                return _Outcome(JobState.SUCCEEDED, result=end.value)
            if isinstance(event, LatestFrame):
                mailbox.show(task.number, event.payload)
            else:
                mailbox.post(task.number, Kind.EVENTS, event)
        close = getattr(job, "close", None)
        if close is not None:
            close()
        return _Outcome(JobState.CANCELLED)

    def _may_go_on(self, task: _Task) -> bool:
        """Between two steps: run what was put in between, wait while paused; False when cancelled."""
        desk = self._desk
        paused = False
        while not task.cancel.is_set():
            if desk.interjections and (interjection := desk.next_interjection()) is not None:
                self._run(interjection)
            elif task.pause.is_set():
                if not paused:
                    paused = True
                    desk.mailbox.post(task.number, Kind.STATE, JobState.PAUSED)
                with desk.changed:
                    if task.pause.is_set() and not task.cancel.is_set() and not desk.interjections:
                        desk.changed.wait()
            elif len(desk.mailbox) > MOST_LETTERS:
                with desk.changed:
                    desk.changed.wait(0.01)
            else:
                if paused:
                    desk.mailbox.post(task.number, Kind.STATE, JobState.RUNNING)
                return True
        return False


class JobHandle(QObject):
    """The GUI's side of a job. Every signal is emitted in the GUI thread; after one of the three outcomes no more."""

    events = Signal(list)
    """What the job yielded since the last time, in order, none missing."""
    frame = Signal(object)
    """The newest payload of a `LatestFrame`."""
    succeeded = Signal(object)
    """The job came to its end; carries what the generator returned."""
    failed = Signal(object, str)
    """A StudioError with a sentence for a person, and the traceback when it is a defect of the program ('' if not)."""
    cancelled = Signal()
    state_changed = Signal(object)
    """Carries the new JobState."""
    finished = Signal()
    """After any of the three outcomes."""

    def __init__(self, runner: Runner, task: _Task, background: bool, essential: bool) -> None:
        super().__init__(runner)
        self._runner = runner
        self._task = task
        self._background = background
        self._essential = essential
        self._state = JobState.QUEUED
        self._cancelled_at: float | None = None
        self.overdue = False

    @property
    def title(self) -> str:
        """What the job does, in words for the status bar."""
        return self._task.title

    @property
    def background(self) -> bool:
        """Nobody waits for this job: it is not shown, and cancelled when another one is handed in."""
        return self._background

    @property
    def essential(self) -> bool:
        """This job writes what would be lost otherwise: closing the window waits for it instead of cancelling it."""
        return self._essential

    @property
    def state(self) -> JobState:
        return self._state

    @property
    def alive(self) -> bool:
        """Not over yet: waiting, running, paused or on its way to an end."""
        return not self._state.over

    @Slot()
    def pause(self) -> None:
        """Stand still before the next step. Jobs that are interjected run meanwhile."""
        if self._state in (JobState.QUEUED, JobState.RUNNING):
            self._task.pause.set()
            self._set_state(JobState.PAUSING)

    @Slot()
    def resume(self) -> None:
        """Go on after a pause."""
        if self._state in (JobState.PAUSING, JobState.PAUSED):
            self._task.pause.clear()
            self._runner._desk.notify()
            self._set_state(JobState.RUNNING)

    @Slot()
    def cancel(self) -> None:
        """End the job before its next step, paused or not; its generator is closed."""
        if self.alive and not self._task.cancel.is_set():
            self._task.cancel.set()
            self._cancelled_at = time.monotonic()
            self._set_state(JobState.CANCELLING)
            self._runner._withdraw_or_wake(self._task)

    def _set_state(self, state: JobState) -> None:
        if state is not self._state:
            self._state = state
            self.state_changed.emit(state)

    def _reported(self, state: JobState) -> None:
        # What the worker reports is a moment old: an order given since then goes before it.
        if self._task.cancel.is_set():
            return
        if self._task.pause.is_set():
            state = JobState.PAUSED if state is JobState.PAUSED else JobState.PAUSING
        elif state is JobState.PAUSED:
            return
        self._set_state(state)

    def _is_overdue(self) -> bool:
        if self.overdue or self._cancelled_at is None or time.monotonic() - self._cancelled_at < OVERDUE_SECONDS:
            return False
        self.overdue = True
        return True


class Runner(QObject):
    """Owns the background thread. Made and used in the GUI thread only.

    `prepare` is called once in the background thread before its first job, for instance to lower its priority.
    """

    job_started = Signal(object)
    """A handle, when a job was handed in."""
    job_finished = Signal(object)
    """A handle, after its outcome was emitted."""
    cancel_overdue = Signal(object)
    """A handle whose job has not obeyed Cancel for some seconds. It goes on waiting; nothing is ever killed."""
    idle = Signal()
    """The last job alive has ended."""

    def __init__(self, parent: QObject | None = None, *, prepare: Callable[[], None] | None = None) -> None:
        super().__init__(parent)
        self._desk = _Desk()
        self._handles: dict[int, JobHandle] = {}
        self._count = 0
        self._thread = QThread(self)
        self._thread.setObjectName("studio-worker")
        self._worker = _Worker(self._desk, prepare)
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.run)
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_INTERVAL_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def jobs(self) -> tuple[JobHandle, ...]:
        """The handles of all jobs alive, oldest first."""
        return tuple(self._handles.values())

    @property
    def busy(self) -> bool:
        """Any job is alive, if only waiting or paused."""
        return bool(self._handles)

    def start(self, job: Iterable[object], title: str, *, background: bool = False) -> JobHandle:
        """Run a job after those which were started before it; a `background` one gives way to any other."""
        return self._hand_in(job, title, self._desk.queue, background=background)

    def interject(self, job: Iterable[object], title: str, *, essential: bool = False) -> JobHandle:
        """Run a short job to its end between two steps of whatever runs or is paused; at once when nothing is.

        An `essential` one is not cancelled when the window is closed.
        """
        return self._hand_in(job, title, self._desk.interjections, essential=essential)

    def shutdown(self, timeout_ms: int = 10_000) -> bool:
        """Cancel every job and end the thread, waiting at most `timeout_ms`.

        False when a job has not come back by then: the thread still runs, this object must be kept, and the call may
        be repeated. Outcomes are delivered during the call. Never terminates the thread.
        """
        deadline = time.monotonic() + timeout_ms / 1000
        for handle in self.jobs:
            handle.cancel()
        with self._desk.changed:
            self._desk.stopping = True
            self._desk.changed.notify_all()
        while not self._thread.wait(5) and time.monotonic() < deadline:
            self._drain()
        self._drain()
        return not self._thread.isRunning()

    def _hand_in(
        self,
        job: Iterable[object],
        title: str,
        waiting: deque[_Task],
        *,
        background: bool = False,
        essential: bool = False,
    ) -> JobHandle:
        if self._desk.stopping:
            raise RuntimeError("the runner was shut down")
        if not background:
            for other in self.jobs:
                if other.background:
                    other.cancel()
        self._count += 1
        task = _Task(self._count, title, iter(job))
        handle = JobHandle(self, task, background, essential)
        self._handles[task.number] = handle
        with self._desk.changed:
            waiting.append(task)
            self._desk.changed.notify_all()
        if not self._timer.isActive():
            self._timer.start()
        # Not before the first job: a window that could not be built leaves no thread behind.
        if not self._thread.isRunning():
            self._thread.start()
        self.job_started.emit(handle)
        return handle

    def _withdraw_or_wake(self, task: _Task) -> None:
        if self._desk.withdraw(task):
            task.job = None
            self._desk.mailbox.post(task.number, Kind.OUTCOME, _Outcome(JobState.CANCELLED))
        else:
            self._desk.notify()

    @Slot()
    def _tick(self) -> None:
        self._drain()
        for handle in self.jobs:
            if handle._is_overdue():
                _log.warning("“%s” has not obeyed Cancel for %.0f s", handle.title, OVERDUE_SECONDS)
                self.cancel_overdue.emit(handle)

    def _drain(self) -> None:
        for letter in self._desk.mailbox.collect():
            handle = self._handles.get(letter.address)
            if handle is None:
                continue
            if letter.kind is Kind.EVENTS:
                handle.events.emit(letter.content)
            elif letter.kind is Kind.FRAME:
                handle.frame.emit(letter.content)
            elif letter.kind is Kind.STATE:
                handle._reported(letter.content)
            else:
                self._finish(handle, letter.address, letter.content)

    def _finish(self, handle: JobHandle, number: int, outcome: _Outcome) -> None:
        del self._handles[number]
        if not self._handles:
            self._timer.stop()
        handle._set_state(outcome.state)
        if outcome.state is JobState.SUCCEEDED:
            handle.succeeded.emit(outcome.result)
        elif outcome.state is JobState.FAILED:
            _log.error("“%s” failed: %s\n%s", handle.title, outcome.error, outcome.traceback)
            handle.failed.emit(outcome.error, outcome.traceback)
        else:
            handle.cancelled.emit()
        handle.finished.emit()
        self.job_finished.emit(handle)
        # From here on the handle lives as long as somebody in the GUI thread holds it.
        handle.setParent(None)
        if not self._handles:
            self.idle.emit()


def _failure(title: str, error: BaseException) -> _Outcome:
    text = "".join(traceback.format_exception(error))
    # The traceback's frames hold the job's tensors and pictures: the text is kept, the frames are not.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    if isinstance(error, StudioError):
        return _Outcome(JobState.FAILED, error=error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        out_of_memory = OutOfMemory(
            f"“{title}” ran out of memory.", "Use fewer or smaller pictures at a time, then try again."
        )
        return _Outcome(JobState.FAILED, error=out_of_memory, traceback=text)
    cause = f"{type(error).__name__}: {error}".rstrip(": ")
    defect = StudioError(
        f"“{title}” stopped because of a defect in the program ({cause}).",
        "Copy the details from the log to report it. Whatever was saved before is safe.",
    )
    return _Outcome(JobState.FAILED, error=defect, traceback=text)
