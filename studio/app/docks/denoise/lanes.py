"""What the timeline draws of a recorded run: its film strip and the lanes of numbers below it."""

from __future__ import annotations

import math
from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from studio.app.imaging import picture_image
from studio.app.microscope.frames import FilmKind, Frames
from studio.app.theme import FontSize
from studio.app.widgets.controls import MINUS
from studio.app.widgets.film_strip import Film
from studio.app.widgets.lanes import Curve, Lane
from studio.app.widgets.math_text import Term

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from studio.app.microscope.measures import Nearest

_FILM_NAMES = {FilmKind.Z: "Noisy picture", FilmKind.EPSILON: "Predicted noise", FilmKind.X0: "Predicted picture"}
_MOST_DECIBELS = 40
"""Beyond this one sees only noise, or only the picture; the first step of a cosine schedule lies at −87."""


class LaneKind(StrEnum):
    """The lanes there are, from above to below."""

    NORMS = "norms"
    SNR = "snr"
    COSINE = "cosine"
    BEYOND = "beyond"
    NEAREST = "nearest"


LANE_TITLES = {
    LaneKind.NORMS: "Norms of z, ε̂ and x̂₀",
    LaneKind.SNR: "Signal to noise",
    LaneKind.COSINE: "Cosine of ε̂ and the true direction",
    LaneKind.BEYOND: "Share of x̂₀ beyond the picture range",
    LaneKind.NEAREST: "Distance of x̂₀ to the nearest training picture",
}


def film_of(frames: Frames, kind: FilmKind, picture: int, planned: int | None = None) -> Film:
    """The film strip of one picture. `planned` positions are laid out: all there will be, or fewer after a cancel."""
    _, height, width = frames.picture_shape
    times = frames.planned_times
    planned = len(times) if planned is None else planned
    shown = [*times[:planned]]
    if 0 < frames.count <= planned:
        # What the newest step led to, where a walk that goes back up will then begin at another moment.
        shown[frames.count - 1] = frames.time(frames.count - 1)
    return Film(
        planned=planned,
        count=frames.count,
        times=shown,
        thumbnail=lambda position: frames.thumbnail(position, kind, picture),
        picture_size=(width, height),
        name=(Term(_FILM_NAMES[kind], "text", FontSize.LABEL, words=True),),
    )


def lanes_of(
    frames: Frames, picture: int, shown: Collection[LaneKind] = tuple(LaneKind), nearest_note: str = ""
) -> list[Lane]:
    """The lanes under the film, of those kinds that are `shown`. nearest_note: why the distance to the nearest training
    picture is not known, if it is not."""
    make = {
        LaneKind.NORMS: _norms,
        LaneKind.SNR: _signal_to_noise,
        LaneKind.COSINE: _cosine,
        LaneKind.BEYOND: _beyond,
    }
    lanes = [make[kind](frames, picture) for kind in LaneKind if kind in shown and kind in make]
    if LaneKind.NEAREST in shown:
        lanes.append(_nearest(frames, picture, nearest_note))
    return lanes


def _words(text: str) -> Term:
    return Term(text, size=FontSize.LABEL, words=True)


def _norms(frames: Frames, picture: int) -> Lane:
    norms = {kind: frames.measures.rms(kind, picture) for kind in FilmKind}
    low, high = _norm_range(norms)
    return Lane(
        name=(
            _words("Norms"),
            Term("z", "text", FontSize.LABEL),
            Term("ε̂", "d2", FontSize.LABEL),
            Term("x̂_0", "d3", FontSize.LABEL),
        ),
        curves=(
            Curve(norms[FilmKind.Z], "text"),
            Curve(norms[FilmKind.EPSILON], "d2", "dash"),
            Curve(norms[FilmKind.X0], "d3", "dot"),
        ),
        low=low,
        high=high,
        low_text=f"{low:g}",
        high_text=f"{high:g}",
        tooltip="Norms of z, ε̂ and x̂0, divided by the root of the number of values: 1 is what pure noise has",
    )


