"""The export button and the pictures it writes of widgets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QFileDialog

from studio.app.plot_export import PICTURE_KINDS, export_picture, picture_array
from studio.app.theme import theme
from studio.app.widgets.export_menu import ExportButton, film_kinds, with_suffix
from studio.app.widgets.labels import Label
from studio.errors import SettingsError, StorageError


def paint(painter: QPainter) -> None:
    painter.fillRect(10, 5, 20, 10, QColor("#FF8000"))


SOURCE = (QSize(40, 30), paint)


def test_a_picture_has_twice_the_pixels_and_the_panels_ground(qapp, tmp_path: Path) -> None:
    export_picture(SOURCE, tmp_path / "plot.png")
    pixels = np.asarray(Image.open(tmp_path / "plot.png").convert("RGB"))
    assert pixels.shape == (60, 80, 3)
    assert tuple(pixels[12, 24]) == (255, 128, 0)
    assert tuple(pixels[2, 2]) == theme().color("panel").getRgb()[:3]
    np.testing.assert_array_equal(picture_array(SOURCE)[7, 12], (255, 128, 0))


def test_words_of_a_widget_stay_words_in_an_svg(qtbot, tmp_path: Path) -> None:
    label = Label("signal to noise")
    qtbot.addWidget(label)
    label.resize(200, 30)
    export_picture(label, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "<svg" in text
    assert "signal to noise" in text


def test_another_ending_is_refused(qapp, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"\.jpg"):
        export_picture(SOURCE, tmp_path / "plot.jpg")
    assert list(tmp_path.iterdir()) == []


def test_the_chosen_kind_gives_a_name_its_ending() -> None:
    suffixes = [".png", ".svg"]
    assert with_suffix(Path("a.SVG"), suffixes, ".png") == Path("a.SVG")
    assert with_suffix(Path("run 1.5"), suffixes, ".svg") == Path("run 1.5.svg")


def test_a_file_is_asked_for_written_and_told_of(qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    button = ExportButton()
    qtbot.addWidget(button)
    button.add("The plot", "plot.png", PICTURE_KINDS, lambda path: export_picture(SOURCE, path))
    asked = []

    def answer(parent, title, name, kinds):
        asked.append((title, name, kinds))
        return str(tmp_path / "mine"), "SVG (*.svg)"

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    with qtbot.waitSignal(button.exported) as signal:
        button.click()
    assert signal.args == [tmp_path / "mine.svg"]
    assert (tmp_path / "mine.svg").exists()
    assert asked == [("The plot", "plot.png", "PNG (*.png);;SVG (*.svg)")]


def test_several_ways_out_are_a_menu_and_an_error_is_a_sentence(qtbot, tmp_path: Path) -> None:
    button = ExportButton()
    qtbot.addWidget(button)

    def fail(path: Path) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    button.add("The plot", "plot.png", "PNG (*.png);;SVG (*.svg)", fail)
    button.add("The film", "film.gif", film_kinds(), lambda path: None)
    menu = button.make_menu()
    assert [action.text() for action in menu.actions()] == ["The plot…", "The film…"]
    menu.deleteLater()
    assert button.exports[0].kinds == PICTURE_KINDS
    with qtbot.waitSignal(button.failed) as signal:
        button.export_to(button.exports[0], tmp_path / "plot.png")
    assert "full" in str(signal.args[0])
