"""What the page shows before the first comparison: questions, each one click away from its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.app.comparing.choices import CLASSES_AT_FIRST, QUESTIONS, Question
from studio.app.comparing.comparing import comparing_of
from studio.app.icons import paint_icon
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.model_facts import classes_of
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.controls import Label

if TYPE_CHECKING:
    from studio.app.state import ModelChoice, StudioState

_CARD = QSize(320, 116)
_SQUARE, _BETWEEN = 9, 3


class QuestionCard(QAbstractButton):
    """A question, what it compares, and the table that will answer it, drawn small."""

    def __init__(self, question: Question, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question = question
        self.setAccessibleName(question.title)
        self.setAccessibleDescription(question.sentence)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._repaint)

    def sizeHint(self) -> QSize:
        return _CARD

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        over = self.isEnabled() and (self.underMouse() or self.isDown())
        painter.setBrush(tokens.color("hover" if over else "raised"))
        painter.setPen(QPen(tokens.color("border"), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), Size.RADIUS, Size.RADIUS)
        self._paint_table(painter)
        enabled = self.isEnabled()
        left, room = Space.L, self.width() - 2 * Space.L - 76
        area = QRectF(left, Space.L, room, 20)
        paint_icon(painter, QRectF(left - 1, Space.L + 1, 16, 16), self.question.icon, tokens.accent)
        area.setLeft(left + 24)
        area.setWidth(self.width() - area.left() - Space.M)
        painter.setFont(ui_font(FontSize.TEXT, QFont.Weight.DemiBold))
        painter.setPen(QColor(tokens.text if enabled else tokens.disabled))
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.question.title)
        painter.setFont(ui_font(FontSize.LABEL))
        painter.setPen(QColor(tokens.muted if enabled else tokens.disabled))
        painter.drawText(
            QRectF(left, Space.L + 26, room, 36),
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap,
            self.question.sentence,
        )
        painter.setFont(ui_font(FontSize.LABEL, QFont.Weight.DemiBold))
        role = tokens.accent if enabled else tokens.disabled
        painter.setPen(QColor(role))
        base = self.height() - Space.L - 15
        paint_icon(painter, QRectF(left - 2, base + 1, 14, 14), "play", role)
        rows, columns = self._table()
        painter.drawText(
            QRectF(left + 16, base - 1, room, 18), Qt.AlignmentFlag.AlignVCenter, f"{rows * columns} cells"
        )
        painter.end()

    def _table(self) -> tuple[int, int]:
        values = self.question.values
        rows, columns = (len(values.get(kind, ())) for kind in (self.question.rows, self.question.columns))
        return rows or CLASSES_AT_FIRST, columns or CLASSES_AT_FIRST

    def _paint_table(self, painter: QPainter) -> None:
        tokens = theme().tokens
        rows, columns = self._table()
        pitch = _SQUARE + _BETWEEN
        left = self.width() - Space.L - columns * pitch + _BETWEEN
        top = self.height() - Space.L - rows * pitch + _BETWEEN
        painter.setPen(Qt.PenStyle.NoPen)
        for row in range(rows):
            for column in range(columns):
                color = QColor(tokens.accent if (row, column) == (0, 0) else tokens.border_strong)
                # Later columns are further from noise, or from the reference: the more there is to see.
                color.setAlphaF(1.0 if (row, column) == (0, 0) else 0.25 + 0.5 * (column + 1) / columns)
                painter.setBrush(color)
                painter.drawRect(QRectF(left + column * pitch, top + row * pitch, _SQUARE, _SQUARE))

    @Slot()
    def _repaint(self) -> None:
        self.update()


class CompareStart(QWidget):
    """Ready-made questions. `asked(object)`: the Question that was pressed."""

    asked = Signal(object)

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._denoising = denoising_of(state)
        self._comparing = comparing_of(state)
        self._headline = Label("From the same noise, side by side", size=FontSize.HEADLINE, weight=600)
        self._sentence = Label("", role="muted")
        self._cards = tuple(QuestionCard(question, self) for question in QUESTIONS)
        grid = QGridLayout()
        grid.setSpacing(Space.L)
        for number, card in enumerate(self._cards):
            grid.addWidget(card, number // 2, 1 + number % 2)
            card.clicked.connect(self._ask)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(3, 1)
        layout = QVBoxLayout(self)
        layout.setSpacing(Space.S)
        layout.addStretch(1)
        for label in (self._headline, self._sentence):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(label)
        layout.addSpacing(Space.M)
        layout.addLayout(grid)
        layout.addStretch(2)
        self.setFocusProxy(self._cards[0])
        self._comparing.running_changed.connect(self.show_possible)
        state.model_changed.connect(self.show_possible)
        state.model_choices_changed.connect(self.show_possible)
        self._denoising.models.changed.connect(self.show_possible)
        self.show_possible()

    @property
    def cards(self) -> tuple[QuestionCard, ...]:
        return self._cards

    def minimumSizeHint(self) -> QSize:
        return QSize(_CARD.width() + 2 * Space.L, QFontMetrics(ui_font()).height())

    def choice(self) -> ModelChoice | None:
        """The chosen model, or the first at hand."""
        choices = self._state.model_choices()
        return self._state.model_choice or (choices[0] if choices else None)

    @Slot()
    def show_possible(self) -> None:
        """Questions about classes only where there are some."""
        choice = self.choice()
        model = None if choice is None else self._denoising.models.known(choice)
        _, guided = classes_of(choice, model, self._state.run)
        for card in self._cards:
            card.setVisible(guided or not card.question.for_classes)
            card.setEnabled(choice is not None)
        if self._comparing.running:
            self._sentence.setText("Preparing the model…")
        elif choice is None:
            self._sentence.setText("Train a model first, or open one from a file at the left.")
        else:
            self._sentence.setText("Choose a question, or put together your own at the left.")

    @Slot()
    def _ask(self) -> None:
        card = self.sender()
        if isinstance(card, QuestionCard) and not self._comparing.running:
            self.asked.emit(card.question)
