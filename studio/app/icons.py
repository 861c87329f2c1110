"""Icons drawn from resources/icons/*.svg, tinted with a colour of the theme at the moment they are painted.

The files are our own, on a 16 px grid with 1.4 px round strokes in `currentColor`; transport icons are solid.
Because the colour is chosen while painting, an icon that was handed out long ago follows a change of theme, and
because the vector file is rendered at the size asked for, it is sharp on every screen.

Names: bolt book branch brush check chevron-down chevron-left chevron-right chevron-up chip clock close copy curve
database dice dock download drop eraser error export eye film flag float folder fullscreen grid help image import
info layers link lock log logo loop minus monitor moon more move open pause pencil play plus redo refresh ruler save
search settings skip-end skip-start star star-filled step-back step-forward step-run stop sun target training trash undo
warning workspace
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from studio.app.theme import theme
from studio.paths import resource


def icon_names() -> tuple[str, ...]:
    """All names `icon` understands, sorted."""
    return tuple(sorted(path.stem for path in resource("icons").glob("*.svg")))


@lru_cache(maxsize=512)
def _renderer(name: str, color: str) -> QSvgRenderer:
    path = resource("icons", f"{name}.svg")
    if not path.is_file():
        raise KeyError(f"there is no icon {name!r}")
    text = path.read_text(encoding="utf-8").replace("currentColor", color)
    return QSvgRenderer(QByteArray(text.encode()))


def paint_icon(painter: QPainter, rectangle: QRectF, name: str, color: str) -> None:
    """Paints an icon centred in `rectangle`, as large as fits, in a colour "#RRGGBB". Raises KeyError."""
    side = min(rectangle.width(), rectangle.height())
    square = QRectF(0, 0, side, side)
    square.moveCenter(rectangle.center())
    _renderer(name, color).render(painter, square)


class _TintedIconEngine(QIconEngine):
    def __init__(self, name: str, role: str, on_role: str) -> None:
        super().__init__()
        self._name = name
        self._role = role
        self._on_role = on_role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        if mode == QIcon.Mode.Disabled:
            role = "disabled"
        elif state == QIcon.State.On:
            role = self._on_role
        else:
            role = self._role
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_icon(painter, QRectF(rect), self._name, getattr(theme().tokens, role))
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        copy = _TintedIconEngine(self._name, self._role, self._on_role)
        # Qt owns what clone() returns and deletes it, but the binding does not know that: without one reference that
        # is never given back, Python would delete the copy first.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(copy))
        return copy

    def key(self) -> str:
        return f"studio:{self._name}:{self._role}:{self._on_role}"


def icon(name: str, role: str = "text", on_role: str = "accent") -> QIcon:
    """A QIcon by name, tinted with the theme token `role` (`on_role` when checked, "disabled" when disabled).

    Raises KeyError for a name without a file and AttributeError for a role that is no token.
    """
    tokens = theme().tokens
    getattr(tokens, on_role)
    _renderer(name, getattr(tokens, role))
    return QIcon(_TintedIconEngine(name, role, on_role))


def icon_pixmap(name: str, size: int = 16, role: str = "text", device_pixel_ratio: float = 1.0) -> QPixmap:
    """One icon as a pixmap in the colours of now, for labels; take it again when the theme changes."""
    pixmap = QPixmap(round(size * device_pixel_ratio), round(size * device_pixel_ratio))
    pixmap.setDevicePixelRatio(device_pixel_ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint_icon(painter, QRectF(0, 0, size, size), name, getattr(theme().tokens, role))
    painter.end()
    return pixmap


def application_icon() -> QIcon:
    """The program's own mark for windows and task bars: in the accent of the scheme that is on."""
    return icon("logo", "accent")
