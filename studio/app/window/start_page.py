"""The first page: a model already at work, three doors, and what was open before."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.app.icons import paint_icon
from studio.app.settings import Recent, Settings
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.buttons import PrimaryButton, SecondaryButton
from studio.app.widgets.labels import Label
from studio.app.window.start_pictures import DenoisingPicture, PicturesPicture, PlanePicture

_MOST_CARDS = 4
_CARD_HEIGHT = 66
_CONTENT_WIDTH = 1360


class Door(QFrame):
    """A picture, a heading, a sentence and buttons; the primary one has its edge in the accent."""

    def __init__(self, picture: QWidget, title: str, text: str, primary: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._primary = primary
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMinimumWidth(250)
        picture.setParent(self)
        self.text = Label(text, self, role="muted", size=FontSize.TEXT)
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setMinimumHeight(2 * self.text.fontMetrics().lineSpacing() + 2)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(Space.S)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.XS)
        layout.addWidget(picture, 1)
        layout.addSpacing(Space.S)
        layout.addWidget(Label(title, self, size=FontSize.HEADLINE, weight=QFont.Weight.DemiBold))
        layout.addWidget(self.text)
        layout.addSpacing(Space.S)
        layout.addLayout(self.buttons)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme().tokens
        painter.setBrush(tokens.color("panel"))
        painter.setPen(tokens.color("accent" if self._primary else "border"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), Size.RADIUS, Size.RADIUS)
        painter.end()


class RecentCard(QAbstractButton):
    """Something that was open before; when its files are gone it says so and offers to look for them."""

    def __init__(self, recent: Recent, parent: QWidget) -> None:
        super().__init__(parent)
        self.recent = recent
        self._missing = recent.missing
        self._picture = QPixmap(recent.preview) if recent.preview and Path(recent.preview).is_file() else QPixmap()
        self.setFixedHeight(_CARD_HEIGHT)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{recent.title}, {self._lines()[0]}")
        self.setToolTip("\n".join(recent.paths))

    def sizeHint(self) -> QSize:
        return QSize(240, _CARD_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme().tokens
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.color("hover" if self.underMouse() else "panel"))
        if self.hasFocus():
            painter.setPen(tokens.color("accent"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        thumbnail = QRectF(Space.S, Space.S, 50, 50)
        if self._missing or self._picture.isNull():
            name, role = ("warning", "warn") if self._missing else ("image", "muted")
            painter.setPen(tokens.color("border_strong"))
            painter.drawRect(thumbnail.adjusted(0.5, 0.5, -0.5, -0.5))
            square = QRectF(0, 0, 20, 20)
            square.moveCenter(thumbnail.center())
            paint_icon(painter, square, name, getattr(tokens, role))
        else:
            self._paint_thumbnail(painter, thumbnail)
        x = int(thumbnail.right()) + Space.M
        room = self.width() - x - Space.S
        lines = (self.recent.title, *self._lines())
        for number, line in enumerate(lines):
            painter.setFont(ui_font(FontSize.TEXT if number == 0 else FontSize.LABEL, 600 if number == 0 else 400))
            link = number == 2 and self._missing
            painter.setPen(tokens.color("text" if number == 0 else "accent" if link else "muted"))
            text = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, room)
            painter.drawText(x, 22 + number * 18, text)
        painter.end()

    def _paint_thumbnail(self, painter: QPainter, area: QRectF) -> None:
        painter.fillRect(area, theme().tokens.color("canvas"))
        size = self._picture.size().scaled(area.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRectF(0, 0, size.width(), size.height())
        target.moveCenter(area.center())
        painter.drawPixmap(target.toRect(), self._picture)

    def _lines(self) -> tuple[str, str]:
        if self._missing:
            return "its files were moved", "Find them…"
        return self.recent.detail, when(self.recent.opened)


class StartPage(QWidget):
    """Three doors and the recent list. It decides nothing: every wish is a signal."""

    watch_requested = Signal()
    choose_requested = Signal()
    starter_requested = Signal(str)
    plane_requested = Signal()
    open_requested = Signal()
    recent_chosen = Signal(object)

    def __init__(self, settings: Settings, starters: tuple[tuple[str, str], ...], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("start-page")
        self._settings = settings
        body = QWidget(self)
        body.setMaximumWidth(_CONTENT_WIDTH)
        column = QVBoxLayout(body)
        column.setContentsMargins(Space.XXL, Space.XXL, Space.XXL, Space.L)
        column.setSpacing(Space.XS)
        headline = "See diffusion happen. Make images with a model of your own."
        column.addWidget(Label(headline, body, size=FontSize.WELCOME, weight=QFont.Weight.DemiBold))
        sentence = "Everything runs on this computer. Drop pictures or a model anywhere in this window."
        column.addWidget(Label(sentence, body, role="muted", size=FontSize.SECTION))
        column.addSpacing(Space.L)
        column.addLayout(self._make_doors(body, starters), 1)
        column.addSpacing(Space.L)
        self._recent_title = Label("Recent", body, size=FontSize.SECTION, weight=QFont.Weight.DemiBold)
        open_button = SecondaryButton("Open…", "folder", body)
        open_button.clicked.connect(self.open_requested)
        row = QHBoxLayout()
        row.addWidget(self._recent_title)
        row.addStretch(1)
        row.addWidget(open_button)
        column.addLayout(row)
        self._cards = QHBoxLayout()
        self._cards.setSpacing(Space.M)
        column.addSpacing(Space.XS)
        column.addLayout(self._cards)
        column.addSpacing(Space.S)
        column.addLayout(self._make_footer(body))
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holder = QWidget(area)
        across = QHBoxLayout(holder)
        across.setContentsMargins(0, 0, 0, 0)
        across.addStretch(1)
        across.addWidget(body, 1000)
        across.addStretch(1)
        area.setWidget(holder)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        settings.recents_changed.connect(self._show_recents)
        self._show_recents()

    def set_models(self, titles: tuple[str, ...]) -> None:
        """Which starter models there are; without one the first door says what to do instead."""
        self._models.setText(f"Starter models: {', '.join(titles)}" if titles else "")
        if not titles:
            self.denoising.say("No model is here yet. Train one on your pictures, or open a model file.")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().tokens.color("window"))
        painter.end()

    def _make_doors(self, body: QWidget, starters: tuple[tuple[str, str], ...]) -> QHBoxLayout:
        self.denoising = DenoisingPicture(body)
        self.pictures = PicturesPicture(body)
        self.plane = PlanePicture(body)
        watch = Door(
            self.denoising,
            "Watch a model denoise",
            "A starter model is carving a picture out of noise right now. Stop it at any step and take the step apart.",
            True,
            body,
        )
        self.watch_button = PrimaryButton("Open the microscope", "play", watch)
        self.watch_button.clicked.connect(self.watch_requested)
        watch.buttons.addWidget(self.watch_button, 1)
        train = Door(
            self.pictures,
            "Train on my pictures",
            "Drop a folder, or begin with a starter set. Watch the first recognisable pictures come within minutes.",
            False,
            body,
        )
        choose = _tall(SecondaryButton("Choose pictures…", "folder", train))
        choose.clicked.connect(self.choose_requested)
        starter = _tall(SecondaryButton("Starter set", "grid", train))
        menu = QMenu(starter)
        for identity, title in starters:
            action = menu.addAction(title)
            action.setData(identity)
        menu.triggered.connect(self._choose_starter)
        starter.setMenu(menu)
        train.buttons.addWidget(choose, 3)
        train.buttons.addWidget(starter, 2)
        two = Door(
            self.plane,
            "Start with two pixels",
            "Pictures of two pixels are points on a plane: the whole image space on one screen. Paint some and train.",
            False,
            body,
        )
        points = _tall(SecondaryButton("Open the plane", "target", two))
        points.clicked.connect(self.plane_requested)
        two.buttons.addWidget(points, 1)
        doors = QHBoxLayout()
        doors.setSpacing(Space.L)
        for door in (watch, train, two):
            doors.addWidget(door, 1)
        return doors

    def _make_footer(self, body: QWidget) -> QHBoxLayout:
        self._show_box = QCheckBox("Show this page at start", body)
        self._show_box.setChecked(self._settings.show_start_page)
        self._show_box.toggled.connect(self._set_show)
        self._models = Label("", body, role="muted", size=FontSize.LABEL)
        row = QHBoxLayout()
        row.addWidget(self._show_box)
        row.addStretch(1)
        row.addWidget(self._models)
        return row

    @Slot()
    def _show_recents(self) -> None:
        while (item := self._cards.takeAt(0)) is not None:
            if item.widget() is not None:
                item.widget().hide()
                item.widget().deleteLater()
        recents = self._settings.recents[:_MOST_CARDS]
        self._recent_title.setText("Recent" if recents else "Nothing was open here before.")
        for recent in recents:
            card = RecentCard(recent, self)
            card.clicked.connect(self._choose_recent)
            self._cards.addWidget(card, 1)
        if recents:
            self._cards.addStretch(_MOST_CARDS - len(recents))

    @Slot()
    def _choose_recent(self) -> None:
        card = self.sender()
        if isinstance(card, RecentCard):
            self.recent_chosen.emit(card.recent)

    @Slot(object)
    def _choose_starter(self, action: object) -> None:
        self.starter_requested.emit(action.data())

    @Slot(bool)
    def _set_show(self, shown: bool) -> None:
        self._settings.show_start_page = shown

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)


def when(seconds: float, now: datetime | None = None) -> str:
    """A moment as people say it: "today 14:32", "yesterday", "Monday", "3 May 2026"."""
    moment = datetime.fromtimestamp(seconds)
    days = ((now or datetime.now()).date() - moment.date()).days
    if days <= 0:
        return f"today {moment:%H:%M}"
    if days == 1:
        return "yesterday"
    return f"{moment:%A}" if days < 7 else f"{moment.day} {moment:%B %Y}"


def _tall(button: SecondaryButton) -> SecondaryButton:
    button.setFont(ui_font(FontSize.SECTION, QFont.Weight.DemiBold))
    button.setStyleSheet(f"SecondaryButton {{ min-height: {Size.PRIMARY - 2}px; max-height: {Size.PRIMARY - 2}px; }}")
    button.setFixedHeight(Size.PRIMARY)
    return button
