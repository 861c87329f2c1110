"""One finding: an icon that tells how to take it, a sentence, and at the right a value or below it a remedy."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.app.icons import paint_icon
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.controls import Label


class StateIcon(QWidget):
    """A small icon in a state's colour that follows the theme."""

    def __init__(self, name: str, role: str, parent: QWidget, size: int = 14) -> None:
        super().__init__(parent)
        self._name, self._role = name, role
        self.setFixedSize(QSize(size, 18))
        theme().changed.connect(self._retheme)

    def set_icon(self, name: str, role: str) -> None:
        """Show another icon, in the colour of token `role`."""
        if (name, role) != (self._name, self._role):
            self._name, self._role = name, role
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_icon(painter, QRectF(self.rect()), self._name, getattr(theme().tokens, self._role))

    @Slot()
    def _retheme(self) -> None:
        self.update()


class Finding(QWidget):
    """Icon, sentence, muted remedy below, muted value at the right; the words wrap."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon = StateIcon("info", "muted", self)
        self._text = Label("", self, size=FontSize.LABEL, wrap=True)
        self._remedy = Label("", self, role="muted", size=FontSize.LABEL, wrap=True)
        self._value = Label("", self, role="muted", size=FontSize.LABEL)
        self._value.setContentsMargins(0, 1, 0, 0)
        words = QVBoxLayout()
        words.setContentsMargins(0, 1, 0, 0)
        words.setSpacing(0)
        words.addWidget(self._text)
        words.addWidget(self._remedy)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        layout.addWidget(self._value, 0, Qt.AlignmentFlag.AlignTop)

    @property
    def text(self) -> str:
        """The sentence."""
        return self._text.text()

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self._remedy.text()

    @property
    def value(self) -> str:
        """The value at the right."""
        return self._value.text()

    def show_finding(self, icon: str, role: str, text: str, remedy: str = "", value: str = "") -> None:
        """Say this; the icon is drawn in the colour of token `role`."""
        self._icon.set_icon(icon, role)
        self._text.setText(text)
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(remedy))
        self._value.setText(value)
        self._value.setVisible(bool(value))
        self.setAccessibleName(" ".join(part for part in (text, value, remedy) if part))
