"""What is chosen in the sampler panel, in plain values: it can be set before torch is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.generation.sampling import SamplingRequest

MOST_PICTURES = 64


@dataclass(frozen=True)
class SamplerSettings:
    """One reverse process. `steps` beyond the schedule's length mean all of them.

    sampler: "ddpm" with variance "beta" (√β, Algorithm 20.2) or "posterior" (√β̃), or "ddim" with eta in [0, 1].
    clip: hold x̂0 within the picture range, and recompute ε̂ from it.
    """

    sampler: str = "ddpm"
    variance: str = "posterior"
    eta: float = 0.0
    steps: int = 50
    seed: int = 11
    count: int = 16
    clip: bool = False

    def request(self) -> SamplingRequest:
        """The same as a SamplingRequest."""
        from studio.generation.sampling import SamplingRequest

        return SamplingRequest(
            count=self.count,
            sampler=self.sampler,
            steps=self.steps,
            seed=self.seed,
            clip=self.clip,
            eta=self.eta,
            variance=self.variance,
        )

    def kept_steps(self, step_count: int) -> int:
        """How many steps a schedule of `step_count` really takes."""
        return min(self.steps, step_count)

    def remark(self, step_count: int) -> str:
        """What the choice amounts to, in a few words."""
        every = self.steps >= step_count
        if self.sampler == "ddim":
            if self.eta == 0:
                return "No fresh noise: the seed alone decides"
            return (
                "As much fresh noise as DDPM, the smaller one" if self.eta == 1 else "Some fresh noise after every step"
            )
        if every and self.variance == "beta":
            unclipped = "" if not self.clip else ", clipped"
            return f"All {step_count:,} = Algorithm 20.2{unclipped}"
        if every:
            return f"All {step_count:,}, with less noise than Algorithm 20.2"
        if self.variance == "beta":
            return "Too much noise for so few steps: “smaller” fits."
        return f"{self.steps} strides over {step_count:,} noise levels"
