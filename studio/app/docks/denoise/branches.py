"""Branches: the tree of runs, each from noise to picture, and the ways on from any of their steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QTimer, Slot
from PySide6.QtGui import QAction, QHideEvent, QImage, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QMenu, QWidget

from studio.app.docks.denoise.branch_here import BranchHere, open_branch_menu
from studio.app.icons import icon
from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.frames import tensor_image
from studio.app.microscope.model_facts import memory
from studio.app.microscope.trace_opening import TRACE_SUFFIX
from studio.app.microscope.transport import handle_transport_key
from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.widgets.branch_painter import TreeLine
from studio.app.widgets.branch_tree import BranchTree
from studio.app.widgets.controls import tooltip_text
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.export_menu import ExportButton, ask_where_to_save

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState
    from studio.diffusion.trace import Trace

_SUBTITLE = "right-click any frame to branch"
_GROWTH_MS = 100


class BranchesDock(StudioDock):
    """Shows the runs at hand with their branches, and puts the one that is chosen under the microscope."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("branches", "Branches", _SUBTITLE, parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self._branches = branches_of(state)
        self._traces: tuple[Trace, ...] = ()
        self._images: dict[Trace, tuple[int, int, QImage]] = {}
        self._words: dict[Trace, str] = {}
        self._menu_trace: Trace | None = None
        self.tree = BranchTree()
        self.set_body(self.tree, padding=0)
        self._export = ExportButton(self, "Export the branches…")
        self._export.add("Picture of the branches", "branches.png", PICTURE_KINDS, self._write_picture)
        self._export.add("Table of the branches", "branches.csv", "CSV (*.csv)", self._write_table)
        self.title_actions().addWidget(BranchHere(state, runner, self, icon_only=True))
        self.title_actions().addWidget(self._export)
        # Steps come in faster than a small picture is worth drawing anew.
        self._growth = QTimer(self)
        self._growth.setSingleShot(True)
        self._growth.setInterval(_GROWTH_MS)
        self._growth.timeout.connect(self._show_lines)
        self._connect()
        self._show_lines()

    def _connect(self) -> None:
        denoising, branches = self._denoising, self._branches
        branches.changed.connect(self._show_lines)
        branches.grew.connect(self._grow)
        denoising.running_changed.connect(self._show_lines)
        denoising.picture_changed.connect(self._show_lines)
        denoising.playback.position_changed.connect(self._show_playhead)
        self.tree.chosen.connect(self._choose)
        self.tree.context_requested.connect(self._open_menu)
        self.tree.renamed.connect(self._rename)
        self.tree.discard_requested.connect(self._discard_at)
        self._export.failed.connect(denoising.failed)
        self._export.exported.connect(denoising.exported)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_lines()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._growth.stop()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not handle_transport_key(self._denoising.playback, event):
            super().keyPressEvent(event)

    def make_menu(self, trace: Trace) -> QMenu:
        """What can be done with a run or branch; lives until it is closed."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToHide.connect(menu.deleteLater)
        self._menu_trace = trace
        is_run = trace.parent is None
        branch = menu.addAction(icon("branch"), "Branch from here…\tB")
        branch.triggered.connect(self._branch_again)
        branch.setEnabled(not self._denoising.running)
        compare = menu.addAction(icon("eye"), "Compare with its parent…")
        compare.triggered.connect(self._compare)
        _refuse(compare, "A run of its own has no parent" if is_run else "" if trace.complete else "It is not finished")
        menu.addSeparator()
        rename = menu.addAction("Rename\tF2")
        rename.triggered.connect(self._edit_name)
        save = menu.addAction(icon("save"), "Save this run with its branches…")
        save.triggered.connect(self._save)
        running = self._denoising.running_trace
        unsaved = running is not None and running.root is trace.root
        _refuse(save, "Wait for the run that goes on, or pause it" if unsaved else "")
        menu.addSeparator()
        discard = menu.addAction(icon("trash"), "Discard run" if is_run else "Discard branch\tDel")
        discard.triggered.connect(self._discard)
        _refuse(discard, self._branches.discard_refusal(trace))
        return menu

    @Slot()
    def _show_lines(self) -> None:
        if not self.isVisible():
            return
        self._growth.stop()
        traces: list[Trace] = []
        lines: list[TreeLine] = []
        for run in self._branches.runs:
            self._add(run, None, traces, lines)
        self._traces = tuple(traces)
        self._images = {trace: found for trace, found in self._images.items() if trace in traces}
        self._words = {trace: found for trace, found in self._words.items() if trace in traces}
        shown = self._branches.shown
        self.tree.set_lines(lines, traces.index(shown) if shown in traces else None)
        self._show_playhead()
        self._export.setEnabled(bool(lines))
        self._export.set_tooltip("Export the branches…", "" if lines else "Denoise first: there are none yet")
        self.set_subtitle(self._sum() if len(lines) > 1 else _SUBTITLE)

    def _add(self, trace: Trace, parent: int | None, traces: list[Trace], lines: list[TreeLine]) -> None:
        index = len(lines)
        traces.append(trace)
        lines.append(
            TreeLine(
                parent=parent,
                name=self._branches.name_of(trace),
                words=self._progress(trace) + self._words_of(trace),
                look=0 if parent is None else self._branches.look_of(trace),
                begin=0.0 if parent is None else _share(trace, trace.pairs[trace.first][0]),
                reached=1.0 if trace.complete else _share(trace, trace.times[-1][1]) if len(trace) else 0.0,
                image=self._image(trace),
            )
        )
        # The one that leaves last stands uppermost: so no line crosses another.
        children = sorted(self._branches.branches_of(trace), key=lambda child: trace.pairs[child.first][0])
        for child in children:
            self._add(child, index, traces, lines)

    def _words_of(self, trace: Trace) -> str:
        if trace not in self._words:
            self._words[trace] = self._branches.words_of(trace)
        return self._words[trace]

    def _progress(self, trace: Trace) -> str:
        if trace.complete:
            return ""
        steps = f"step {len(trace)} of {len(trace.pairs)}, "
        return steps if trace is self._denoising.running_trace else f"stopped at {steps}"

    def _image(self, trace: Trace) -> QImage | None:
        """The enlarged picture of the batch as a trace has it now."""
        count, picture = len(trace), min(self._denoising.picture, trace.shape[0] - 1)
        if not count:
            return None
        known = self._images.get(trace)
        if known is None or known[:2] != (count, picture):
            # Of another run's frames nothing is kept: this reads one picture of one step.
            known = (count, picture, tensor_image(trace.frame(count - 1, picture).z_s[0]))
            self._images[trace] = known
        return known[2]

    def _sum(self) -> str:
        branches = sum(trace.parent is not None for trace in self._traces)
        parts = []
        if len(self._branches.runs) > 1:
            parts.append(f"{len(self._branches.runs)} runs")
        if branches:
            parts.append("1 branch" if branches == 1 else f"{branches} branches")
        return " · ".join([*parts, memory(self._branches.size_of(*self._branches.runs))])

    @Slot(object)
    def _grow(self, trace: object) -> None:
        if self.isVisible() and not self._growth.isActive():
            self._growth.start()

    @Slot()
    def _show_playhead(self) -> None:
        frames = self._denoising.frames
        if frames is not None and frames.count and self.isVisible():
            time = frames.time(self._denoising.playback.position)
            self.tree.set_playhead(_share(frames.trace, time - 1))

    @Slot(int)
    def _choose(self, index: int) -> None:
        self._branches.show(self._traces[index])

    @Slot(int, QPoint)
    def _open_menu(self, index: int, place: QPoint) -> None:
        self.make_menu(self._traces[index]).popup(place)

    @Slot(int, str)
    def _rename(self, index: int, name: str) -> None:
        if index < len(self._traces):
            self._branches.rename(self._traces[index], name)

    @Slot(int)
    def _discard_at(self, index: int) -> None:
        self._branches.discard(self._traces[index])

    @Slot()
    def _branch_again(self) -> None:
        if self._menu_trace is not None:
            self._branches.show(self._menu_trace)
            row = self.tree.row_rect(self._traces.index(self._menu_trace))
            open_branch_menu(self, self._state, self._runner, None, self.tree.viewport().mapToGlobal(row.center()))

    @Slot()
    def _compare(self) -> None:
        trace = self._menu_trace
        if trace is not None and trace.parent is not None:
            from studio.app.docks.denoise.branch_comparison import BranchComparison

            BranchComparison(self._state, trace, self.window()).show()

    @Slot()
    def _edit_name(self) -> None:
        if self._menu_trace in self._traces:
            self.tree.edit_name(self._traces.index(self._menu_trace))

    @Slot()
    def _save(self) -> None:
        trace = self._menu_trace
        if trace is None:
            return
        name = self._branches.name_of(trace.root).replace("/", "-")
        kinds = ((TRACE_SUFFIX, "Recorded runs"),)
        path = ask_where_to_save(self, "Save the run with its branches", name + TRACE_SUFFIX, kinds)
        if path is not None:
            self._branches.save(trace, path, self._runner)

    @Slot()
    def _discard(self) -> None:
        if self._menu_trace is not None:
            self._branches.discard(self._menu_trace)

    def _write_picture(self, path: Path) -> Path:
        return export_picture((self.tree.content_size(), self.tree.paint), path)

    def _write_table(self, path: Path) -> Path:
        from studio.generation.numbers import write_table

        lines = self.tree.lines
        return write_table(
            path,
            {
                "name": [line.name for line in lines],
                "parent": ["" if line.parent is None else lines[line.parent].name for line in lines],
                "first_step": [trace.first + 1 for trace in self._traces],
                "steps": [len(trace.pairs) for trace in self._traces],
                "model_calls": [trace.run.model_calls(trace.first) for trace in self._traces],
                "bytes": [trace.size.total for trace in self._traces],
                "changed": [self._words_of(trace) for trace in self._traces],
            },
            overwrite=True,
        )


def _refuse(action: QAction, reason: str) -> None:
    action.setEnabled(not reason)
    action.setToolTip(tooltip_text(action.text().partition("\t")[0], reason=reason) if reason else "")


def _share(trace: Trace, t: int) -> float:
    """How far t (0-based, −1 the picture) is on the way from noise to picture, 0..1."""
    return 1.0 - (t + 1) / trace.schedule.step_count
