"""Below the grid: how many are shown and chosen, how many are left out, and the preparation that goes on."""

from __future__ import annotations

import time

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from studio.app.data.editing import DataEditing
from studio.app.runner import JobHandle
from studio.app.theme import FontSize, Size, Space
from studio.app.widgets.controls import Label, SecondaryButton
from studio.app.window.activity import clock, count

_LEAST_SECONDS = 1.0


class GridFooter(QWidget):
    """Follows the editing's preparation by itself; the grid tells it the rest."""

    left_out_clicked = Signal()
    all_clicked = Signal()

    def __init__(self, editing: DataEditing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._editing = editing
        self._followed: JobHandle | None = None
        self._began = 0.0
        self._message = ""
        self._shown, self._total, self._words, self._filtered = 0, 0, "", False
        self._chosen_count = 0
        self._count = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self.everything = SecondaryButton("Show all", "grid", self, dense=True)
        self.everything.clicked.connect(self.all_clicked)
        self.left_out = SecondaryButton("", "eye", self, dense=True)
        self.left_out.set_tooltip("Show what is left out", reason="Delete brings chosen ones back.")
        self.left_out.clicked.connect(self.left_out_clicked)
        self._working = QWidget(self)
        self._words_of_work = Label("", self._working, role="muted", size=FontSize.LABEL)
        self._bar = QProgressBar(self._working)
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(110)
        self._bar.setAccessibleName("Progress of the preparation")
        self.cancel = SecondaryButton("Cancel", "close", self._working, dense=True)
        self.cancel.clicked.connect(editing.cancel)
        work = QHBoxLayout(self._working)
        work.setContentsMargins(0, 0, 0, 0)
        work.setSpacing(Space.S)
        for widget in (self._words_of_work, self._bar, self.cancel):
            work.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        row.addWidget(self._count, 1)
        row.addWidget(self._working)
        row.addWidget(self.left_out)
        row.addWidget(self.everything)
        self.setFixedHeight(Size.CONTROL_DENSE)
        editing.working_changed.connect(self._follow)
        editing.changed.connect(self._show)
        editing.opened.connect(self._show)
        self._follow()
        self._show()

    @property
    def words(self) -> str:
        """How many are shown and chosen."""
        return self._count.text()

    @property
    def work(self) -> str:
        """What is said of the preparation; '' when none goes on."""
        return "" if self._working.isHidden() else self._words_of_work.text()

    def show_shown(self, shown: int, total: int, words: str = "", *, filtered: bool = False) -> None:
        """So many of so many are shown; `words` say which."""
        self._shown, self._total, self._words, self._filtered = shown, total, words, filtered
        self._show()

    def show_chosen(self, chosen: int) -> None:
        """So many are chosen."""
        self._chosen_count = chosen
        self._show()

    @Slot()
    def _show(self) -> None:
        shown = count(self._shown, "picture") if not self._filtered else f"{self._shown:,} of {self._total:,}"
        parts = [shown]
        if self._words:
            parts.append(self._words)
        if self._chosen_count > 1:
            parts.append(f"{self._chosen_count:,} chosen")
        self._count.setText(" · ".join(parts))
        out = len(self._editing.left_out)
        self.left_out.setVisible(out > 0)
        self.left_out.set_text(f"{out:,} left out")
        self.everything.setVisible(self._filtered)

    @Slot()
    def _follow(self) -> None:
        handle = self._editing.working
        if handle is not self._followed:
            self._followed = handle
            if handle is not None:
                self._began = time.monotonic()
                self._bar.setRange(0, 0)
                handle.events.connect(self._on_events)
        waiting = handle is None and not self._editing.settled
        self._working.setVisible(handle is not None)
        if handle is not None or waiting:
            self._words_of_work.setText("Preparing…")

    @Slot(list)
    def _on_events(self, events: list) -> None:
        event = events[-1]
        if self.sender() is not self._followed or not hasattr(event, "total"):
            return
        if event.message != self._message:
            # Another part of the work, at another speed.
            self._message, self._began = event.message, time.monotonic()
        if not event.total:
            self._bar.setRange(0, 0)
            self._words_of_work.setText(f"{event.message} · {event.done:,}" if event.done else event.message)
            return
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * event.done / event.total))
        self._words_of_work.setText(f"{event.done:,} of {event.total:,}{self._left(event.done / event.total)}")

    def _left(self, fraction: float) -> str:
        passed = time.monotonic() - self._began
        if passed < _LEAST_SECONDS or fraction <= 0:
            return ""
        return f" · {clock(passed / fraction - passed)} left"
