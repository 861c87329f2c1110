"""Every picture of a data set, a page at a time, in a window of its own."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Slot
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from studio.app.theme import FontSize, Space
from studio.app.widgets.controls import ComboField, IconButton, Label
from studio.app.widgets.picture_grid import PictureGrid
from studio.data.image_set import ImageSet

PAGE = 400


class DatasetBrowser(QDialog):
    """Pages through the pictures, of all classes or of one; the line below says what is chosen and where it is from."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._image_set: ImageSet | None = None
        self._positions = np.zeros(0, dtype=np.int64)
        self._page = 0
        self._classes = ComboField("Class", [(None, "all")], self, label_width=0)
        self._classes.value_changed.connect(self._choose_class)
        self._grid = PictureGrid(self, name="Pictures", minimum_cell=40)
        self._grid.selected.connect(self._describe)
        self._grid.tooltip_for = self._words_for
        self._words = Label("", self, role="muted", size=FontSize.LABEL, elided=True)
        self._where = Label("", self, size=FontSize.LABEL)
        self._back = IconButton("chevron-left", "Page before", parent=self, bordered=True)
        self._forth = IconButton("chevron-right", "Next page", parent=self, bordered=True)
        self._back.clicked.connect(self._page_back)
        self._forth.clicked.connect(self._page_forth)
        bar, foot = QHBoxLayout(), QHBoxLayout()
        bar.addWidget(self._classes)
        bar.addStretch(1)
        for widget in (self._where, self._back, self._forth):
            bar.addWidget(widget)
        foot.addWidget(self._words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        layout.setSpacing(Space.S)
        layout.addLayout(bar)
        layout.addWidget(self._grid, 1)
        layout.addLayout(foot)

    @property
    def grid(self) -> PictureGrid:
        return self._grid

    @property
    def words(self) -> str:
        """What is said of the chosen picture."""
        return self._words.text()

    def sizeHint(self) -> QSize:
        return QSize(820, 640)

    def show_image_set(self, image_set: ImageSet, position: int = 0) -> None:
        """Show this set, opened at the page of a picture and with it chosen."""
        self._image_set = image_set
        self.setWindowTitle(f"{image_set.name}, {image_set.count:,} pictures")
        names = list(enumerate(image_set.class_names))
        self._classes.set_options([(None, "all"), *names])
        self._classes.set_value(None)
        self._classes.setVisible(bool(names))
        self._positions = np.arange(image_set.count)
        self._page = position // PAGE
        self._show_page()
        self._grid.set_selection(position - self._page * PAGE)
        self._describe(position - self._page * PAGE)

    @Slot(object)
    def _choose_class(self, label: int | None) -> None:
        image_set = self._image_set
        if image_set is None:
            return
        if label is None or image_set.labels is None:
            self._positions = np.arange(image_set.count)
        else:
            self._positions = np.flatnonzero(image_set.labels == label)
        self._page = 0
        self._show_page()

    @Slot()
    def _page_back(self) -> None:
        self._page = max(0, self._page - 1)
        self._show_page()

    @Slot()
    def _page_forth(self) -> None:
        self._page = min(self._page + 1, max(0, (len(self._positions) - 1) // PAGE))
        self._show_page()

    def _show_page(self) -> None:
        if self._image_set is None:
            return
        first = self._page * PAGE
        chosen = self._positions[first : first + PAGE]
        self._grid.set_selection(None)
        self._grid.set_pictures(self._image_set.images[chosen])
        self._words.setText("")
        last, total = first + len(chosen), len(self._positions)
        self._where.setText(f"{first + 1:,} to {last:,} of {total:,}" if total else "none")
        self._back.setEnabled(first > 0)
        self._forth.setEnabled(last < total)

    @Slot(int)
    def _describe(self, index: int) -> None:
        self._words.setText(self._words_for(index))

    def _words_for(self, index: int) -> str:
        image_set = self._image_set
        place = self._page * PAGE + index
        if image_set is None or place >= len(self._positions):
            return ""
        position = int(self._positions[place])
        parts = [f"picture {position + 1:,}"]
        if image_set.labels is not None:
            parts.append(image_set.class_names[int(image_set.labels[position])])
        if image_set.sources:
            parts.append(image_set.sources[position])
        return " · ".join(parts)
