"""The sample wall: the same noise, drawn again and again while a model learns. Rows are moments, columns pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QStackedWidget, QVBoxLayout, QWidget

from studio.app.theme import Space
from studio.app.widgets.controls import IconButton, SecondaryButton
from studio.app.widgets.moments import Moment, WallView, columns_of, seen_as, thin_out
from studio.app.widgets.wall_canvas import ColumnHeader, FilmView, PixmapCache, WallGeometry, WallRows, WallScroll

MOST_ROWS = 14
MOST_FRAMES = 160
FILM_SECONDS = 6.0
SLOWEST_FRAME_MS = 250
FASTEST_FRAME_MS = 40
WIDE_ENOUGH_FOR_HINTS = 620


class SampleWall(QWidget):
    """Moments of one run as rows of small pictures, the newest lit; or one at a time, as a film.

    The wall keeps `MOST_FRAMES` moments for the film and shows `MOST_ROWS` of them as rows, both thinned out
    geometrically, so that a long run still shows how it began. While nobody walked away from the newest row the wall
    follows it.
    """

    moment_chosen = Signal(object)
    """The Moment whose row is lit, whenever that changes."""
    film_toggled = Signal(bool)
    view_changed = Signal(object)
    """The WallView that is shown."""
    raw_available = Signal(bool)
    """Whether there are rows of the raw weights."""
    back_requested = Signal(object)
    """The Moment whose row is lit: the training should go back to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sampleWall")
        self._all: tuple[Moment, ...] = ()
        self._seen: dict[int, tuple[Moment, Moment | None]] = {}
        self._view = WallView.AVERAGED
        self._names: tuple[str, ...] = ()
        self._newest_words = "now"
        self._moments: tuple[Moment, ...] = ()
        self._rows: tuple[Moment, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._row = 0
        self._column = 0
        self._following = True
        self._cache = PixmapCache()
        self._header = ColumnHeader(self)
        self._canvas = WallRows(self._cache, self)
        self._scroll = WallScroll(self._canvas, self)
        self._film = FilmView(self._cache, self)
        self._stack = QStackedWidget(self)
        self._timer = QTimer(self)
        self._build()
        self._canvas.cell_chosen.connect(self._choose)
        self._scroll.viewport_resized.connect(self._relayout)
        self._timer.timeout.connect(self._next_frame)
        self._update_controls()

    @property
    def moments(self) -> tuple[Moment, ...]:
        """All moments kept, oldest first."""
        return self._all

    @property
    def view(self) -> WallView:
        """Whose pictures are shown."""
        return self._view

    @property
    def shown_moments(self) -> tuple[Moment, ...]:
        """The moments with the pictures of the view, oldest first: the frames of the film."""
        return self._moments

    @property
    def rows(self) -> tuple[Moment, ...]:
        """The moments that have a row."""
        return self._rows

    @property
    def current(self) -> Moment | None:
        """The moment whose row is lit."""
        return self._rows[self._row] if self._rows else None

    @property
    def current_column(self) -> int:
        """The column the arrow keys stand on."""
        return self._column

    @property
    def following(self) -> bool:
        """Whether the newest moment is the lit one and stays so."""
        return self._following

    @property
    def film_shown(self) -> bool:
        """Whether the film is shown instead of the rows."""
        return self._stack.currentIndex() == 1

    @property
    def playing(self) -> bool:
        """Whether the film moves."""
        return self._timer.isActive()

    def set_newest_words(self, words: str) -> None:
        """What stands below the time of the newest row while it is lit and shows the averaged weights."""
        self._newest_words = words
        self._show_newest_words()

    def set_view(self, view: WallView) -> None:
        """Show the pictures of the raw weights, the averaged ones, or both beside each other."""
        if view is self._view:
            return
        lit = self.current
        self._timer.stop()
        self._view = view
        self._seen.clear()
        self._columns = columns_of(self._names, view)
        self._column = 0
        self._moments = self._seen_moments()
        self._show_newest_words()
        self._show_rows(lit)
        self.view_changed.emit(view)

    def clear(self) -> None:
        """Take down every picture."""
        self.set_moments((), ())

    def set_moments(self, moments: Sequence[Moment], columns: Sequence[str]) -> None:
        """Show these moments and nothing else; the newest is lit. `columns` are their names."""
        self._timer.stop()
        self._following = True
        self._column = 0
        self._names = tuple(columns)
        self._columns = columns_of(self._names, self._view)
        self._take(moments)
        self._show_rows()

    def replace_moments(self, moments: Sequence[Moment]) -> None:
        """The same moments, of which more is known now; what is lit stays lit."""
        chosen = self.current
        self._take(moments)
        self._show_rows(chosen)

    def add(self, moment: Moment, columns: Sequence[str]) -> None:
        """Hang one more row. A moment of other columns, sizes, or of no later step than the last starts a new wall."""
        last = self._all[-1] if self._all else None
        same = last is not None and last.pictures.shape == moment.pictures.shape and tuple(columns) == self._names
        if not same or moment.step < last.step:
            self.set_moments((moment,), columns)
            return
        kept = self._all[:-1] if moment.step == last.step else self._all
        chosen = self.current
        self._take((*kept, moment))
        self._show_rows(chosen)

    def cut(self, step: int) -> None:
        """Take down the rows later than a step: the run went back to there."""
        kept = tuple(moment for moment in self._all if moment.step <= step)
        if len(kept) < len(self._all):
            self._take(kept)
            self._following = True
            self._show_rows()

    def set_way_back(self, words: str, enabled: bool, reason: str) -> None:
        """What the button says that goes back to the lit row, and why it can or cannot; no button without words."""
        self._way_back.set_text(words)
        self._way_back.setEnabled(enabled)
        self._way_back.set_tooltip(words, reason=reason)
        self._way_back.setVisible(bool(words))

    def _take(self, moments: Sequence[Moment]) -> None:
        had_raw = self._has_raw
        self._all = thin_out(moments, MOST_FRAMES)
        if self._has_raw != had_raw:
            self.raw_available.emit(self._has_raw)
            if not self._has_raw and self._view is not WallView.AVERAGED:
                self._view = WallView.AVERAGED
                self._columns = self._names
                self.view_changed.emit(self._view)
        self._moments = self._seen_moments()

    @property
    def _has_raw(self) -> bool:
        return any(moment.raw is not None for moment in self._all)

    def _seen_moments(self) -> tuple[Moment, ...]:
        """What the view shows of each moment; made once, so that its pixmaps are kept."""
        seen = {}
        for moment in self._all:
            held = self._seen.get(id(moment))
            seen[id(moment)] = held if held is not None and held[0] is moment else (moment, seen_as(moment, self._view))
        self._seen = seen
        return tuple(shown for _, shown in seen.values() if shown is not None)

    def _show_newest_words(self) -> None:
        words = {WallView.RAW: "now, raw", WallView.BOTH: "now"}.get(self._view, self._newest_words)
        self._canvas.set_newest_words(words)

    @Slot()
    def _ask_back(self) -> None:
        if self.current is not None:
            self.back_requested.emit(self.current)

    def show_film(self, shown: bool) -> None:
        """Film or rows."""
        if shown == self.film_shown:
            return
        if not shown:
            self._timer.stop()
        self._stack.setCurrentIndex(1 if shown else 0)
        self._header.setVisible(not shown)
        self._show_frame()
        self._update_controls()
        self.film_toggled.emit(shown)

    @Slot()
    def toggle_play(self) -> None:
        """Play the moments kept as a film, from the first; or stand still."""
        if self.playing:
            self._timer.stop()
        elif len(self._moments) > 1:
            self.show_film(True)
            if self._slider.value() >= self._slider.maximum():
                self._slider.setValue(0)
            interval = round(1000 * FILM_SECONDS / len(self._moments))
            self._timer.start(min(max(interval, FASTEST_FRAME_MS), SLOWEST_FRAME_MS))
        self._update_controls()

    @Slot()
    def back_to_now(self) -> None:
        """Light the newest row and follow it again."""
        self._following = True
        self.show_film(False)
        self._light(len(self._rows) - 1, self._column)

    def sizeHint(self) -> QSize:
        return QSize(760, 480)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._update_controls()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._relayout()

    def _build(self) -> None:
        self._play = IconButton("play", "Play as a film")
        self._play.setProperty("bordered", True)
        self._play.clicked.connect(self.toggle_play)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Moment of the film")
        self._slider.setMaximumWidth(220)
        self._slider.valueChanged.connect(self._show_frame)
        self._slider.sliderPressed.connect(self._film_by_hand)
        self._words = QLabel("play as a film")
        self._words.setProperty("role", "muted")
        self._hint = QLabel("↑ ↓ moment, ← → picture")
        self._hint.setProperty("role", "muted")
        self._back = SecondaryButton("Newest")
        self._back.set_tooltip("Newest", reason="Light the newest row again, and follow it.")
        self._back.clicked.connect(self.back_to_now)
        self._way_back = SecondaryButton("Back", "flag")
        self._way_back.clicked.connect(self._ask_back)
        self._way_back.hide()
        self._stack.addWidget(self._scroll)
        self._stack.addWidget(self._film)
        bar = QHBoxLayout()
        bar.setContentsMargins(Space.S, Space.XS, Space.S, 0)
        bar.setSpacing(Space.S)
        bar.addWidget(self._play)
        bar.addWidget(self._words)
        bar.addWidget(self._slider, 1)
        bar.addStretch(1)
        bar.addWidget(self._hint)
        bar.addWidget(self._back)
        bar.addWidget(self._way_back)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._header)
        layout.addWidget(self._stack, 1)
        layout.addLayout(bar)

    def _show_rows(self, chosen: Moment | None = None) -> None:
        self._rows = thin_out(self._moments, MOST_ROWS) if self._moments else ()
        self._cache.keep_only(self._moments)
        if self._following or chosen is None:
            self._row = max(0, len(self._rows) - 1)
        else:
            # A row that was thinned away leaves its place to the one nearest in step.
            steps = [abs(moment.step - chosen.step) for moment in self._rows]
            self._row = steps.index(min(steps))
        self._relayout()
        at_end = self._slider.value() >= self._slider.maximum()
        self._slider.setRange(0, max(0, len(self._moments) - 1))
        if at_end and not self.playing:
            self._slider.setValue(self._slider.maximum())
        self._show_frame()
        self._update_controls()
        self.moment_chosen.emit(self.current)

    @Slot()
    def _relayout(self) -> None:
        geometry = None
        if self._rows:
            count, height, width = self._rows[-1].pictures.shape[:3]
            room = QSize(self._scroll.viewport().width(), self._scroll.height())
            geometry = WallGeometry.fit(room, self.devicePixelRatioF(), width, height, count)
        self._scroll.show_whole_rows(len(self._rows), geometry)
        self._canvas.set_rows(self._rows, geometry)
        self._canvas.set_current(self._row, self._column)
        self._header.show_names(self._columns, geometry)
        if geometry is not None:
            # The canvas takes its new height only when the layout runs; scroll after that.
            QTimer.singleShot(0, self, self._reveal)

    @Slot()
    def _reveal(self) -> None:
        stripe = self._canvas.row_rectangle(self._row)
        bar = self._scroll.verticalScrollBar()
        top, bottom = int(stripe.top()), int(stripe.bottom()) + 1
        if self._following:
            bar.setValue(bar.maximum())
        elif top < bar.value():
            bar.setValue(top)
        elif bottom > bar.value() + self._scroll.viewport().height():
            bar.setValue(bottom - self._scroll.viewport().height())

    @Slot(object, object)
    def _choose(self, row: int, column: int) -> None:
        self._following = row == len(self._rows) - 1
        self._light(row, column)

    def _light(self, row: int, column: int) -> None:
        if not self._rows:
            return
        changed = row != self._row
        self._row, self._column = row, column
        self._canvas.set_current(row, column)
        self._reveal()
        self._update_controls()
        if changed:
            self.moment_chosen.emit(self.current)

    @Slot()
    def _film_by_hand(self) -> None:
        self._timer.stop()
        self.show_film(True)
        self._update_controls()

    @Slot()
    def _next_frame(self) -> None:
        if self._slider.value() >= self._slider.maximum():
            self._timer.stop()
            self._update_controls()
        else:
            self._slider.setValue(self._slider.value() + 1)

    @Slot()
    def _show_frame(self) -> None:
        if self.film_shown:
            position = self._slider.value()
            self._film.show_moment(self._moments[position] if position < len(self._moments) else None)

    def _update_controls(self) -> None:
        enough = len(self._moments) > 1
        self._play.setEnabled(enough)
        self._slider.setEnabled(enough)
        self._play.set_icon("pause" if self.playing else "play")
        self._hint.setVisible(bool(self._rows) and not self.film_shown and self.width() >= WIDE_ENOUGH_FOR_HINTS)
        self._words.setVisible(self.width() >= WIDE_ENOUGH_FOR_HINTS - 80)
        self._back.setVisible(self.film_shown or (bool(self._rows) and not self._following))
