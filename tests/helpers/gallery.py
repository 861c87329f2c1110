"""Draws every shared widget in both themes into PNG files, for looking at.

QT_QPA_PLATFORM=offscreen [QT_SCALE_FACTOR=2] python tests/helpers/gallery.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PySide6.QtCore import QElapsedTimer, QEvent, QEventLoop, QSize, Qt
from PySide6.QtWidgets import QApplication, QGridLayout, QHBoxLayout, QMainWindow, QTabWidget, QVBoxLayout, QWidget

from studio.app.icons import icon_names
from studio.app.theme import theme
from studio.app.widgets.banner import Banner
from studio.app.widgets.controls import (
    CheckField,
    ComboField,
    IconButton,
    Label,
    NumberField,
    PrimaryButton,
    SecondaryButton,
    SectionLabel,
    SeedField,
    SegmentedControl,
    ValueSlider,
)
from studio.app.widgets.curve_look import CurveLook
from studio.app.widgets.dock import StudioDock
from studio.app.widgets.drop_area import DropArea
from studio.app.widgets.math_text import Term
from studio.app.widgets.picture_grid import PictureGrid
from studio.app.widgets.picture_view import PictureView
from studio.app.widgets.plot import Plot
from studio.app.widgets.tile import Tile
from studio.errors import DataError


def _controls(parent: QWidget) -> QWidget:
    body = QWidget(parent)
    column = QVBoxLayout(body)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    row = QHBoxLayout()
    row.addWidget(Label("Sampler", body, role="muted", size=12), 1)
    row.addWidget(SegmentedControl([("ddpm", "DDPM"), ("ddim", "DDIM")], body, name="Sampler"))
    column.addLayout(row)
    column.addWidget(ValueSlider("Steps", 1, 100, 20, parent=body))
    column.addWidget(ComboField("Schedule", [("cosine", "Cosine, T 1000"), ("linear", "Linear, T 1000")], body))
    column.addWidget(SeedField("Seed", 11, body))
    column.addWidget(ValueSlider("Pictures", 1, 64, 16, parent=body))
    column.addWidget(ValueSlider("Noise η", 0, 1, 1, 2, parent=body))
    guidance = ValueSlider("Guidance", 0, 4, 1, 1, parent=body, tooltip="choose a class first")
    guidance.setEnabled(False)
    column.addWidget(guidance)
    column.addWidget(NumberField("T", 2, 4000, 1000, parent=body))
    column.addWidget(CheckField("Clip x̂₀ to the picture range", parent=body))
    column.addWidget(CheckField("Live while I change things", True, body))
    off = CheckField("Not possible here", True, body)
    off.setEnabled(False)
    column.addWidget(off)
    column.addWidget(SectionLabel("Health", body))
    intent = SegmentedControl(
        [("sketch", "Sketch\n1 min"), ("good", "Good\n4 min"), ("patient", "Patient\n30 min")], body, name="Intent"
    )
    intent.set_value("good")
    column.addWidget(intent)
    dense = SegmentedControl([(1, "¼×"), (2, "½×"), (3, "1×"), (4, "2×")], body, name="Speed", dense=True)
    dense.set_option_enabled(4, False, "nothing to play")
    column.addWidget(dense)
    buttons = QHBoxLayout()
    buttons.addWidget(SecondaryButton("See all", "grid", body))
    buttons.addWidget(SecondaryButton("Crop…", parent=body))
    disabled = SecondaryButton("Export film", "film", body)
    disabled.setEnabled(False)
    buttons.addWidget(disabled)
    column.addLayout(buttons)
    column.addStretch(1)
    column.addWidget(PrimaryButton("Denoise 16 again", "play", body))
    column.addWidget(Label("about 1.6 s on 2 cores · trace 4.1 MB", body, role="muted", size=12))
    return body


def _icons(parent: QWidget) -> QWidget:
    body = QWidget(parent)
    grid = QGridLayout(body)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(2)
    for position, name in enumerate(icon_names()):
        button = IconButton(name, name, parent=body, checkable=True)
        button.setChecked(position % 7 == 3)
        button.setEnabled(position % 7 != 5)
        grid.addWidget(button, position // 8, position % 8)
    grid.setRowStretch(grid.rowCount(), 1)
    return body


def _noisy(strength: float, seed: int, side: int = 28, channels: int = 1) -> np.ndarray:
    """A disc behind noise, floats (side, side, channels) of the model's range."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    disc = np.where(np.hypot(x, y) < 0.32, 0.8, -0.9)[:, :, None]
    disc = disc * np.linspace(1, 0.4, channels)
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((side, side, channels))
    return (np.sqrt(1 - strength**2) * disc + strength * noise).astype(np.float32)


