"""What a widget shows, as a file: PNG at twice its size, or SVG where lines and words stay lines and words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from studio import files
from studio.app.imaging import image_array
from studio.app.theme import theme
from studio.errors import SettingsError

SCALE = 2
"""Pictures of the screen are written with this many pixels to each of its own."""

PICTURE_KINDS = ((".png", "PNG"), (".svg", "SVG"))
"""What `export_picture` writes, for `ExportButton.add`."""

Paint = Callable[[QPainter], None]


def export_picture(source: QWidget | tuple[QSize, Paint], path: Path | str) -> Path:
    """Write a widget with all that is in it, or what `paint` paints in a size, by the suffix: .png or .svg.

    The ground is the panel's. An existing file is overwritten: the dialog has asked. Returns the path.

    Raises SettingsError for another suffix, StorageError when the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".svg":
        files.write_bytes(path, svg(source))
    elif path.suffix.lower() == ".png":
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture(source).save(buffer, "PNG")
        files.write_bytes(path, bytes(buffer.data().data()))
    else:
        raise SettingsError(
            f"A picture cannot be written as {path.suffix or 'a file without an ending'}.", "Choose .png or .svg."
        )
    return path


def picture(source: QWidget | tuple[QSize, Paint], scale: float = SCALE) -> QImage:
    """The source as an RGB image of `scale` times its size."""
    size, paint = _parts(source)
    image = QImage(size * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(_ground())
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint(painter)
    painter.end()
    return image


def picture_array(source: QWidget | tuple[QSize, Paint], scale: float = 1.0) -> np.ndarray:
    """The source as uint8 (H, W, 3), for the frames of a film."""
    return image_array(picture(source, scale))


def svg(source: QWidget | tuple[QSize, Paint]) -> bytes:
    """The source as an SVG document."""
    # Loaded when it is asked for: the window opens without it.
    from PySide6.QtSvg import QSvgGenerator

    size, paint = _parts(source)
    buffer = QBuffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(size)
    generator.setViewBox(QRect(QPoint(0, 0), size))
    generator.setTitle("Diffusion Studio")
    painter = QPainter(generator)
    painter.fillRect(QRect(QPoint(0, 0), size), _ground())
    paint(painter)
    painter.end()
    return bytes(buffer.data().data())


def _parts(source: QWidget | tuple[QSize, Paint]) -> tuple[QSize, Paint]:
    if isinstance(source, QWidget):
        return source.size(), lambda painter: _render(source, painter)
    return source


def _render(widget: QWidget, painter: QPainter) -> None:
    flags = QWidget.RenderFlag.DrawChildren
    widget.render(painter, QPoint(0, 0), renderFlags=flags)


def _ground() -> QColor:
    color = theme().color("panel")
    return color if color.isValid() else QColor(Qt.GlobalColor.black)
