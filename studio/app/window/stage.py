"""The centre of the window: one page a workspace, and above it what the person has to know."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QStackedWidget, QVBoxLayout, QWidget

from studio.app.runner import JobHandle
from studio.app.theme import Space, theme
from studio.app.widgets.banner import Banner
from studio.app.widgets.buttons import SecondaryButton
from studio.app.widgets.labels import Label
from studio.app.window.activity import clock, read_activity
from studio.errors import StudioError

_LEAST_SECONDS = 1.0
"""Before this nobody can say how long something takes."""


class OpeningBar(QWidget):
    """An opening that goes on: what, how far, and Cancel beside it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._handle: JobHandle | None = None
        self._began = 0.0
        self._message = ""
        self._title = Label("", self)
        self._detail = Label("", self, role="muted", elided=True)
        self._progress = QProgressBar(self)
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(220)
        self._progress.setAccessibleName("Progress of the import")
        cancel = SecondaryButton("Cancel", "close", self, dense=True)
        cancel.clicked.connect(self._cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.M, Space.XS, Space.S, Space.XS)
        row.setSpacing(Space.M)
        row.addWidget(self._title)
        row.addWidget(self._progress)
        row.addWidget(self._detail, 1)
        row.addWidget(cancel)
        self.hide()

    def follow(self, handle: JobHandle) -> None:
        """Show this opening until it ends."""
        self._handle = handle
        self._began = time.monotonic()
        self._title.setText(handle.title)
        self._detail.setText("")
        self._progress.setRange(0, 0)
        handle.events.connect(self._on_events)
        handle.finished.connect(self._on_finished)
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().tokens.color("panel"))
        painter.end()

    @Slot(list)
    def _on_events(self, events: list) -> None:
        activity = read_activity(events[-1])
        if activity is None or self.sender() is not self._handle:
            return
        if (message := getattr(events[-1], "message", "")) != self._message:
            # Another part of the work, at another speed.
            self._message, self._began = message, time.monotonic()
        known = activity.fraction is not None
        self._progress.setRange(0, 1000 if known else 0)
        self._progress.setValue(round(1000 * activity.fraction) if known else 0)
        self._detail.setText(activity.text + self._left(activity.fraction))

    def _left(self, fraction: float | None) -> str:
        passed = time.monotonic() - self._began
        if not fraction or passed < _LEAST_SECONDS:
            return ""
        return f" · {clock(passed / fraction - passed)} left"

    @Slot()
    def _on_finished(self) -> None:
        if self.sender() is self._handle:
            self._handle = None
            self.hide()

    @Slot()
    def _cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


class _Pages(QStackedWidget):
    """As small as the page that is shown can be, whatever the others need."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.currentChanged.connect(self._fit)

    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        return QSize() if page is None else page.minimumSizeHint().expandedTo(page.minimumSize())

    @Slot()
    def _fit(self) -> None:
        self.updateGeometry()


class Stage(QWidget):
    """Pages by the name of their workspace, below a banner and the bar of an opening that goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.banner = Banner(self)
        self.opening = OpeningBar(self)
        self._pages = _Pages(self)
        self._by_name: dict[str, QWidget] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.opening)
        column.addWidget(self._pages, 1)

    def add_page(self, name: str, page: QWidget) -> None:
        self._by_name[name] = page
        self._pages.addWidget(page)

    def page(self, name: str) -> QWidget:
        """The page of a workspace. Raises KeyError."""
        return self._by_name[name]

    def show_page(self, name: str) -> None:
        self._pages.setCurrentWidget(self._by_name[name])

    @Slot(object)
    def follow_opening(self, handle: JobHandle) -> None:
        """Show an opening until it ends; what was said of an earlier one is over."""
        self.banner.clear()
        self.opening.follow(handle)

    def show_error(
        self, error: StudioError, details: str = "", actions: Sequence[tuple[str, Callable[[], object]]] = ()
    ) -> None:
        """What happened and what to do, until it is dismissed or replaced."""
        self.banner.show_error(error, details, actions)

    def show_message(
        self,
        text: str,
        remedy: str = "",
        kind: str = "info",
        actions: Sequence[tuple[str, Callable[[], object]]] = (),
        details: str = "",
    ) -> None:
        self.banner.show_message(text, remedy, kind, actions, details)
