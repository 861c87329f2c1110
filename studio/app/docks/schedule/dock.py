"""The schedule panel: how fast a picture drowns in noise, and what that looks like for a picture of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from studio.app.runner import Runner
from studio.app.state import StudioState
from studio.app.theme import Space
from studio.app.torch_gate import TorchGate
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.waiting import waiting_words

if TYPE_CHECKING:
    from studio.app.docks.schedule.bench import ScheduleBench

DEFAULT_KIND = "cosine"
DEFAULT_STEPS = 1000


class ScheduleDock(StudioDock):
    """Waits for the mathematics (torch) to be loaded in the background, then shows the bench."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__("scheduleDock", "Schedule", "how much noise at which step", parent)
        self._state = state
        self._bench: ScheduleBench | None = None
        gate = TorchGate(runner, self)
        if gate.is_open:
            self._show_bench()
            return
        self.set_body(waiting_words(self))
        gate.opened.connect(self._show_bench)

    @property
    def bench(self) -> ScheduleBench | None:
        """The panel's content; None until torch is loaded."""
        return self._bench

    @Slot()
    def _show_bench(self) -> None:
        from studio.app.docks.schedule.bench import ScheduleBench
        from studio.diffusion.schedule import make_schedule

        if self._state.schedule is None:
            self._state.set_schedule(make_schedule(DEFAULT_KIND, DEFAULT_STEPS))
        self._bench = ScheduleBench(self._state, self)
        for button in self._bench.actions.buttons:
            self.title_actions().addWidget(button)
        self.set_body(self._bench, padding=Space.S, scrolling=True)
