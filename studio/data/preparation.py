"""How pictures become the equal squares (or rectangles) that a network learns: decided before, for all and for some.

A preparation is data: it can be kept, compared, undone and shown before it happens. `preparing` carries it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from studio.data.image_set import CHANNEL_COUNTS
from studio.data.limits import MAX_SIDE
from studio.errors import SettingsError

CENTRE = (0.5, 0.5)


class Fit(StrEnum):
    """How a picture of another shape comes to the wished size."""

    FILL = "fill"
    """Scaled until it covers the whole; what stands over is cut off, around the focus."""
    FIT = "fit"
    """Scaled until all of it is inside; the rest is ground."""
    PAD = "pad"
    """Not scaled: ground around it when it is smaller, cut around the focus where it is larger."""
    TILE = "tile"
    """Not scaled: cut into as many pictures of the wished size as it holds."""


class Ground(StrEnum):
    """What lies beneath transparency that is not kept, and beside a picture that does not fill its place."""

    WHITE = "white"
    BLACK = "black"
    GREY = "grey"
    EDGE = "edge"
    """Beside a picture its own outermost pixels, repeated; beneath transparency white."""


@dataclass(frozen=True)
class Preparation:
    """What is done to every picture, and what to single ones.

    Attributes:
        size: (width, height) of all pictures, or None for one that suits them (`fitting.choose_size`).
        fit: see Fit.
        channels: 1 grey, 3 colour, 4 colour with transparency; None for as many as the pictures need.
        ground: see Ground.
        focus: by name, (x, y) in [0, 1] of a picture's width and height: the point that stays in view where something
            is cut off. Pictures without one are cut around their centre.
        excluded: names of pictures that are left out.
        renamed: by class of the data, what it is called instead; classes that come to one name become one.
        classes: by name, the class that a picture has whatever its own is called.

    Names are those of `PictureSource.name`. Raises SettingsError for a value that is impossible.
    """

    size: tuple[int, int] | None = None
    fit: Fit = Fit.FILL
    channels: int | None = None
    ground: Ground = Ground.WHITE
    focus: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    classes: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size is not None:
            for side in self.size:
                if not 1 <= side <= MAX_SIDE:
                    raise SettingsError(
                        f"Pictures cannot be {side} pixels wide or high.", f"Choose 1 to {MAX_SIDE} pixels."
                    )
        if self.channels is not None and self.channels not in CHANNEL_COUNTS:
            raise SettingsError(
                f"Pictures cannot have {self.channels} channels.",
                "Choose 1 (grey), 3 (colour) or 4 (with transparency).",
            )
        for name in (*self.classes.values(), *self.renamed.values()):
            if not name.strip():
                raise SettingsError("A class needs a name.", "Type at least one letter.")
        for name, (x, y) in self.focus.items():
            if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
                raise SettingsError(f"The focus of {name} lies outside of the picture.", "Choose a point inside.")

    def focus_of(self, name: str) -> tuple[float, float]:
        """The point of this picture that stays in view."""
        return self.focus.get(name, CENTRE)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; equal preparations give equal ones."""
        return {
            "size": None if self.size is None else list(self.size),
            "fit": self.fit.value,
            "channels": self.channels,
            "ground": self.ground.value,
            "focus": {name: list(point) for name, point in sorted(self.focus.items())},
            "excluded": sorted(self.excluded),
            "classes": dict(sorted(self.classes.items())),
            "renamed": dict(sorted(self.renamed.items())),
        }
