"""Euler's method on the probability-flow equation: Karras et al., arXiv 2206.00364, eq. 1 with σ(t) = t.

In x̄ = z/√ᾱ and σ̄ = √(1−ᾱ)/√ᾱ the reverse process without fresh noise is

    dx̄/dσ̄ = ε̂(z, t),        one step:  x̄_s = x̄_t + (σ̄_s − σ̄_t) ε̂

Back in z this is DDIM with η = 0, term by term (Song et al., arXiv 2010.02502, eq. 14): the same numbers, another
derivation. It stands here under its own name because it is known by it, and because Heun's method is built on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from studio.diffusion.samplers.protocol import DeterministicSampler


@dataclass(frozen=True)
class EulerSampler(DeterministicSampler):
    """One straight line a step along ε̂: first order, one model call a step, no fresh noise."""

    name: ClassVar[str] = "euler"
