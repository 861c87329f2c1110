"""How a curve looks: its colour role, width and dash, in the theme that is on."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from studio.app.theme import theme

_DASHES = {"solid": None, "dash": [5, 3], "dot": [1, 3], "dash-dot": [6, 3, 1, 3]}


@dataclass(frozen=True)
class CurveLook:
    """The colour role, the width and the dash ("solid", "dash", "dot", "dash-dot") of a curve.

    Curves differ by dash as well as by colour; `faint` is a weak
    hairline, for what lies behind, as raw values.
    """

    role: str = "d1"
    width: float = 2.0
    dash: str = "solid"
    faint: bool = False

    def pen(self, pixel_ratio: float = 1.0) -> QPen:
        """The pen in the colours of the theme that is on, for a screen of `pixel_ratio` pixels a unit of width."""
        color = theme().color(self.role)
        # Cosmetic widths count pixels of the screen. A faint line stays as thin as can be: any wider costs ten times.
        pen = QPen(weakened(color), 1.0) if self.faint else QPen(color, self.width * pixel_ratio)
        pen.setCosmetic(True)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pattern = _DASHES[self.dash]
        if pattern is not None:
            pen.setDashPattern(pattern)
        return pen


def weakened(color: QColor, share: float = 0.55) -> QColor:
    """`color` with `share` of its strength on the ground of plots, opaque: cheaper to draw than a transparent one."""
    ground = theme().color("field").getRgbF()
    return QColor.fromRgbF(*(share * a + (1 - share) * b for a, b in zip(color.getRgbF()[:3], ground[:3], strict=True)))
