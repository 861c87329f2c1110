"""What stands beside each line of the algorithm: pictures, noise maps, levels, losses, gradients, and their numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from studio.app.imaging import paint_picture, screen_image, signed_colors, signed_image, values_image
from studio.app.slow_motion.algorithm import Row
from studio.app.slow_motion.facts import ERROR_LIMIT, NOISE_LIMIT, facts_of, short, value_range
from studio.app.slow_motion.layout import CAPTION, EDGE, GRADIENT_HEIGHT, LEVEL_HEIGHT, SheetLayout
from studio.app.slow_motion.slow_step import NO_CLASS, SHOWN_PICTURES, SlowStep
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.labels import MINUS, format_number
from studio.app.widgets.math_text import MathLine, Term

_EDGES = {Row.PICTURES: "d3", Row.NOISE: "d4", Row.NOISY: "text", Row.PREDICTION: "d2", Row.LOSS: "muted"}
_NAMES = {Row.PICTURES: "x", Row.NOISE: "ε", Row.NOISY: "z", Row.PREDICTION: "ε̂", Row.LOSS: "error"}
_CURVE_POINTS = 48
_NARROWEST_CURVE = 46
_BAR, _BAR_GAP = 8, 3
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
_CENTER = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
_FACT_HEIGHT, _DIGIT_HEIGHT = 16, 9


def tensors_of(step: SlowStep) -> dict[int, np.ndarray]:
    """The pictures of each band that has some, float32 (N, H, W, C)."""
    return {
        Row.PICTURES: step.x,
        Row.NOISE: step.noise,
        Row.NOISY: step.z_t,
        Row.PREDICTION: step.predicted_noise,
        Row.LOSS: step.error,
    }


def images_of(step: SlowStep) -> dict[int, list[QImage]]:
    """The same as images in the colours of the theme that is on."""
    limits = {Row.NOISE: NOISE_LIMIT, Row.PREDICTION: NOISE_LIMIT, Row.LOSS: ERROR_LIMIT}
    return {
        band: [
            screen_image(signed_image(picture, limits[band]) if band in limits else values_image(picture))
            for picture in pictures
        ]
        for band, pictures in tensors_of(step).items()
    }


def paint_places(painter: QPainter, layout: SheetLayout, band: int, step: SlowStep | None) -> None:
    """Quiet outlines where something will be."""
    painter.setPen(QPen(theme().color("border"), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if band == Row.GRADIENT:
        area = layout.all_cells(band)
        painter.drawLine(QPointF(area.left(), area.bottom() - 0.5), QPointF(area.right(), area.bottom() - 0.5))
        return
    count = SHOWN_PICTURES if step is None else step.picture_count
    for index in range(count):
        cell = layout.cell(band, index)
        if band == Row.LEVELS:
            area = _curve_frame(cell)
        elif band == Row.WEIGHTS:
            area = QRectF(cell.left(), cell.top(), cell.width(), 2 * _BAR + 2 * _BAR_GAP)
        else:
            area = layout.picture(band, index)
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))


def paint_tensors(
    painter: QPainter, layout: SheetLayout, band: int, step: SlowStep, images: list[QImage], lit: bool
) -> None:
    """A band that was reached: its columns and its numbers."""
    for index, image in enumerate(images):
        _paint_picture(painter, layout, band, index, image)
    muted = "selected_text" if lit else "muted"
    if band == Row.PICTURES:
        _paint_classes(painter, layout, step, muted)
    elif band == Row.LEVELS:
        _paint_levels(painter, layout, step)
    elif band == Row.LOSS:
        _paint_losses(painter, layout, step)
    elif band == Row.GRADIENT:
        _paint_gradient(painter, layout, step)
    elif band == Row.WEIGHTS:
        _paint_effect(painter, layout, step)
    _paint_facts(painter, layout, band, step, muted)


def pixel_text(layout: SheetLayout, band: int, step: SlowStep, position: QPointF) -> str:
    """The true value of the pixel under a position, and the range of its picture; '' where there is none."""
    pictures = tensors_of(step).get(band, ())
    for index, picture in enumerate(pictures):
        area = layout.picture(band, index)
        if area.contains(position):
            height, width, _ = picture.shape
            x = min(int((position.x() - area.left()) / area.width() * width), width - 1)
            y = min(int((position.y() - area.top()) / area.height() * height), height - 1)
            values = "  ".join(format_number(float(value)) for value in picture[y, x])
            return f"{_NAMES[band]} of picture {index + 1}, pixel {x}, {y}:  {values}\nfrom {value_range(picture)}"
    return ""


def _curve_frame(cell: QRectF) -> QRectF:
    """A curve needs more width than a narrow picture has."""
    width = max(cell.width(), _NARROWEST_CURVE)
    return QRectF(round(cell.center().x() - width / 2), cell.top(), width, LEVEL_HEIGHT)


def _paint_picture(painter: QPainter, layout: SheetLayout, band: int, index: int, image: QImage) -> None:
    area = layout.picture(band, index)
    paint_picture(painter, area, image)
    painter.fillRect(QRectF(area.left(), area.top() - EDGE, area.width(), EDGE), theme().color(_EDGES[band]))


def _caption(painter: QPainter, layout: SheetLayout, band: int, index: int, text: str, role: str) -> None:
    cell = layout.cell(band, index)
    font = ui_font(FontSize.RANGE)
    painter.setFont(font)
    painter.setPen(theme().color(role))
    wide = QRectF(cell.center().x() - layout.column / 2 + 2, cell.bottom() - CAPTION, layout.column - 4, CAPTION)
    painter.drawText(wide, _CENTER, QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, wide.width()))


def _paint_classes(painter: QPainter, layout: SheetLayout, step: SlowStep, role: str) -> None:
    for index, name in enumerate(step.classes):
        # Classes are named after folders, digits by a digit alone.
        text = name if name == NO_CLASS or not name.isdigit() else f"a {name}"
        _caption(painter, layout, Row.PICTURES, index, text, role)


def _paint_levels(painter: QPainter, layout: SheetLayout, step: SlowStep) -> None:
    tokens = theme().tokens
    steps = len(step.alpha_bar)
    chosen = np.linspace(0, steps - 1, min(_CURVE_POINTS, steps)).round().astype(int)
    for index in range(step.picture_count):
        cell = layout.cell(Row.LEVELS, index)
        frame = _curve_frame(cell)
        painter.fillRect(frame, tokens.color("field"))
        inner = frame.adjusted(4, 5, -4, -4)

        def place(t: int, inner: QRectF = inner) -> QPointF:
            x = inner.left() + (t / max(steps - 1, 1)) * inner.width()
            return QPointF(x, inner.bottom() - float(step.alpha_bar[t]) * inner.height())

        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(tokens.color("d3"), 1.4))
        painter.drawPolyline(QPolygonF([place(int(t)) for t in chosen]))
        dot = place(int(step.t[index]) - 1)
        painter.setPen(QPen(tokens.color("border_strong"), 1))
        painter.drawLine(QPointF(dot.x(), inner.bottom()), dot)
        painter.setPen(QPen(tokens.color("field"), 1.4))
        painter.setBrush(tokens.color("text"))
        painter.drawEllipse(dot, 4, 4)
        words = MathLine(
            (
                Term("t", "text", FontSize.LABEL),
                Term(f" {step.t[index]}", "text", FontSize.LABEL, words=True),
            )
        )
        baseline = cell.bottom() - CAPTION / 2 + (words.ascent - words.descent) / 2
        words.paint(painter, cell.center().x() - words.width / 2, baseline, tokens.color("text"))


def _paint_losses(painter: QPainter, layout: SheetLayout, step: SlowStep) -> None:
    tokens = theme().tokens
    largest = max(float(step.losses.max()), 1e-12)
    for index, loss in enumerate(step.losses):
        cell = layout.cell(Row.LOSS, index)
        width = layout.across * float(loss) / largest
        bar = QRectF(cell.left(), cell.bottom() - CAPTION, layout.across, CAPTION)
        painter.fillRect(QRectF(bar.left(), bar.bottom() - 2, bar.width(), 2), tokens.color("hover"))
        painter.fillRect(QRectF(bar.left(), bar.bottom() - 2, max(width, 1.0), 2), tokens.color("d1"))
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(tokens.color("text"))
        painter.drawText(bar.adjusted(0, 0, 0, -2), _CENTER, short(float(loss)))


def _paint_gradient(painter: QPainter, layout: SheetLayout, step: SlowStep) -> None:
    tokens = theme().tokens
    area = layout.all_cells(Row.GRADIENT)
    norms = step.gradient_norms
    largest = max(float(norms.max()), 1e-12)
    pitch = area.width() / len(norms)
    width = max(1.0, pitch - (2.0 if pitch > 5 else 1.0 if pitch > 3 else 0.0))
    painter.setPen(Qt.PenStyle.NoPen)
    for index, norm in enumerate(norms):
        height = max(1.0, GRADIENT_HEIGHT * float(norm) / largest)
        painter.fillRect(QRectF(area.left() + index * pitch, area.bottom() - height, width, height), tokens.color("d1"))


def _paint_effect(painter: QPainter, layout: SheetLayout, step: SlowStep) -> None:
    tokens = theme().tokens
    both = np.concatenate([step.losses, step.losses_after])
    largest = max(float(both[np.isfinite(both)].max(initial=0.0)), 1e-12)
    for index, (before, after) in enumerate(zip(step.losses, step.losses_after, strict=True)):
        cell = layout.cell(Row.WEIGHTS, index)
        for row, (value, color) in enumerate(((before, "border_strong"), (after, "accent"))):
            # A step that was much too long may leave a network whose error is no number.
            share = min(float(value) / largest, 1.0) if np.isfinite(value) else 1.0
            width = max(1.0, layout.across * share)
            painter.fillRect(
                QRectF(cell.left(), cell.top() + row * (_BAR + _BAR_GAP), width, _BAR), tokens.color(color)
            )
        change = float(after - before)
        text = ("+" if change > 0 else "") + short(change)
        _caption(painter, layout, Row.WEIGHTS, index, text, "text")


def _paint_facts(painter: QPainter, layout: SheetLayout, band: int, step: SlowStep, muted: str) -> None:
    facts = facts_of(band, step)
    left, width = layout.facts, layout.facts_width - Space.S
    lines = [MathLine(facts.value), *(MathLine(terms) for terms in facts.lines)]
    height = len(lines) * _FACT_HEIGHT + (_FACT_HEIGHT if facts.limit else 0)
    top = layout.bands[band].center().y() - height / 2
    painter.save()
    painter.setClipRect(QRectF(left, layout.bands[band].top(), width, layout.bands[band].height()))
    for number, line in enumerate(lines):
        baseline = top + (_FACT_HEIGHT + _DIGIT_HEIGHT) / 2
        line.paint(painter, left, baseline, theme().color(muted) if number else None)
        top += _FACT_HEIGHT
    if facts.limit:
        _paint_legend(painter, QRectF(left, top + 5, 72, 6), facts.limit, muted, colored=step.x.shape[3] > 1)
    painter.restore()


def _paint_legend(painter: QPainter, area: QRectF, limit: float, role: str, *, colored: bool) -> None:
    # Coloured pictures have coloured noise, each channel from dark to bright.
    colors = np.linspace(0, 254, 25).astype(int)[:, None].repeat(3, axis=1) if colored else signed_colors(25)
    width = area.width() / len(colors)
    for index, color in enumerate(colors):
        part = QRectF(area.left() + index * width, area.top(), width + 0.5, area.height())
        painter.fillRect(part, QColor(*map(int, color)))
    painter.setFont(ui_font(FontSize.RANGE))
    painter.setPen(theme().color(role))
    words = f"{MINUS}{limit:g} … +{limit:g}" + (" in each colour" if colored else "")
    painter.drawText(QRectF(area.right() + Space.S, area.center().y() - 8, 140, 16), _MIDDLE, words)
