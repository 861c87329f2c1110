"""The empty state that takes files: dashed border, icon, one bold sentence, one muted line of formats."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from studio.app.icons import paint_icon
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.file_drops import AcceptsFiles
from studio.app.widgets.labels import tooltip_text

_ICON = 24


class DropArea(AcceptsFiles, QAbstractButton):
    """Drop files or folders here, or click (Space, Enter) to browse.

    `dropped(list)` gives pathlib.Path objects, `browse_requested()` asks the owner to open a file dialog. `compact`
    sets the icon at the left, for panels; otherwise it stands above the sentence.
    """

    dropped = Signal(object)
    browse_requested = Signal()

    def __init__(
        self,
        sentence: str,
        formats: str,
        parent: QWidget | None = None,
        *,
        compact: bool = True,
        icon_name: str = "drop",
    ) -> None:
        super().__init__(parent)
        self._compact = compact
        self._icon_name = icon_name
        self._files_over = False
        self.set_text(sentence, formats)
        self.accept_files()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        vertical = QSizePolicy.Policy.Fixed if compact else QSizePolicy.Policy.Preferred
        self.setSizePolicy(QSizePolicy.Policy.Expanding, vertical)
        self.clicked.connect(self._browse)

    def set_text(self, sentence: str, formats: str) -> None:
        """Changes both lines."""
        self._sentence = sentence
        self._formats = formats
        self.setAccessibleName(sentence)
        self.setAccessibleDescription(f"{formats}. Press Space to browse.")
        self.setToolTip(tooltip_text(sentence, reason="Drop here, or click to choose."))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        width = max(
            QFontMetrics(self._bold()).horizontalAdvance(self._sentence),
            QFontMetrics(ui_font(FontSize.LABEL)).horizontalAdvance(self._formats),
        )
        if self._compact:
            return QSize(width + _ICON + 3 * Space.M + Space.S, 60)
        return QSize(width + 2 * Space.XXL, 160)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 60 if self._compact else 112)

    def files_over(self, over: bool) -> None:
        self._files_over = over
        self.update()

    def files_dropped(self, paths: list[Path]) -> None:
        self.dropped.emit(paths)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.setCursor(Qt.CursorShape.PointingHandCursor if self.isEnabled() else Qt.CursorShape.ArrowCursor)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lit = self._files_over or self.isDown()
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ground = tokens.selected if lit else tokens.hover if self.underMouse() and self.isEnabled() else tokens.panel
        pen = QPen(QColor(tokens.accent if lit else tokens.border_strong), 2 if lit else 1)
        # Dash lengths are in units of the pen's width.
        pen.setDashPattern([2.5, 2] if lit else [4, 3])
        painter.setPen(pen)
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(frame, Size.RADIUS, Size.RADIUS)
        enabled = self.isEnabled()
        icon_color = tokens.accent if enabled else tokens.disabled
        text_color = QColor(tokens.text if enabled else tokens.disabled)
        muted = QColor((tokens.selected_text if lit else tokens.muted) if enabled else tokens.disabled)
        if self._compact:
            self._paint_row(painter, frame, icon_color, text_color, muted)
        else:
            self._paint_column(painter, frame, icon_color, text_color, muted)

    def _bold(self) -> QFont:
        return ui_font(FontSize.TEXT, QFont.Weight.DemiBold)

    def _paint_row(self, painter: QPainter, frame: QRectF, icon_color: str, text: QColor, muted: QColor) -> None:
        middle = frame.center().y()
        paint_icon(
            painter, QRectF(frame.left() + Space.M, middle - _ICON / 2, _ICON, _ICON), self._icon_name, icon_color
        )
        left = frame.left() + 2 * Space.M + _ICON
        width = frame.right() - Space.S - left
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        self._line(painter, self._bold(), text, QRectF(left, middle - 20, width, 20), self._sentence, flags)
        self._line(painter, ui_font(FontSize.LABEL), muted, QRectF(left, middle, width, 18), self._formats, flags)

    def _paint_column(self, painter: QPainter, frame: QRectF, icon_color: str, text: QColor, muted: QColor) -> None:
        side = 32.0
        top = frame.center().y() - (side + Space.M + 20 + 20) / 2
        paint_icon(painter, QRectF(frame.center().x() - side / 2, top, side, side), self._icon_name, icon_color)
        left = frame.left() + Space.S
        width = frame.width() - 2 * Space.S
        flags = Qt.AlignmentFlag.AlignCenter
        top += side + Space.M
        self._line(painter, self._bold(), text, QRectF(left, top, width, 20), self._sentence, flags)
        self._line(painter, ui_font(FontSize.LABEL), muted, QRectF(left, top + 22, width, 18), self._formats, flags)

    @staticmethod
    def _line(painter: QPainter, font: QFont, color: QColor, area: QRectF, text: str, flags: Qt.AlignmentFlag) -> None:
        painter.setFont(font)
        painter.setPen(color)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, int(flags), shown)

    @Slot()
    def _browse(self) -> None:
        self.browse_requested.emit()
