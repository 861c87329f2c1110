"""The keys of the playhead, the same wherever they are pressed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from studio.app.microscope.playback import Playback

STRIDE = 10


def handle_transport_key(playback: Playback, event: QKeyEvent) -> bool:
    """← → one step, Page Up and Down ten, Home and End, Space plays and pauses; whether the key was one of them."""
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
        return False
    targets = {
        Qt.Key.Key_Left: playback.position - 1,
        Qt.Key.Key_Right: playback.position + 1,
        Qt.Key.Key_PageUp: playback.position - STRIDE,
        Qt.Key.Key_PageDown: playback.position + STRIDE,
        Qt.Key.Key_Home: 0,
        Qt.Key.Key_End: playback.count - 1,
    }
    key = event.key()
    if key in targets:
        playback.seek(targets[key])
    elif key == Qt.Key.Key_Space:
        playback.toggle()
    else:
        return False
    return True
