"""A sentence in the window saying what happened and what to do, with the buttons to do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.app.icons import paint_icon
from studio.app.theme import Size, Space, theme
from studio.app.widgets.buttons import IconButton, SecondaryButton
from studio.app.widgets.labels import Label
from studio.errors import StudioError

KINDS = ("error", "warn", "ok", "info")
_ICONS = {"error": "error", "warn": "warning", "ok": "check", "info": "info"}
_EDGE = 3


class _ActionButton(SecondaryButton):
    def __init__(self, text: str, callback: Callable[[], object], parent: QWidget) -> None:
        super().__init__(text, parent=parent, dense=True)
        self._callback = callback
        self.clicked.connect(self._run)

    @Slot()
    def _run(self) -> None:
        self._callback()


class Banner(QFrame):
    """Hidden until something is to be said; `dismissed` when the person closed it.

    `kind` is "error", "warn", "ok" or "info"; it shows as an icon and a 3 px edge, so never as colour alone. Actions
    are (words, callable) pairs. Details (a traceback, a report) are not shown but can be copied.
    """

    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = "info"
        self._details = ""
        self._buttons: list[SecondaryButton] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._what = Label("", self, weight=QFont.Weight.DemiBold, wrap=True)
        self._remedy = Label("", self, role="muted", wrap=True)
        for label in (self._what, self._remedy):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copy = SecondaryButton("Copy details", "copy", self, dense=True)
        self._copy.clicked.connect(self._copy_details)
        self._close = IconButton("close", "Dismiss", parent=self, dense=True, role="muted")
        self._close.clicked.connect(self._dismiss)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._what)
        words.addWidget(self._remedy)
        self._row = QHBoxLayout()
        self._row.setSpacing(Space.S)
        self._row.addWidget(self._copy)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(_EDGE + Space.M + Size.ICON + Space.S, Space.S, Space.S, Space.S)
        layout.setSpacing(Space.M)
        layout.addLayout(words, 1)
        layout.addLayout(self._row)
        layout.addWidget(self._close)
        layout.setAlignment(self._close, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def kind(self) -> str:
        """What kind of sentence is shown."""
        return self._kind

    def text(self) -> str:
        """Both sentences as they are read."""
        return f"{self._what.text()} {self._remedy.text()}".strip()

    def show_error(
        self,
        error: StudioError | Exception,
        details: str = "",
        actions: Sequence[tuple[str, Callable[[], object]]] = (),
    ) -> None:
        """Shows an error: what happened in bold, what to do below it. Foreign exceptions are named as defects."""
        if isinstance(error, StudioError):
            self._show("error", error.what, error.remedy, details, actions)
        else:
            text = f"The studio made a mistake: {error or type(error).__name__}"
            remedy = "Your work up to here is kept. The details help to mend it."
            self._show("error", text, remedy, details or repr(error), actions)

    def show_message(
        self,
        text: str,
        remedy: str = "",
        kind: str = "info",
        actions: Sequence[tuple[str, Callable[[], object]]] = (),
        details: str = "",
    ) -> None:
        """Shows a sentence. Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"a banner's kind is one of {', '.join(KINDS)}, not {kind!r}")
        self._show(kind, text, remedy, details, actions)

    def clear(self) -> None:
        """Hides it without `dismissed`."""
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        color = tokens.accent if self._kind == "info" else getattr(tokens, self._kind)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(tokens.border))
        painter.setBrush(QColor(tokens.raised))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), Size.RADIUS, Size.RADIUS)
        painter.fillRect(QRectF(0, 0, _EDGE, self.height()), QColor(color))
        top = self._first_line_middle() - Size.ICON / 2
        paint_icon(painter, QRectF(_EDGE + Space.M, top, Size.ICON, Size.ICON), _ICONS[self._kind], color)

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(hint.width(), max(hint.height(), Size.PRIMARY))

    def _first_line_middle(self) -> float:
        """The height at which the icon is centred: the middle of the bold sentence's first line."""
        label = self._what.geometry()
        line = self._what.fontMetrics().height()
        lines = max(1, round(self._what.heightForWidth(label.width()) / line)) if label.width() > 0 else 1
        return label.center().y() + 0.5 - (lines - 1) * line / 2

    def _show(
        self,
        kind: str,
        what: str,
        remedy: str,
        details: str,
        actions: Sequence[tuple[str, Callable[[], object]]],
    ) -> None:
        self._kind = kind
        self._details = details
        self._what.setText(what)
        self._remedy.setText(remedy)
        self._remedy.setVisible(bool(remedy))
        self._copy.setVisible(bool(details))
        self._copy.set_text("Copy details")
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = [_ActionButton(text, callback, self) for text, callback in actions]
        for position, button in enumerate(self._buttons):
            self._row.insertWidget(position, button)
        self.setAccessibleName(f"{kind}: {self.text()}")
        self.show()
        self.update()

    @Slot()
    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.text()}\n\n{self._details}")
        self._copy.set_text("Copied")

    @Slot()
    def _dismiss(self) -> None:
        self.hide()
        self.dismissed.emit()
