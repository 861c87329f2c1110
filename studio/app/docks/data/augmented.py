"""What the network may see of a picture: versions of it through the augmentation of the training itself."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.data.editing import Augmentation, DataEditing
from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import IconButton, Label
from studio.app.widgets.result_view import ResultView

VERSIONS = 8
_SEED = 1
_HEIGHT = 131


class AugmentedRow(QWidget):
    """Eight versions of the chosen picture; a line of words alone while the training changes nothing."""

    def __init__(self, editing: DataEditing, parent: QWidget) -> None:
        super().__init__(parent)
        self._editing = editing
        self._picture: NDArray[np.uint8] | None = None
        self._round = 0
        self._title = Label("What the network may see", self, size=FontSize.LABEL, weight=600)
        self._words = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self.again = IconButton("dice", "Other versions", parent=self, dense=True)
        self.again.clicked.connect(self._throw)
        self.view = ResultView(self, name="What the network may see", height=_HEIGHT)
        self.view.setFixedHeight(_HEIGHT)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(self._title, 1)
        head.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addLayout(head)
        column.addWidget(self._words)
        column.addWidget(self.view)
        editing.augmentation_changed.connect(self._show)

    @property
    def words(self) -> str:
        """What the training does to pictures."""
        return self._words.text()

    def show_picture(self, picture: NDArray[np.uint8] | None) -> None:
        """Show versions of this prepared picture, uint8 (h, w, C)."""
        self._picture = picture
        self._show()

    @Slot()
    def _throw(self) -> None:
        self._round += 1
        self._show()

    @Slot()
    def _show(self) -> None:
        chosen = self._editing.augmentation
        self._words.setText(augmentation_words(chosen))
        self._words.setToolTip("Switched on and off in the training's options, on the Train page.")
        versions = () if self._picture is None else augmented(self._picture, chosen, _SEED + self._round)
        varied = chosen != Augmentation()
        self.again.setVisible(varied)
        self.view.setVisible(varied)
        self.view.show_pictures(versions)


def augmentation_words(chosen: Augmentation) -> str:
    """What training does to a picture each time it is seen, in a few words."""
    words = []
    if chosen.horizontal_flips:
        words.append("mirrored")
    if chosen.vertical_flips:
        words.append("upside down")
    if chosen.quarter_turns:
        words.append("turned")
    if chosen.largest_shift:
        words.append(f"shifted ≤ {chosen.largest_shift} px")
    return ", ".join(words) or "each picture as it is: nothing is varied"


def augmented(picture: NDArray[np.uint8], chosen: Augmentation, seed: int) -> list[NDArray[np.uint8]]:
    """Versions of a picture, uint8 (h, w, C) each, through the training's own augmentation; the picture alone when it
    changes nothing, or while torch is not loaded."""
    if chosen == Augmentation() or "torch" not in sys.modules:
        return [picture]
    import torch

    from studio.training.augmentation import augment, streams

    pictures = torch.from_numpy(np.repeat(picture[None], VERSIONS, axis=0)).permute(0, 3, 1, 2).contiguous()
    made = augment(pictures, chosen, streams(seed, 0)).permute(0, 2, 3, 1).numpy()
    return list(np.ascontiguousarray(made))
