"""Short pieces of mathematics set as a book sets them: italic letters, upright figures, subscripts, accents.

The markup is plain text with `_{…}` (or `_x` for one character) for a subscript: "z_{t−1}", "√β̃_t", "1/√(1−α_t)".
Letters come in STIX italic; figures, brackets and operators upright. Hats and tildes are combining characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, symbol_font, theme, ui_font

SUBSCRIPT_SCALE = 0.74
_SUBSCRIPT_DROP = 0.24
_HAIR_SPACE = 0.06
_COMBINING_TILDE, _TILDE = "\u0303", "\u02dc"
_TILDE_GAP = 0.04
_TILDE_LEAN = 0.09
"""How far an accent over an italic letter stands to the right of its middle."""


@dataclass(frozen=True)
class Term:
    """One piece of a line: `text` in the markup, in the colour of token `role`.

    `words` sets it in the interface's font (numbers and words) instead of the symbols' font; `size` is in pixels as the
    neighbouring interface text has it.
    """

    text: str
    role: str = "text"
    size: int = FontSize.TEXT
    words: bool = False
    weight: int = QFont.Weight.Normal


@dataclass(frozen=True)
class Formula:
    """A formula where otherwise a word stands: `text` in the markup, and `name` for those who cannot see it."""

    text: str
    name: str


@dataclass(frozen=True)
class _Piece:
    text: str
    font: QFont
    x: float
    drop: float
    role: str


class MathLine:
    """Terms laid out one after the other on a baseline; measured once, painted often."""

    def __init__(self, terms: Sequence[Term], spacing: float = 0.0) -> None:
        self._pieces: list[_Piece] = []
        self.ascent = 0.0
        self.descent = 0.0
        x = 0.0
        for index, term in enumerate(terms):
            x = self._add(term, x + (spacing if index else 0.0))
        self.width = x

    @property
    def height(self) -> float:
        return self.ascent + self.descent

    def paint(self, painter: QPainter, x: float, baseline: float, color: QColor | None = None) -> None:
        """Draws with the left end of the baseline at (x, baseline); `color` overrides the roles' colours."""
        tokens = theme().tokens
        for piece in self._pieces:
            painter.setFont(piece.font)
            painter.setPen(color or tokens.color(piece.role))
            painter.drawText(QPointF(x + piece.x, baseline + piece.drop), piece.text)

    def _add(self, term: Term, x: float) -> float:
        if term.words:
            return self._place(term.text, ui_font(term.size, term.weight), x, 0.0, term.role)
        for text, subscript in split_subscripts(term.text):
            size = round(term.size * SUBSCRIPT_SCALE) if subscript else term.size
            drop = term.size * _SUBSCRIPT_DROP if subscript else 0.0
            for run, italic in split_letters(text):
                x = self._place(run, symbol_font(size, italic), x, drop, term.role)
            x += term.size * _HAIR_SPACE
        return x

    def _place(self, text: str, font: QFont, x: float, drop: float, role: str) -> float:
        before, tilde, after = text.partition(_COMBINING_TILDE)
        if tilde:
            x = self._place(before, font, x, drop, role)
            self._place_tilde(before[-1:], font, x, drop, role)
            return self._place(after, font, x, drop, role) if after else x
        metrics = QFontMetricsF(font)
        self._pieces.append(_Piece(text, font, x, drop, role))
        self.ascent = max(self.ascent, metrics.ascent() - drop)
        self.descent = max(self.descent, metrics.descent() + drop)
        return x + metrics.horizontalAdvance(text)

    def _place_tilde(self, letter: str, font: QFont, end: float, drop: float, role: str) -> None:
        # The font's own combining tilde strikes through letters as tall as β.
        ink, mark = _ink(letter, font), _ink(_TILDE, font)
        size = font.pixelSize()
        middle = end - QFontMetricsF(font).horizontalAdvance(letter) + ink.center().x() + size * _TILDE_LEAN
        rise = drop + ink.top() - size * _TILDE_GAP - mark.bottom()
        self._pieces.append(_Piece(_TILDE, font, middle - mark.center().x(), rise, role))
        self.ascent = max(self.ascent, -(rise + mark.top()))


def _ink(text: str, font: QFont) -> QRectF:
    """What is black of a text whose baseline begins at the origin."""
    path = QPainterPath()
    path.addText(0, 0, font, text)
    return path.boundingRect()


def split_subscripts(markup: str) -> list[tuple[str, bool]]:
    """("text", is a subscript) pairs of the markup."""
    parts: list[tuple[str, bool]] = []
    rest = markup
    while rest:
        before, mark, after = rest.partition("_")
        if before:
            parts.append((before, False))
        if not mark or not after:
            break
        if after.startswith("{"):
            inner, _, rest = after[1:].partition("}")
        else:
            inner, rest = after[0], after[1:]
        parts.append((inner, True))
    return parts


def split_letters(text: str) -> list[tuple[str, bool]]:
    """("run", is italic) pairs: letters with their accents are italic, all else stands upright."""
    runs: list[tuple[str, bool]] = []
    for character in text:
        combining = unicodedata.combining(character) != 0
        italic = runs[-1][1] if combining and runs else character.isalpha()
        if runs and runs[-1][1] == italic:
            runs[-1] = (runs[-1][0] + character, italic)
        else:
            runs.append((character, italic))
    return runs


def plain_text(terms: Sequence[Term]) -> str:
    """The terms as one readable line, for screen readers and tooltips."""
    return " ".join(term.text.replace("_{", " ").replace("}", "").replace("_", " ") for term in terms)


class MathLabel(QWidget):
    """A line of terms as a label; follows the theme."""

    def __init__(
        self,
        terms: Sequence[Term] = (),
        parent: QWidget | None = None,
        *,
        spacing: float = 4.0,
        alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        super().__init__(parent)
        self._spacing = spacing
        self._alignment = alignment
        self._terms: tuple[Term, ...] = ()
        self._line = MathLine(())
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_terms(terms)
        theme().changed.connect(self._repaint)

    @property
    def terms(self) -> tuple[Term, ...]:
        return self._terms

    def set_terms(self, terms: Sequence[Term]) -> None:
        terms = tuple(terms)
        if terms != self._terms:
            self._terms = terms
            self._line = MathLine(terms, self._spacing)
            self.setAccessibleName(plain_text(terms))
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(self._line.width) + 2, round(self._line.height) + 1)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        slack = self.width() - self._line.width
        share = {Qt.AlignmentFlag.AlignRight: 1.0, Qt.AlignmentFlag.AlignHCenter: 0.5}.get(self._alignment, 0.0)
        top = (self.height() - self._line.height) / 2
        self._line.paint(painter, max(slack, 0.0) * share, top + self._line.ascent)
        painter.end()

    @Slot()
    def _repaint(self) -> None:
        self.update()
