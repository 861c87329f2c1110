"""What the tests of the Data page share: a small folder of pictures, opened through the real jobs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from studio.app.data.editing import DataEditing, data_editing_of
from studio.app.data.jobs import open_data
from studio.app.runner import Runner
from studio.app.state import StudioState


def make_folder(folder: Path, *, each: int = 6) -> Path:
    """Two classes of pictures 40 × 20: red at the left, blue at the right, and each with a level of green its own."""
    for number in range(2 * each):
        place = folder / ("cats" if number < each else "dogs")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((20, 40, 3), np.uint8)
        pixels[:, :20, 0] = 255
        pixels[:, 20:, 2] = 255
        pixels[..., 1] = 10 * number
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def make_sheet(path: Path, *, columns: int = 4, rows: int = 2, gap: int = 2) -> Path:
    """Cells of 8 × 8 noise between transparent gutters; the last cell is empty."""
    generator = np.random.default_rng(1)
    sheet = np.zeros((rows * (8 + gap) - gap, columns * (8 + gap) - gap, 4), np.uint8)
    for number in range(columns * rows - 1):
        row, column = divmod(number, columns)
        top, left = row * (8 + gap), column * (8 + gap)
        sheet[top : top + 8, left : left + 8, :3] = generator.integers(0, 256, (8, 8, 3), np.uint8)
        sheet[top : top + 8, left : left + 8, 3] = 255
    Image.fromarray(sheet, "RGBA").save(path)
    return path


def opened(qtbot, state: StudioState, runner: Runner, *paths: Path) -> DataEditing:
    """The editing with these files open and prepared."""
    editing = data_editing_of(state, runner)
    handle = runner.interject(open_data(paths), "Opening")
    with qtbot.waitSignal(handle.succeeded, timeout=20_000) as done:
        pass
    editing.take(done.args[0])
    return editing


def settle(qtbot, editing: DataEditing) -> None:
    """Wait until the set is what was decided."""
    qtbot.waitUntil(lambda: editing.settled, timeout=20_000)
