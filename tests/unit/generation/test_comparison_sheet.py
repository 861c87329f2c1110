"""The sheet of a comparison: labels that can be read, true pixels, and numbers beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from studio.data.pixels import to_pictures
from studio.diffusion.noise import PictureNoise
from studio.generation.comparison import Axis, Comparison
from studio.generation.comparison_export import (
    Album,
    View,
    comparison_arrays,
    comparison_table,
    film_images,
    film_moments,
    sheet_image,
)
from studio.generation.comparison_run import Alignment, CellBegun, CellDone, ComparisonPlanned, compare
from studio.generation.comparison_sheet import Sheet, SheetWords, arranged, signed_pictures
from studio.generation.request import SamplingRequest
from studio.library.bundle import ModelBundle
from studio.networks.devices import choose_device


def album_of(model: ModelBundle, comparison: Comparison, cells: int | None = None) -> Album:
    """The first `cells` of a comparison, all when None."""
    runs, traces, seconds = (), {}, {}
    for event in compare(model, comparison, choose_device("cpu")):
        if isinstance(event, ComparisonPlanned):
            runs = event.runs
        elif isinstance(event, CellBegun):
            if event.cell.index == cells:
                break
            traces[event.cell.index] = event.trace
        elif isinstance(event, CellDone):
            seconds[event.cell.index] = 0.5
    return Album(comparison, runs, traces, seconds, "Small")


@pytest.fixture(scope="module")
def album(bundle: ModelBundle) -> Album:
    base = SamplingRequest(count=2, seed=4)
    return album_of(bundle, Comparison(base, Axis("sampler", ("ddim", "unipc")), Axis("steps", (2, 5, 8))))


def words(rows: tuple[str, ...] = ("A", "B"), columns: tuple[str, ...] = ("one", "two")) -> SheetWords:
    notes = [[("5 calls", "RMS 0.2") for _ in columns] for _ in rows]
    return SheetWords("Title", "subtitle", rows, columns, notes, "the end", (0, 0))


def test_pictures_are_enlarged_by_a_whole_multiple_and_nothing_else() -> None:
    sheet = Sheet(words(), (8, 6), 3)
    random = np.random.default_rng(1)
    cells = [[random.integers(0, 256, (3, 6, 8, 3), dtype=np.uint8) for _ in range(2)] for _ in range(2)]
    pixels = np.asarray(sheet.draw(cells))
    for row in range(2):
        for column in range(2):
            left, top = sheet.cell_place(row, column)
            for number, picture in enumerate(cells[row][column]):
                x = left + number * (sheet.picture[0] + 2)
                shown = pixels[top : top + sheet.picture[1], x : x + sheet.picture[0]]
                np.testing.assert_array_equal(shown[:: sheet.scale, :: sheet.scale], picture)
                np.testing.assert_array_equal(
                    shown[sheet.scale - 1 :: sheet.scale, sheet.scale - 1 :: sheet.scale], picture
                )


def test_every_label_stands_where_it_belongs() -> None:
    black = [[np.zeros((1, 8, 8, 1), np.uint8)] * 2] * 2
    sheet = Sheet(words(("", ""), ("", "")), (8, 8), 1)
    empty = np.asarray(sheet.draw(black)).astype(int)
    named = SheetWords("Title", "subtitle", ("", ""), ("", "two"), sheet.words.notes, "the end", (0, 0))
    changed = np.abs(np.asarray(sheet.draw(black, named)).astype(int) - empty).sum(axis=2)
    left, top = sheet.cell_place(0, 1)
    ys, xs = np.nonzero(changed)
    assert len(xs) > 20
    assert left <= xs.min()
    assert xs.max() < left + sheet.tile[0]
    assert ys.max() < top
    # Longer labels make a wider sheet: nothing is cut off.
    assert Sheet(words(("A very long label of a row", "B")), (8, 8), 1).size[0] > Sheet(words(), (8, 8), 1).size[0]


def test_signed_maps_are_dark_at_nothing_and_coloured_at_the_ends() -> None:
    ends = signed_pictures(np.array([-2.0, -1.0, 0.0, 1.0, np.nan]).reshape(1, 1, 5, 1), 1.0)[0, 0]
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[2], ends[4])
    assert ends[1].argmax() == 2
    assert ends[3].argmax() == 0
    assert ends[2].max() < 40
    colours = signed_pictures(np.zeros((1, 2, 2, 4)), 1.0)
    assert colours.shape == (1, 2, 2, 3)
    assert (colours == 127).all()
    with pytest.raises(ValueError, match="positive"):
        signed_pictures(np.zeros((1, 1, 1, 1)), 0.0)


@pytest.mark.parametrize(("pictures", "expected"), [(1, (1, 1)), (2, (2, 1)), (3, (3, 1)), (4, (2, 2)), (5, (3, 2))])
def test_pictures_of_a_cell_stand_together(pictures: int, expected: tuple[int, int]) -> None:
    assert arranged(pictures) == expected


def test_the_sheet_shows_what_the_cells_are(album: Album) -> None:
    sheet = Sheet(words(("A",) * 2, ("B",) * 3), (8, 8), 2)
    drawn = np.asarray(sheet_image(album, View()))
    picture = to_pictures(album.traces[0].pictures())[0, :, :, 0]
    # Somewhere on it, enlarged, stands the first picture of the first cell.
    windows = np.lib.stride_tricks.sliding_window_view(drawn[:, :, 0][::1, ::1], (sheet.picture[1], sheet.picture[0]))
    large = np.kron(picture, np.ones((sheet.scale, sheet.scale), np.uint8))
    assert any((windows[y, x] == large).all() for y in range(60, 140) for x in range(30, 160))
    moments = [np.asarray(image) for image in film_images(album, View())]
    assert len(moments) == 9
    np.testing.assert_array_equal(moments[-1], drawn)
    assert len({moment.tobytes() for moment in moments}) == 9
    assert not np.array_equal(np.asarray(sheet_image(album, View(difference=True))), drawn)
    assert not np.array_equal(np.asarray(sheet_image(album, View(reference=4))), drawn)


def test_all_frames_of_a_film_are_of_one_size(album: Album) -> None:
    for view in (View("eps"), View("x0", Alignment.LEVEL, 2, difference=True)):
        sizes = {image.size for image in film_images(album, view)}
        assert len(sizes) == 1
        assert all(side % 2 == 0 for side in sizes.pop())


def test_long_films_show_evenly_chosen_moments() -> None:
    assert film_moments(5) == [0, 1, 2, 3, 4]
    long = film_moments(1001)
    assert len(long) == 240
    assert (long[0], long[-1]) == (0, 1000)
    assert max(np.diff(long)) - min(np.diff(long)) <= 1


def test_arrays_hold_noise_pictures_and_numbers(album: Album) -> None:
    arrays = comparison_arrays(album)
    assert arrays["pictures"].shape == (2, 3, 2, 8, 8, 1)
    np.testing.assert_array_equal(arrays["pictures"][1, 2], to_pictures(album.traces[5].pictures()))
    np.testing.assert_array_equal(arrays["noise"], PictureNoise(4, range(2), (1, 8, 8)).initial().numpy())
    np.testing.assert_array_equal(arrays["steps"], [[2, 5, 8]] * 2)
    np.testing.assert_array_equal(arrays["columns"], ["2 steps", "5 steps", "8 steps"])
    values = arrays["values"].astype(np.float64)
    expected = np.sqrt(((values - values[0, 0]) ** 2).mean(axis=(2, 3, 4, 5)))
    np.testing.assert_allclose(arrays["rms_to_first"], expected, rtol=1e-6)
    assert not any(array.dtype.hasobject for array in arrays.values())


def test_the_table_has_a_line_for_each_cell(album: Album) -> None:
    table = comparison_table(album, reference=3)
    assert table["row"] == ["DDIM"] * 3 + ["UniPC"] * 3
    assert table["rms_to_reference"][3] == 0.0
    assert min(table["rms_to_reference"][:3]) > 0.0
    assert set(table["reference"]) == {"UniPC, 2 steps"}
    assert table["calls"] == [2, 5, 8] * 2


def test_what_was_not_made_is_left_out(bundle: ModelBundle) -> None:
    comparison = Comparison(SamplingRequest(count=1, seed=4), Axis("steps", (2, 3, 4)))
    album = album_of(bundle, comparison, cells=1)
    table = comparison_table(album)
    assert [math.isnan(value) for value in table["seconds"]] == [False, True, True]
    assert np.isnan(comparison_arrays(album)["values"][1:]).all()
    assert sheet_image(album, View()).size == sheet_image(album, View(), 0).size


def test_seeds_have_noises_of_their_own_in_the_arrays(bundle: ModelBundle) -> None:
    arrays = comparison_arrays(album_of(bundle, Comparison(SamplingRequest(count=1, steps=2), Axis("seed", (1, 2)))))
    assert arrays["noise"].shape == (2, 1, 1, 1, 8, 8)
    np.testing.assert_array_equal(arrays["noise"][1, 0], PictureNoise(2, (0,), (1, 8, 8)).initial().numpy())
