"""Two strips from the picture to noise on one clock: the closed form, and below it the Markov chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.forward.words import BEFORE
from studio.app.imaging import paint_picture, picture_image
from studio.app.microscope.step_equation import shown_time
from studio.app.theme import FontSize, Size, Space, theme, ui_font
from studio.app.widgets.controls import Groove, IconButton
from studio.app.widgets.film_strip import Axis, thumbnail_size
from studio.app.widgets.math_text import MathLine, Term

if TYPE_CHECKING:
    from studio.app.forward.process import ForwardProcess

WORDS_WIDTH = 176
_KNOB_HALF = 5
_FRAME = 3
_GAP = 7
_TICKS = 17
_PICTURE_HEIGHTS = (56, 84)
_SMALL, _NEXT_HEIGHT = 40, 64
_NAMES = (
    ("Closed form", (Term("one noise ", words=True), Term("ε"), Term(", more and more", words=True))),
    ("Markov chain", (Term("from ", words=True), Term(BEFORE), Term(", fresh noise each", words=True))),
)


class TwoStrips(QWidget):
    """Paints both strips with one playhead; drag anywhere, or use the slider below, which is the same clock."""

    def __init__(self, process: ForwardProcess, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._process = process
        self._images: list[list[QImage]] = [[], []]
        self._roomy = False
        self._placed_for: tuple[object, ...] = ()
        self._chain_shown: tuple[object, list[int]] = (None, [])
        self.setAccessibleName("The picture on its way to noise: closed form above, Markov chain below")
        self.setToolTip("Drag to move through time")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.play = IconButton("play", "Play", "Space", parent=self, dense=True)
        self.slider = Groove(self)
        self.slider.setAccessibleName("Step t")
        self.slider.valueChanged.connect(self._slide)
        self.play.clicked.connect(process.playback.toggle)
        process.changed.connect(self.show_process)
        process.chain_changed.connect(self._show_chain)
        process.playback.position_changed.connect(self._move)
        process.playback.playing_changed.connect(self._show_playing)
        theme().changed.connect(self._repaint)
        self.show_process()

    @property
    def images(self) -> tuple[list[QImage], list[QImage]]:
        """What the strips show, closed form and chain; the chain's are missing until it was walked."""
        return self._images[0], self._images[1]

    def axis(self) -> Axis | None:
        """Where moments lie: position 0 is the picture, position t is z_t. None without a picture."""
        process = self._process
        if not process.ready:
            return None
        assert process.schedule is not None
        width, _ = self._thumbnail()
        return Axis(WORDS_WIDTH, self.width() - _FRAME, process.schedule.step_count + 1, width)

    def shown_steps(self) -> list[int]:
        """The steps that have a place in the strips, 0-based; −1 is the picture."""
        axis = self.axis()
        return [] if axis is None else [position - 1 for position in axis.shown]

    @Slot()
    def show_process(self) -> None:
        """Another picture, noise, or schedule."""
        process, steps = self._process, self.shown_steps()
        if not steps:
            return
        assert process.schedule is not None
        self.slider.blockSignals(True)
        self.slider.setRange(1, process.schedule.step_count)
        self.slider.setPageStep(max(1, process.schedule.step_count // 20))
        self.slider.setValue(shown_time(process.t))
        self.slider.blockSignals(False)
        self._images[0] = [picture_image(picture) for picture in process.closed_pictures(steps)]
        if self._measures() != self._placed_for:
            self._placed_for = self._measures()
            self.updateGeometry()
            self._place_slider()
        self._show_chain()

    def sizeHint(self) -> QSize:
        return QSize(900, self.height_for(self._picture_height()))

    def minimumSizeHint(self) -> QSize:
        return QSize(420, self.sizeHint().height())

    def set_roomy(self, roomy: bool) -> None:
        """Whether there is height for larger pictures."""
        if roomy != self._roomy:
            self._roomy = roomy
            self.updateGeometry()
            self.show_process()

    def height_for(self, picture_height: float) -> int:
        """The height with pictures of this height."""
        return round(2 * picture_height + _GAP + 2 * _FRAME + _TICKS + 20)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.show_process()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._seek(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event.position())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint(painter)
        painter.end()

    def paint(self, painter: QPainter) -> None:
        """All but the slider and its button."""
        axis = self.axis()
        if axis is None:
            return
        for row in range(2):
            self._paint_name(painter, row)
            self._paint_row(painter, axis, row)
        self._paint_ticks(painter, axis)
        self._paint_playhead(painter, axis)

    def picture(self) -> tuple[QSize, Callable[[QPainter], None]]:
        """The strips with a margin around them, for a file: their size, and what paints them."""

        def paint(painter: QPainter) -> None:
            painter.translate(Space.L, Space.L)
            self.paint(painter)

        return QSize(self.width() + 2 * Space.L, round(self._ticks_top()) + _TICKS + 2 * Space.L), paint

    def _measures(self) -> tuple[object, ...]:
        """What decides where everything lies."""
        schedule = self._process.schedule
        return self.width(), self._thumbnail(), None if schedule is None else schedule.step_count

    def _picture_height(self) -> float:
        return self._thumbnail()[1]

    def _thumbnail(self) -> tuple[float, float]:
        picture = self._process.picture
        if picture is None:
            return 56.0, 56.0
        _, height, width = picture.shape
        ratio = self.devicePixelRatioF()
        size = thumbnail_size((width, height), ratio, _PICTURE_HEIGHTS[self._roomy], 112)
        if size[1] < _SMALL:
            # Just too large for another multiple: a little more height makes it twice as large.
            size = thumbnail_size((width, height), ratio, max(_NEXT_HEIGHT, _PICTURE_HEIGHTS[self._roomy]), 112)
        return size

    def _top(self, row: int) -> float:
        return _FRAME + row * (self._picture_height() + _GAP)

    def _target(self, axis: Axis, row: int, slot: int) -> QRectF:
        width, height = self._thumbnail()
        return QRectF(round(axis.slot_x(slot) - width / 2), round(self._top(row)), width, height)

    def _paint_name(self, painter: QPainter, row: int) -> None:
        title, words = _NAMES[row]
        middle = self._top(row) + self._picture_height() / 2
        painter.setFont(ui_font(FontSize.LABEL, QFont.Weight.DemiBold))
        painter.setPen(theme().color("text"))
        painter.drawText(QPointF(0, middle - 4), title)
        muted = [Term(term.text, "muted", FontSize.RANGE, term.words) for term in words]
        MathLine(muted).paint(painter, 0, middle + 13)

    def _paint_row(self, painter: QPainter, axis: Axis, row: int) -> None:
        images = self._images[row]
        for slot in range(len(axis.shown)):
            target = self._target(axis, row, slot)
            if slot < len(images):
                paint_picture(painter, target, images[slot])
            else:
                painter.fillRect(target, theme().color("canvas"))

    def _paint_ticks(self, painter: QPainter, axis: Axis) -> None:
        current = shown_time(self._process.t)
        plain, bold = ui_font(FontSize.RANGE), ui_font(FontSize.LABEL, QFont.Weight.DemiBold)
        baseline = self._ticks_top() + 12
        x = axis.x(current)
        half = QFontMetricsF(bold).horizontalAdvance(f"{current:,}") / 2
        x = min(x, self.width() - half)
        painter.setFont(bold)
        painter.setPen(theme().color("text"))
        painter.drawText(QPointF(x - half, baseline), f"{current:,}")
        taken = [(x - half - 6, x + half + 6)]
        painter.setFont(plain)
        painter.setPen(theme().color("muted"))
        for slot, position in enumerate(axis.shown):
            text = "x" if position == 0 else f"{position:,}"
            x, half = axis.slot_x(slot), QFontMetricsF(plain).horizontalAdvance(text) / 2
            if any(x - half < end and start < x + half for start, end in taken):
                continue
            taken.append((x - half - 3, x + half + 3))
            if position == 0:
                line = MathLine((Term("x", "muted", FontSize.LABEL),))
                line.paint(painter, x - line.width / 2, baseline)
                painter.setFont(plain)
                painter.setPen(theme().color("muted"))
            else:
                painter.drawText(QPointF(x - half, baseline), text)

    def _paint_playhead(self, painter: QPainter, axis: Axis) -> None:
        """In both strips the exact moment under the playhead, framed, and a line from there to its true place."""
        process, t = self._process, self._process.t
        slot, x = axis.slot(t + 1), round(axis.x(t + 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        pen = QPen(theme().color("accent"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap)
        chain = process.chain_pictures([t])
        for row, picture in enumerate((process.closed_pictures([t])[0], None if chain is None else chain[0])):
            target = self._target(axis, row, slot)
            if picture is not None:
                paint_picture(painter, target, picture_image(picture))
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(target.adjusted(-2, -2, 2, 2))
        frame = self._target(axis, 1, slot).adjusted(-2, -2, 2, 2)
        if not frame.left() <= x <= frame.right():
            painter.drawLine(QPointF(frame.center().x(), frame.bottom()), QPointF(x, frame.bottom()))
        bottom = self._ticks_top()
        painter.drawLine(QLineF(x, frame.bottom(), x, bottom))

    def _ticks_top(self) -> float:
        return self._top(1) + self._picture_height() + _FRAME

    def _place_slider(self) -> None:
        axis = self.axis()
        if axis is None:
            return
        left, right = round(axis.x(1)) - _KNOB_HALF, round(axis.last) + _KNOB_HALF
        top = round(self._ticks_top() + _TICKS)
        self.slider.setGeometry(left, top, right - left, 20)
        side = Size.CONTROL_DENSE
        self.play.setGeometry(WORDS_WIDTH - side - Space.M - Space.S, top - 2, side, side)

    def _seek(self, point: QPointF) -> None:
        axis = self.axis()
        if axis is not None:
            self._process.playback.seek(max(0, axis.position(point.x()) - 1))

    @Slot()
    def _show_chain(self) -> None:
        steps, chain = self.shown_steps(), self._process.chain
        if (chain, steps) == self._chain_shown and self._images[1]:
            # The schedule changed and the chain has not followed yet.
            self.update()
            return
        self._chain_shown = (chain, steps)
        pictures = self._process.chain_pictures(steps) if steps else None
        self._images[1] = [] if pictures is None else [picture_image(picture) for picture in pictures]
        self.update()

    @Slot(int)
    def _slide(self, value: int) -> None:
        self._process.playback.seek(value - 1)

    @Slot(object)
    def _move(self, position: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(shown_time(position))
        self.slider.blockSignals(False)
        self.slider.update()
        self.update()

    @Slot(bool)
    def _show_playing(self, playing: bool) -> None:
        self.play.set_icon("pause" if playing else "play")

    @Slot()
    def _repaint(self) -> None:
        self.update()
