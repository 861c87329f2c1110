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
import time
from collections import deque
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from studio.app.mailbox import Kind, LatestFrame
from studio.app.worker import Desk, JobState, Outcome, Task, Worker

__all__ = ["JobHandle", "JobState", "LatestFrame", "Runner"]

_log = logging.getLogger(__name__)

DRAIN_INTERVAL_MS = 33
"""How often what the worker posted reaches the screen while a job is alive."""

OVERDUE_SECONDS = 4.0
"""A job that has not obeyed Cancel for this long is reported."""


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

    def __init__(self, runner: Runner, task: Task, background: bool, essential: bool) -> None:
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
        self._desk = Desk()
        self._handles: dict[int, JobHandle] = {}
        self._count = 0
        self._thread = QThread(self)
        self._thread.setObjectName("studio-worker")
        self._worker = Worker(self._desk, prepare)
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

    @property
    def accepting(self) -> bool:
        """Jobs may still be handed in: it was not shut down."""
        return not self._desk.stopping

    def start(self, job: Iterable[object], title: str, *, background: bool = False) -> JobHandle:
        """Run a job after those which were started before it; a `background` one gives way to any other."""
        return self._hand_in(job, title, self._desk.queue, background=background)

    def interject(
        self, job: Iterable[object], title: str, *, essential: bool = False, background: bool = False
    ) -> JobHandle:
        """Run a short job to its end between two steps of whatever runs or is paused; at once when nothing is.

        An `essential` one is not cancelled when the window is closed; a `background` one gives way to any other.
        """
        return self._hand_in(job, title, self._desk.interjections, essential=essential, background=background)

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
        waiting: deque[Task],
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
        task = Task(self._count, title, iter(job))
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

    def _withdraw_or_wake(self, task: Task) -> None:
        if self._desk.withdraw(task):
            task.job = None
            self._desk.mailbox.post(task.number, Kind.OUTCOME, Outcome(JobState.CANCELLED))
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

    def _finish(self, handle: JobHandle, number: int, outcome: Outcome) -> None:
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
