"""A model as a card: its picture, its name, what it is. One opens a menu of models, one starts at once."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from studio.app.icons import paint_icon
from studio.app.imaging import fitted_rect, paint_picture, picture_image, screen_image
from studio.app.theme import FontSize, Size, Space, theme, ui_font

_THUMBNAIL = 56
_STARTER_PICTURE = 128


class _CardButton(QAbstractButton):
    """A raised surface that can be pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: list[QImage] = []
        self._title = ""
        self._lines: tuple[str, ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme().changed.connect(self._repaint)

    def set_pictures(self, pictures: np.ndarray | None) -> None:
        """Shows pictures uint8 (N, H, W, C), or an empty ground."""
        self._images = [] if pictures is None else [screen_image(picture_image(picture)) for picture in pictures]
        self.update()

    def set_words(self, title: str, *lines: str) -> None:
        """Changes the name and the muted lines under it."""
        self._title, self._lines = title, tuple(line for line in lines if line)
        self.setAccessibleName(title)
        self.setAccessibleDescription(", ".join(self._lines))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def _paint_ground(self, painter: QPainter, *, bordered: bool) -> None:
        tokens = theme().tokens
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        over = self.isEnabled() and (self.underMouse() or self.isDown())
        painter.setBrush(tokens.color("hover" if over else "raised") if bordered or over else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.color("border"), 1) if bordered else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), Size.RADIUS, Size.RADIUS)

    def _paint_words(self, painter: QPainter, area: QRectF) -> None:
        tokens = theme().tokens
        y = area.top()
        for index, text in enumerate((self._title, *self._lines)):
            font = ui_font(FontSize.TEXT, QFont.Weight.DemiBold) if index == 0 else ui_font(FontSize.LABEL)
            metrics = QFontMetricsF(font)
            painter.setFont(font)
            painter.setPen(QColor(tokens.text if index == 0 else tokens.muted))
            painter.drawText(
                QRectF(area.left(), y, area.width(), metrics.height()),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width()),
            )
            y += metrics.height() + (2 if index == 0 else 1)

    @Slot()
    def _repaint(self) -> None:
        self.update()


class ModelCard(_CardButton):
    """The model that is chosen; pressing it opens the choice of others."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(200, _THUMBNAIL + 2 * Space.XS)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self._paint_ground(painter, bordered=False)
        space = QRectF(Space.XS, Space.XS, _THUMBNAIL, _THUMBNAIL)
        painter.fillRect(space, theme().color("canvas"))
        if self._images:
            image = self._images[0]
            center = Qt.AlignmentFlag.AlignCenter
            paint_picture(painter, fitted_rect(image.size(), space, self.devicePixelRatioF(), center), image)
        else:
            paint_icon(painter, space.adjusted(18, 18, -18, -18), "layers", theme().tokens.muted)
        words = QRectF(space.right() + Space.M, Space.XS + 1, 0, _THUMBNAIL)
        words.setRight(self.width() - Size.ICON - Space.S)
        self._paint_words(painter, words)
        arrow = QRectF(self.width() - Size.ICON - Space.XS, Space.XS + 2, Size.ICON, Size.ICON)
        paint_icon(painter, arrow, "chevron-down", theme().tokens.muted)
        painter.end()


class StarterCard(_CardButton):
    """A model to begin with: four of its pictures, its name, and the words of what a click does."""

    def __init__(self, action: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(_STARTER_PICTURE + 2 * Space.L, _STARTER_PICTURE + 2 * Space.L + 84)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        self._paint_ground(painter, bordered=True)
        side = _STARTER_PICTURE
        space = QRectF((self.width() - side) / 2, Space.L, side, side)
        painter.fillRect(space, tokens.color("canvas"))
        self._paint_pictures(painter, space)
        words = QRectF(Space.L, space.bottom() + Space.M, self.width() - 2 * Space.L, 40)
        self._paint_words(painter, words)
        font = ui_font(FontSize.LABEL, QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(tokens.color("accent" if self.isEnabled() else "disabled"))
        icon = QRectF(Space.L - 2, self.height() - Space.L - 14, 14, 14)
        paint_icon(painter, icon, "play", tokens.accent if self.isEnabled() else tokens.disabled)
        line = QRectF(icon.right() + Space.XS, icon.top() - 2, self.width() - icon.right() - Space.S, 18)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._action)
        painter.end()

    def _paint_pictures(self, painter: QPainter, space: QRectF) -> None:
        ratio, center = self.devicePixelRatioF(), Qt.AlignmentFlag.AlignCenter
        if not self._images:
            paint_icon(painter, space.adjusted(48, 48, -48, -48), "layers", theme().tokens.muted)
        elif len(self._images) < 4:
            image = self._images[0]
            paint_picture(painter, fitted_rect(image.size(), space, ratio, center), image)
        else:
            half = space.width() / 2
            for index, image in enumerate(self._images[:4]):
                cell = QRectF(space.left() + half * (index % 2), space.top() + half * (index // 2), half, half)
                paint_picture(painter, fitted_rect(image.size(), cell, ratio, center), image)
