"""Labels in the sizes and roles of the visual language, and the wording of tool tips."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QStyleOption, QWidget

from studio.app.theme import FontSize, ui_font

MINUS = "−"


def format_number(value: float, decimals: int = 2) -> str:
    """A number for the screen: fixed decimals, a point, a true minus sign; never "−0.00"."""
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        text = text[1:] if not any(character in "123456789" for character in text) else MINUS + text[1:]
    return text


def tooltip_text(name: str, shortcut: str = "", reason: str = "") -> str:
    """Plain text (screen readers read tags aloud): name and shortcut on one line, the reason below."""
    head = f"{name}   {shortcut}" if shortcut else name
    return f"{head}\n{reason}" if reason else head


class Label(QLabel):
    """Text in a colour role ("text", "muted", "ok", "warn", "error", "accent", "d1"…) that follows the theme.

    `elided` labels give up width first and show … and their full text as a tool tip.
    """

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        role: str = "text",
        size: int = FontSize.TEXT,
        weight: int = QFont.Weight.Normal,
        wrap: bool = False,
        elided: bool = False,
    ) -> None:
        super().__init__(text, parent)
        self.setFont(ui_font(size, weight))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self._elided = elided
        if elided:
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setProperty("role", role)

    def set_role(self, role: str) -> None:
        """Changes the colour role."""
        if role != self.property("role"):
            self.setProperty("role", role)
            self.style().unpolish(self)
            self.style().polish(self)

    def keep_width_for(self, *texts: str) -> None:
        """Fixes the width to the widest of `texts`, so that changing numbers move nothing."""
        self.setMinimumWidth(max(self.fontMetrics().horizontalAdvance(text) for text in texts) + 2)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(0, hint.height()) if self._elided else hint

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._elided:
            self.setToolTip(self.text() if self._needs_ellipsis() else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        if not (self._elided and self._needs_ellipsis()):
            super().paintEvent(event)
            return
        painter = QPainter(self)
        option = QStyleOption()
        option.initFrom(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        self.style().drawItemText(
            painter, self.rect(), int(self.alignment()), option.palette, self.isEnabled(), text, self.foregroundRole()
        )

    def _needs_ellipsis(self) -> bool:
        return self.fontMetrics().horizontalAdvance(self.text()) > self.width()


class SectionLabel(Label):
    """The heading of a part of a panel: 15 px, semi-bold."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent, size=FontSize.SECTION, weight=QFont.Weight.DemiBold)


class Rule(QFrame):
    """A one-pixel horizontal line in the border colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(1)
        self.setObjectName("rule")
        self.setFrameShape(QFrame.Shape.NoFrame)
