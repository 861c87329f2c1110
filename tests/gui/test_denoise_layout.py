"""How the large picture and the tiles share the stage; how a tilde stands above its letter."""

from __future__ import annotations

import pytest

from studio.app.docks.denoise.layout import COLUMN_GAP, share_room
from studio.app.widgets.math_text import MathLine, Term
from studio.app.widgets.step_apart import StepApart


@pytest.mark.parametrize("room", [(695, 360), (937, 470), (1500, 900), (2400, 1300)])
@pytest.mark.parametrize("picture", [(16, 16), (28, 28), (8, 8), (2, 1), (200, 120)])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_all_fits_and_pictures_are_whole_multiples(qtbot, room, picture, ratio):
    tiles = StepApart()
    qtbot.addWidget(tiles)
    tiles.set_picture_size(*picture)
    shares = share_room(room, picture, ratio, lambda pane: tiles.tile_size(pane, room[1] + 24))
    assert shares.column + COLUMN_GAP + shares.pane == room[0]
    assert shares.picture[0] <= shares.column
    assert shares.picture[1] <= room[1]
    device = shares.picture[0] * ratio
    assert device % picture[0] == pytest.approx(0) or picture[0] % device == pytest.approx(0)
    assert tiles.row_width(shares.pane, room[1] + 24) <= shares.pane


def test_a_larger_stage_shows_larger_pictures(qtbot):
    def best(room: tuple[int, int]) -> float:
        shares = share_room(room, (16, 16), 1.0, lambda pane: (pane / 4, pane / 4))
        return shares.picture[0]

    assert best((695, 360)) < best((937, 470)) < best((1500, 900))


def test_a_tilde_takes_no_width_and_stands_within_the_line(qtbot):
    plain, accented = MathLine((Term("√β_t"),)), MathLine((Term("√β̃_t"),))
    assert accented.width == pytest.approx(plain.width)
    assert accented.ascent <= plain.ascent + 2
