"""A small picture with its symbol, two words, and its true minimum and maximum, or all of its few numbers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetricsF, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.imaging import fitted_rect, paint_picture
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.labels import format_number
from studio.app.widgets.math_text import MathLine, Term, plain_text
from studio.app.widgets.pixel_values import has_pixel_values, paint_pixel_values
from studio.app.widgets.shown_picture import ShownPicture, ShowsPicture

_EDGE = 3
_HEAD = 22
_FOOT = 18
_LEAST_PIXEL_DECIMALS = 2


class Tile(ShowsPicture, QWidget):
    """Symbol and caption above, a 3 px edge in the symbol's colour, the picture, its range below.

    `symbol` is in the markup of `math_text` ("z_t", "ε̂", "x̂_0") or a sequence of Terms; `role` is the token of its
    colour: "text" for z, "d2" for predicted noise, "d3" for x̂₀, "d4" for fresh noise. `side` is the room it asks for,
    not what it insists on. `pixel_hovered(x, y)` and `left()` as in PictureView; `clicked()`.
    """

    clicked = Signal()
    pixel_hovered = Signal(int, int)
    left = Signal()

    def __init__(
        self,
        symbol: str | Sequence[Term],
        caption: str = "",
        role: str = "text",
        parent: QWidget | None = None,
        *,
        side: int = 112,
        decimals: int = 1,
    ) -> None:
        super().__init__(parent)
        self._side = side
        self._decimals = decimals
        self._role = role
        self._shown: ShownPicture | None = None
        self._image: QImage | None = None
        self._range = ("", "")
        self._hovered: tuple[int, int] | None = None
        self._terms: tuple[Term, ...] = ()
        self._caption = ""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.set_symbol(symbol, caption)
        theme().changed.connect(self._recolor)

    def set_symbol(self, symbol: str | Sequence[Term], caption: str | None = None) -> None:
        """Changes the symbol and, when given, the words after it."""
        terms = (Term(symbol, self._role, FontSize.SECTION),) if isinstance(symbol, str) else tuple(symbol)
        caption = self._caption if caption is None else caption
        if terms == self._terms and caption == self._caption:
            return
        self._terms = terms
        self._caption = caption
        self._line = MathLine(terms, Space.XS)
        self._describe()
        self.update()

    def clear(self) -> None:
        """Shows the empty ground."""
        self._shown = None
        self._image = None
        self._range = ("", "")
        self._describe()
        self.update()

    @property
    def range_texts(self) -> tuple[str, str]:
        """Minimum and maximum as written below the picture."""
        return self._range

    def picture_rect(self) -> QRectF:
        """Where the picture lies in the widget; without one, where it would."""
        space = QRectF(self.rect()).adjusted(0, _HEAD + _EDGE, 0, -_FOOT)
        if self._image is None:
            side = max(0.0, min(space.width(), space.height()))
            return QRectF(space.left(), space.top(), side, side)
        corner = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        return fitted_rect(self._image.size(), space, self.devicePixelRatioF(), corner)

    def sizeHint(self) -> QSize:
        return QSize(self._side, self._side + _HEAD + _EDGE + _FOOT)

    def minimumSizeHint(self) -> QSize:
        return QSize(56, 56 + _HEAD + _EDGE + _FOOT)

    def hasHeightForWidth(self) -> bool:
        return False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.pixel_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        self._paint_head(painter)
        area = self.picture_rect()
        painter.fillRect(QRectF(area.left(), area.top() - _EDGE, area.width(), _EDGE), tokens.color(self._role))
        if self._image is None or self._shown is None:
            painter.fillRect(area, tokens.color("canvas"))
            return
        paint_picture(painter, area, self._image)
        decimals = max(self._decimals, _LEAST_PIXEL_DECIMALS)
        if has_pixel_values(self._shown, area, decimals):
            paint_pixel_values(painter, area, self._shown, self._image, decimals)
            return
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(tokens.color("muted"))
        # Numbers wider than a very small picture stand beyond it rather than on each other.
        words = painter.fontMetrics().horizontalAdvance("  ".join(self._range))
        foot = QRectF(area.left(), area.bottom() + 1, max(area.width(), words), _FOOT - 1)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignLeft | middle), self._range[0])
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignRight | middle), self._range[1])

    def _paint_head(self, painter: QPainter) -> None:
        baseline = _HEAD - 7.0
        self._line.paint(painter, 0.0, baseline)
        left = self._line.width + Space.XS
        room = self.width() - left
        if not self._caption or room < 2 * Space.L:
            return
        font = ui_font(FontSize.LABEL)
        if QFontMetricsF(font).horizontalAdvance(self._caption) > room:
            font = ui_font(FontSize.RANGE)
        painter.setFont(font)
        painter.setPen(theme().tokens.color("muted"))
        caption = QFontMetricsF(font).elidedText(self._caption, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(left, baseline), caption)

    def _show(self, shown: ShownPicture) -> None:
        self._image = shown.image()
        self._shown = shown
        if shown.reading == "picture":
            self._range = ("", "")
        else:
            low, high = shown.range()
            self._range = (format_number(low, self._decimals), format_number(high, self._decimals))
        self._describe()
        self.update()

    def _describe(self) -> None:
        name = f"{plain_text(self._terms)} {self._caption}".strip()
        low, high = self._range
        self.setAccessibleName(f"{name}, from {low} to {high}" if low else name)

    @Slot()
    def _recolor(self) -> None:
        if self._shown is not None and self._shown.reading == "signed":
            self._image = self._shown.image()
        self.update()
