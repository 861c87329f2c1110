"""Which places of a list are chosen, and how clicks and keys change that: the rules every file manager has."""

from __future__ import annotations

from collections.abc import Iterable


class Selection:
    """Places 0..count−1, some of them chosen; one is current, and ranges go from the anchor."""

    def __init__(self) -> None:
        self.count = 0
        self.chosen: set[int] = set()
        self.current: int | None = None
        self.anchor: int | None = None

    def reset(self, count: int) -> None:
        """Another list: nothing is chosen."""
        self.count = count
        self.chosen = set()
        self.current = self.anchor = None

    def choose(self, place: int) -> None:
        """This one alone."""
        self.chosen = {place}
        self.current = self.anchor = place

    def toggle(self, place: int) -> None:
        """This one too, or no longer."""
        self.chosen ^= {place}
        self.current = self.anchor = place

    def extend(self, place: int) -> None:
        """All from the anchor to here."""
        anchor = place if self.anchor is None else self.anchor
        self.chosen = set(range(min(anchor, place), max(anchor, place) + 1))
        self.current, self.anchor = place, anchor

    def choose_all(self) -> None:
        self.chosen = set(range(self.count))
        if self.current is None and self.count:
            self.current = self.anchor = 0

    def choose_these(self, places: Iterable[int], *, added_to: Iterable[int] = ()) -> None:
        """These, besides others: what a rubber band goes over."""
        found = set(places)
        self.chosen = found | set(added_to)
        if found:
            self.current = min(found)
            self.anchor = self.current

    def move(self, step: int, *, extending: bool = False) -> bool:
        """Go `step` places on, as far as there are any; whether that led anywhere."""
        if not self.count:
            return False
        target = 0 if self.current is None else self.current + step
        return self.move_to(min(self.count - 1, max(0, target)), extending=extending)

    def move_to(self, place: int, *, extending: bool = False) -> bool:
        """Go to a place; whether that changed anything."""
        before = (self.current, frozenset(self.chosen))
        if extending:
            self.extend(place)
        else:
            self.choose(place)
        return before != (self.current, frozenset(self.chosen))
