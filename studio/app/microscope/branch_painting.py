"""What is being painted on z_t before a branch begins with it: strokes that can be taken back, and what they make.

No Qt. Brings torch: import it late.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from studio.app.microscope.branch_settings import BranchPoint
from studio.diffusion.editing.painting import Brush, Medium, PaintedState, line
from studio.diffusion.noise import PictureNoise

Place = tuple[float, float]
"""(x, y) in pixels of the picture, (0, 0) its top left corner."""


@dataclass(frozen=True, eq=False)
class Stroke:
    """mask: bool (H, W), where the brush went. number: which fresh noise it puts down."""

    mask: torch.Tensor
    brush: Brush
    number: int


class Painting:
    """Strokes on one picture of the batch, or the same ones on all of them."""

    def __init__(self, point: BranchPoint, picture: int) -> None:
        self.point = point
        self.picture = picture
        self._step = point.trace.frame(point.step)
        self._untouched = self._state_of(picture)
        self._state = self._untouched
        self._before = self._state
        self._strokes: list[Stroke] = []
        self._done = 0
        self._begun = 0
        self._place: Place = (0.0, 0.0)
        self._seed = point.trace.run.seed + 1

    @property
    def state(self) -> PaintedState:
        """The picture with all that was painted on it."""
        return self._state

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """Those that hold, oldest first."""
        return tuple(self._strokes[: self._done])

    @property
    def can_undo(self) -> bool:
        return self._done > 0

    @property
    def can_redo(self) -> bool:
        return self._done < len(self._strokes)

    @property
    def changed(self) -> bool:
        """Whether z is another one than before."""
        return not torch.equal(self._state.z, self._untouched.z)

    def begin(self, place: Place, brush: Brush, diameter: float) -> None:
        """Put the brush down; `move` goes on with the same stroke."""
        del self._strokes[self._done :]
        self._before, self._place = self._state, place
        self._begun += 1
        height, width = self._state.touched.shape
        self._strokes.append(Stroke(line(height, width, place, place, diameter), brush, self._begun))
        self._done += 1
        self._show_stroke()

    def move(self, place: Place, diameter: float) -> None:
        """Go on to a place: what the stroke has passed already is not painted twice."""
        stroke = self._strokes[-1]
        height, width = self._state.touched.shape
        mask = stroke.mask | line(height, width, self._place, place, diameter)
        self._place = place
        self._strokes[-1] = Stroke(mask, stroke.brush, stroke.number)
        self._show_stroke()

    def undo(self) -> None:
        """Take the last stroke back."""
        if self.can_undo:
            self._done -= 1
            self._state = self._replayed(self.picture, self._untouched)

    def redo(self) -> None:
        """Make the stroke again that was taken back last."""
        if self.can_redo:
            self._done += 1
            self._state = self._replayed(self.picture, self._untouched)

    def z(self, *, everywhere: bool = False) -> torch.Tensor:
        """What the branch begins with, float32 (N, C, H, W): with the strokes on this picture, or on all of them."""
        z = self._step.z_t.clone()
        for picture in range(len(z)) if everywhere else (self.picture,):
            z[picture] = self._replayed(picture, self._state_of(picture)).z
        return z

    def _state_of(self, picture: int) -> PaintedState:
        step, schedule = self._step, self.point.trace.schedule
        return PaintedState.of(schedule, step.t, step.z_t[picture], step.x0[picture], step.eps[picture])

    def _replayed(self, picture: int, untouched: PaintedState) -> PaintedState:
        state = untouched
        for stroke in self.strokes:
            state = self._with(state, stroke, picture, untouched)
        return state

    def _show_stroke(self) -> None:
        self._state = self._with(self._before, self._strokes[-1], self.picture, self._untouched)

    def _with(self, state: PaintedState, stroke: Stroke, picture: int, untouched: PaintedState) -> PaintedState:
        fresh = None
        if stroke.brush.medium is Medium.FRESH:
            run = self.point.trace.run
            fresh = PictureNoise(self._seed, (run.pictures[picture],), run.shape).at(stroke.number)[0]
        return state.painted(stroke.mask, stroke.brush, fresh=fresh, untouched=untouched)
