"""A branch beside its parent: both results, and what is different in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.microscope.branches import branches_of
from studio.app.microscope.denoising import denoising_of
from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import Label, SectionLabel
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.tile import Tile

if TYPE_CHECKING:
    from studio.app.state import StudioState
    from studio.diffusion.trace import Trace

_SIDE = 196
_LIMIT = 1.0
_VISIBLE = 0.1
"""Values in [-1, 1] that differ by more than this are told apart by eye."""


class BranchComparison(QDialog):
    """Follows the picture that is enlarged; closes by itself when one of the two is discarded."""

    def __init__(self, state: StudioState, trace: Trace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert trace.parent is not None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("branch-comparison")
        self._trace, self._parent_trace = trace, trace.parent
        self._branches = branches_of(state)
        self._denoising = denoising_of(state)
        name, parent_name = self._branches.name_of(trace), self._branches.name_of(trace.parent)
        self.setWindowTitle(f"{name} beside {parent_name}")
        self.tiles = (
            Tile("x", parent_name, "text", side=_SIDE),
            Tile("x", name, "text", side=_SIDE),
            Tile("", "the difference", "d4", side=_SIDE),
        )
        self._words = Label("", role="muted", size=FontSize.LABEL)
        self._sheet = QWidget(self)
        row = QHBoxLayout(self._sheet)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.XL)
        for tile in self.tiles:
            tile.setMinimumSize(tile.sizeHint())
            row.addWidget(tile)
        export = ExportButton(self, "Export the comparison…")
        export.add("Picture of the comparison", "branch-and-parent.png", PICTURE_KINDS, self._write)
        export.failed.connect(self._denoising.failed)
        export.exported.connect(self._denoising.exported)
        head = QHBoxLayout()
        head.addWidget(SectionLabel(self._branches.words_of(trace)), 1)
        head.addWidget(export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        layout.setSpacing(Space.M)
        layout.addLayout(head)
        layout.addWidget(self._sheet, 1)
        layout.addWidget(self._words)
        self._denoising.picture_changed.connect(self._show)
        self._branches.changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        if not (self._trace.complete and self._parent_trace.complete):
            self.close()
            return
        picture = min(self._denoising.picture, self._trace.shape[0] - 1)
        parent, branch = (self._result(trace, picture) for trace in (self._parent_trace, self._trace))
        difference = branch - parent
        self.tiles[0].show_values(parent)
        self.tiles[1].show_values(branch)
        self.tiles[2].show_signed(difference, _LIMIT)
        distance = float(np.sqrt(np.mean(np.square(difference))))
        share = float(np.mean(np.abs(difference) > _VISIBLE))
        if not difference.any():
            self._words.setText(f"Picture {picture + 1}: the same, bit for bit")
        else:
            self._words.setText(
                f"Picture {picture + 1}: {distance:.3f} apart (root mean square); "
                f"{100 * share:.0f} % of the values by more than {_VISIBLE:g}. "
                "Blue is darker in the branch, orange brighter."
            )

    @staticmethod
    def _result(trace: Trace, picture: int) -> np.ndarray:
        return trace.frame(len(trace) - 1, picture).z_s[0].movedim(0, -1).numpy()

    def _write(self, path: Path) -> Path:
        return export_picture(self._sheet, path)
