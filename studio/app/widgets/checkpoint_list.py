"""Moments of a run that can be gone back to, one a line: when, what it could draw then, and how large its loss was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from studio.app.imaging import fitted_size, paint_picture
from studio.app.theme import FontSize, Space, theme, ui_font

ROW_HEIGHT = 44
PICTURE_SIDE = 36
_WHEN_WIDTH = 92
_VALUE_WIDTH = 84
_ENTRY = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True, eq=False)
class CheckpointEntry:
    """One line. key: what it stands for. head, foot: when. values: (name, value) pairs. images: what it drew."""

    key: object
    head: str
    foot: str
    values: tuple[tuple[str, str], ...]
    images: tuple[QImage, ...] = ()

    @property
    def words(self) -> str:
        """All of it for those who cannot see the pictures."""
        return ", ".join((self.head, self.foot, *(f"{name} {value}" for name, value in self.values)))


class _Line(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(200, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        entry: CheckpointEntry = index.data(_ENTRY)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        rect = QRectF(option.rect)
        if selected or option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme().color("selected" if selected else "hover"))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        text = theme().color("selected_text" if selected else "text")
        middle = rect.center().y()
        painter.setPen(text)
        painter.setFont(ui_font(FontSize.TEXT, 600 if selected else 400))
        painter.drawText(QRectF(rect.left() + Space.S, middle - 18, _WHEN_WIDTH, 18), left, entry.head)
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE))
        painter.drawText(QRectF(rect.left() + Space.S, middle, _WHEN_WIDTH, 16), left, entry.foot)
        right = rect.right() - Space.S
        for name, value in reversed(entry.values):
            place = QRectF(right - _VALUE_WIDTH, middle - 18, _VALUE_WIDTH, 18)
            painter.setPen(text)
            painter.setFont(ui_font(FontSize.LABEL, 600))
            painter.drawText(place, left, value)
            painter.setPen(theme().color("muted"))
            painter.setFont(ui_font(FontSize.RANGE))
            painter.drawText(place.translated(0, 18).adjusted(0, 0, 0, -2), left, name)
            right -= _VALUE_WIDTH
        self._paint_pictures(painter, rect.left() + Space.S + _WHEN_WIDTH, right - Space.S, middle, entry.images)
        painter.restore()

    @staticmethod
    def _paint_pictures(painter: QPainter, left: float, right: float, middle: float, images: Sequence[QImage]) -> None:
        ratio = painter.device().devicePixelRatioF()
        for image in images:
            width, height = fitted_size(image.width(), image.height(), PICTURE_SIDE * ratio, PICTURE_SIDE * ratio)
            if left + width / ratio > right:
                break
            paint_picture(
                painter, QRectF(round(left), round(middle - height / ratio / 2), width / ratio, height / ratio), image
            )
            left += width / ratio + Space.XS


class CheckpointList(QListView):
    """One line is chosen; arrows walk, Enter or a double click takes it up."""

    chosen = Signal(object)
    """The key of the line that is chosen, None without one."""
    taken = Signal(object)
    """The key of a line that was confirmed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._by_hand = False
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_Line(self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAccessibleName("Checkpoints")
        self.setMinimumHeight(ROW_HEIGHT)
        self.selectionModel().currentChanged.connect(self._on_current)
        self.activated.connect(self._on_activated)
        theme().changed.connect(self._retheme)

    @property
    def entries(self) -> tuple[CheckpointEntry, ...]:
        return tuple(self._model.item(row).data(_ENTRY) for row in range(self._model.rowCount()))

    @property
    def current(self) -> object | None:
        """The key of the line that is chosen."""
        index = self.currentIndex()
        return index.data(_ENTRY).key if index.isValid() else None

    def set_entries(self, entries: Sequence[CheckpointEntry]) -> None:
        """Show these, the newest on top. The line that a person chose stays so; without one it is the top one."""
        before = self.current if self._by_hand else None
        blocked = self.selectionModel().blockSignals(True)
        self._model.clear()
        for entry in entries:
            item = QStandardItem(entry.words)
            item.setData(entry, _ENTRY)
            item.setEditable(False)
            self._model.appendRow(item)
        found = next((row for row, entry in enumerate(entries) if before is not None and entry.key == before), None)
        self._by_hand = found is not None
        row = found if found is not None else 0 if entries else -1
        if row >= 0:
            self.setCurrentIndex(self._model.index(row, 0))
        self.selectionModel().blockSignals(blocked)
        self.viewport().update()
        self.chosen.emit(self.current)

    @Slot(QModelIndex)
    def _on_current(self, _index: QModelIndex) -> None:
        self._by_hand = True
        self.chosen.emit(self.current)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self.taken.emit(index.data(_ENTRY).key)

    @Slot()
    def _retheme(self) -> None:
        self.viewport().update()
