"""Workspaces: arrangements of the same docks around a page of the central stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow, QTabBar, QTabWidget, QWidget

from studio.app.arrangements import START, Workspace
from studio.app.settings import Settings
from studio.app.widgets.dock import StudioDock

_LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea


class Workspaces(QObject):
    """Switches between arrangements, remembers each, and can lay each out anew."""

    changed = Signal(str)
    """The name of the workspace that is on; START for the page without docks."""

    def __init__(
        self,
        window: QMainWindow,
        workspaces: tuple[Workspace, ...],
        docks: Mapping[str, StudioDock],
        settings: Settings,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._workspaces = {workspace.name: workspace for workspace in workspaces}
        self._docks = dict(docks)
        self._settings = settings
        self._current = ""
        self._latest: dict[str, str] = {}
        for workspace in workspaces:
            self._latest.setdefault(workspace.family, workspace.name)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        for dock in self._docks.values():
            window.addDockWidget(_LEFT, dock)
            dock.hide()

    @property
    def current(self) -> str:
        """The name of the workspace that is on; '' before the first."""
        return self._current

    @property
    def all(self) -> tuple[Workspace, ...]:
        """In order."""
        return tuple(self._workspaces.values())

    def switch_to_family(self, family: str) -> None:
        """Go to that workspace of a family that was on last, or to its first. Raises KeyError for an unknown one."""
        self.switch(self._latest[family])

    def switch(self, name: str) -> None:
        """Store the arrangement that is on and bring back another one. Raises KeyError for an unknown name."""
        if name == self._current:
            return
        if name != START:
            _ = self._workspaces[name]
        self.store()
        self._current = name
        if name != START:
            self._latest[self._workspaces[name].family] = name
        with self._settled():
            # Also before a restore: for a moment the docks of both would share the window, and make it wider. So would
            # the docks of one beside the page of the other.
            self._hide_all()
            self.changed.emit(name)
            if name != START:
                self._restore(self._workspaces[name])

    def store(self) -> None:
        """Remember the arrangement that is on."""
        if self._current in self._workspaces:
            self._settings.set_layout(self._current, self._window.saveState())

    @Slot()
    def reset(self) -> None:
        """Lay the workspace that is on out as it was at first."""
        if self._current in self._workspaces:
            self._settings.forget_layout(self._current)
            with self._settled():
                self._arrange(self._workspaces[self._current])

    def go_to_next_panel(self, page: QWidget) -> None:
        """Move the keyboard from the panel it is in to the next one; `page` of the stage comes after the last dock."""
        places = [dock.widget() for dock in self.shown_docks() if dock.widget() is not None]
        places.append(page)
        focus = QApplication.focusWidget()
        inside = [place for place in places if focus is not None and place.isAncestorOf(focus)]
        begin = places.index(inside[0]) + 1 if inside else 0
        for place in (*places[begin:], *places[:begin]):
            if (first := first_focusable(place)) is not None:
                first.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def shown_docks(self) -> tuple[StudioDock, ...]:
        """The docks that are open now, in the order in which the keyboard goes through them."""
        docks = [dock for dock in self._docks.values() if not dock.isHidden() and dock.isVisible()]
        return tuple(sorted(docks, key=lambda dock: (dock.y() // 40, dock.x())))

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Rearrange within this, and nobody sees the steps between the two arrangements."""
        window = self._window
        # Animated, the docks would be on their way while the new page is already there, and their tabs come last.
        animated = window.isAnimated()
        window.setAnimated(False)
        window.setUpdatesEnabled(False)
        try:
            yield
            self._settle_tabs()
        finally:
            window.setUpdatesEnabled(True)
            window.setAnimated(animated)

    def _settle_tabs(self) -> None:
        # Qt leaves the tab bars of the arrangement before in place until it deletes them in a later turn, and may not
        # show the new ones until the window is resized.
        for bar in self._tab_bars():
            QCoreApplication.sendPostedEvents(bar, QEvent.Type.DeferredDelete)
        self._window.layout().activate()
        for bar in self._tab_bars():
            bar.setVisible(bar.count() > 1)
            bar.setAccessibleName("Panels in one place")
        for dock in self._docks.values():
            dock.show_tabbed()

    def _tab_bars(self) -> list[QTabBar]:
        return self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)

    def _restore(self, workspace: Workspace) -> None:
        self._set_corners(workspace)
        state = self._settings.layout(workspace.name)
        if state.isEmpty() or not self._window.restoreState(state):
            self._arrange(workspace)
            return
        for dock in self._docks.values():
            if dock.isFloating() and not _on_some_screen(dock):
                dock.setFloating(False)

    def _set_corners(self, workspace: Workspace) -> None:
        self._window.setCorner(Qt.Corner.BottomLeftCorner, _BOTTOM if workspace.below_left else _LEFT)
        self._window.setCorner(Qt.Corner.BottomRightCorner, _BOTTOM if workspace.below_right else _RIGHT)

    def _hide_all(self) -> None:
        for dock in self._docks.values():
            dock.hide()

    def _arrange(self, workspace: Workspace) -> None:
        window = self._window
        self._set_corners(workspace)
        for dock in self._docks.values():
            dock.setFloating(False)
            window.removeDockWidget(dock)
        for area, names in ((_LEFT, workspace.left), (_RIGHT, workspace.right), (_BOTTOM, workspace.bottom)):
            docks = self._of(names)
            for position, dock in enumerate(docks):
                # Side by side, even for a moment, tabs could be wider than the window and would make it so.
                if area == _BOTTOM and position:
                    window.tabifyDockWidget(docks[position - 1], dock)
                else:
                    window.addDockWidget(area, dock)
                dock.show()
            if area == _BOTTOM and docks:
                docks[0].raise_()
        # Docks that were not placed still need an area to come back to when they are opened from the menu.
        placed = {*workspace.left, *workspace.right, *workspace.bottom}
        for name, dock in self._docks.items():
            if name not in placed:
                window.addDockWidget(_RIGHT, dock)
                dock.hide()
        self._size(workspace)
        # Sizes asked for before the window has its own are forgotten, so they are asked for again in the next turn.
        QTimer.singleShot(0, self, self._size_current)

    @Slot()
    def _size_current(self) -> None:
        if self._current not in self._workspaces:
            return
        workspace = self._workspaces[self._current]
        self._size(workspace)
        # Docks learn that they are tabs when one of them comes to the front.
        for dock in reversed(self._of(workspace.bottom)):
            dock.raise_()

    def _size(self, workspace: Workspace) -> None:
        width, height = self._window.width(), self._window.height()
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        left, right, bottom = (self._of(names) for names in (workspace.left, workspace.right, workspace.bottom))
        # Widths in one call: asked for one by one, each takes back what the other was given.
        sides = [(left, workspace.left_width), (right, workspace.right_width)]
        docks = [docks[0] for docks, _ in sides if docks]
        self._window.resizeDocks(docks, [round(width * share) for docks, share in sides if docks], horizontal)
        if bottom:
            self._window.resizeDocks(bottom[:1], [round(height * workspace.bottom_height)], vertical)
        for docks, heights in ((left, workspace.left_heights), (right, workspace.right_heights)):
            if len(docks) == len(heights):
                self._window.resizeDocks(docks, [round(height * share) for share in heights], vertical)

    def _of(self, names: tuple[str, ...]) -> list[StudioDock]:
        return [self._docks[name] for name in names if name in self._docks]


