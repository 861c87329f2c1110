"""A recorded comparison leaving the program: labelled sheet and film, pictures as arrays, numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from PIL.Image import Image

from studio.data.pixels import to_pictures
from studio.diffusion.run import ReverseRun
from studio.diffusion.trace import Trace
from studio.generation.comparison import Comparison, calls_of
from studio.generation.comparison_run import Alignment, SharedTime, Shown, rms_difference, values_at
from studio.generation.comparison_sheet import Sheet, SheetWords, signed_pictures

MOST_FRAMES = 240
"""A film of more moments shows evenly chosen ones: more would make a file nobody can send."""
NOISE_LIMIT = 3.0
"""Predicted noise is coloured from −3 to +3."""
DIFFERENCE_LIMIT = 1.0
"""Differences are coloured from −1 to +1, half of the range of pictures each way."""

_SHOWN = {"z": "z, the noisy picture", "eps": "ε̂, the predicted noise", "x0": "x̂₀, the predicted picture"}


@dataclass(frozen=True)
class View:
    """What of a comparison is looked at. reference: the cell that others are measured against. difference: whether
    the other cells show how they differ from it."""

    shown: Shown = "z"
    alignment: Alignment = Alignment.SHARE
    reference: int = 0
    difference: bool = False


@dataclass(frozen=True, eq=False)
class Album:
    """What was recorded of a comparison. traces, seconds: of the cells by their number, as far as they have come."""

    comparison: Comparison
    runs: tuple[ReverseRun, ...]
    traces: Mapping[int, Trace]
    seconds: Mapping[int, float] = field(default_factory=dict)
    model_name: str = ""

    @cached_property
    def calls(self) -> tuple[int, ...]:
        """How often the network is asked for each picture, cell by cell."""
        return tuple(calls_of(run) for run in self.runs)

    def time(self, alignment: Alignment) -> SharedTime:
        """The axis that all cells share."""
        return SharedTime(self.runs, alignment)

    def is_there(self, cell: int) -> bool:
        """Whether there is anything to show of a cell."""
        return cell in self.traces and len(self.traces[cell]) > 0

    def values(self, cell: int, position: int, shown: Shown) -> torch.Tensor | None:
        """What a cell shows at a position of its own, float32 (N, C, H, W); None before its first step."""
        return values_at(self.traces[cell], position, shown) if self.is_there(cell) else None

    def distance(self, cell: int, moment: int, time: SharedTime, view: View) -> float | None:
        """RMS difference from the reference at a moment, in model range; None where one of the two is not there."""
        one = self.values(cell, time.position(cell, moment), view.shown)
        two = self.values(view.reference, time.position(view.reference, moment), view.shown)
        return None if one is None or two is None else rms_difference(one, two)


def sheet_image(album: Album, view: View, moment: int | None = None) -> Image:
    """The sheet of one moment, the last when None."""
    time = album.time(view.alignment)
    moment = time.count - 1 if moment is None else moment
    return _sheet(album, time, view).draw(_tiles(album, time, view, moment), _words(album, time, view, moment))


def film_images(album: Album, view: View) -> Iterator[Image]:
    """The sheets of all moments, evenly chosen where there are more than MOST_FRAMES."""
    time = album.time(view.alignment)
    sheet = _sheet(album, time, view)
    for moment in film_moments(time.count):
        yield sheet.draw(_tiles(album, time, view, moment), _words(album, time, view, moment))


def film_moments(count: int) -> list[int]:
    """Which of `count` moments a film shows, the first and the last among them."""
    shown = min(count, MOST_FRAMES)
    return sorted({round(index * (count - 1) / max(shown - 1, 1)) for index in range(shown)})


def comparison_arrays(album: Album) -> dict[str, np.ndarray]:
    """Named arrays for NPZ. R×K cells, N pictures each:

    pictures uint8 (R, K, N, H, W, C) and values float32 (R, K, N, C, H, W), the newest z; noise float32 (N, C, H, W),
    or (R, K, N, C, H, W) where the seed is an axis: what the cells began with; steps, calls int64 and seconds,
    rms_to_first float64 (R, K); rows, columns: their labels. NaN, and black, where a cell is not there.
    """
    comparison = album.comparison
    shape = comparison.shape
    batch = album.runs[0].batch_shape
    values = np.full((len(comparison.cells), *batch), np.nan, dtype=np.float32)
    for cell in range(len(comparison.cells)):
        found = album.values(cell, len(album.runs[cell].pairs), "z")
        if found is not None:
            values[cell] = found.numpy()
    pictures = to_pictures(torch.from_numpy(values.reshape(-1, *batch[1:])))
    noise = np.full_like(values, np.nan)
    for cell in range(len(comparison.cells)):
        if album.is_there(cell):
            noise[cell] = album.traces[cell].state(0).numpy()
    same = all(run.seed == album.runs[0].seed for run in album.runs)
    table = comparison_table(album)
    return {
        "pictures": pictures.reshape(*shape, batch[0], *pictures.shape[1:]),
        "values": values.reshape(*shape, *batch),
        "noise": noise[0] if same else noise.reshape(*shape, *batch),
        "steps": np.array(table["steps"], dtype=np.int64).reshape(shape),
        "calls": np.array(album.calls, dtype=np.int64).reshape(shape),
        "seconds": np.array(table["seconds"], dtype=np.float64).reshape(shape),
        "rms_to_first": np.array(table["rms_to_reference"], dtype=np.float64).reshape(shape),
        "rows": np.array(comparison.row_labels),
        "columns": np.array(comparison.column_labels),
    }


def comparison_table(album: Album, reference: int = 0) -> dict[str, list[object]]:
    """Columns for CSV, a row a cell: its labels, settings, cost, and the RMS difference of its pictures from those of
    the cell `reference`, in model range. NaN where a cell is not there."""
    comparison, time, view = album.comparison, album.time(Alignment.SHARE), View(reference=reference)
    cells = comparison.cells
    distances = [album.distance(cell.index, time.count - 1, time, view) for cell in cells]
    return {
        "row": [comparison.row_labels[cell.row] for cell in cells],
        "column": [comparison.column_labels[cell.column] for cell in cells],
        "sampler": [cell.request.sampler for cell in cells],
        "steps": [len(run.pairs) for run in album.runs],
        "calls": list(album.calls),
        "seed": [cell.request.seed for cell in cells],
        "seconds": [album.seconds.get(cell.index, math.nan) for cell in cells],
        "rms_to_reference": [math.nan if distance is None else distance for distance in distances],
        "reference": [cells[reference].label] * len(cells),
    }


def _sheet(album: Album, time: SharedTime, view: View) -> Sheet:
    count, _, height, width = album.runs[0].batch_shape
    # The widest that will be written: between the ends the footer only tells the moment in other words.
    words = _words(album, time, view, 1)
    return Sheet(words, (width, height), count)


def _words(album: Album, time: SharedTime, view: View, moment: int) -> SheetWords:
    comparison = album.comparison
    notes: list[list[tuple[str, ...]]] = [[() for _ in comparison.column_labels] for _ in comparison.row_labels]
    for cell in comparison.cells:
        notes[cell.row][cell.column] = _notes(album, time, view, moment, cell.index)
    marked = comparison.cells[view.reference]
    what = f"Difference of {_SHOWN[view.shown]}" if view.difference else _SHOWN[view.shown]
    return SheetWords(
        title=comparison.title,
        subtitle=" · ".join(part for part in (album.model_name, *comparison.held) if part),
        rows=comparison.row_labels,
        columns=comparison.column_labels,
        notes=notes,
        footer=f"{_moment_words(time, moment)} · {what} · RMS difference from the marked cell, of a range of −1…1",
        reference=(marked.row, marked.column),
    )


def _notes(album: Album, time: SharedTime, view: View, moment: int, cell: int) -> tuple[str, ...]:
    run, calls = album.runs[cell], album.calls[cell]
    if not album.is_there(cell):
        return ("not made", "")
    cost = f"{len(run.pairs)} steps · {calls} calls" if len(run.pairs) != calls else f"{calls} calls"
    if cell == view.reference:
        return cost, "reference"
    distance = album.distance(cell, moment, time, view)
    return cost, "" if distance is None else f"RMS {distance:.3f}"


def _moment_words(time: SharedTime, moment: int) -> str:
    if moment == time.count - 1:
        return "The pictures"
    if time.alignment is Alignment.SHARE:
        return f"After {time.share(moment):.0%} of the steps"
    level = time.level(moment)
    return f"At {time.decibels(moment):.1f} dB".replace("-", "−") if level is None else f"At t = {level}"


def _tiles(album: Album, time: SharedTime, view: View, moment: int) -> list[list[np.ndarray | None]]:
    comparison = album.comparison
    tiles: list[list[np.ndarray | None]] = [[None for _ in comparison.column_labels] for _ in comparison.row_labels]
    reference = album.values(view.reference, time.position(view.reference, moment), view.shown)
    for cell in comparison.cells:
        values = album.values(cell.index, time.position(cell.index, moment), view.shown)
        if values is None:
            continue
        if view.difference and cell.index != view.reference and reference is not None:
            tile = signed_pictures((values - reference).permute(0, 2, 3, 1).numpy(), DIFFERENCE_LIMIT)
        elif view.shown == "eps":
            tile = signed_pictures(values.permute(0, 2, 3, 1).numpy(), NOISE_LIMIT)
        else:
            tile = to_pictures(values)
        tiles[cell.row][cell.column] = tile
    return tiles
