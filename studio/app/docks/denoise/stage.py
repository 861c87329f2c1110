"""The microscope: one picture of the run, large, and the step that it is in, taken apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Slot
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.app.arrangements import DENOISE
from studio.app.docks.denoise.branch_here import open_branch_menu
from studio.app.docks.denoise.layout import COLUMN_GAP, share_room
from studio.app.docks.denoise.start import DenoiseStart
from studio.app.imaging import fitted_size
from studio.app.microscope.denoising import denoising_of
from studio.app.microscope.film_export import kind_array, save_still
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.microscope.step_equation import next_symbol, shown_time
from studio.app.microscope.transport import handle_run_key, handle_transport_key
from studio.app.plot_export import PICTURE_KINDS, export_picture
from studio.app.theme import FontSize, Space, theme
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import Label, format_number
from studio.app.widgets.export_menu import ExportButton
from studio.app.widgets.math_text import MathLabel, MathLine, Term
from studio.app.widgets.picture_view import PictureView
from studio.app.widgets.step_apart import StepApart
from studio.app.widgets.view_switch import ViewSwitch
from studio.errors import StudioError

if TYPE_CHECKING:
    from studio.app.runner import Runner
    from studio.app.state import StudioState

_HEADER, _CAPTION_ROW = 32, 24
_EDGE = 3
_VALUE_SPACING = 3
_STILL_SIDE = 512
_TOP_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
_PIXEL_VALUES = ((FilmKind.Z, "z", "text"), (FilmKind.EPSILON, "ε̂", "d2"), (FilmKind.X0, "x̂_0", "d3"))


class DenoiseStage(QWidget):
    """The centre of the denoising workspace: models to begin with, then the microscope."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("denoise-stage")
        self._denoising = denoising_of(state)
        self.start_page = DenoiseStart(state, runner)
        self.microscope = Microscope(state, runner)
        self._banner = Banner()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(self.microscope)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.S)
        layout.addWidget(self._banner)
        layout.addWidget(self._pages, 1)
        self._denoising.frames_changed.connect(self._choose_page)
        self._denoising.failed.connect(self._show_error)
        self._denoising.running_changed.connect(self._clear_error)
        self._denoising.exported.connect(self._show_exported)
        theme().changed.connect(self.update)
        self._choose_page()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("panel"))
        painter.end()

    @Slot()
    def _choose_page(self) -> None:
        there = self._denoising.frames is not None
        page = self.microscope if there else self.start_page
        # The card that was pressed goes away; its keys go on to the playhead rather than to some other panel.
        focus = self.window().focusWidget()
        follows = page is self.microscope and focus is not None and self.start_page.isAncestorOf(focus)
        self._pages.setCurrentWidget(page)
        # Whoever gives the stage the keyboard gives it to the playhead, or to the first model.
        self.setFocusProxy(page)
        if follows:
            page.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(object)
    def _show_error(self, error: StudioError) -> None:
        self._banner.show_error(error)

    @Slot(bool)
    def _clear_error(self, running: bool) -> None:
        if running:
            self._banner.clear()

    @Slot(object)
    def _show_exported(self, path: object) -> None:
        self._banner.show_message(f"Saved as {path}.", kind="ok")


