"""Picture view, tile and grid: what is painted, hovered, chosen."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from studio.app.theme import DARK, LIGHT, theme
from studio.app.widgets.math_text import Term
from studio.app.widgets.picture_grid import PictureGrid
from studio.app.widgets.picture_view import PictureView
from studio.app.widgets.tile import Tile

pytestmark = pytest.mark.usefixtures("dark")


def random_pictures(count: int, height: int, width: int, channels: int = 1) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(3)).integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def painted(widget: QWidget) -> QImage:
    return widget.grab().toImage()


class TestPictureView:
    def test_every_pixel_is_a_square_of_one_colour(self, show) -> None:
        view = show(PictureView(), 101, 77)
        picture = random_pictures(1, 7, 5)[0]
        view.show_picture(picture)
        area = view.picture_rect()
        assert (area.width(), area.height()) == (55, 77)
        image = painted(view)
        for y in range(7):
            for x in range(5):
                for corner in ((0, 0), (10, 10)):
                    place = QPoint(int(area.left()) + 11 * x + corner[0], int(area.top()) + 11 * y + corner[1])
                    assert image.pixelColor(place) == QColor(*[int(picture[y, x, 0])] * 3)

    def test_hover_tells_the_pixel_once_and_then_that_it_left(self, show, qtbot) -> None:
        view = show(PictureView(), 100, 100)
        view.show_picture(random_pictures(1, 10, 10)[0])
        seen: list[tuple[int, int]] = []
        view.pixel_hovered.connect(lambda x, y: seen.append((x, y)))
        for place in (QPoint(35, 62), QPoint(36, 63), QPoint(99, 0)):
            qtbot.mouseMove(view, place)
        assert seen == [(3, 6), (9, 0)]
        with qtbot.waitSignal(view.left):
            QApplication.sendEvent(view, _leave_event())

    def test_beside_the_picture_is_no_pixel(self, show) -> None:
        view = show(PictureView(), 200, 100)
        view.show_picture(random_pictures(1, 10, 10)[0])
        assert view.pixel_at(QPointF(10, 50)) is None
        assert view.pixel_at(QPointF(199.5, 50)) is None
        assert PictureView().pixel_at(QPointF(0, 0)) is None

    def test_a_pixel_is_marked_by_mouse_and_keys(self, show, qtbot) -> None:
        view = show(PictureView(), 100, 100)
        view.show_picture(np.full((10, 10, 1), 128, np.uint8))
        with qtbot.waitSignal(view.pixel_marked) as told:
            qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(55, 15))
        assert told.args == [5, 1]
        for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Left):
            qtbot.keyClick(view, key)
        assert view.mark() == (4, 0)
        view.set_mark((5, 5))
        row = [painted(view).pixelColor(x, 55).lightness() for x in range(45, 65)]
        assert min(row) == 0
        assert max(row) == 255

    def test_a_signed_map_follows_the_theme(self, show) -> None:
        view = show(PictureView(), 40, 40)
        view.show_signed(np.zeros((4, 4, 1), np.float32), 3.0)
        assert painted(view).pixelColor(20, 20) == QColor(DARK.noise_zero)
        theme().set_choice("light")
        assert painted(view).pixelColor(20, 20) == QColor(LIGHT.noise_zero)

    def test_two_pixels_are_a_picture_like_any_other(self, show) -> None:
        view = show(PictureView(edge_role="d3"), 101, 80)
        view.show_values(np.array([[[-1.0], [1.0]]], np.float32))
        area = view.picture_rect()
        assert (area.width(), area.height()) == (100, 50)
        image = painted(view)
        assert image.pixelColor(int(area.left()) + 25, 40).lightness() == 0
        assert image.pixelColor(int(area.left()) + 75, 40).lightness() == 255
        assert image.pixelColor(50, int(area.top()) - 2) == QColor(DARK.d3)

    def test_nothing_is_shown_after_clear(self, show) -> None:
        view = show(PictureView(), 40, 40)
        view.show_picture(random_pictures(1, 4, 4)[0])
        view.clear()
        assert view.shown is None
        assert view.picture_rect().isEmpty()


class TestTile:
    def test_the_true_range_is_written(self, show) -> None:
        tile = show(Tile("z_t", "in"), 112, 155)
        values = np.zeros((28, 28, 1), np.float32)
        values[0, 0], values[1, 1], values[2, 2] = -3.14, 1.94, np.nan
        tile.show_values(values)
        assert tile.range_texts == ("−3.1", "1.9")
        assert "from −3.1 to 1.9" in tile.accessibleName()

    def test_the_edge_has_the_symbols_colour_in_both_themes(self, show) -> None:
        tile = show(Tile("ε̂", "predicted noise", "d2"), 112, 155)
        tile.show_signed(np.zeros((28, 28, 1), np.float32), 3.0)
        area = tile.picture_rect()
        assert area.width() == 112
        for choice, tokens in (("dark", DARK), ("light", LIGHT)):
            theme().set_choice(choice)
            image = painted(tile)
            assert image.pixelColor(50, int(area.top()) - 2) == QColor(tokens.d2)
            assert image.pixelColor(50, int(area.center().y())) == QColor(tokens.noise_zero)

    def test_values_beyond_the_range_are_clamped_only_on_the_screen(self, show) -> None:
        tile = show(Tile("z_t"), 112, 155)
        tile.show_values(np.full((4, 4, 1), 2.5, np.float32))
        assert painted(tile).pixelColor(tile.picture_rect().center().toPoint()).lightness() == 255
        assert tile.range_texts == ("2.5", "2.5")

    def test_a_coefficient_can_stand_before_the_symbol(self, show) -> None:
        tile = show(Tile("ε̂", "taken off", "d2"), 112, 155)
        tile.set_symbol((Term("−0.179", "d2", words=True), Term("ε̂", "d2")))
        assert tile.accessibleName() == "−0.179 ε̂ taken off"

    def test_hover_and_click(self, show, qtbot) -> None:
        tile = show(Tile("x̂_0", "so, the picture", "d3"), 112, 155)
        tile.show_values(np.zeros((28, 28, 1), np.float32))
        place = tile.picture_rect().topLeft().toPoint() + QPoint(9, 13)
        with qtbot.waitSignal(tile.pixel_hovered) as told:
            qtbot.mouseMove(tile, place)
        assert told.args == [2, 3]
        with qtbot.waitSignal(tile.clicked):
            qtbot.mouseClick(tile, Qt.MouseButton.LeftButton, pos=place)

    def test_an_empty_tile_shows_its_ground(self, show) -> None:
        tile = show(Tile("z_t"), 112, 155)
        tile.clear()
        assert painted(tile).pixelColor(tile.picture_rect().center().toPoint()) == QColor(DARK.canvas)


class TestPictureGrid:
    def test_columns_adapt_to_the_room(self, show) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(random_pictures(16, 28, 28))
        assert grid.columns == 4
        assert grid.cell_rect(0).width() == 56
        grid.resize(1200, 70)
        QApplication.processEvents()
        assert grid.columns == 16
        assert grid.verticalScrollBar().maximum() == 0

    def test_too_many_scroll_instead_of_shrinking(self, show) -> None:
        grid = show(PictureGrid(minimum_cell=28), 200, 100)
        grid.set_pictures(random_pictures(300, 28, 28))
        assert grid.cell_rect(0).width() == 28
        assert grid.verticalScrollBar().maximum() > 0
        assert grid.cell_rect(grid.columns - 1).right() <= grid.viewport().width()
        grid.set_selection(299)
        assert grid.viewport().rect().contains(grid.cell_rect(299))

    def test_every_picture_is_painted_in_its_place(self, show) -> None:
        grid = show(PictureGrid(selectable=False), 130, 130)
        pictures = np.stack([np.full((2, 2, 3), value, np.uint8) for value in (10, 90, 170, 250)])
        grid.set_pictures(pictures)
        image = painted(grid)
        for index, value in enumerate((10, 90, 170, 250)):
            assert image.pixelColor(grid.cell_rect(index).center()) == QColor(value, value, value)
        grid.set_picture(2, np.zeros((2, 2, 3), np.uint8))
        assert painted(grid).pixelColor(grid.cell_rect(2).center()) == QColor(0, 0, 0)

    def test_mouse_and_keys_choose(self, show, qtbot) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(random_pictures(14, 28, 28))
        told: list[int] = []
        grid.selected.connect(told.append)
        qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.cell_rect(5).center())
        for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End):
            qtbot.keyClick(grid, key)
        assert grid.columns == 5
        assert told == [5, 6, 11, 0, 13]
        with qtbot.waitSignal(grid.activated) as opened:
            qtbot.keyClick(grid, Qt.Key.Key_Return)
        assert opened.args == [13]

    def test_the_choice_wears_an_accent_frame(self, show) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(np.zeros((16, 28, 28, 1), np.uint8))
        grid.set_selection(5)
        cell = grid.cell_rect(5)
        for choice, tokens in (("dark", DARK), ("light", LIGHT)):
            theme().set_choice(choice)
            assert painted(grid).pixelColor(cell.left() - 1, cell.center().y()) == QColor(tokens.accent)

    def test_the_gaps_belong_to_no_picture(self, show) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(random_pictures(16, 28, 28))
        between = QPoint(grid.cell_rect(0).right() + 2, 20)
        assert grid.index_at(between) is None
        assert grid.index_at(QPoint(299, 299)) is None
        assert grid.index_at(grid.cell_rect(9).topLeft()) == 9

    def test_hover_and_tool_tip_name_the_picture(self, show, qtbot) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(random_pictures(16, 28, 28))
        asked: list[int] = []

        def words(index: int) -> str:
            asked.append(index)
            return f"seed {index}"

        grid.tooltip_for = words
        seen: list[object] = []
        grid.hovered.connect(seen.append)
        middle = grid.cell_rect(7).center()
        qtbot.mouseMove(grid.viewport(), middle)
        QApplication.sendEvent(grid.viewport(), QHelpEvent(QHelpEvent.Type.ToolTip, middle, middle))
        assert asked == [7]
        assert seen == [7]
        assert QToolTip.text() == "seed 7"
        QToolTip.hideText()

    def test_a_smaller_set_drops_a_choice_that_is_gone(self, show) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(random_pictures(16, 28, 28))
        grid.set_selection(12)
        grid.set_pictures(random_pictures(4, 28, 28))
        assert grid.selection() is None
        grid.set_pictures(random_pictures(0, 28, 28))
        assert grid.count == 0
        assert not painted(grid).isNull()
        with pytest.raises(IndexError, match="no number"):
            grid.set_selection(0)

    def test_two_pixel_pictures_get_wide_cells(self, show) -> None:
        grid = show(PictureGrid(), 300, 300)
        grid.set_pictures(random_pictures(16, 1, 2))
        cell = grid.cell_rect(0)
        assert cell.width() == 2 * cell.height()


def _leave_event():
    from PySide6.QtCore import QEvent

    return QEvent(QEvent.Type.Leave)
