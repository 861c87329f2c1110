"""A recorded reverse run: any of its steps again, without asking the model, and the branches that leave it."""

from studio.diffusion.trace.kept import Piece
from studio.diffusion.trace.recording import DEFAULT_BUDGET, Origin, Trace, TraceSize

__all__ = ["DEFAULT_BUDGET", "Origin", "Piece", "Trace", "TraceSize"]
