"""The background thread's side of the runner: the jobs that wait, and the loop that goes through their steps."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from PySide6.QtCore import QObject, QThread, Slot

from studio.app.mailbox import Kind, LatestFrame, Mailbox
from studio.errors import OutOfMemory, StudioError

MOST_LETTERS = 200_000
"""A job that posts faster than the screen can read waits at this many unread events; none is ever dropped."""


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
class Outcome:
    """How a job ended."""

    state: JobState
    result: object = None
    error: StudioError | None = None
    traceback: str = ""


@dataclass(eq=False)
class Task:
    """The worker's side of a job: the iterator and the two flags it obeys."""

    number: int
    title: str
    job: Iterator[object] | None
    pause: threading.Event = field(default_factory=threading.Event)
    cancel: threading.Event = field(default_factory=threading.Event)


class Desk:
    """What the GUI thread and the worker share: the jobs that wait, the mailbox, and the word to stop."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.changed = threading.Condition()
        self.queue: deque[Task] = deque()
        self.interjections: deque[Task] = deque()
        self.stopping = False

    def next_task(self) -> Task | None:
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

    def next_interjection(self) -> Task | None:
        with self.changed:
            return self.interjections.popleft() if self.interjections else None

    def withdraw(self, task: Task) -> bool:
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


class Worker(QObject):
    """Lives in the background thread and never leaves `run` until told to stop."""

    def __init__(self, desk: Desk, prepare: Callable[[], None] | None) -> None:
        super().__init__()
        self._desk = desk
        self._prepare = prepare

    @Slot()
    def run(self) -> None:
        while (task := self._desk.next_task()) is not None:
            self._run(task)
            del task
        QThread.currentThread().quit()

    def _run(self, task: Task) -> None:
        mailbox = self._desk.mailbox
        outcome = Outcome(JobState.CANCELLED)
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

    def _step_through(self, task: Task) -> Outcome:
        job = task.job
        assert job is not None
        mailbox = self._desk.mailbox
        while self._may_go_on(task):
            try:
                event = next(job)
            except StopIteration as end:
                return Outcome(JobState.SUCCEEDED, result=end.value)
            if isinstance(event, LatestFrame):
                mailbox.show(task.number, event.payload)
            else:
                mailbox.post(task.number, Kind.EVENTS, event)
        close = getattr(job, "close", None)
        if close is not None:
            close()
        return Outcome(JobState.CANCELLED)

    def _may_go_on(self, task: Task) -> bool:
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


def _failure(title: str, error: BaseException) -> Outcome:
    text = "".join(traceback.format_exception(error))
    # The traceback's frames hold the job's tensors and pictures: the text is kept, the frames are not.
    error.__traceback__ = error.__cause__ = error.__context__ = None
    if isinstance(error, StudioError):
        return Outcome(JobState.FAILED, error=error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        out_of_memory = OutOfMemory(
            f"“{title}” ran out of memory.", "Use fewer or smaller pictures at a time, then try again."
        )
        return Outcome(JobState.FAILED, error=out_of_memory, traceback=text)
    cause = f"{type(error).__name__}: {error}".rstrip(": ")
    defect = StudioError(
        f"“{title}” stopped because of a defect in the program ({cause}).",
        "Copy the details from the log to report it. Whatever was saved before is safe.",
    )
    return Outcome(JobState.FAILED, error=defect, traceback=text)
