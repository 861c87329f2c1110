"""The head of the training stage: whatever its width, every word it shows is whole and stays where it is."""

# Fixtures come by import, so each test that takes one shadows it.
# ruff: noqa: F811

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QWidget

from studio.app.docks.train.header import NARROWEST, TrainingHeader
from studio.app.training.controller import Phase
from studio.app.widgets.labels import Label
from tests.gui.training_helpers import place  # noqa: F401  (fixture)

WIDTHS = [NARROWEST, 620, 700, 760, 800, 850, 900, 1000, 1200, 1600]


@pytest.fixture
def header(place) -> TrainingHeader:
    host = QWidget()
    header = TrainingHeader(host)
    place(header, 900, 90)
    return header


def shown_labels(header: TrainingHeader) -> list[Label]:
    return [label for label in header.findChildren(Label) if label.isVisible() and label.text()]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_and_nothing_moves_while_numbers_change(qtbot, header: TrainingHeader, width: int) -> None:
    header.show_phase(Phase.RUNNING)
    header.note_saved()
    header._saved_at -= 21
    header._show_saved()
    header.show_words("1:18 left", "of about 4 min · learning rate falls", "of about 4 min")
    header.resize(width, 90)
    places = []
    for step in (7, 641, 8999):
        header.show_progress(step, step / 400, 50 + step / 10, 0.4)
        qtbot.wait(10)
        shown = shown_labels(header)
        for label in shown:
            assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width(), label.text()
        places.append([label.x() for label in shown])
    assert places[0] == places[1] == places[2]
    assert header._headline in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_an_idle_header_is_whole_too(qtbot, header: TrainingHeader, width: int) -> None:
    header.show_words("No pictures yet", "drop a folder anywhere, or take a starter set", "drop a folder")
    header.resize(width, 90)
    qtbot.wait(10)
    for label in shown_labels(header):
        assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width(), label.text()
    assert header.detail == "drop a folder anywhere, or take a starter set"
    assert any("folder" in label.text() for label in shown_labels(header))


def test_facts_give_way_in_order_of_importance(header: TrainingHeader) -> None:
    header.show_phase(Phase.RUNNING)
    header.show_progress(640, 1.4, 506, 0.4)
    header.note_saved()
    shown = []
    for width in (500, 330, 240, 120):
        header._facts.resize(width, 20)
        shown.append([name for name, label in header._facts._labels.items() if not label.isHidden()])
    assert shown == [["step", "epoch", "speed", "saved"], ["step", "speed", "saved"], ["step", "speed"], ["step"]]
    assert header.facts == ("step 640", "epoch 1.4", "506 pictures/s", "saved just now")
