"""What stands where something will be once torch is loaded."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.app.widgets.labels import Label


def waiting_words(parent: QWidget) -> QWidget:
    """Says in the middle of its place that the mathematics is on its way."""
    waiting = QWidget(parent)
    layout = QVBoxLayout(waiting)
    words = Label("Loading the mathematics…", waiting, role="muted")
    words.setAlignment(Qt.AlignmentFlag.AlignCenter)
    layout.addWidget(words)
    return waiting
