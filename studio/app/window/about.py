"""The box that says what this is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

import studio


def about_box(parent: QWidget) -> QMessageBox:
    """A box with name, version and sources; it deletes itself when closed."""
    text = (
        f"<b>Diffusion Studio {studio.__version__}</b><br>See diffusion happen, and make images with a model you "
        "trained yourself.<br><br>After chapter 20 of <i>Deep Learning</i> by C. M. Bishop and H. Bishop.<br>"
        "Everything runs on this computer; nothing is sent anywhere."
    )
    box = QMessageBox(QMessageBox.Icon.NoIcon, "About", text, QMessageBox.StandardButton.Close, parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return box
