"""What is chosen in the sampler panel, in plain values: it can be set before torch is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.generation.request import SamplingRequest

MOST_PICTURES = 64
USUAL_STEPS = 50


@dataclass(frozen=True)
class SamplerSettings:
    """One reverse process. `steps` beyond the schedule's length mean all of them.

    sampler: "ddpm" with variance "beta" (√β, Algorithm 20.2) or "posterior" (√β̃), or "ddim" with eta in [0, 1].
    clip: hold x̂0 within the picture range, and recompute ε̂ from it.
    """

    sampler: str = "ddpm"
    variance: str = "posterior"
    eta: float = 0.0
    steps: int = USUAL_STEPS
    seed: int = 11
    count: int = 16
    clip: bool = False

    def request(self) -> SamplingRequest:
        """The same as a SamplingRequest."""
        from studio.generation.request import SamplingRequest

        return SamplingRequest(
            count=self.count,
            sampler=self.sampler,
            steps=self.steps,
            seed=self.seed,
            thresholding="clip" if self.clip else "none",
            eta=self.eta,
            variance=self.variance,
        )

    def kept_steps(self, step_count: int) -> int:
        """How many steps a schedule of `step_count` really takes."""
        return min(self.steps, step_count)

    def book(self, step_count: int) -> SamplerSettings:
        """The same pictures by Algorithm 20.2: every level of the schedule, fresh noise √β, nothing clipped."""
        return replace(self, sampler="ddpm", variance="beta", steps=step_count, clip=False)

    def strided(self) -> SamplerSettings:
        """The same pictures in few steps, with the smaller fresh noise √β̃, which fits them."""
        return replace(self, sampler="ddpm", variance="posterior", steps=USUAL_STEPS, clip=False)

    def is_book(self, step_count: int) -> bool:
        """Whether this is Algorithm 20.2 for a schedule of `step_count`."""
        return replace(self, steps=min(self.steps, step_count)) == self.book(step_count)

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
            clipped = ", clipped" if self.clip else ""
            return f"All {step_count:,} = Algorithm 20.2{clipped}"
        if every:
            return f"All {step_count:,}, with less noise than Algorithm 20.2"
        if self.variance == "beta":
            return "Much noise for few steps: the smaller fits"
        return f"{self.steps} strides over {step_count:,} levels"
