"""The picture sets that come with the studio, as small cards: one click and there is something to train on."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from studio.app.imaging import paint_picture, picture_image
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.controls import Label, tooltip_text
from studio.data.starter import StarterSet, starter_sets

_SIDE = 52


class StarterCard(QAbstractButton):
    """Four pictures, a title, and half a sentence."""

    chosen = Signal(str)
    """The set's id."""

    def __init__(self, starter: StarterSet, parent: QWidget) -> None:
        super().__init__(parent)
        self._starter = starter
        self._images: tuple[QImage, ...] | None = None
        self._facts = ""
        self.setText(starter.title)
        self.setAccessibleName(f"{starter.title}, starter set")
        self.setToolTip(tooltip_text(starter.title, reason=f"{starter.description}\n{starter.licence}"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.clicked.connect(self._choose)

    @property
    def starter(self) -> StarterSet:
        return self._starter

    def sizeHint(self) -> QSize:
        return QSize(220, _SIDE + 2 * Space.S)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._images is None:
            self._look()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme().color("border"))
        painter.setBrush(theme().color("hover" if self.underMouse() or self.isDown() else "raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), Size.RADIUS, Size.RADIUS)
        self._paint_pictures(painter)
        left = _SIDE + 2 * Space.S + Space.XS
        room = QRectF(left, 0, self.width() - left - Space.S, self.height())
        painter.setPen(theme().color("text"))
        painter.setFont(ui_font(FontSize.TEXT, 600))
        painter.drawText(room.adjusted(0, 10, 0, 0), Qt.AlignmentFlag.AlignTop, self._starter.title)
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        words = Qt.AlignmentFlag.AlignTop.value | Qt.TextFlag.TextWordWrap.value
        painter.drawText(room.adjusted(0, 29, 0, -4), words, self._facts)

    def _paint_pictures(self, painter: QPainter) -> None:
        images = self._images or ()
        if not images:
            return
        width, height = images[0].width(), images[0].height()
        columns = 2 if width <= height * 1.5 else 1
        rows = -(-len(images) // columns)
        gap = 2
        multiple = max(1, int(min((_SIDE - gap) / columns / width, (_SIDE - gap * (rows - 1)) / rows / height)))
        cell_width, cell_height = width * multiple, height * multiple
        left = Space.S + (_SIDE - columns * cell_width - (columns - 1) * gap) // 2
        top = (self.height() - rows * cell_height - (rows - 1) * gap) // 2
        for index, image in enumerate(images):
            row, column = divmod(index, columns)
            target = QRectF(
                left + column * (cell_width + gap), top + row * (cell_height + gap), cell_width, cell_height
            )
            paint_picture(painter, target, image)

    def _look(self) -> None:
        """Read the set's file when the card is first seen; a card without pictures still works."""
        count, pictures = _glance(self._starter.path)
        self._images = tuple(picture_image(picture) for picture in pictures)
        if pictures:
            height, width = pictures[0].shape[:2]
            self._facts = f"{count:,} pictures,\n{width} × {height}"

    @Slot()
    def _choose(self) -> None:
        self.chosen.emit(self._starter.id)


class StarterCards(QWidget):
    """All starter sets below each other."""

    chosen = Signal(str)
    """The id of a set."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(Label("or take a starter set", self, role="muted", size=FontSize.LABEL))
        self.cards = tuple(StarterCard(starter, self) for starter in starter_sets())
        for card in self.cards:
            card.chosen.connect(self.chosen)
            layout.addWidget(card)


def _glance(path: Path) -> tuple[int, list[np.ndarray]]:
    """How many pictures a starter set's file holds, and four from different places; (0, []) when it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            images = stored["images"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return 0, []
    if images.ndim == 3:
        images = images[..., None]
    return len(images), [images[position] for position in np.linspace(0, len(images) * 0.73, 4).astype(int)]
