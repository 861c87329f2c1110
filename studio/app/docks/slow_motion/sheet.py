"""The sheet: Algorithm 20.1 as the book has it, and beside each of its lines the tensors that this step made there."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from studio.app.docks.slow_motion import bands
from studio.app.slow_motion.algorithm import AlgorithmLine, algorithm_lines
from studio.app.slow_motion.facts import facts_of
from studio.app.slow_motion.layout import HEAD, SheetLayout, lay_out
from studio.app.slow_motion.slow_step import SlowStep
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.math_text import MathLine, plain_text

_BAR = 3
_INDENT = 18
_WHOLE = "a step is taken whole, then shown line by line"


class StepSheet(QWidget):
    """Paints one SlowStep up to a line. A click on a line that can be shown asks for it."""

    line_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._step: SlowStep | None = None
        self._line = -1
        self._images: dict[int, list[QImage]] = {}
        self._lines: tuple[AlgorithmLine, ...] = algorithm_lines()
        self._picture_size = (1, 1)
        self._layout: SheetLayout = lay_out(1000, 600)
        self._invitation = ("", "")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setProperty("ownFocusMark", True)
        self.setMouseTracking(True)
        theme().changed.connect(self._recolor)
        self._describe()

    @property
    def line(self) -> int:
        """The line that is lit; -1 for none."""
        return self._line

    @property
    def step(self) -> SlowStep | None:
        return self._step

    def set_step(self, step: SlowStep | None) -> None:
        """Show a step's tensors; how many of them `set_line` says."""
        self._step = step
        self._lines = algorithm_lines("epsilon" if step is None else step.parameterization)
        self._images = {} if step is None else bands.images_of(step)
        self.setCursor(Qt.CursorShape.ArrowCursor if step is None else Qt.CursorShape.PointingHandCursor)
        self._arrange()
        self._describe()
        self.update()

    def set_line(self, line: int) -> None:
        """Light a line; what comes after it waits."""
        self._line = line
        self._describe()
        self.update()

    def set_picture_size(self, width: int, height: int) -> None:
        """How large the next step's pictures will be, so that their places are there before them."""
        self._picture_size = (width, height)
        self._arrange()
        self.update()

    def set_invitation(self, title: str, words: str) -> None:
        """What stands over the empty places before the first step."""
        self._invitation = (title, words)
        self.update()

    def band_at(self, position: QPointF) -> int | None:
        """The line whose band lies under a position."""
        for number, area in enumerate(self._layout.bands):
            if area.contains(position):
                return number
        return None

    def sizeHint(self) -> QSize:
        return QSize(1200, 600)

    def minimumSizeHint(self) -> QSize:
        return QSize(900, 440)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        band = self.band_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and band is not None and self._step is not None:
            self.line_clicked.emit(band)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            text = self._pixel_text(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), text, self) if text else QToolTip.hideText()
            return True
        return super().event(event)

    def focusInEvent(self, event: QEvent) -> None:
        self.update()

    def focusOutEvent(self, event: QEvent) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self.paint_sheet(painter, self._line)
        if self.hasFocus():
            painter.fillRect(QRectF(_BAR + Space.S, HEAD - 4.0, 46, 2), theme().color("accent"))
        painter.end()

    def paint_sheet(self, painter: QPainter, lit_line: int) -> None:
        """Paint everything with a line lit; for a film, any line of the step."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme().tokens
        last = self._layout.bands[-1].bottom()
        self._paint_word(painter, "repeat", HEAD - 8.0)
        self._paint_word(painter, "until converged", last + 16)
        painter.setFont(ui_font(FontSize.LABEL))
        painter.setPen(tokens.color("muted"))
        painter.drawText(QPointF(self._layout.pictures, last + 16), _WHOLE)
        for number, line in enumerate(self._lines):
            self._paint_band(painter, number, line, lit_line)
        if self._step is None and self._invitation[0]:
            self._paint_invitation(painter)

    def _paint_band(self, painter: QPainter, number: int, line: AlgorithmLine, lit_line: int) -> None:
        tokens = theme().tokens
        area = self._layout.bands[number]
        lit = number == lit_line
        reached = self._step is not None and number <= lit_line
        if lit:
            painter.fillRect(area, tokens.color("selected"))
            painter.fillRect(QRectF(area.left(), area.top(), _BAR, area.height()), tokens.color("accent"))
        self._paint_line(painter, area, line, lit=lit, reached=reached)
        if reached:
            bands.paint_tensors(painter, self._layout, number, self._step, self._images.get(number, []), lit)
        else:
            bands.paint_places(painter, self._layout, number, self._step)

    def _paint_line(self, painter: QPainter, area: QRectF, line: AlgorithmLine, *, lit: bool, reached: bool) -> None:
        tokens = theme().tokens
        formula = MathLine(line.terms)
        left = area.left() + _BAR + Space.S + _INDENT
        words_font = ui_font(FontSize.LABEL)
        words_height = QFontMetricsF(words_font).height()
        top = area.center().y() - (formula.height + words_height) / 2
        formula.paint(painter, left, top + formula.ascent, None if reached else tokens.color("muted"))
        painter.setFont(words_font)
        painter.setPen(tokens.color("selected_text" if lit else "muted"))
        room = QRectF(left, top + formula.height, self._layout.pictures - left - Space.S, words_height)
        words = QFontMetricsF(words_font).elidedText(line.words, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_word(self, painter: QPainter, word: str, baseline: float) -> None:
        painter.setFont(ui_font(FontSize.TEXT, QFont.Weight.DemiBold))
        painter.setPen(theme().color("text"))
        painter.drawText(QPointF(_BAR + Space.S, baseline), word)

    def _paint_invitation(self, painter: QPainter) -> None:
        tokens = theme().tokens
        title, words = self._invitation
        bold, plain = ui_font(FontSize.SECTION, QFont.Weight.DemiBold), ui_font(FontSize.LABEL)
        width = max(QFontMetricsF(bold).horizontalAdvance(title), QFontMetricsF(plain).horizontalAdvance(words))
        cells = self._layout.all_cells(2)
        card = QRectF(0, 0, width + 2 * Space.XXL, 78)
        card.moveCenter(QPointF(cells.center().x(), self._layout.bands[3].center().y()))
        painter.setPen(tokens.color("border"))
        painter.setBrush(tokens.color("raised"))
        painter.drawRoundedRect(card, 4, 4)
        center = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(bold)
        painter.setPen(tokens.color("text"))
        painter.drawText(card.adjusted(0, 14, 0, -40), center, title)
        painter.setFont(plain)
        painter.setPen(tokens.color("muted"))
        painter.drawText(card.adjusted(0, 40, 0, -14), center, words)

    def _pixel_text(self, position: QPointF) -> str:
        band = self.band_at(position)
        if band is None or self._step is None or band > self._line:
            return ""
        return bands.pixel_text(self._layout, band, self._step, position)

    def _arrange(self) -> None:
        size = self._picture_size if self._step is None else (self._step.x.shape[2], self._step.x.shape[1])
        self._layout = lay_out(self.width(), self.height(), size, self.devicePixelRatioF())

    def _describe(self) -> None:
        self.setAccessibleName("Algorithm 20.1")
        if self._step is None or not 0 <= self._line < len(self._lines):
            self.setAccessibleDescription("No step was taken yet")
            return
        line, facts = self._lines[self._line], facts_of(self._line, self._step)
        numbers = ", ".join(plain_text(terms) for terms in (facts.value, *facts.lines))
        self.setAccessibleDescription(f"Line {self._line + 1} of 8: {plain_text(line.terms)}, {line.words}. {numbers}")

    @Slot()
    def _recolor(self) -> None:
        if self._step is not None:
            self._images = bands.images_of(self._step)
        self.update()
