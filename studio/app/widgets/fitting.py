"""Words for narrow places: nothing is ever cut, less important words give way as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.app.theme import FontSize, Space
from studio.app.widgets.labels import Label

_DIGITS = re.compile(r"\d")


class FittingLabel(Label):
    """The first of some wordings that fits, longest first; nothing when not even the shortest does."""

    def __init__(self, parent: QWidget | None = None, *, role: str = "muted", size: int = FontSize.LABEL) -> None:
        super().__init__("", parent, role=role, size=size)
        self._wordings: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_wordings(self, *wordings: str) -> None:
        """Say the same in fewer and fewer words."""
        if wordings != self._wordings:
            self._wordings = wordings
            self._fit()

    def wordings(self) -> tuple[str, ...]:
        return self._wordings

    def sizeHint(self) -> QSize:
        # Independent of what is shown, or the choice would feed back on itself.
        longest = max((self.fontMetrics().horizontalAdvance(words) for words in self._wordings), default=0)
        return QSize(longest, self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.fontMetrics().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width()
        fitting = (words for words in self._wordings if self.fontMetrics().horizontalAdvance(words) <= room)
        self.setText(next(fitting, ""))
        self.setToolTip(self._wordings[0] if self._wordings and self.text() != self._wordings[0] else "")


@dataclass(frozen=True)
class Fact:
    """A short text with numbers in a FactRow.

    name: what `set_text` knows it by. widest: a text as wide as it will get, so that growing numbers move nothing.
    importance: the fact with the lowest gives way first. at_end: stands at the right end of the row.
    """

    name: str
    widest: str
    importance: int
    at_end: bool = False


class FactRow(QWidget):
    """Facts side by side, each on its own place; those for which there is no room are left out whole."""

    def __init__(self, facts: Sequence[Fact], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts = tuple(facts)
        self._labels = {fact.name: Label("", self, role="muted", size=FontSize.LABEL) for fact in self._facts}
        self._shown: frozenset[str] = frozenset(self._labels)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_text(self, name: str, text: str) -> None:
        """Changes one fact; '' takes it out."""
        label = self._labels[name]
        if label.text() != text:
            label.setText(text)
            self._arrange()

    def text(self, name: str) -> str:
        """A fact, whether there is room for it or not."""
        return self._labels[name].text()

    def set_wanted(self, *names: str) -> None:
        """Only these facts matter now."""
        if frozenset(names) != self._shown:
            self._shown = frozenset(names)
            self._arrange()

    def sizeHint(self) -> QSize:
        return QSize(sum(map(self._room_for, self._facts)), self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _room_for(self, fact: Fact) -> int:
        metrics = self._labels[fact.name].fontMetrics()
        # Figures are all of one width, so a text is as wide as the same text in zeros.
        text = _DIGITS.sub("0", self._labels[fact.name].text())
        return max(metrics.horizontalAdvance(fact.widest), metrics.horizontalAdvance(text)) + 2

    def _arrange(self) -> None:
        # One that is wanted and still empty keeps its place, so that nothing moves when it comes.
        kept = [fact for fact in self._facts if fact.name in self._shown]
        while kept and sum(map(self._room_for, kept)) + Space.L * (len(kept) - 1) > self.width():
            kept.remove(min(kept, key=lambda fact: fact.importance))
        left, right = 0, self.width()
        for fact in self._facts:
            label = self._labels[fact.name]
            label.setVisible(fact in kept and bool(label.text()))
            if fact not in kept:
                continue
            room = self._room_for(fact)
            if fact.at_end:
                room = label.sizeHint().width()
                right -= room
                label.setGeometry(right, 0, room, self.height())
                right -= Space.L
            else:
                label.setGeometry(left, 0, room, self.height())
                left += room + Space.L