def bring_on_screen(window: QMainWindow) -> None:
    """Move a window back that was left on a screen which is gone, keeping its size where that fits."""
    if _on_some_screen(window):
        return
    screen = QApplication.primaryScreen()
    if screen is None:
        return
    area = screen.availableGeometry()
    window.resize(window.size().boundedTo(area.size()))
    window.move(area.topLeft())


def fit_to_screen(window: QMainWindow) -> None:
    """Fill the screen with a window that is larger than it: nothing may lie where nobody can reach it."""
    area = window.screen().availableGeometry()
    if window.width() > area.width() or window.height() > area.height():
        window.resize(window.size().boundedTo(area.size()))
        window.move(area.topLeft())
        window.setWindowState(window.windowState() | Qt.WindowState.WindowMaximized)


def first_focusable(widget: QWidget) -> QWidget | None:
    """The first child that the keyboard can reach, in tab order; None when there is none."""
    child = widget
    for _ in range(1000):
        child = child.nextInFocusChain()
        if child is widget:
            return None
        reachable = child.focusPolicy() & Qt.FocusPolicy.TabFocus
        if reachable and child.isEnabled() and child.isVisible() and widget.isAncestorOf(child):
            return child
    return None


def _on_some_screen(widget: QMainWindow | QDockWidget) -> bool:
    # A sliver at the edge cannot be grabbed, so a fair piece of the title has to be visible.
    title = widget.frameGeometry()
    title.setHeight(min(title.height(), 40))
    for screen in QApplication.screens():
        seen = screen.availableGeometry().intersected(title)
        if seen.width() >= min(100, title.width()) and seen.height() >= 16:
            return True
    return False
