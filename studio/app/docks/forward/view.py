"""The content of the page: the picture at t, both ways to it, what is measured, and two strips on one clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import (
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from studio.app.docks.forward.histogram import ValueHistogram
from studio.app.docks.forward.moments_plot import MomentsPlot
from studio.app.docks.forward.step_rows import StepRows
from studio.app.docks.forward.strips import TwoStrips
from studio.app.forward.exports import film_frames, film_job, numbers_job
from studio.app.forward.pictures import pixels_of
from studio.app.forward.process import forward_of
from studio.app.forward.words import NOISE_ROLE, SIGNAL_ROLE, measured_terms
from studio.app.imaging import fitted_size
from studio.app.microscope.transport import handle_transport_key
from studio.app.plot_export import export_picture
from studio.app.theme import FontSize, Space
from studio.app.widgets.banner import Banner
from studio.app.widgets.file_drops import AcceptsFiles, DropVeil, dropped_paths
from studio.app.widgets.labels import Label, format_number, tooltip_text
from studio.app.widgets.math_text import MathLabel, MathLine, Term
from studio.app.widgets.picture_view import PictureView
from studio.data.sources.decoding import picture_suffixes

if TYPE_CHECKING:
    from studio.app.runner import JobHandle, Runner
    from studio.app.state import StudioState

_EDGE, _CAPTION = 3, 22
_SPACING = 1
_COLUMN_GAP = 20
_TITLE, _READING = 20, 19
_LEAST_PLOT, _LEAST_HISTOGRAM = 196, 112
_LEAST_BODY, _LEAST_ROWS = 110, 156
_STACKED_HEIGHT = 330
_ROOMY_HEIGHT = 440
_MEAN = (
    "The factor of x in z_t, averaged over all chains that were run: ⟨z_t, x⟩ / ⟨x, x⟩. Behind ± stands its standard "
    "error, which halves with four times the chains."
)
_VARIANCE = "The variance of what is left of z_t without its share of x, averaged over pixels and chains."
_TOP_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop


class ForwardView(AcceptsFiles, QWidget):
    """Drop a picture anywhere, drag anywhere in the strips or the plot; the arrow keys go through time."""

    def __init__(self, state: StudioState, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.process = forward_of(state, runner)
        self._runner = runner
        self._arranged_for: tuple[int, int] | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Forward process")
        self.setProperty("ownFocusMark", True)
        self.accept_files()
        self._build()
        process = self.process
        process.changed.connect(self._show_process)
        process.chain_changed.connect(self._show_step)
        process.moments_changed.connect(self._show_moments)
        process.playback.position_changed.connect(self._show_moment)
        process.failed.connect(self._show_error)
        self.plot.seek_requested.connect(process.playback.seek)
        self._show_process()

    def _build(self) -> None:
        self.banner = Banner(self)
        self._body = QWidget(self)
        self._body.setMinimumHeight(_LEAST_BODY)
        self.picture = PictureView(self._body, edge_role="text", name="The picture at t", alignment=_TOP_LEFT)
        self.picture.installEventFilter(self)
        self.picture.pixel_hovered.connect(self._show_pixel)
        self.picture.pixel_marked.connect(self._show_pixel)
        self.picture.left.connect(self._show_caption)
        self._caption = MathLabel((), self._body, spacing=6)
        self.rows = StepRows(self._body)
        self._measured_title = Label("", self._body, weight=600)
        self._factor = MathLabel((), self._body, spacing=_SPACING)
        self._variance = MathLabel((), self._body, spacing=_SPACING)
        self._factor.setToolTip(tooltip_text("Mean", reason=_MEAN))
        self._variance.setToolTip(tooltip_text("Variance", reason=_VARIANCE))
        self.plot = MomentsPlot(self._body)
        self._histogram_title = MathLabel((), self._body, spacing=_SPACING)
        self._spread = Label("", self._body, role="muted", size=FontSize.LABEL)
        self._spread.keep_width_for("deviation −0.00")
        self._spread.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.histogram = ValueHistogram(self._body)
        self.strips = TwoStrips(self.process, self)
        self._waiting = Label("Reading a picture…", self, role="muted")
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.banner)
        column.addWidget(self._waiting, 1)
        column.addWidget(self._body, 1)
        column.addWidget(self.strips)
        self._body.installEventFilter(self)
        self._veil = DropVeil("Send this picture to noise", self)

    def browse(self) -> None:
        """Ask for a picture of one's own."""
        names = " ".join(f"*{suffix}" for suffix in sorted(picture_suffixes()))
        name, _ = QFileDialog.getOpenFileName(self.window(), "A picture of your own", "", f"Pictures ({names})")
        if name:
            self.bring([Path(name)])

    def bring(self, paths: list[Path]) -> None:
        """Send the first of these files to noise."""
        self.banner.clear()
        self.process.bring(paths[0])

    def paste(self) -> bool:
        """Send what lies on the clipboard to noise; False when that is no picture."""
        data = QGuiApplication.clipboard().mimeData()
        if data is None:
            return False
        if paths := dropped_paths(data):
            self.bring(paths)
            return True
        image = QGuiApplication.clipboard().image()
        if image.isNull():
            return False
        self.banner.clear()
        self.process.bring(pixels_of(image))
        return True

    def write_strips(self, path: Path) -> Path:
        """Both strips as a picture."""
        return export_picture(self.strips.picture(), path)

    def write_plot(self, path: Path) -> Path:
        """The measured moments as a picture."""
        return export_picture(self.plot, path)

    def write_numbers(self, path: Path) -> JobHandle:
        """The moments at every t, and the tensors where the format holds them, in the background."""
        return self._write(numbers_job(self.process, path), "Writing numbers")

    def write_film(self, path: Path) -> JobHandle:
        """Both ways to noise as a film, in the background."""
        return self._write(film_job(film_frames(self.process), path), "Writing a film")

    def _write(self, job: Iterator[object], title: str) -> JobHandle:
        handle = self._runner.interject(job, title, essential=True)
        handle.succeeded.connect(self.show_exported)
        handle.failed.connect(self._show_error)
        return handle

    @Slot(object)
    def show_exported(self, path: object) -> None:
        self.banner.show_message(f"Saved as {path}.", kind="ok")

    def files_over(self, over: bool) -> None:
        self._veil.lift(over)

    def files_dropped(self, paths: list[Path]) -> None:
        self.bring(paths)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.process.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.process.set_active(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.strips.set_roomy(self.height() >= _ROOMY_HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste) and self.paste():
            return
        if not handle_transport_key(self.process.playback, event):
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._body and event.type() == QEvent.Type.Resize:
            self._arrange()
        elif watched is self.picture and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            # In the large picture too the arrow keys go through time.
            return handle_transport_key(self.process.playback, event)
        return super().eventFilter(watched, event)

    @Slot()
    def _show_process(self) -> None:
        ready = self.process.ready
        self._waiting.setVisible(not ready)
        self._body.setVisible(ready)
        self.strips.setVisible(ready)
        if not ready:
            return
        assert self.process.picture is not None
        assert self.process.schedule is not None
        _, height, width = self.process.picture.shape
        mark = self.picture.mark()
        if mark is not None and (mark[0] >= width or mark[1] >= height):
            self.picture.set_mark(None)
        self.rows.set_picture_size(width, height)
        self.plot.show_theory(self.process.schedule)
        if self._arranged_for != (width, height):
            self._arrange()
        self._show_moment()
        self._show_moments()

    @Slot()
    def _show_moment(self) -> None:
        process = self.process
        if not process.ready:
            return
        z = process.closed(process.t)[0].movedim(0, -1).numpy()
        self.picture.show_values(z)
        self.histogram.show_values(z)
        self._spread.setText(f"mean {format_number(float(z.mean()))}\ndeviation {format_number(float(z.std()))}")
        self.rows.show_closed(process)
        self.plot.set_position(process.t)
        self._show_step()
        self._show_caption()
        self._show_reading()

    @Slot()
    def _show_step(self) -> None:
        if self.process.ready:
            self.rows.show_step(self.process)

    @Slot()
    def _show_moments(self) -> None:
        self.plot.show_moments(self.process.moments)
        self._show_reading()

    @Slot()
    def _show_caption(self) -> None:
        mark = self.picture.mark()
        if mark is not None and self.picture.shown is not None:
            self._show_pixel(*mark)
            return
        self._set_caption("the picture at t")

    @Slot(int, int)
    def _show_pixel(self, x: int, y: int) -> None:
        if self.picture.shown is not None:
            values = "  ".join(format_number(value, 2) for value in self.picture.shown.value_at(x, y))
            self._set_caption(f"pixel {x}, {y}   {values}")

    def _set_caption(self, words: str) -> None:
        self._caption.set_terms(
            (Term("z_t", "text", FontSize.SECTION), Term(words, "muted", FontSize.LABEL, words=True))
        )

    def _show_reading(self) -> None:
        """The numbers at the playhead, with their Monte Carlo error."""
        process = self.process
        if not process.ready:
            return
        schedule, moments, t = process.schedule, process.moments, process.t
        assert schedule is not None
        if moments is None:
            self._measured_title.setText("Measuring on many chains…")
            factor = error = variance = variance_error = float("nan")
        else:
            self._measured_title.setText(f"Measured on {moments.chains:,} chains")
            factor, error = float(moments.factor[t]), float(moments.factor_error[t])
            variance, variance_error = float(moments.variance[t]), float(moments.variance_error[t])
        kept, noise = float(schedule.sqrt_alpha_bar[t]), float(schedule.one_minus_alpha_bar[t])
        _fit(self._factor, measured_terms("mean", factor, error, kept, "√α_t", SIGNAL_ROLE))
        _fit(self._variance, measured_terms("variance", variance, variance_error, noise, "1−α_t", NOISE_ROLE))

    @Slot(object)
    def _show_error(self, error: object) -> None:
        self.banner.show_error(error)

    def _arrange(self) -> None:
        """The picture takes the height there is; the rows take what they need, the plots the rest."""
        picture = self.process.picture
        if picture is None:
            return
        width, height = self._body.width(), self._body.height()
        _, pixels_high, pixels_wide = picture.shape
        self._arranged_for = (pixels_wide, pixels_high)
        ratio = self.devicePixelRatioF()
        room = max(height - _EDGE - _CAPTION, 1)
        shown = fitted_size(pixels_wide, pixels_high, min(room, width * 0.3) * ratio, room * ratio)
        side, picture_height = shown[0] / ratio, shown[1] / ratio
        self.picture.setGeometry(0, 0, round(side) + 1, round(picture_height) + _EDGE + 1)
        column = max(side, 150)
        self._caption.setGeometry(0, round(picture_height) + _EDGE + 2, round(column), _CAPTION - 2)
        left = round(column) + _COLUMN_GAP
        # In a low window rather no tiles than tiles nobody can read.
        self.rows.setVisible(height >= _LEAST_ROWS)
        if height >= _LEAST_ROWS:
            rows_width = self.rows.width_for(height, width - left - _COLUMN_GAP - _LEAST_PLOT)
            self.rows.setGeometry(left, 0, rows_width, height)
            left += rows_width + _COLUMN_GAP
        self._arrange_plots(left, width - left, height)

    def _arrange_plots(self, left: int, width: int, height: int) -> None:
        """Side by side, or one below the other where that is too narrow and there is height."""
        beside = width >= _LEAST_PLOT + _COLUMN_GAP + _LEAST_HISTOGRAM
        stacked = not beside and height >= _STACKED_HEIGHT
        top = _TITLE + 2 * _READING
        plot_width, plot_height = width, height
        if beside:
            histogram_width = max(_LEAST_HISTOGRAM, round(width * 0.33))
            plot_width = width - _COLUMN_GAP - histogram_width
            self.histogram.setGeometry(left + plot_width + _COLUMN_GAP, top, histogram_width, height - top)
            self._histogram_title.setGeometry(left + plot_width + _COLUMN_GAP, 0, histogram_width, _TITLE)
            self._spread.setGeometry(left + plot_width + _COLUMN_GAP, _TITLE, histogram_width, 2 * _READING)
        elif stacked:
            plot_height = round((height + top) * 0.56)
            below = plot_height + Space.S
            self._histogram_title.setGeometry(left, below, width, _TITLE)
            # The numbers stand in the corner where no pixel lies for long.
            words = self._spread.sizeHint().width() + Space.S
            self._spread.setGeometry(left + width - words, below, words, 2 * _READING)
            bars = below + _TITLE + _READING
            self.histogram.setGeometry(left, bars, width, height - bars)
        for widget in (self.histogram, self._histogram_title, self._spread):
            widget.setVisible(beside or stacked)
        self._measured_title.setGeometry(left, 0, plot_width, _TITLE)
        self._factor.setGeometry(left, _TITLE, plot_width, _READING)
        self._variance.setGeometry(left, _TITLE + _READING, plot_width, _READING)
        self.plot.setGeometry(left, top, plot_width, plot_height - top)
        _fit(self._histogram_title, _HISTOGRAM)
        self._show_reading()


def _fit(label: MathLabel, candidates: Sequence[tuple[Term, ...]]) -> None:
    """Of several ways to say the same, the longest that has room."""
    fitting = (terms for terms in candidates if MathLine(terms, _SPACING).width <= label.width())
    label.set_terms(next(fitting, candidates[-1]))


_PIXELS = (Term("Pixels of ", words=True, weight=600), Term("z_t", size=FontSize.SECTION))
_HISTOGRAM = (
    (*_PIXELS, Term("  against N(0, 1)", "muted", FontSize.LABEL, words=True)),
    (*_PIXELS, Term("  and N(0, 1)", "muted", FontSize.LABEL, words=True)),
    _PIXELS,
)
