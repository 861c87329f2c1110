"""A place for a plot that is built when it is first seen: the plotting library takes a fifth of a second to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from studio.app.widgets.plot import Plot


class PlotHost(QWidget):
    """Keeps what is to be shown and draws it only while it is seen; subclasses say how in `_draw` and `_point`."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._plot: Plot | None = None
        self._stale = True
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    @property
    def plot(self) -> Plot | None:
        """The plot, None before it was first seen."""
        return self._plot

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._plot is None:
            from studio.app.widgets.plot import Plot

            self._plot = Plot(self, name=self.accessibleName())
            self._plot.pointed.connect(self._on_pointed)
            self._column.addWidget(self._plot, 1)
        if self._stale:
            self.redraw()

    def redraw(self) -> None:
        """Show what is to be shown now, or as soon as it can be seen."""
        self._stale = self._plot is None or not self.isVisible()
        if not self._stale:
            self._draw(self._plot)

    @Slot(object)
    def _on_pointed(self, x: float | None) -> None:
        if self._plot is not None:
            self._point(self._plot, x)

    def _draw(self, plot: Plot) -> None:
        raise NotImplementedError

    def _point(self, plot: Plot, x: float | None) -> None:
        raise NotImplementedError
