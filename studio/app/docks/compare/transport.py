"""What stands above the film of a comparison: what is shown, the transport, and how moments are aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.app.comparing.comparing import comparing_of
from studio.app.theme import Space
from studio.app.widgets.comparison_scale import SignedScale
from studio.app.widgets.controls import IconButton, SecondaryButton, SegmentedControl, tooltip_text
from studio.app.widgets.math_text import Formula
from studio.app.widgets.transport_buttons import TransportButtons

if TYPE_CHECKING:
    from studio.app.state import StudioState

_KINDS = (
    ("z", Formula("z", "z, the noisy picture")),
    ("eps", Formula("ε̂", "ε̂, the predicted noise")),
    ("x0", Formula("x̂_0", "x̂₀, the predicted picture")),
)
_KIND_HELP = {
    "z": "The pictures as they are at each moment, from noise to picture",
    "eps": "The noise that the model sees in them",
    "x0": "The pictures that would be left without that noise",
}
_ALIGNMENTS = (("share", "Share of steps"), ("level", "Noise level"))
_ALIGNMENT_HELP = {
    "share": "Cells stand side by side after the same share of their steps",
    "level": "Cells stand side by side at the same noise: one with few steps waits for the next of its own",
}
_NO_CELLS = "Compare first: there are no cells yet"


class CompareTransport(QWidget):
    """Follows and changes the Comparing of a state."""

    def __init__(self, state: StudioState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._comparing = comparing_of(state)
        self._playback = self._comparing.playback
        self._showing = False
        self.kinds = SegmentedControl(_KINDS, name="Pictures of", dense=True)
        for kind, text in _KIND_HELP.items():
            self.kinds.set_option_tooltip(kind, text)
        self.difference = SecondaryButton("Difference", dense=True)
        self.difference.setCheckable(True)
        self.difference.setToolTip(
            tooltip_text("Difference", "D", "Show how the other cells differ from the framed one")
        )
        self._scale = SignedScale()
        policy = self._scale.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._scale.setSizePolicy(policy)
        self.transport = TransportButtons(self._playback, moment="moment", last="The pictures")
        self._loop = IconButton("loop", "Play again and again", checkable=True)
        self._loop.setChecked(self._playback.loop)
        self.alignments = SegmentedControl(_ALIGNMENTS, name="Cells aligned by", dense=True)
        for alignment, text in _ALIGNMENT_HELP.items():
            self.alignments.set_option_tooltip(alignment, text)
        self._lay_out()
        self._connect()
        self._show()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.S)
        left, right = QHBoxLayout(), QHBoxLayout()
        for layout in (left, right):
            layout.setSpacing(Space.S)
        for widget in (self.kinds, self.difference, self._scale):
            left.addWidget(widget)
        left.addStretch(1)
        right.addStretch(1)
        for widget in (self._loop, self.alignments):
            right.addWidget(widget)
        row.addLayout(left, 1)
        row.addWidget(self.transport)
        row.addLayout(right, 1)

    def _connect(self) -> None:
        playback, comparing = self._playback, self._comparing
        self._loop.toggled.connect(playback.set_loop)
        self.kinds.value_changed.connect(self._take_kind)
        self.alignments.value_changed.connect(self._take_alignment)
        self.difference.toggled.connect(self._take_difference)
        comparing.album_changed.connect(self._show)
        comparing.view_changed.connect(self._show)

    @Slot(object)
    def _take_kind(self, kind: object) -> None:
        if not self._showing:
            self._comparing.change_view(shown=str(kind))

    @Slot(object)
    def _take_alignment(self, alignment: object) -> None:
        if not self._showing:
            from studio.generation.comparison_run import Alignment

            self._comparing.change_view(alignment=Alignment(str(alignment)))

    @Slot(bool)
    def _take_difference(self, difference: bool) -> None:
        if not self._showing:
            self._comparing.change_view(difference=difference)

    @Slot()
    def _show(self) -> None:
        view = self._comparing.view
        self._showing = True
        if view is not None:
            self.kinds.set_value(view.shown)
            self.alignments.set_value(view.alignment.value)
            self.difference.setChecked(view.difference)
            self._scale.set_limit(1.0 if view.difference else 3.0)
        self._showing = False
        self._scale.setVisible(view is not None and (view.difference or view.shown == "eps"))
        there = view is not None
        self.transport.allow(there, _NO_CELLS)
