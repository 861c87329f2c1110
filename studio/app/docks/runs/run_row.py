"""How one run looks in the list: the colour of its curve, pictures, words, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QImage, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from studio.app.docks.runs.words import chip_of, effort_words, measured_words
from studio.app.icons import paint_icon
from studio.app.imaging import fitted_rect, paint_picture, screen_images
from studio.app.runs.browsing import run_browsing_of
from studio.app.runs.run_jobs import RunEntry
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.overlay_plot import RUN_LOOKS

if TYPE_CHECKING:
    from studio.app.state import StudioState

ROW_HEIGHT = 68
ENTRY_ROLE = Qt.ItemDataRole.UserRole
"""Under this role the model gives the RunEntry of a row."""

_PICTURE = 44
_PICTURES = 2
_EDGE = 3

Index = QModelIndex | QPersistentModelIndex


class RunDelegate(QStyledItemDelegate):
    """Paints a row: the colour of its curve, pictures, words, and where it stands."""

    def __init__(self, state: StudioState, parent: QWidget) -> None:
        super().__init__(parent)
        self._browsing = run_browsing_of(state)
        self._images: dict[int, tuple[object, list[QImage]]] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(240, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: RunEntry = index.data(ENTRY_ROLE)
        tokens = theme().tokens
        area = QRectF(option.rect)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.fillRect(area, theme().color("selected" if selected else "hover" if over else "panel"))
        chosen = [each.summary.folder for each in self._browsing.chosen]
        if entry.summary.folder in chosen:
            look = RUN_LOOKS[chosen.index(entry.summary.folder)]
            painter.fillRect(QRectF(area.left(), area.top() + 1, _EDGE, area.height() - 2), theme().color(look.role))
        painter.setPen(QPen(tokens.color("border"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        self._paint_pictures(painter, area, entry)
        self._paint_words(painter, area, entry, tokens.selected_text if selected else None)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(tokens.color("accent"), 1))
            painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -1.5))
        painter.restore()

    def _paint_pictures(self, painter: QPainter, area: QRectF, entry: RunEntry) -> None:
        left, top = area.left() + _EDGE + Space.S, area.top() + (ROW_HEIGHT - _PICTURE) / 2
        images = self._images_of(entry)
        ratio = painter.device().devicePixelRatioF()
        for number in range(_PICTURES):
            place = QRectF(left + number * (_PICTURE + 2), top, _PICTURE, _PICTURE)
            painter.fillRect(place, theme().color("canvas"))
            if number < len(images):
                fitted = fitted_rect(images[number].size(), place, ratio, Qt.AlignmentFlag.AlignCenter)
                paint_picture(painter, fitted, images[number])
            elif number == 0:
                middle = QRectF(0, 0, Size.ICON, Size.ICON)
                middle.moveCenter(place.center())
                paint_icon(painter, middle, "image", theme().tokens.disabled)

    def _images_of(self, entry: RunEntry) -> list[QImage]:
        if entry.thumbnail is None:
            return []
        key = hash(entry.summary.folder)
        made_of, images = self._images.get(key, (None, []))
        if made_of is not entry.thumbnail:
            images = screen_images(entry.thumbnail[:_PICTURES])
            self._images[key] = (entry.thumbnail, images)
        return images

    def _paint_words(self, painter: QPainter, area: QRectF, entry: RunEntry, on: str | None) -> None:
        tokens, summary = theme().tokens, entry.summary
        chip = chip_of(summary, here=self._browsing.trains_here(summary.folder))
        left = area.left() + _EDGE + Space.S + _PICTURES * (_PICTURE + 2) + Space.S
        right = area.right() - Space.M
        painter.setFont(ui_font(FontSize.LABEL))
        chip_width = painter.fontMetrics().horizontalAdvance(chip.words)
        color = tokens.color("text") if on is not None and chip.role == "muted" else tokens.color(chip.role)
        lines = QRectF(left, area.top() + 7, right - left, 18)
        painter.setPen(color)
        painter.drawText(lines, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, chip.words)
        symbol = QRectF(right - chip_width - 18, lines.top() + 2, 14, 14)
        paint_icon(painter, symbol, chip.icon, color.name())
        self._line(painter, lines.adjusted(0, 0, -chip_width - 26, 0), summary.title, "text", FontSize.TEXT, 600)
        lines.translate(0, 18)
        self._line(painter, lines, effort_words(summary), "muted" if on is None else "selected_text")
        lines.translate(0, 18)
        self._line(painter, lines, measured_words(summary), "text" if on is None else "selected_text")

    @staticmethod
    def _line(
        painter: QPainter,
        area: QRectF,
        words: str,
        role: str,
        size: int = FontSize.LABEL,
        weight: int = QFont.Weight.Normal,
    ) -> None:
        painter.setFont(ui_font(size, weight))
        painter.setPen(theme().color(role))
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
