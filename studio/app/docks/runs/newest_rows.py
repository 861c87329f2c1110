"""The newest rows of the compared runs under each other: where they began from the same noise, columns compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.docks.runs.words import short_titles
from studio.app.imaging import fitted_size, paint_picture, screen_images
from studio.app.runs.browsing import run_browsing_of
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.overlay_plot import RUN_LOOKS

if TYPE_CHECKING:
    from studio.app.state import StudioState

_HEAD = 124
_GAP = 3
_CAPTION = 18
_LEAST_ROW = 34
_LEAST_PICTURE, _MOST_PICTURE = 40, 96
_MOST_PICTURES = 12


@dataclass(frozen=True, eq=False)
class _Row:
    title: str
    detail: str
    role: str
    images: list[QImage] = field(repr=False)


class NewestRows(QWidget):
    """Heads at the left in the colours of the curves, pictures at one size beside them."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Newest pictures of the runs")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(260, 80)
        self._browsing = run_browsing_of(state)
        self._rows: list[_Row] = []
        self._same_noise = False
        self._browsing.chosen_changed.connect(self.show_rows)
        self._browsing.runs_changed.connect(self.show_rows)
        self._browsing.details_changed.connect(self.show_rows)
        theme().changed.connect(self._retheme)
        self.show_rows()

    @property
    def same_noise(self) -> bool:
        """Whether the pictures of a column began from the same noise in all rows."""
        return self._same_noise

    @property
    def row_count(self) -> int:
        return len(self._rows)

    @Slot()
    def show_rows(self) -> None:
        """Show the rows of what is compared now."""
        self._rows = []
        noises = set()
        chosen = self._browsing.chosen
        titles = short_titles([entry.summary for entry in chosen])
        for place, entry in enumerate(chosen):
            summary = entry.summary
            detail = self._browsing.detail(summary.folder)
            images = [] if detail is None or detail.row is None else screen_images(detail.row[:_MOST_PICTURES])
            words = f"step {detail.row_step:,}" if images else "reading…" if detail is None else "no row yet"
            self._rows.append(_Row(titles[place], words, RUN_LOOKS[place].role, images))
            if images:
                noises.add((summary.settings.get("seed"), summary.facts.shape))
        self._same_noise = len(noises) == 1 and None not in {seed for seed, _ in noises}
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 180)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._rows:
            return
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        room = self.width() - _HEAD
        # Rather fewer pictures than some too small to tell anything.
        columns = min(max(len(row.images) for row in self._rows), max(3, int(room // (_LEAST_PICTURE + _GAP))))
        most_high = min(_MOST_PICTURE, (self.height() - _CAPTION) / len(self._rows) - _GAP)
        most_wide = room / max(1, columns) - _GAP
        sizes = [self._picture_size(row, most_wide, most_high, ratio) for row in self._rows]
        step = max((width for width, _ in sizes), default=0.0) + _GAP
        top = float(_CAPTION)
        captioned = not self._same_noise
        for row, (width, tall) in zip(self._rows, sizes, strict=True):
            height = max(float(_LEAST_ROW), tall)
            self._paint_head(painter, row, top, height)
            for column, image in enumerate(row.images[:columns]):
                place = QRectF(round((_HEAD + column * step) * ratio) / ratio, round(top * ratio) / ratio, width, tall)
                paint_picture(painter, place, image)
                if not captioned:
                    self._caption(painter, place, str(column + 1))
            captioned = captioned or bool(row.images)
            top += height + _GAP
        if self._same_noise:
            self._caption(painter, QRectF(0, 0, _HEAD - Space.S, 0), "from the same noise", left=True)

    @staticmethod
    def _picture_size(row: _Row, most_wide: float, most_high: float, ratio: float) -> tuple[float, float]:
        """The size of the pictures of a row, in pixels of the screen's unit; nothing for a row without any."""
        if not row.images:
            return 0.0, 0.0
        image = row.images[0]
        width, height = fitted_size(image.width(), image.height(), most_wide * ratio, most_high * ratio)
        return width / ratio, height / ratio

    def _paint_head(self, painter: QPainter, row: _Row, top: float, height: float) -> None:
        painter.fillRect(QRectF(0, top, 3, height), theme().color(row.role))
        lines = height >= 2 * 16
        area = QRectF(Space.S, top + (height / 2 - 16 if lines else height / 2 - 8), _HEAD - 2 * Space.S, 16)
        self._words(painter, area, row.title, "text", 600)
        if lines:
            self._words(painter, area.translated(0, 16), row.detail, "muted")

    @staticmethod
    def _words(painter: QPainter, area: QRectF, words: str, role: str, weight: int = QFont.Weight.Normal) -> None:
        painter.setFont(ui_font(FontSize.LABEL, weight))
        painter.setPen(theme().color(role))
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)

    @staticmethod
    def _caption(painter: QPainter, place: QRectF, words: str, *, left: bool = False) -> None:
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(theme().color("muted"))
        area = QRectF(place.left(), 0, place.width(), _CAPTION - 2)
        side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignHCenter
        painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, words)

    @Slot()
    def _retheme(self) -> None:
        self.update()
