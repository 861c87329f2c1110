"""The living pictures in the doors of the start page. They only paint; what they show comes from jobs."""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QHideEvent, QImage, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.icons import paint_icon
from studio.app.imaging import picture_image, signed_image
from studio.app.jobs import WatchedStep
from studio.app.theme import FontSize, Space, theme, ui_font

_NOISE_LIMIT = 3.0
_FRAME_MS = 110
_REST_FRAMES = 16
_STRIP_LENGTH = 11
_TRAIL = 14
_REACH = 1.05


class _DoorPicture(QWidget):
    """A canvas that takes the room it gets."""

    def __init__(self, description: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAccessibleName(description)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(140)

    def sizeHint(self) -> QSize:
        # Small on purpose: the page scrolls only when it is too low even for this, and pictures take all that is left.
        return QSize(360, 170)

    def _painter(self) -> QPainter:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().tokens.color("canvas"))
        return painter

    def _say(self, painter: QPainter, text: str) -> None:
        painter.setPen(theme().tokens.color("muted"))
        painter.setFont(ui_font(FontSize.LABEL))
        area = self.rect().adjusted(Space.XL, Space.M, -Space.XL, -Space.M)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)


class _Film(_DoorPicture):
    """Plays frames at an even pace while it is seen, and asks for more when it has come to the end."""

    wants_more = Signal()

    def __init__(self, description: str, parent: QWidget) -> None:
        super().__init__(description, parent)
        self._waiting: deque[object] = deque()
        self._resting = 0
        self._complete = False
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._advance)
        theme().changed.connect(self.update)

    @Slot(list)
    def add(self, frames: list) -> None:
        """Frames of a run that goes on."""
        self._complete = False
        self._waiting.extend(frames)

    @Slot()
    def finish(self) -> None:
        """The run has come to its end: rest on the last frame for a moment, then ask for another run."""
        self._complete = True
        self._resting = _REST_FRAMES

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def _advance(self) -> None:
        if self._waiting:
            self._take(self._waiting.popleft())
            self.update()
        elif self._complete:
            self._resting -= 1
            if self._resting <= 0:
                self._complete = False
                self.wants_more.emit()

    def _take(self, frame: object) -> None:
        raise NotImplementedError


