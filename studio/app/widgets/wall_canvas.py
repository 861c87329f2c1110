"""The two faces of the sample wall: rows of moments, and one moment at a time as a film."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget

from studio.app.imaging import picture_image
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.moments import Moment, clock

LABEL_WIDTH = 76
HEADER_HEIGHT = 24
COLUMN_GAP = 10
ROW_GAP = 8
FEWEST_VISIBLE_ROWS = 4
FEWEST_COLUMNS = 4
TARGET_CELL = 80
SMALLEST_CELL = 48
LARGEST_CELL = 160


@dataclass(frozen=True)
class WallGeometry:
    """Where the cells of a wall lie; lengths in device-independent pixels.

    `multiple` is the number of device pixels a pixel of the picture is wide. Cells are whole multiples of the picture
    in *device* pixels, and start on whole device pixels, so that nearest neighbour scaling shows every pixel equally
    large on any screen.
    """

    multiple: int
    cell_width: float
    cell_height: float
    columns: int
    ratio: float

    @classmethod
    def fit(cls, viewport: QSize, ratio: float, picture_width: int, picture_height: int, count: int) -> WallGeometry:
        """The largest whole multiple with which a few rows of at most `count` columns can be seen at once.

        All columns are shown as long as their pictures can be judged; what would be too small is left to the film.
        """
        # Pictures of few pixels are read at a glance, however small.
        target = TARGET_CELL if min(picture_width, picture_height) >= 8 else TARGET_CELL // 2
        room = viewport.width() - LABEL_WIDTH - Space.S
        if room / count - COLUMN_GAP >= min(SMALLEST_CELL, target):
            columns = count
        else:
            columns = max(1, min(count, max(FEWEST_COLUMNS, int(room // (target + COLUMN_GAP)))))
        wide = room / columns - COLUMN_GAP
        high = viewport.height() / FEWEST_VISIBLE_ROWS - ROW_GAP
        side = min(
            wide / picture_width,
            max(high, 24.0) / picture_height,
            LARGEST_CELL / max(picture_width, picture_height),
        )
        multiple = max(1, math.floor(side * ratio))
        cell_width, cell_height = picture_width * multiple / ratio, picture_height * multiple / ratio
        # Where the height keeps the pictures small, there may be room for more of them side by side.
        columns = max(columns, min(count, int(room // (cell_width + COLUMN_GAP))))
        return cls(multiple, cell_width, cell_height, columns, ratio)

    @property
    def row_height(self) -> float:
        """From one row's top to the next's; rows are high enough for their two lines of words."""
        return self._whole(max(self.cell_height + ROW_GAP, 40.0))

    def x(self, column: int) -> float:
        """The left edge of a column of pictures."""
        return self._whole(LABEL_WIDTH + column * (self.cell_width + COLUMN_GAP))

    @property
    def right(self) -> float:
        """The right edge of the last column."""
        return self.x(self.columns - 1) + self.cell_width

    def cell(self, row: int, column: int) -> QRectF:
        """The rectangle of one picture."""
        top = row * self.row_height + self._whole((self.row_height - self.cell_height) / 2)
        return QRectF(self.x(column), top, self.cell_width, self.cell_height)

    def _whole(self, length: float) -> float:
        return round(length * self.ratio) / self.ratio


class PixmapCache:
    """The pictures of each moment as pixmaps at their own size, made once."""

    def __init__(self) -> None:
        self._pixmaps: dict[int, tuple[Moment, tuple[QPixmap, ...]]] = {}

    def of(self, moment: Moment) -> tuple[QPixmap, ...]:
        """One pixmap a picture; the painter scales them, nearest neighbour."""
        held = self._pixmaps.get(id(moment))
        if held is None or held[0] is not moment:
            pixmaps = tuple(QPixmap.fromImage(picture_image(picture)) for picture in moment.pictures)
            held = self._pixmaps[id(moment)] = (moment, pixmaps)
        return held[1]

    def keep_only(self, moments: Sequence[Moment]) -> None:
        """Let go of what no moment needs any more."""
        alive = {id(moment) for moment in moments}
        self._pixmaps = {key: held for key, held in self._pixmaps.items() if key in alive}


class WallRows(QWidget):
    """Rows of moments, oldest first. Arrow keys and clicks choose a cell; only what changed is painted."""

    cell_chosen = Signal(object, object)
    """Row and column of the cell a person chose."""

    def __init__(self, cache: PixmapCache, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Sample wall")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._cache = cache
        self._rows: tuple[Moment, ...] = ()
        self._row = 0
        self._column = 0
        self._newest_words = "now"
        self._geometry: WallGeometry | None = None
        theme().changed.connect(self._retheme)

    def set_rows(self, rows: Sequence[Moment], geometry: WallGeometry | None) -> None:
        """Show these moments, laid out so. Only rows that differ from before are painted anew."""
        old, self._rows = self._rows, tuple(rows)
        moved = geometry != self._geometry
        self._geometry = geometry
        height = math.ceil(len(rows) * geometry.row_height) if geometry else 0
        if height != self.height():
            self.setFixedHeight(height)
        if moved or geometry is None:
            self.update()
            return
        # The last row wears other words once it is not the newest any more, so it is painted with the new ones.
        first = next((i for i, (a, b) in enumerate(zip(old, self._rows, strict=False)) if a is not b), len(old) - 1)
        top = math.floor(max(0, first) * geometry.row_height)
        self.update(0, top, self.width(), max(1, height - top))

    def set_newest_words(self, words: str) -> None:
        """What stands below the time of the newest row while it is lit."""
        self._newest_words = words
        self._update_row(len(self._rows) - 1)

    def set_current(self, row: int, column: int) -> None:
        """Light this row and mark this cell."""
        if (row, column) == (self._row, self._column):
            return
        for changed in {self._row, row}:
            self._update_row(changed)
        self._row, self._column = row, column

    def row_rectangle(self, row: int) -> QRectF:
        """The whole stripe of a row."""
        height = self._geometry.row_height if self._geometry else 0.0
        return QRectF(0, row * height, self.width(), height)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Home: (-len(self._rows), 0),
            Qt.Key.Key_End: (len(self._rows), 0),
        }.get(Qt.Key(event.key()))
        if step is None or not self._rows or self._geometry is None:
            super().keyPressEvent(event)
            return
        row = min(max(self._row + step[0], 0), len(self._rows) - 1)
        column = min(max(self._column + step[1], 0), self._geometry.columns - 1)
        self.cell_chosen.emit(row, column)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        geometry = self._geometry
        if geometry is None or not self._rows or event.button() != Qt.MouseButton.LeftButton:
            return
        row = min(int(event.position().y() // geometry.row_height), len(self._rows) - 1)
        x = event.position().x()
        column = next(
            (c for c in range(geometry.columns) if geometry.x(c) <= x < geometry.x(c) + geometry.cell_width),
            self._column,
        )
        self.cell_chosen.emit(row, column)

    def focusInEvent(self, event: object) -> None:
        self._update_row(self._row)

    def focusOutEvent(self, event: object) -> None:
        self._update_row(self._row)

    def paintEvent(self, event: QPaintEvent) -> None:
        geometry = self._geometry
        if geometry is None or not self._rows:
            return
        painter = QPainter(self)
        first = max(0, int(event.rect().top() // geometry.row_height))
        last = min(len(self._rows) - 1, int(event.rect().bottom() // geometry.row_height))
        for row in range(first, last + 1):
            self._paint_row(painter, geometry, row)
        if self.hasFocus() and first <= self._row <= last:
            self._paint_mark(painter, geometry.cell(self._row, self._column))

    def _paint_row(self, painter: QPainter, geometry: WallGeometry, row: int) -> None:
        moment = self._rows[row]
        lit = row == self._row
        stripe = self.row_rectangle(row)
        if lit:
            painter.fillRect(stripe, theme().color("selected"))
        for column, pixmap in enumerate(self._cache.of(moment)[: geometry.columns]):
            painter.drawPixmap(geometry.cell(row, column), pixmap, QRectF(pixmap.rect()))
        self._paint_words(painter, stripe, moment, newest=row == len(self._rows) - 1, lit=lit)

    def _paint_words(self, painter: QPainter, stripe: QRectF, moment: Moment, newest: bool, lit: bool) -> None:
        weight = 600 if lit else 400
        middle = stripe.center().y()
        above = QRectF(Space.S, middle - 18, LABEL_WIDTH - Space.S, 18)
        below = QRectF(Space.S, middle, LABEL_WIDTH - Space.S, 16)
        head = "start" if moment.step == 0 else clock(moment.seconds)
        # "now" tells what the lit row shows; a newest row that was walked away from says its step like the others.
        foot = self._newest_words if newest and lit else f"step {moment.step:,}"
        align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme().color("selected_text" if lit else "text"))
        painter.setFont(ui_font(FontSize.TEXT, weight))
        painter.drawText(above, align, head)
        painter.setPen(theme().color("muted"))
        painter.setFont(ui_font(FontSize.RANGE, weight))
        painter.drawText(below, align, foot)

    @staticmethod
    def _paint_mark(painter: QPainter, cell: QRectF) -> None:
        # A black line with a white one around it is seen on any picture.
        for color, outset in ((Qt.GlobalColor.black, 0.5), (Qt.GlobalColor.white, 1.5)):
            painter.setPen(QPen(color, 1))
            painter.drawRect(cell.adjusted(-outset, -outset, outset - 0.5, outset - 0.5))

    def _update_row(self, row: int) -> None:
        self.update(self.row_rectangle(row).toAlignedRect())

    @Slot()
    def _retheme(self) -> None:
        self.update()


class WallScroll(QScrollArea):
    """The scrolled rows; says when its viewport changed so that the multiple can be chosen anew."""

    viewport_resized = Signal()

    def __init__(self, rows: WallRows, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusProxy(rows)
        self.setWidget(rows)

    def show_whole_rows(self, rows: int, geometry: WallGeometry | None) -> None:
        """Leave air below the viewport where a row would be cut in two at its top."""
        air = 0
        if geometry is not None and rows * geometry.row_height > self.height() >= geometry.row_height:
            air = round(self.height() % geometry.row_height)
        if air != self.viewportMargins().bottom():
            self.setViewportMargins(0, 0, 0, air)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.viewport_resized.emit()


class ColumnHeader(QWidget):
    """The names above the columns; stays while the rows scroll."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(HEADER_HEIGHT)
        self._geometry: WallGeometry | None = None
        self._names: tuple[str, ...] = ()
        theme().changed.connect(self._retheme)

    def show_names(self, names: Sequence[str], geometry: WallGeometry | None) -> None:
        """One name a column; cut short where columns are narrow."""
        if (tuple(names), geometry) != (self._names, self._geometry):
            self._names, self._geometry = tuple(names), geometry
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._geometry is None:
            return
        painter = QPainter(self)
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(theme().color("muted"))
        room = self._geometry.cell_width + COLUMN_GAP
        metrics = painter.fontMetrics()
        for column, name in enumerate(self._names[: self._geometry.columns]):
            place = QRectF(self._geometry.x(column) - COLUMN_GAP / 2, 0, room, self.height())
            painter.drawText(
                place, Qt.AlignmentFlag.AlignCenter, metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(room))
            )

    @Slot()
    def _retheme(self) -> None:
        self.update()