def _signal_to_noise(frames: Frames, picture: int) -> Lane:
    low, high = _decibel_range(frames)
    return Lane(
        name=(_words("Signal to noise, dB"),),
        curves=(Curve(frames.measures.snr_db, "d1"),),
        low=low,
        high=high,
        low_text=_decibels(low, "≤ " if low == -_MOST_DECIBELS else ""),
        high_text=_decibels(high, "≥ " if high == _MOST_DECIBELS else ""),
        decimals=1,
        signed=True,
        tooltip="α/(1−α) of the noise schedule in decibels: at 0 picture and noise are equally strong",
    )


def _cosine(frames: Frames, picture: int) -> Lane:
    cosine = frames.measures.cosine(picture)
    finite = cosine[np.isfinite(cosine)]
    low = float(max(-1.0, math.floor(min(float(finite.min(initial=1.0)), 0.98) * 50) / 50))
    return Lane(
        name=(
            _words("Cosine"),
            Term("ε̂", "d2", FontSize.LABEL),
            _words("and true"),
            Term("ε", "text", FontSize.LABEL),
        ),
        curves=(Curve(cosine, "d2"),),
        low=low,
        high=1.0,
        low_text=f"{low:.2g}".replace("-", MINUS),
        high_text="1",
        decimals=3,
        note="" if frames.trace.complete else "known once the run is complete",
        tooltip="How well ε̂ points: its cosine with the true direction, (z − √α x)/√(1−α), where x is the picture that "
        "this run ends with. 1 is exactly there",
    )


def _beyond(frames: Frames, picture: int) -> Lane:
    beyond = frames.measures.beyond(picture) * 100
    clip = frames.trace.run.thresholding.acts
    finite = beyond[np.isfinite(beyond)]
    most = max(5.0, float(math.ceil(float(finite.max(initial=0.0)))))
    return Lane(
        name=(Term("x̂_0", "d3", FontSize.LABEL), _words("clipped, batch" if clip else "beyond the range")),
        curves=(Curve(beyond, "d4"),),
        low=0.0,
        high=most,
        low_text="0",
        high_text=f"{most:.0f} %",
        decimals=1,
        suffix=" %",
        tooltip="Share of the values of x̂0 that lay outside of −1…1 before clipping, in the whole batch"
        if clip
        else "Share of the values of x̂0, in this picture, that lie outside of −1…1",
    )


def _nearest(frames: Frames, picture: int, note: str) -> Lane:
    nearest = frames.measures.nearest(picture)
    distances = np.zeros(0) if nearest is None else nearest.distances
    finite = distances[np.isfinite(distances)]
    high = float(max(10.0, math.ceil(float(finite.max(initial=0.0)) / 10) * 10))
    return Lane(
        name=(Term("x̂_0", "d3", FontSize.LABEL), _words("to nearest, levels")),
        curves=(Curve(distances, "d3"),),
        low=0.0,
        high=high,
        low_text="0",
        high_text=f"{high:.0f}",
        decimals=1,
        note=note if nearest is None else "",
        thumbnail=None if nearest is None else lambda position: _nearest_image(nearest, position),
        tooltip="How far the predicted picture is from the nearest training picture, which is shown beside the value: "
        "root mean square difference, in levels of 0…255. 0 is a copy",
    )


def _nearest_image(nearest: Nearest, position: int) -> QImage | None:
    if position >= len(nearest.indices):
        return None
    return picture_image(nearest.image_set.images[int(nearest.indices[position])])


def _norm_range(norms: dict[FilmKind, np.ndarray]) -> tuple[float, float]:
    values = np.concatenate(list(norms.values()))
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = math.floor(float(values.min()) * 5) / 5, math.ceil(float(values.max()) * 5) / 5
    # One wild step must not flatten all the others.
    high = min(high, max(2.0, math.ceil(float(np.quantile(values, 0.98)) * 7.5) / 5))
    return round(low, 1), round(max(high, low + 0.2), 1)


def _decibel_range(frames: Frames) -> tuple[float, float]:
    snr = frames.trace.schedule.snr
    ends = [10 * math.log10(max(float(snr[t]), 1e-30)) for t in (frames.trace.pairs[0][0], frames.trace.pairs[-1][0])]
    low, high = max(math.floor(min(ends)), -_MOST_DECIBELS), min(math.ceil(max(ends)), _MOST_DECIBELS)
    return float(low), float(max(high, low + 1))


def _decibels(value: float, prefix: str) -> str:
    return prefix + f"{value:+.0f}".replace("-", MINUS)
