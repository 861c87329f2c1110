"""The classes of a model: their names, the labels that ask for them, and what a picture gets when nobody chose.

A network of K classes takes the labels 0..K−1, and K for "no class" when it was trained with some of them left out (Ho
and Salimans, arXiv 2207.12598). Networks from elsewhere may know the K classes alone.

When nobody chose, picture n is of the class into which u_n falls when the shares of the classes are laid end to end:

    u_n = frac((n + ½) / φ),     φ = (1 + √5) / 2

No other sequence of this kind fills every stretch of it so evenly (Knuth, The Art of Computer Programming, vol. 3,
§6.4, theorem S): a few pictures already show the classes in their proportions, whatever number they begin at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from studio.errors import ModelFileError
from studio.networks.config import NetworkConfig, label_count

LONGEST_NAME = 200
_MOST_PICTURES = 10**12

_BITS = 64
_INVERSE_GOLDEN_RATIO = 0x9E3779B97F4A7C15
"""1/φ in units of 2⁻⁶⁴."""


def decode_class_names(value: Any, config: NetworkConfig) -> tuple[str, ...]:
    """The class names in a file's description, which must be those of its network.

    Raises ValueError when they are no short names, ModelFileError when the network takes other labels.
    """
    if not isinstance(value, list) or not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in value):
        raise ValueError(f"the class names are not a list of names of up to {LONGEST_NAME} letters")
    labels = label_count(config)
    fits = labels in (len(value), len(value) + 1) if value else labels is None
    if not fits:
        raise ModelFileError(
            f"Its network takes {_labels_in_words(labels)}, but {len(value)} classes have a name.",
            "Choose another file.",
        )
    return tuple(value)


def decode_class_counts(history: Mapping[str, Any], class_names: Sequence[str]) -> tuple[int, ...] | None:
    """How many pictures of each class a model was trained on, after its history; None when that is not told.

    Raises ValueError when it tells something impossible.
    """
    data = history.get("data")
    counts = data.get("class_counts") if isinstance(data, Mapping) else None
    if counts is None or not class_names:
        return None
    possible = (
        isinstance(counts, (list, tuple))
        and len(counts) == len(class_names)
        and all(type(count) is int and 0 <= count <= _MOST_PICTURES for count in counts)
        and sum(counts) > 0
    )
    if not possible:
        raise ValueError("the numbers of pictures are not one for each class")
    return tuple(counts)


def mixed_labels(class_counts: Sequence[int], numbers: Sequence[int]) -> tuple[int, ...]:
    """The class of each picture of these `numbers`, in the proportions of `class_counts`: the module's u_n.

    A function of each number alone. Computed in whole numbers: exact, however large they are.
    """
    ends = tuple(accumulate(class_counts))
    return tuple(bisect_right(ends, (_spread(number) * ends[-1]) >> _BITS) for number in numbers)


def _spread(number: int) -> int:
    """u_n in units of 2⁻⁶⁴."""
    return ((2 * number + 1) * _INVERSE_GOLDEN_RATIO // 2) % 2**_BITS


def _labels_in_words(labels: int | None) -> str:
    return "no class labels" if labels is None else f"{labels} class label{'' if labels == 1 else 's'}"
