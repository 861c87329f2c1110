"""The keys of the playhead and of the run, the same wherever they are pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from studio.app.microscope.playback import Playback

if TYPE_CHECKING:
    from studio.app.microscope.denoising import Denoising
    from studio.app.runner import Runner

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


def handle_run_key(denoising: Denoising, runner: Runner, event: QKeyEvent) -> bool:
    """P pauses the run that goes on, or goes on with the one that is shown; N takes one more step of it."""
    if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or event.isAutoRepeat():
        return False
    if event.key() == Qt.Key.Key_P:
        toggle_run(denoising, runner)
    elif event.key() == Qt.Key.Key_N:
        if denoising.can_go_on:
            denoising.take_step(runner)
    else:
        return False
    return True


def toggle_run(denoising: Denoising, runner: Runner) -> None:
    """Pause the run that goes on, or go on with the one that is shown."""
    if denoising.can_pause:
        denoising.pause_run()
    elif denoising.can_go_on:
        denoising.resume_run(runner)
