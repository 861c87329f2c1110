"""A panel of the plane: it waits for the mathematics (torch) to be loaded in the background, then shows its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from studio.app.torch_gate import TorchGate
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.waiting import waiting_words

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState


class PlaneDock(StudioDock):
    """Subclasses make their body in `make_body`, where they may import what needs torch.

    width: the least at which nothing in it is cut off. scrolling: for bodies that may be higher than their place.
    """

    def __init__(
        self,
        object_name: str,
        title: str,
        subtitle: str,
        state: StudioState,
        runner: Runner,
        parent: QWidget | None,
        *,
        width: int = 196,
        scrolling: bool = False,
    ) -> None:
        super().__init__(object_name, title, subtitle, parent)
        self.state, self.runner = state, runner
        self._scrolling = scrolling
        self.setMinimumWidth(width)
        self.body: QWidget | None = None
        gate = TorchGate(runner, self)
        if gate.is_open:
            self._show_body()
        else:
            self.set_body(waiting_words(self))
            gate.opened.connect(self._show_body)

    def make_body(self) -> QWidget:
        raise NotImplementedError

    @Slot()
    def _show_body(self) -> None:
        self.body = self.make_body()
        self.set_body(self.body, scrolling=self._scrolling)
