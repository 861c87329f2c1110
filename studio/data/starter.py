"""The picture sets that come with the studio, so that there is something to train on at once.

Each lies in resources/starter/<id>/ as pictures.npz; RECIPE.md beside it says how it was made, LICENCE.md whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studio.data.image_set import ImageSet
from studio.data.importing import load_images
from studio.errors import DataError
from studio.paths import resource


@dataclass(frozen=True)
class StarterSet:
    """A picture set that comes with the studio.

    Attributes:
        id: its name in scripts and on the command line.
        title: its name on the screen.
        description: one sentence.
        licence: whose it is, in one line.
        path: the .npz file.
    """

    id: str
    title: str
    description: str
    licence: str
    path: Path


def starter_sets() -> tuple[StarterSet, ...]:
    """All of them, the one to begin with first."""
    return (
        StarterSet(
            "avatars",
            "Pixel avatars",
            "2,000 little people of 16 × 16 pixels, classed by what they wear on their faces and heads.",
            "DiceBear Pixel Art, CC0 1.0",
            _pictures("avatars"),
        ),
        StarterSet(
            "digits",
            "Digits",
            "1,797 handwritten digits of 8 × 8 pixels: the quickest to learn.",
            "UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
            _pictures("digits"),
        ),
        StarterSet(
            "two-pixels",
            "Two pixels",
            "2,000 pictures of just two pixels, in four clusters: image space as a plane one can look at.",
            "generated, CC0 1.0",
            _pictures("two-pixels"),
        ),
    )


def load_starter(id: str) -> ImageSet:
    """The pictures of a starter set.

    Raises DataError for an unknown id or a missing or damaged file.
    """
    for starter in starter_sets():
        if starter.id == id:
            return load_images(starter.path, name=starter.title).image_set
    raise DataError(
        f"There is no starter set called {id!r}.", f"Choose one of {', '.join(item.id for item in starter_sets())}."
    )


def _pictures(id: str) -> Path:
    return resource("starter", id, "pictures.npz")
