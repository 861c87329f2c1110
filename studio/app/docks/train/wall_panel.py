"""The sample wall with its title, its empty state, and the plane of points that belongs to two-pixel pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from studio.app.docks.train.point_cloud import PointCloud
from studio.app.theme import FontSize, Size, Space
from studio.app.widgets.controls import IconButton, Label, Rule
from studio.app.widgets.panel_ground import PanelGround
from studio.app.widgets.sample_wall import SampleWall
from studio.app.widgets.wall_empty import WallEmpty


class WallPanel(PanelGround):
    """Wraps one SampleWall; `wall` takes the moments."""

    moment_chosen = Signal(object)
    """The Moment whose row is lit, or None."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.wall = SampleWall(self)
        self.empty = WallEmpty(self)
        self.cloud = PointCloud(self)
        self.cloud.hide()
        self._film = IconButton("film", "Show as a film", parent=self, checkable=True, dense=True)
        self._allow_film(False)
        self._film.toggled.connect(self.wall.show_film)
        self.wall.film_toggled.connect(self._film.setChecked)
        self.wall.moment_chosen.connect(self._on_moment)
        head = QWidget(self)
        head.setFixedHeight(Size.DOCK_TITLE)
        title = QHBoxLayout(head)
        title.setContentsMargins(Size.DOCK_PADDING, 0, Space.S, 0)
        title.setSpacing(Space.S)
        title.addWidget(Label("Sample wall", head, size=FontSize.LABEL, weight=QFont.Weight.DemiBold))
        self._order = Label("", head, role="muted", size=FontSize.LABEL)
        self.show_order(classes=False)
        title.addWidget(self._order)
        title.addStretch(1)
        title.addWidget(self._film)
        filled = QWidget(self)
        row = QHBoxLayout(filled)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self.wall, 1)
        row.addWidget(self.cloud, 0, Qt.AlignmentFlag.AlignTop)
        pages = QWidget(self)
        self._pages = QStackedLayout(pages)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(filled)
        inner = QVBoxLayout()
        inner.setContentsMargins(Space.S, Space.XS, Space.S, 0)
        inner.addWidget(pages)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, Space.S)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(Rule(self))
        column.addLayout(inner, 1)

    def show_data(self, images: NDArray[np.uint8] | None) -> None:
        """Show the plane of points for pictures uint8 (N, 1, 2, 1); hide it for all others."""
        points = images is not None and images.shape[1:] == (1, 2, 1)
        self.cloud.setVisible(points)
        self.cloud.set_data(images if points else None)

    def show_order(self, *, classes: bool) -> None:
        """Say what stands beside each other in a row."""
        self._order.setText(f"one row a moment, one column a {'class' if classes else 'seed'}")

    def _allow_film(self, allowed: bool) -> None:
        self._film.setEnabled(allowed)
        self._film.set_tooltip("Show as a film", "" if allowed else "There is something to show after the first row.")

    @Slot(object)
    def _on_moment(self, moment: object) -> None:
        self._pages.setCurrentIndex(1 if self.wall.rows else 0)
        self._allow_film(len(self.wall.moments) > 0)
        self.cloud.set_samples(None if moment is None else moment.pictures)
        self.moment_chosen.emit(moment)