def _pictures(count: int, side: int = 28, channels: int = 1) -> np.ndarray:
    stack = np.stack([_noisy(0.2 + 0.6 * index / count, index, side, channels) for index in range(count)])
    return np.clip(stack * 127.5 + 127.5, 0, 255).astype(np.uint8)


def _tiles(parent: QWidget) -> QWidget:
    body = QWidget(parent)
    grid = QGridLayout(body)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setSpacing(20)
    noise = np.random.Generator(np.random.PCG64(5)).standard_normal((28, 28, 1)).astype(np.float32)
    tiles = [Tile("z_t", "in", "text", body), Tile("ε̂", "predicted noise", "d2", body)]
    tiles += [Tile("x̂_0", "so, the picture", "d3", body)]
    taken = Term("−0.179", "d2", 13, words=True), Term("ε̂", "d2", 15)
    tiles += [Tile(taken, "taken off", "d2", body), Tile("ε", "fresh noise", "d4", body)]
    tiles += [Tile("z_{t−1}", "next", "text", body), Tile("x̂_0", "two pixels", "d3", body)]
    tiles += [
        Tile("x̂_0", "in colour", "d3", body),
        Tile("ε̂", "colour noise", "d2", body),
        Tile("z_t", "", "text", body),
    ]
    tiles[0].show_values(_noisy(0.8, 1))
    tiles[1].show_signed(noise, 3)
    tiles[2].show_values(_noisy(0.05, 1))
    tiles[3].show_signed(0.2 * noise, 1)
    tiles[4].show_signed(0.5 * noise, 1)
    tiles[5].show_values(_noisy(0.6, 1))
    tiles[6].show_values(np.array([[[0.1], [0.74]]], dtype=np.float32))
    tiles[7].show_values(_noisy(0.1, 1, 16, 3))
    tiles[8].show_signed(np.repeat(noise, 3, axis=2) * np.array([1, -0.5, 0.2]), 3)
    for position, tile in enumerate(tiles):
        grid.addWidget(tile, position // 3, position % 3)
    return body


def _large(parent: QWidget) -> QWidget:
    view = PictureView(parent, edge_role="text", name="z_t")
    view.show_values(_noisy(0.8, 1))
    view.set_mark((15, 11))
    return view


def _transparent(parent: QWidget) -> QWidget:
    view = PictureView(parent)
    picture = np.repeat(_pictures(1, 24), 4, axis=3)
    picture[..., 3] = np.where(_noisy(0.0, 1, 24)[None, :, :, 0] > 0, 255, 40)
    view.show_picture(picture[0])
    return view


def _batch(parent: QWidget) -> QWidget:
    grid = PictureGrid(parent, name="Batch")
    grid.set_pictures(_pictures(16))
    grid.set_selection(5)
    return grid


def _set(parent: QWidget) -> QWidget:
    body = QWidget(parent)
    column = QVBoxLayout(body)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    column.addWidget(DropArea("Drop pictures to add or replace", "folder, ZIP, IDX, NPZ, sheets", body))
    grid = PictureGrid(body, name="Data set", gap=1, minimum_cell=26)
    grid.set_pictures(_pictures(240))
    column.addWidget(grid, 1)
    column.addWidget(DropArea("Drop a folder here", "20 pictures are enough to start", body, compact=False))
    return body


def _plots(parent: QWidget) -> QWidget:
    body = QWidget(parent)
    column = QVBoxLayout(body)
    column.setContentsMargins(0, 0, 0, 0)
    x = np.linspace(0, 2.7, 40_000)
    loss = 0.05 + 0.75 * np.exp(-3 * x)
    raw = loss * np.exp(np.random.Generator(np.random.PCG64(2)).standard_normal(len(x)) * 0.12)
    plot = Plot(body, name="Loss", logarithmic=True)
    plot.set_curve("raw", x, raw, CurveLook("d1", 1.0, faint=True))
    plot.set_curve("smoothed", x, loss, CurveLook("d1"))
    plot.set_curve("validation", x, loss * 1.05, CurveLook("d5", dash="dash"))
    plot.set_marker("playhead", 1.8)
    plot.set_x_range(0, 4)
    column.addWidget(plot)
    linear = Plot(body, name="Signal to noise, dB", x_label="t")
    linear.set_curve("snr", np.arange(1000), np.linspace(30, -40, 1000), CurveLook("d3", dash="dot"))
    column.addWidget(linear)
    return body


def _banners(parent: QWidget) -> QWidget:
    body = QWidget(parent)
    column = QVBoxLayout(body)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    for kind in ("error", "warn", "ok", "info"):
        banner = Banner(body)
        if kind == "error":
            error = DataError("None of the 12 files is a picture.", "Drop a folder with PNG or JPEG files in it.")
            banner.show_error(error, "twelve reasons", [("Choose…", body.update)])
        else:
            banner.show_message("The disk is nearly full.", kind=kind)
        column.addWidget(banner)
    column.addStretch(1)
    return body


def gallery() -> QMainWindow:
    """A window with every widget in it."""
    window = QMainWindow()
    window.setDockNestingEnabled(True)
    window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
    window.setCentralWidget(_large(window))
    left, right, bottom = (
        Qt.DockWidgetArea.LeftDockWidgetArea,
        Qt.DockWidgetArea.RightDockWidgetArea,
        Qt.DockWidgetArea.BottomDockWidgetArea,
    )
    docks = {}
    for name, title, subtitle, area, body in (
        ("controls", "Sampler", "set once", left, _controls),
        ("tiles", "Step", "one equation in pictures", right, _tiles),
        ("icons", "Icons", "one sixteen-pixel grid for all of them", right, _icons),
        ("batch", "Batch", "16 pictures, one seed each", right, _batch),
        ("set", "Data set", "28 × 28 grey", bottom, _set),
        ("plots", "Loss", "", bottom, _plots),
        ("banners", "Banners", "what happened and what to do", bottom, _banners),
        ("transparent", "Alpha", "over a checkerboard", bottom, _transparent),
    ):
        dock = StudioDock(name, title, subtitle, window)
        dock.set_body(body(window), scrolling=name == "controls")
        window.addDockWidget(area, dock)
        docks[name] = dock
    docks["plots"].title_actions().addWidget(SegmentedControl([(0, "Log"), (1, "Linear")], docks["plots"], dense=True))
    window.tabifyDockWidget(docks["batch"], docks["icons"])
    window.tabifyDockWidget(docks["banners"], docks["transparent"])
    docks["batch"].raise_()
    docks["banners"].raise_()
    return window


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication([])
    theme().install("dark")
    window = gallery()
    window.resize(QSize(1600, 1000))
    window.show()
    scale = round(window.devicePixelRatio())
    for choice in ("dark", "light"):
        theme().set_choice(choice)
        clock = QElapsedTimer()
        clock.start()
        # Docks settle in an animation.
        while clock.elapsed() < 400:
            application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        window.grab().save(str(folder / f"gallery-{choice}-{scale}x.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