class FilmView(QWidget):
    """One moment at a time, all seeds as large as fits: what playing the wall as a film shows."""

    def __init__(self, cache: PixmapCache, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(120)
        self._cache = cache
        self._moment: Moment | None = None
        theme().changed.connect(self._retheme)

    def show_moment(self, moment: Moment | None) -> None:
        if moment is not self._moment:
            self._moment = moment
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        moment = self._moment
        if moment is None or len(moment.pictures) == 0:
            return
        painter = QPainter(self)
        count, height, width = moment.pictures.shape[:3]
        ratio = self.devicePixelRatioF()
        room_high = self.height() - HEADER_HEIGHT
        columns, multiple = _best_grid(count, width, height, self.width() * ratio, room_high * ratio, 8 * ratio)
        step_x = (width * multiple) / ratio + 8
        step_y = (height * multiple) / ratio + 8
        rows = -(-count // columns)
        left = math.floor((self.width() - columns * step_x + 8) / 2)
        top = HEADER_HEIGHT + math.floor((room_high - rows * step_y + 8) / 2)
        for index, pixmap in enumerate(self._cache.of(moment)):
            place = QPointF(left + (index % columns) * step_x, top + (index // columns) * step_y)
            target = QRectF(place.x(), place.y(), step_x - 8, step_y - 8)
            painter.drawPixmap(target, pixmap, QRectF(pixmap.rect()))
        painter.setPen(theme().color("text"))
        painter.setFont(ui_font(FontSize.SECTION, 600))
        words = "start" if moment.step == 0 else f"{clock(moment.seconds)} · step {moment.step:,}"
        painter.drawText(QRectF(0, 0, self.width(), HEADER_HEIGHT), Qt.AlignmentFlag.AlignCenter, words)

    @Slot()
    def _retheme(self) -> None:
        self.update()


def _best_grid(count: int, width: int, height: int, room_x: float, room_y: float, gap: float) -> tuple[int, int]:
    """Columns and whole multiple (device pixels) which show `count` pictures largest in the room."""
    best = (count, 1)
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        multiple = math.floor(min((room_x / columns - gap) / width, (room_y / rows - gap) / height))
        if multiple > best[1]:
            best = (columns, multiple)
    return best