class DenoisingPicture(_Film):
    """The microscope in small: the picture now, its three parts at the right, the film below."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("A model denoising a picture right now", parent)
        self._step: WatchedStep | None = None
        self._film: list[np.ndarray] = []
        self._images: list[QImage] = []
        self._parts: tuple[QImage, ...] = ()
        self._note = "Opening a starter model…"
        theme().changed.connect(self._draw_parts)

    def say(self, note: str) -> None:
        """Words in place of a picture, until there is one."""
        self._note = note
        self.update()

    def _take(self, frame: object) -> None:
        assert isinstance(frame, WatchedStep)
        if frame.index == 0:
            self._images = []
        self._step = frame
        self._images.append(picture_image(frame.z))
        if frame.index == frame.total - 1:
            self._images.append(picture_image(frame.z_next))
        self._draw_parts()

    @Slot()
    def _draw_parts(self) -> None:
        step = self._step
        if step is not None:
            self._parts = (
                signed_image(step.eps, _NOISE_LIMIT),
                picture_image(step.x0),
                picture_image(step.z_next),
            )

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = self._painter()
        step = self._step
        if step is None:
            self._say(painter, self._note)
            return
        ratio = self.devicePixelRatioF()
        height, width = step.z.shape[:2]
        last = step.index == step.total - 1
        strip = 28
        room = self.rect().adjusted(Space.M, Space.M, -Space.M, -Space.M - strip - Space.S)
        # Three parts of a third of the height each stand at the right of the large picture.
        large = _fit(width, height, QSize(room.width() * 3 // 4 - Space.S, room.height()), ratio)
        part = QSize(round((large.height() - 2 * Space.S) / 3 * width / height), (large.height() - 2 * Space.S) // 3)
        left = room.left() + (room.width() - large.width() - Space.S - part.width()) // 2
        top = room.top() + (room.height() - large.height()) // 2
        painter.drawImage(QRect(left, top, large.width(), large.height()), self._images[-1])
        for number, image in enumerate(self._parts):
            y = top + number * (part.height() + Space.S)
            painter.drawImage(QRect(left + large.width() + Space.S, y, part.width(), part.height()), image)
        self._paint_strip(painter, QRect(room.left(), room.bottom() + Space.S + 1, room.width(), strip), last)

    def _paint_strip(self, painter: QPainter, area: QRect, last: bool) -> None:
        step = self._step
        assert step is not None
        total = step.total + 1
        places = np.unique(np.linspace(0, total - 1, min(_STRIP_LENGTH, total)).round().astype(int))
        gap = 4
        side = min(area.height() - 4, (area.width() - gap * (len(places) - 1)) // len(places))
        x = area.left() + (area.width() - len(places) * (side + gap) + gap) // 2
        now = total - 1 if last else step.index
        lit = places[np.searchsorted(places, now, side="right") - 1]
        for place in places:
            cell = QRect(x, area.top() + 2, side, side)
            if place < len(self._images):
                painter.drawImage(cell, self._images[place])
            else:
                painter.fillRect(cell, theme().tokens.color("field"))
            if place == lit:
                painter.setPen(QPen(theme().tokens.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(cell).adjusted(-1.5, -1.5, 1.5, 1.5))
            x += side + gap


class PicturesPicture(_DoorPicture):
    """A wall of starter pictures with the place to drop one's own in its middle."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Drop pictures here", parent)
        self._images: list[QImage] = []
        theme().changed.connect(self.update)

    def set_pictures(self, pictures: np.ndarray) -> None:
        """uint8 (N, H, W, C)."""
        self._images = [picture_image(picture) for picture in pictures]
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = self._painter()
        tokens = theme().tokens
        if self._images:
            multiple = max(1, 32 // self._images[0].width())
            side, gap = self._images[0].width() * multiple, 4
            columns = self.width() // (side + gap) + 1
            for number in range(columns * (self.height() // (side + gap) + 1)):
                row, column = divmod(number, columns)
                cell = QRect(column * (side + gap), row * (side + gap), side, side)
                painter.drawImage(cell, self._images[number % len(self._images)])
        box = QRectF(0, 0, min(250, self.width() - 32), min(132, self.height() - 24))
        box.moveCenter(QRectF(self.rect()).center())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(tokens.color("panel"))
        painter.setPen(QPen(tokens.color("accent"), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(box, 4, 4)
        middle = box.center()
        paint_icon(painter, QRectF(middle.x() - 14, middle.y() - 46, 28, 28), "drop", tokens.accent)
        painter.setPen(tokens.color("text"))
        painter.setFont(ui_font(FontSize.SECTION, 600))
        centre = Qt.AlignmentFlag.AlignHCenter
        painter.drawText(QRectF(box.left(), middle.y() - 8, box.width(), 24), centre, "Drop a folder here")
        painter.setPen(tokens.color("muted"))
        painter.setFont(ui_font(FontSize.LABEL))
        painter.drawText(QRectF(box.left(), middle.y() + 18, box.width(), 20), centre, "or pictures, IDX, NPZ")


class PlanePicture(_Film):
    """Two-pixel pictures as points: the data in green and, with a model, noise on its way to it in blue."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Pictures of two pixels as points on a plane", parent)
        self._data = np.zeros((0, 2))
        self._path: deque[np.ndarray] = deque(maxlen=_TRAIL)

    def set_data(self, points: np.ndarray) -> None:
        """The data set: float (N, 2) in [-1, 1]."""
        self._data = points
        self.update()

    def _take(self, frame: object) -> None:
        points = np.asarray(frame)
        # A jump from clusters back to noise is a new run, not a movement.
        if self._path and self._complete_before(points):
            self._path.clear()
        self._path.append(points)

    def _complete_before(self, points: np.ndarray) -> bool:
        return bool(np.abs(points - self._path[-1]).mean() > 0.5)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = self._painter()
        if len(self._data) == 0:
            self._say(painter, "Opening the two-pixel pictures…")
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme().tokens
        painter.setPen(QPen(tokens.color("border"), 1))
        middle = self._place(0.0, 0.0)
        painter.drawLine(QPointF(0, middle.y()), QPointF(self.width(), middle.y()))
        painter.drawLine(QPointF(middle.x(), 0), QPointF(middle.x(), self.height()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_faded(tokens.color("d3"), 200))
        for x, y in self._data:
            painter.drawEllipse(self._place(x, y), 1.8, 1.8)
        if self._path:
            self._paint_path(painter, tokens.color("d1"))

    def _paint_path(self, painter: QPainter, color: QColor) -> None:
        frames = list(self._path)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for age, (before, after) in enumerate(itertools.pairwise(frames)):
            painter.setPen(QPen(_faded(color, 30 + 150 * (age + 1) // len(frames)), 1.5))
            for (x1, y1), (x2, y2) in zip(before, after, strict=True):
                painter.drawLine(self._place(x1, y1), self._place(x2, y2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        for x, y in frames[-1]:
            painter.drawEllipse(self._place(x, y), 3.2, 3.2)

    def _place(self, x: float, y: float) -> QPointF:
        # The square in which all data lie fills the picture, whatever its shape; noise comes in from outside.
        return QPointF(self.width() / 2 * (1 + x / _REACH), self.height() / 2 * (1 - y / _REACH))


def _faded(color: QColor, alpha: int) -> QColor:
    faded = QColor(color)
    faded.setAlpha(alpha)
    return faded


def _fit(width: int, height: int, room: QSize, ratio: float) -> QSize:
    """The largest whole multiple, in device pixels, of a picture that fits; in device-independent pixels."""
    multiple = max(1, int(min(room.width() * ratio / width, room.height() * ratio / height)))
    return QSize(round(width * multiple / ratio), round(height * multiple / ratio))
