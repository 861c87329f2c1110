"""Finding a command by a few of its letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")

_START_OF_WORD = 8
_NEXT_TO_LAST = 5
_FIRST_LETTER = 4
_PER_GAP = 1


def match(query: str, text: str) -> tuple[int, tuple[int, ...]] | None:
    """How well `query` fits `text`, and which letters of the text it took; None when it does not fit.

    Every letter of the query has to appear in order, spaces and case aside. Beginnings of words and neighbouring
    letters count more. The best of all fits is found, not the first.
    """
    wanted = "".join(query.lower().split())
    if not wanted:
        return 0, ()
    letters = text.lower()
    # best[j] = (score, places) of the query's letters so far, the last of them taken at place j
    best: dict[int, tuple[int, tuple[int, ...]]] = {}
    for index, letter in enumerate(wanted):
        following: dict[int, tuple[int, tuple[int, ...]]] = {}
        for place, found in enumerate(letters):
            if found != letter:
                continue
            gain = 1
            if place == 0:
                gain += _FIRST_LETTER
            if place == 0 or not letters[place - 1].isalnum():
                gain += _START_OF_WORD
            if index == 0:
                following[place] = (gain, (place,))
                continue
            candidates = [
                (score + gain + (_NEXT_TO_LAST if place == last + 1 else -min(_PER_GAP * (place - last), 6)), places)
                for last, (score, places) in best.items()
                if last < place
            ]
            if candidates:
                score, places = max(candidates, key=lambda candidate: candidate[0])
                following[place] = (score, (*places, place))
        if not following:
            return None
        best = following
    return max(best.values(), key=lambda candidate: candidate[0])


def ranked(query: str, items: Iterable[_Item], text: Callable[[_Item], str]) -> list[_Item]:
    """The items that fit, best first; those that fit alike keep their order."""
    scored = [(match(query, text(item)), item) for item in items]
    fitting = [(found[0], item) for found, item in scored if found is not None]
    return [item for _, item in sorted(fitting, key=lambda pair: -pair[0])]
