"""Draws every shared widget in both themes into PNG files, for looking at.

QT_QPA_PLATFORM=offscreen [QT_SCALE_FACTOR=2] python tests/helpers/gallery.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QApplication, QGridLayout, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from studio.app.icons import icon_names
from studio.app.theme import theme
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
from studio.app.widgets.dock import StudioDock


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


def gallery() -> QMainWindow:
    """A window with every widget in it."""
    window = QMainWindow()
    window.setDockNestingEnabled(True)
    window.setTabPosition(
        Qt.DockWidgetArea.AllDockWidgetAreas, window.tabPosition(Qt.DockWidgetArea.LeftDockWidgetArea)
    )
    central = QWidget(window)
    central.setFixedWidth(1)
    window.setCentralWidget(central)
    controls = StudioDock("controls", "Sampler", "set once", window)
    controls.set_body(_controls(window), scrolling=True)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, controls)
    icons = StudioDock("icons", "Icons", "one sixteen-pixel grid for all of them", window)
    icons.set_body(_icons(window))
    icons.title_actions().addWidget(SegmentedControl([(0, "Log"), (1, "Linear")], icons, dense=True))
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, icons)
    return window


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication.instance() or QApplication([])
    theme().install("dark")
    window = gallery()
    window.resize(QSize(1280, 800))
    window.show()
    scale = round(window.devicePixelRatio())
    for choice in ("dark", "light"):
        theme().set_choice(choice)
        application.processEvents()
        window.grab().save(str(folder / f"gallery-{choice}-{scale}x.png"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