class Microscope(QWidget):
    """Headline, large picture, equation and tiles of the moment under the playhead."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._runner = runner
        self._denoising = denoising_of(state)
        self._playback = self._denoising.playback
        self._hovered: tuple[int, int] | None = None
        self._picture_size = (1, 1)
        self._stale = True
        self._build()
        playback, denoising = self._playback, self._denoising
        playback.position_changed.connect(self._show_moment)
        denoising.frames_changed.connect(self._show_run)
        denoising.frames_grew.connect(self._show_growth)
        denoising.picture_changed.connect(self._show_moment)
        denoising.running_changed.connect(self._show_moment)
        self._show_run()

    def _build(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Microscope")
        # A ring around half the window would outshine the picture: the headline is underlined instead.
        self.setProperty("ownFocusMark", True)
        self._headline = MathLabel(spacing=0)
        self.export = ExportButton(self, "Save this moment…")
        self.export.add("This moment as a picture", "moment.png", ((".png", "PNG"),), self._save_still)
        self.export.add("The step taken apart", "step.png", PICTURE_KINDS, self._save_step)
        self.export.failed.connect(self._denoising.failed)
        self.export.exported.connect(self._denoising.exported)
        header = QHBoxLayout()
        header.setContentsMargins(0, 0, 0, 0)
        header.setSpacing(Space.S)
        header.addWidget(self._headline, 1)
        header.addWidget(ViewSwitch(DENOISE))
        header.addWidget(self.export)
        self._header = QWidget(self)
        self._header.setLayout(header)

        self.picture = PictureView(
            self,
            edge_role="text",
            name="The picture now",
            alignment=_TOP_LEFT,
        )
        self.picture.setToolTip("Click marks a pixel; Shift and the arrow keys move the mark")
        self.picture.installEventFilter(self)
        self.picture.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.picture.customContextMenuRequested.connect(self._open_branches)
        self.picture.pixel_hovered.connect(self._hover)
        self.picture.left.connect(self._unhover)
        self.picture.pixel_marked.connect(self._show_values)
        self.step_apart = StepApart(self)
        self._caption = MathLabel(parent=self, spacing=6)
        self._pixel = Label("", self, role="muted", size=FontSize.LABEL)
        self._values = MathLabel(parent=self, spacing=_VALUE_SPACING, alignment=Qt.AlignmentFlag.AlignRight)

    @Slot()
    def _show_run(self) -> None:
        frames = self._denoising.frames
        self._stale = True
        if frames is None:
            return
        _, height, width = frames.picture_shape
        mark = self.picture.mark()
        if mark is not None and (mark[0] >= width or mark[1] >= height):
            self.picture.set_mark(None)
        self._picture_size = (width, height)
        self.step_apart.set_picture_size(width, height)
        self._arrange()
        self._show_moment()

    @Slot()
    def _show_growth(self) -> None:
        if self._stale:
            self._show_moment()

    @Slot()
    def _show_moment(self) -> None:
        frames = self._denoising.frames
        if frames is None or not frames.count or not self.isVisible():
            self._stale = True
            self._headline.set_terms((_strong("Preparing the model…"),) if self._denoising.running else ())
            return
        self._stale = False
        position, picture = self._playback.position, self._denoising.picture
        step = frames.step(position, picture)
        self._show_headline(frames, position)
        self.picture.show_values(frames.values(position, FilmKind.Z, picture).movedim(0, -1).numpy())
        self._show_caption(frames, position)
        self._show_values()
        run = frames.run(position)
        self.step_apart.show_step(step, run.sampler, 0, clipped=run.thresholding.acts)

    def _show_headline(self, frames: Frames, position: int) -> None:
        step = frames.step(position, self._denoising.picture)
        muted = {"role": "muted", "size": FontSize.LABEL}
        if frames.is_result(position):
            title = "Finished" if frames.trace.complete else f"After step {step.index + 1}"
            rest = f"after {step.total} steps" if frames.trace.complete else f"of {step.total}"
            moment = f" = {frames.time(position)}"
        else:
            title, rest = f"Step {step.index + 1}", f"of {step.total}"
            moment = f" = {shown_time(step.t)} → {shown_time(step.s)}"
        self._headline.set_terms(
            (
                _strong(title),
                Term(f" {rest}", "muted", FontSize.HEADLINE, words=True),
                Term("     ", **muted, words=True),
                Term("t", **muted),
                Term(moment, **muted, words=True),
            )
        )

    def _show_caption(self, frames: Frames, position: int) -> None:
        symbol, words = "z_t", "the picture now"
        if frames.is_result(position):
            symbol = next_symbol(frames.step(position, self._denoising.picture))
            words = "the finished picture" if frames.trace.complete else "where the run stopped"
            if self._denoising.running and not frames.trace.complete:
                words = "the picture now"
        self._caption.set_terms(
            (Term(symbol, "text", FontSize.SECTION), Term(words, "muted", FontSize.LABEL, words=True))
        )

    @Slot()
    def _show_values(self) -> None:
        """The numbers of the pixel under the mouse, or of the marked one."""
        frames, pixel = self._denoising.frames, self._hovered or self.picture.mark()
        if frames is None or not frames.count or pixel is None:
            self._pixel.setText("point at a pixel to read its values")
            self._values.set_terms(())
            self._arrange_caption()
            return
        x, y = pixel
        position, picture = self._playback.position, self._denoising.picture
        self._pixel.setText(f"pixel {x}, {y}")
        values = [
            (symbol, role, frames.values(position, kind, picture)[:, y, x].tolist())
            for kind, symbol, role in _PIXEL_VALUES
            if kind is FilmKind.Z or not frames.is_result(position)
        ]
        for decimals, size in ((2, FontSize.LABEL), (1, FontSize.LABEL), (1, FontSize.RANGE - 1)):
            terms = _value_terms(values, decimals, size)
            if MathLine(terms, _VALUE_SPACING).width <= self.picture.width():
                break
        self._values.set_terms(terms)
        self._arrange_caption()

    @Slot(int, int)
    def _hover(self, x: int, y: int) -> None:
        self._hovered = (x, y)
        self._show_values()

    @Slot()
    def _unhover(self) -> None:
        self._hovered = None
        self._show_values()

    def _save_still(self, path: Path) -> Path:
        frames = self._denoising.frames
        assert frames is not None
        values = frames.values(self._playback.position, FilmKind.Z, self._denoising.picture)
        width, height = self._picture_size
        scale = max(1, fitted_size(width, height, _STILL_SIDE, _STILL_SIDE)[0] // width)
        return save_still(kind_array(values, FilmKind.Z), path, scale)

    def _save_step(self, path: Path) -> Path:
        return export_picture(self, path)

    @Slot(QPoint)
    def _open_branches(self, place: QPoint) -> None:
        open_branch_menu(self, self._state, self._runner, None, self.picture.mapToGlobal(place))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_moment()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._stale = True

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus():
            painter = QPainter(self)
            left = self._header.geometry().left()
            painter.fillRect(
                left, self._header.height() - 1, self._headline.sizeHint().width(), 2, theme().color("accent")
            )
            painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._handle_key(event):
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # In the large picture too the arrow keys go through time; with Shift they move the mark.
        if watched is self.picture and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                plain = QKeyEvent(event.type(), event.key(), Qt.KeyboardModifier.NoModifier, event.text())
                self.picture.keyPressEvent(plain)
                return True
            return self._handle_key(event)
        return super().eventFilter(watched, event)

    def _handle_key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_M and not event.modifiers():
            self.step_apart.toggle_mean()
            return True
        return handle_transport_key(self._playback, event) or handle_run_key(self._denoising, self._runner, event)

    def _arrange(self) -> None:
        """The picture takes the height there is, as a whole multiple; equation and tiles stand beside it."""
        width, height = self.width(), self.height()
        top = _HEADER + Space.S + _EDGE
        rest = height - top
        shares = share_room(
            (width, rest - _CAPTION_ROW * self._caption_rows()),
            self._picture_size,
            self.devicePixelRatioF(),
            lambda pane: self.step_apart.tile_size(pane, rest),
        )
        column, picture_height = shares.column, math.ceil(shares.picture[1])
        pane = min(shares.pane, self.step_apart.row_width(shares.pane, rest))
        spare = width - column - COLUMN_GAP - pane
        # What is left over goes between and around the two, so that neither edge looks forgotten.
        gap = COLUMN_GAP + min(spare // 3, COLUMN_GAP)
        left = (width - column - gap - pane) // 2
        self._header.setGeometry(left, 0, column + gap + pane, _HEADER)
        self.picture.setGeometry(left, top - _EDGE, column, picture_height + _EDGE + 1)
        self._caption_area = (left, top + picture_height + Space.XS, column)
        self._arrange_caption()
        self.step_apart.setGeometry(left + column + gap, top - _EDGE, pane, height - top + _EDGE)

    def _caption_rows(self) -> int:
        frames = self._denoising.frames
        return 2 if frames is not None and frames.picture_shape[0] > 1 else 1

    def _arrange_caption(self) -> None:
        left, top, width = getattr(self, "_caption_area", (0, 0, 0))
        caption, values = self._caption.sizeHint().width(), self._values.sizeHint().width()
        pixel = self._pixel.sizeHint().width()
        self._caption.setGeometry(left, top, caption, 20)
        if self._caption_rows() == 2:
            self._pixel.setGeometry(left + width - pixel, top, pixel, 20)
            self._values.setGeometry(left, top + 22, width, 20)
        else:
            self._values.setGeometry(left + width - values, top, values, 20)
            start = left + width - pixel - (values + Space.M if self._values.terms else 0)
            self._pixel.setGeometry(start, top, pixel, 20)
            self._pixel.setVisible(start > left + caption + Space.S)


def _value_terms(values: Sequence[tuple[str, str, list[float]]], decimals: int, size: int) -> list[Term]:
    terms: list[Term] = []
    for symbol, role, numbers in values:
        terms.append(Term((" " if terms else "") + symbol, role, size))
        terms += [Term(format_number(value, decimals), role, size, words=True) for value in numbers]
    return terms


def _strong(text: str) -> Term:
    return Term(text, "text", FontSize.HEADLINE, words=True, weight=600)
