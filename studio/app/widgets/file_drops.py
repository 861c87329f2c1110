"""Files and folders dropped onto a widget or a whole window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from studio.app.theme import FontSize, Size, Space, theme, ui_font


def dropped_paths(data: QMimeData) -> list[Path]:
    """The local files and folders in what is dragged, in order, each once; addresses of the web are left out."""
    paths = (Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile() and url.toLocalFile())
    return list(dict.fromkeys(paths))


class AcceptsFiles:
    """A mixin for QWidget classes, named before the Qt class: `class Window(AcceptsFiles, QMainWindow)`.

    Call `accept_files()` once, override `files_dropped(paths)`, and `files_over(bool)` to show where they would land.
    """

    def accept_files(self) -> None:
        """Starts accepting drops."""
        self.setAcceptDrops(True)

    def files_dropped(self, paths: list[Path]) -> None:
        """Called with what was dropped: at least one path."""
        raise NotImplementedError

    def files_over(self, over: bool) -> None:
        """Called when files enter (True) and when they leave or were dropped (False)."""

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            # Copy, whatever was proposed: with a move the file manager would delete the originals.
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.files_over(True)
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.files_over(False)
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        self.files_over(False)
        paths = dropped_paths(event.mimeData())
        if not paths:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.files_dropped(paths)


class DropVeil(QWidget):
    """Lies over a whole window while files are over it and says what letting go would do."""

    def __init__(self, sentence: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._sentence = sentence
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(sentence)
        self.hide()

    def lift(self, over: bool) -> None:
        """Shows it over all of its parent, or hides it."""
        if over:
            self.setGeometry(self.parentWidget().rect())
            self.raise_()
        self.setVisible(over)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shade = QColor(tokens.window)
        shade.setAlphaF(0.7)
        painter.fillRect(self.rect(), shade)
        pen = QPen(QColor(tokens.accent), 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        frame = QRectF(self.rect()).adjusted(Space.M, Space.M, -Space.M, -Space.M)
        painter.drawRoundedRect(frame, Size.RADIUS, Size.RADIUS)
        painter.setFont(ui_font(FontSize.HEADLINE, 600))
        painter.setPen(QColor(tokens.text))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self._sentence)
