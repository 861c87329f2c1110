"""What stands beside each line of the algorithm: pictures, noise maps, levels, losses, gradients, and their numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from studio.app.imaging import fitted_rect, paint_picture, screen_image, signed_colors, signed_image, values_image
from studio.app.slow_motion.layout import CAPTION, EDGE, GRADIENT_HEIGHT, LEVEL_HEIGHT, SheetLayout
from studio.app.slow_motion.slow_step import NO_CLASS, SlowStep
from studio.app.theme import FontSize, Space, theme, ui_font
from studio.app.widgets.labels import format_number
from studio.app.widgets.math_text import MathLine, Term

NOISE_LIMIT, ERROR_LIMIT = 3.0, 1.0
X, LEVELS, NOISE, NOISY, PREDICTION, LOSS, GRADIENT, WEIGHTS = range(8)
_EDGES = {X: "d3", NOISE: "d4", NOISY: "text", PREDICTION: "d2", LOSS: "muted"}
_NAMES = {X: "x", NOISE: "ε", NOISY: "z", PREDICTION: "ε̂", LOSS: "error"}
_CURVE_POINTS = 48
_CENTER = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
_TOP = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop


def tensors_of(step: SlowStep) -> dict[int, np.ndarray]:
    """The pictures of each band that has some, float32 (N, H, W, C)."""
    return {
        X: step.x,
        NOISE: step.noise,
        NOISY: step.z_t,
        PREDICTION: step.predicted_noise,
        LOSS: step.error,
    }


def images_of(step: SlowStep) -> dict[int, list[QImage]]:
    """The same as images in the colours of the theme that is on."""
    limits = {NOISE: NOISE_LIMIT, PREDICTION: NOISE_LIMIT, LOSS: ERROR_LIMIT}
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
    if band == GRADIENT:
        area = layout.all_cells(band)
        painter.drawLine(QPointF(area.left(), area.bottom() - 0.5), QPointF(area.right(), area.bottom() - 0.5))
        return
    count = 8 if step is None else step.picture_count
    for index in range(count):
        cell = layout.cell(band, index)
        if band == LEVELS:
            area = QRectF(cell.left(), cell.top(), layout.side, LEVEL_HEIGHT)
        elif band == WEIGHTS:
            area = QRectF(cell.left(), cell.top(), layout.side, 12)
        else:
            size = (1, 1) if step is None else step.x.shape[2:0:-1]
            area = _fitted(painter, layout, cell, size[0], size[1])
        painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))


def paint_tensors(
    painter: QPainter, layout: SheetLayout, band: int, step: SlowStep, images: list[QImage], lit: bool
) -> None:
    """A band that was reached: its columns and its numbers."""
    for index, image in enumerate(images):
        _paint_picture(painter, layout, band, index, image)
    muted = "selected_text" if lit else "muted"
    if band == X:
        _paint_classes(painter, layout, step, muted)
    elif band == LEVELS:
        _paint_levels(painter, layout, step, muted)
    elif band == LOSS:
        _paint_losses(painter, layout, step)
    elif band == GRADIENT:
        _paint_gradient(painter, layout, step)
    elif band == WEIGHTS:
        _paint_effect(painter, layout, step, muted)
    _paint_facts(painter, layout, band, step, muted)


def pixel_text(
    layout: SheetLayout, band: int, step: SlowStep, images: list[QImage], position: QPointF, widget: QWidget
) -> str:
    """The true value of the pixel under a position, and the range of its picture; '' where there is none."""
    pictures = tensors_of(step).get(band)
    if pictures is None:
        return ""
    for index, image in enumerate(images):
        cell = layout.cell(band, index)
        space = QRectF(cell.left(), cell.top() + EDGE, layout.side, layout.side)
        area = fitted_rect(image.size(), space, widget.devicePixelRatioF(), _TOP)
        if area.contains(position):
            x = min(int((position.x() - area.left()) / area.width() * image.width()), image.width() - 1)
            y = min(int((position.y() - area.top()) / area.height() * image.height()), image.height() - 1)
            values = "  ".join(format_number(float(value)) for value in pictures[index, y, x])
            return f"{_NAMES[band]} of picture {index + 1}, pixel {x}, {y}:  {values}\n{_range(pictures[index])}"
    return ""


def _fitted(painter: QPainter, layout: SheetLayout, cell: QRectF, width: int, height: int) -> QRectF:
    from PySide6.QtCore import QSize

    space = QRectF(cell.left(), cell.top() + EDGE, layout.side, layout.side)
    return fitted_rect(QSize(width, height), space, painter.device().devicePixelRatioF(), _TOP)


def _paint_picture(painter: QPainter, layout: SheetLayout, band: int, index: int, image: QImage) -> None:
    area = _fitted(painter, layout, layout.cell(band, index), image.width(), image.height())
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
        _caption(painter, layout, X, index, text, "disabled" if name == NO_CLASS and role == "muted" else role)


def _paint_levels(painter: QPainter, layout: SheetLayout, step: SlowStep, role: str) -> None:
    tokens = theme().tokens
    steps = len(step.alpha_bar)
    chosen = np.linspace(0, steps - 1, min(_CURVE_POINTS, steps)).round().astype(int)
    for index in range(step.picture_count):
        cell = layout.cell(LEVELS, index)
        frame = QRectF(cell.left(), cell.top(), layout.side, LEVEL_HEIGHT)
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
        cell = layout.cell(LOSS, index)
        width = layout.side * float(loss) / largest
        bar = QRectF(cell.left(), cell.bottom() - CAPTION, layout.side, CAPTION)
        painter.fillRect(QRectF(bar.left(), bar.bottom() - 2, bar.width(), 2), tokens.color("hover"))
        painter.fillRect(QRectF(bar.left(), bar.bottom() - 2, max(width, 1.0), 2), tokens.color("d1"))
        painter.setFont(ui_font(FontSize.RANGE))
        painter.setPen(tokens.color("text"))
        painter.drawText(bar.adjusted(0, 0, 0, -2), _CENTER, _short(float(loss)))


def _paint_gradient(painter: QPainter, layout: SheetLayout, step: SlowStep) -> None:
    tokens = theme().tokens
    area = layout.all_cells(GRADIENT)
    norms = step.gradient_norms
    largest = max(float(norms.max()), 1e-12)
    pitch = area.width() / len(norms)
    width = max(1.0, pitch - (2.0 if pitch > 5 else 1.0 if pitch > 3 else 0.0))
    painter.setPen(Qt.PenStyle.NoPen)
    for index, norm in enumerate(norms):
        height = max(1.0, GRADIENT_HEIGHT * float(norm) / largest)
        painter.fillRect(QRectF(area.left() + index * pitch, area.bottom() - height, width, height), tokens.color("d1"))


def _paint_effect(painter: QPainter, layout: SheetLayout, step: SlowStep, role: str) -> None:
    tokens = theme().tokens
    largest = max(float(step.losses.max()), float(step.losses_after.max()), 1e-12)
    for index, (before, after) in enumerate(zip(step.losses, step.losses_after, strict=True)):
        cell = layout.cell(WEIGHTS, index)
        for row, (value, color) in enumerate(((before, "border_strong"), (after, "accent"))):
            bar = QRectF(cell.left(), cell.top() + 1 + row * 7, max(1.0, layout.side * float(value) / largest), 5)
            painter.fillRect(bar, tokens.color(color))
        # The sign says it as well as the colour does.
        change = float(after - before)
        text = ("+" if change > 0 else "") + _short(change)
        _caption(painter, layout, WEIGHTS, index, text, "text")


def _paint_facts(painter: QPainter, layout: SheetLayout, band: int, step: SlowStep, muted: str) -> None:
    """One number that counts, and one muted line below it."""
    value, words, legend = _facts(band, step)
    cell = layout.cell(band, 0)
    left, width = layout.facts, layout.facts_width - Space.S
    value_font, words_font = ui_font(FontSize.TEXT, QFont.Weight.DemiBold), ui_font(FontSize.LABEL)
    heights = [QFontMetricsF(value_font).height()] if value else []
    heights += [QFontMetricsF(words_font).height()] * len(words) + ([16.0] if legend else [])
    top = cell.center().y() - sum(heights) / 2
    if value:
        painter.setFont(value_font)
        painter.setPen(theme().color("text"))
        painter.drawText(QRectF(left, top, width, heights[0]), Qt.AlignmentFlag.AlignVCenter, value)
        top += heights[0]
    painter.setFont(words_font)
    painter.setPen(theme().color(muted))
    for text in words:
        height = QFontMetricsF(words_font).height()
        text = QFontMetricsF(words_font).elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(left, top, width, height), Qt.AlignmentFlag.AlignVCenter, text)
        top += height
    if legend:
        _paint_legend(painter, QRectF(left, top + 5, 72, 6), legend, muted)


def _facts(band: int, step: SlowStep) -> tuple[str, tuple[str, ...], float | None]:
    first = step.images_seen + 1
    if band == X:
        shown = f"the first {step.picture_count} of them here" if step.picture_count < step.batch_size else "all shown"
        return f"{step.batch_size:,} pictures", (f"{shown}", f"seen before: {first - 1:,}"), None
    if band == LEVELS:
        how = "one from each equal part" if step.stratified else "each as likely as any other"
        return f"1 … {len(step.alpha_bar):,}", (how, "curve: how much picture is left"), None
    if band == NOISE:
        return _range(step.noise), (), NOISE_LIMIT
    if band == NOISY:
        return _range(step.z_t), ("what the network is given, and t",), None
    if band == PREDICTION:
        source = {
            "epsilon": "beside ε two lines above",
            "x0": "ε̂, which follows from x̂",
            "v": "ε̂, which follows from v̂",
        }[step.parameterization]
        return _range(step.predicted_noise), (source,), NOISE_LIMIT
    if band == LOSS:
        name = {"epsilon": "ε̂ − ε", "x0": "x̂ − x", "v": "v̂ − v"}[step.parameterization]
        return (
            f"L = {_short(step.loss)}",
            (f"mean of {step.batch_size:,} pictures", f"map: {name}, {_range(step.error)}"),
            ERROR_LIMIT,
        )
    if band == GRADIENT:
        cut = 0 < step.gradient_limit < step.gradient_norm
        limit = f"cut to {step.gradient_limit:g}" if cut else "used as it is"
        return f"‖∇L‖ = {_short(step.gradient_norm)}", (f"{limit}; a bar a layer, first to last",), None
    share = 100 * step.change / max(step.weights, 1e-12)
    return (
        f"L  {_short(step.loss)} → {_short(step.loss_after)}",
        (f"‖Δw‖ {_short(step.change)} ({share:.2g} %), most {_short(step.largest_change)}", f"learning rate {_short(step.learning_rate)}"),
        None,
    )


def _paint_legend(painter: QPainter, area: QRectF, limit: float, role: str) -> None:
    colors = signed_colors(25)
    width = area.width() / len(colors)
    for index, color in enumerate(colors):
        from PySide6.QtGui import QColor

        painter.fillRect(
            QRectF(area.left() + index * width, area.top(), width + 0.5, area.height()), QColor(*map(int, color))
        )
    painter.setFont(ui_font(FontSize.RANGE))
    painter.setPen(theme().color(role))
    painter.drawText(
        QRectF(area.right() + Space.S, area.center().y() - 8, 90, 16),
        Qt.AlignmentFlag.AlignVCenter,
        f"−{limit:g} … +{limit:g}",
    )


def _range(values: np.ndarray) -> str:
    return f"{format_number(float(values.min()), 1)} … {format_number(float(values.max()), 1)}"


def _short(value: float) -> str:
    """Three figures that count, with a true minus sign."""
    size = abs(value)
    if size == 0.0:
        return "0"
    if size < 1e-4 or size >= 1e5:
        text = f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    else:
        decimals = max(0, 2 - int(np.floor(np.log10(size))))
        text = f"{value:.{min(decimals, 5)}f}"
    return text.replace("-", "−")
