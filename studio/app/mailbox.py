"""From the worker thread to the screen: nothing lost, nothing flooded.

The worker posts events, states and outcomes, in order and without loss, and lays frames into a slot a job where only
the newest counts. The GUI thread collects them some thirty times a second. No Qt and no locks: `collections.deque`
and `dict` do single operations atomically.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True)
class LatestFrame:
    """A job yields this around a payload of which only the newest needs to be seen, such as a picture on its way."""

    payload: object


class Kind(Enum):
    """What a letter holds."""

    EVENTS = auto()
    FRAME = auto()
    STATE = auto()
    OUTCOME = auto()


@dataclass(frozen=True)
class Letter:
    """Something for one job's handle.

    `content` is a list of events for EVENTS, the newest payload for FRAME, and whatever was posted otherwise.
    """

    address: int
    kind: Kind
    content: object


class Mailbox:
    """Letters from the one worker thread to the GUI thread, in the order in which they were posted."""

    def __init__(self) -> None:
        self._letters: deque[tuple[int, Kind, object]] = deque()
        self._frames: dict[int, object] = {}

    def __len__(self) -> int:
        return len(self._letters)

    def post(self, address: int, kind: Kind, content: object) -> None:
        """Put one event, state or outcome at the end; from any thread."""
        self._letters.append((address, kind, content))

    def show(self, address: int, payload: object) -> None:
        """Put a frame into the job's slot over the one not yet collected."""
        self._frames[address] = payload

    def collect(self) -> Iterator[Letter]:
        """Take out what has come until now; from the GUI thread.

        Neighbouring events of one job come as one list. A job's last frame comes before its outcome, every other
        frame after all letters. Letters are taken one at a time, so that a collection begun inside another one (a
        dialog's own event loop) goes on in the same order.
        """
        remaining = len(self._letters)
        while remaining > 0 and self._letters:
            address, kind, content = self._letters.popleft()
            remaining -= 1
            if kind is Kind.EVENTS:
                events = [content]
                while remaining > 0 and self._letters:
                    following = self._letters[0]
                    if following[0] != address or following[1] is not Kind.EVENTS:
                        break
                    self._letters.popleft()
                    remaining -= 1
                    events.append(following[2])
                yield Letter(address, kind, events)
            else:
                if kind is Kind.OUTCOME and address in self._frames:
                    yield Letter(address, Kind.FRAME, self._frames.pop(address))
                yield Letter(address, kind, content)
        for address in tuple(self._frames):
            if address in self._frames:
                yield Letter(address, Kind.FRAME, self._frames.pop(address))
