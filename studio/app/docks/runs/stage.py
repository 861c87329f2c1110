"""The Runs page: the list at the left, and at the right what the chosen runs learned, made and were told to do."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFont, QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from studio.app.arrangements import RUNS
from studio.app.docks.runs.actions import RunActions
from studio.app.docks.runs.curves import RunCurvesPanel
from studio.app.docks.runs.differences_table import DifferencesTable
from studio.app.docks.runs.newest_rows import NewestRows
from studio.app.docks.runs.run_list import RunList
from studio.app.docks.runs.words import facts_words, offer_words
from studio.app.plot_export import PICTURE_KINDS
from studio.app.runs.browsing import run_browsing_of
from studio.app.runs.following import following_of
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import Label, SecondaryButton
from studio.app.widgets.drop_area import DropArea
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.panel_ground import PanelGround
from studio.app.widgets.view_switch import ViewSwitch
from studio.errors import StudioError
from studio.training.runs import RunStatus

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.runs.run_jobs import RunEntry
    from studio.app.state import StudioState

LOOK_MS = 2000
"""How often it is looked for news while the page is seen."""

_LIST_WIDTH = 352
_TABLE_KINDS = ((".csv", "CSV"),)
_EXPORT = "Save these curves…"


class RunsStage(QWidget):
    """Looks for runs while it is seen."""

    resume_requested = Signal(object, object)
    """The folder of a run that is to go on here, and by how many minutes it is to be made longer (None: as it was)."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs-stage")
        self._runner = runner
        self._browsing = run_browsing_of(state)
        self.view_switch = ViewSwitch(RUNS, self)
        self.list = RunList(state)
        self.actions = RunActions(state, runner)
        self.curves = RunCurvesPanel(state)
        self.rows = NewestRows(state)
        self.table = DifferencesTable(state)
        self.export = ExportButton(self, _EXPORT)
        self.attach_button = SecondaryButton("Attach…", "link", self)
        self.attach_button.set_tooltip("Attach", reason="Show runs that lie in another folder, such as a shared disk.")
        self.empty = DropArea(
            "No runs yet",
            "every training leaves one here; drop the folder of a run to attach it",
            self,
            compact=False,
            icon_name="training",
        )
        self._count = Label("", role="muted", size=FontSize.LABEL, elided=True)
        self._title = QLineEdit()
        self._title.setProperty("flat", True)
        self._title.setFont(ui_font(FontSize.SECTION, QFont.Weight.DemiBold))
        self._title.setAccessibleName("Name of the run")
        self._title.setMaxLength(80)
        self._several = Label("", size=FontSize.SECTION, weight=QFont.Weight.DemiBold)
        self._facts = Label("", role="muted", size=FontSize.LABEL, elided=True)
        self._banner = Banner()
        self._pages = QStackedWidget()
        self._lay_out()
        self._connect(state)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self.look)
        self._show_runs()
        self._show_chosen()

    def _lay_out(self) -> None:
        self.export.add("Plot", "curves.png", PICTURE_KINDS, self.curves.save_picture)
        self.export.add("Curves as numbers", "curves.csv", _TABLE_KINDS, self.curves.save_table)
        header = QHBoxLayout()
        header.setContentsMargins(Space.L, Space.M, Space.L, 0)
        header.setSpacing(Space.M)
        header.addWidget(Label("Runs", size=FontSize.HEADLINE, weight=QFont.Weight.DemiBold))
        header.addWidget(self._count, 1)
        header.addWidget(self.attach_button)
        header.addWidget(self.view_switch)
        header.addWidget(self.export)
        top = PanelGround(self)
        head = QVBoxLayout(top)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(0)
        head.addLayout(header)
        banner = QHBoxLayout()
        banner.setContentsMargins(Space.L, Space.S, Space.L, Space.S)
        banner.addWidget(self._banner)
        head.addLayout(banner)
        self._pages.addWidget(self._empty_page())
        self._pages.addWidget(self._full_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(top)
        layout.addWidget(self._pages, 1)

    def _empty_page(self) -> QWidget:
        page = PanelGround()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(Space.L, 0, Space.L, Space.L)
        layout.addStretch(1)
        layout.addWidget(self.empty)
        layout.addStretch(2)
        return page

    def _full_page(self) -> QWidget:
        left = PanelGround()
        column = QVBoxLayout(left)
        column.setContentsMargins(Space.L, 0, 0, 0)
        column.addWidget(self.list)
        left.setFixedWidth(_LIST_WIDTH)
        right = PanelGround()
        detail = QVBoxLayout(right)
        detail.setContentsMargins(Space.M, 0, Space.L, Space.M)
        detail.setSpacing(Space.S)
        name = QVBoxLayout()
        name.setSpacing(0)
        name.addWidget(self._title)
        name.addWidget(self._several)
        name.addWidget(self._facts)
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        head.addLayout(name, 1)
        head.addWidget(self.actions, 0, Qt.AlignmentFlag.AlignTop)
        below = QHBoxLayout()
        below.setSpacing(Space.XL)
        below.addWidget(self.rows, 5)
        below.addWidget(self.table, 6)
        under = QWidget()
        under.setLayout(below)
        below.setContentsMargins(0, Space.S, 0, 0)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.curves)
        split.addWidget(under)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        detail.addLayout(head)
        detail.addWidget(split, 1)
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Size.DOCK_GAP)
        layout.addWidget(left)
        layout.addWidget(right, 1)
        return page

    def _connect(self, state: StudioState) -> None:
        browsing = self._browsing
        browsing.runs_changed.connect(self._show_runs)
        browsing.chosen_changed.connect(self._show_chosen)
        browsing.failed.connect(self.show_error)
        browsing.attached.connect(self._offer)
        following_of(state).failed.connect(self.show_error)
        self.list.opened.connect(self.actions.resume)
        self.list.delete_pressed.connect(self.actions.remove_chosen)
        self.list.rename_pressed.connect(self.rename)
        self.list.menu_wanted.connect(self._open_menu)
        self.actions.rename_requested.connect(self.rename)
        self.actions.resume_requested.connect(self.resume_requested)
        self._title.editingFinished.connect(self._take_title)
        self.attach_button.clicked.connect(self.ask_for_folder)
        self.empty.browse_requested.connect(self.ask_for_folder)
        self.empty.dropped.connect(self._attach_dropped)
        self.export.failed.connect(self.show_error)
        self.export.exported.connect(self._show_exported)
        self.curves.shown_changed.connect(self._show_export)
        theme().changed.connect(self._repaint)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("window"))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()
        self._look.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._look.stop()

    @Slot()
    def look(self) -> None:
        """Look for news: of the list, and of what is compared."""
        self._browsing.refresh(self._runner)
        self._browsing.read_chosen(self._runner)

    @Slot()
    def rename(self) -> None:
        """Let the person type another name."""
        if self._title.isVisible():
            self._title.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self._title.selectAll()

    @Slot()
    def ask_for_folder(self) -> None:
        """Attach a folder of the person's choice."""
        folder = QFileDialog.getExistingDirectory(self.window(), "The folder of a run, or one that holds runs")
        if folder:
            self.attach(Path(folder))

    def attach(self, folder: Path) -> None:
        """Show a run, or a folder of runs, that lies elsewhere; says what can be done with a single one."""
        self._banner.clear()
        self._browsing.attach(folder, self._runner)

    @Slot(object)
    def _offer(self, entries: tuple[RunEntry, ...]) -> None:
        if len(entries) > 1:
            self._banner.show_message(f"{len(entries)} runs were attached.", "They stay in the list.", "ok")
            return
        summary = entries[0].summary
        actions = []
        if self.actions.go_on.isEnabled():
            actions.append((self.actions.go_on.text(), partial(self._take_offer, summary.folder)))
        self._banner.show_message(*offer_words(summary), "info", actions)

    def _take_offer(self, folder: Path) -> None:
        self._banner.clear()
        self._browsing.choose([folder])
        self.actions.resume()

    @Slot(object)
    def _attach_dropped(self, paths: list[Path]) -> None:
        for path in paths:
            self.attach(path)

    @Slot()
    def _show_runs(self) -> None:
        entries = self._browsing.entries
        self._show_page(self.list if entries else self.empty)
        if not self._browsing.known and not entries:
            self.empty.set_text("Looking for runs…", "every training leaves one here")
        else:
            self.empty.set_text(
                "No runs yet", "every training leaves one here; drop the folder of a run to attach it, or click"
            )
        elsewhere = sum(entry.summary.status is RunStatus.RUNNING for entry in entries)
        words = f"{len(entries):,} run" if len(entries) == 1 else f"{len(entries):,} runs"
        live = f" · {elsewhere} in training" if elsewhere else ""
        self._count.setText(f"{words}{live}" if entries else "")
        if entries and not self._browsing.chosen and self.isVisible():
            # Something to see at once: the newest.
            self._browsing.choose([entries[0].summary.folder])
        self._browsing.read_chosen(self._runner)
        self._show_names()

    def _show_page(self, focus: QWidget) -> None:
        """The list, or what stands in its place without runs; the keyboard goes with it."""
        self.setFocusProxy(focus)
        page = 1 if focus is self.list else 0
        if page != self._pages.currentIndex():
            had = self.window().focusWidget()
            follows = had is not None and self.isAncestorOf(had)
            self._pages.setCurrentIndex(page)
            if follows:
                focus.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _show_chosen(self) -> None:
        self._browsing.read_chosen(self._runner)
        self._show_names()

    def _show_names(self) -> None:
        chosen = self._browsing.chosen
        single = chosen[0].summary if len(chosen) == 1 else None
        self._title.setVisible(single is not None)
        self._several.setVisible(single is None)
        if single is not None and not self._title.hasFocus():
            self._title.setText(single.title)
        self._several.setText(f"{len(chosen)} runs compared" if chosen else "Choose one run, or several to compare")
        self._facts.setText(facts_words(single) if single is not None else "")

    @Slot()
    def _take_title(self) -> None:
        chosen = self._browsing.chosen
        if len(chosen) == 1:
            self._browsing.rename(chosen[0].summary.folder, self._title.text())
            self._title.setText(chosen[0].summary.title if not self._title.text().strip() else self._title.text())

    @Slot(object)
    def _open_menu(self, place: QPoint) -> None:
        self.actions.make_menu(self).popup(place)

    @Slot()
    def _show_export(self) -> None:
        there = any(len(curve.x) for curve in self.curves.plot.curves)
        self.export.setEnabled(there)
        self.export.set_tooltip(_EXPORT, "" if there else "There are no curves yet.")

    @Slot(object)
    def show_error(self, error: StudioError) -> None:
        """Say what went wrong, and what to do."""
        self._banner.show_error(error)

    @Slot(object)
    def _show_exported(self, path: object) -> None:
        self._banner.show_message(f"Saved as {path}.", kind="ok")

    @Slot()
    def _repaint(self) -> None:
        self.update()
