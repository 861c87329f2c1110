"""What is looked at, read and drawn small in the background: what was asked for last comes first.

The thread lives only while there is something to make. What it made waits in a queue that the GUI thread empties, so
that no signal is ever emitted outside of it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

_log = logging.getLogger(__name__)

DRAIN_MS = 30
BUDGET_BYTES = 96 * 2**20


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A picture of the grid.

    image: at most as large as a cell, or small enough to be enlarged by whole multiples; None where it cannot be read.
    boxes: what is kept of it, (left, top, width, height) in shares of the picture. pieces: how many pictures of the set
    it becomes. words: why it cannot be read; '' where it can.
    """

    image: QImage | None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    pieces: int = 1
    words: str = ""

    @property
    def cost(self) -> int:
        """Bytes."""
        return 256 if self.image is None else self.image.sizeInBytes() + 256


class Item(Protocol):
    """Something that can be made in the background and kept for a while."""

    @property
    def cost(self) -> int:
        """Bytes."""
        ...


class Readings(QObject):
    """A bounded cache of items by key, filled by a thread with what `request` asked for last."""

    arrived = Signal()
    """Some that were asked for are there now."""

    def __init__(self, parent: QObject | None = None, budget_bytes: int = BUDGET_BYTES) -> None:
        super().__init__(parent)
        self._budget = budget_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[object, Item]] = OrderedDict()
        self._wanted: deque[tuple[Hashable, object, Callable[[], Item]]] = deque()
        self._made: deque[tuple[Hashable, object, Item]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self._drain)

    @property
    def size_bytes(self) -> int:
        """What the cache holds now."""
        return self._bytes

    def get(self, key: Hashable) -> Item | None:
        """The item, also one that is out of date; None when there is none."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def is_current(self, key: Hashable, version: object) -> bool:
        """Whether the item is there and was made for this version of what it shows."""
        found = self._kept.get(key)
        return found is not None and found[0] == version

    def put(self, key: Hashable, version: object, item: Item) -> None:
        """Keep something that was made elsewhere."""
        self._keep(key, version, item)

    def request(self, wanted: Sequence[tuple[Hashable, object, Callable[[], Item]]]) -> None:
        """Make these, the first one first; what was asked for before and is not begun is forgotten.

        wanted: (key, version, function that makes it in another thread) each.
        """
        with self._lock:
            self._wanted = deque(wanted)
            if not wanted:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="studio-thumbnails", daemon=True)
                self._thread.start()
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._wanted.clear()
            self._made.clear()
        self._kept.clear()
        self._bytes = 0

    def stop(self) -> None:
        """End the thread after the picture it is at, and wait for it."""
        with self._lock:
            self._wanted.clear()
            thread = self._thread
        if thread is not None:
            thread.join()
        self._timer.stop()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._thread = None
                    return
                key, version, make = self._wanted.popleft()
            try:
                made = make()
            except Exception as error:
                # One picture must not take the grid with it.
                _log.exception("nothing to show of %s", key)
                made = Thumbnail(None, words=f"cannot be shown: {error}")
            self._made.append((key, version, made))

    @Slot()
    def _drain(self) -> None:
        with self._lock:
            over = self._thread is None
        arrived = bool(self._made)
        while self._made:
            self._keep(*self._made.popleft())
        if over:
            self._timer.stop()
        if arrived:
            self.arrived.emit()

    def _keep(self, key: Hashable, version: object, item: Item) -> None:
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= before[1].cost
        self._kept[key] = (version, item)
        self._bytes += item.cost
        while self._bytes > self._budget and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= oldest.cost
