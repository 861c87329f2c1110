"""What is chosen in the sampler panel, in plain values: it can be set before torch is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.generation.request import SamplingRequest

MOST_PICTURES = 64
USUAL_STEPS = 50


@dataclass(frozen=True)
class SamplerChoice:
    """A sampler of the registry as the panel offers it. usual_steps: how many suit it."""

    name: str
    label: str
    description: str
    usual_steps: int
    calls_per_step: int = 1


SAMPLER_CHOICES: dict[str, SamplerChoice] = {
    choice.name: choice
    for choice in (
        SamplerChoice("ddpm", "DDPM", "Carves noise off, adds fresh noise", USUAL_STEPS),
        SamplerChoice("ddim", "DDIM", "The same without fresh noise", USUAL_STEPS),
        SamplerChoice("euler", "Euler", "DDIM, under the name solvers have for it", USUAL_STEPS),
        SamplerChoice("heun", "Heun", "Tries each step first: two calls a step", 25, calls_per_step=2),
        SamplerChoice("dpmpp2m", "DPM++ 2M", "Learns from the step before", 25),
        SamplerChoice("unipc", "UniPC", "Corrects each step in hindsight", 25),
    )
}
"""By name. The registry, studio.diffusion.samplers.SAMPLERS, comes with torch, and the window opens before that."""


@dataclass(frozen=True)
class SamplerSettings:
    """One reverse process. `steps` beyond the schedule's length mean all of them.

    sampler: a name in SAMPLER_CHOICES; "ddpm" with variance "beta" (√β, Algorithm 20.2) or "posterior" (√β̃), "ddim"
    with eta in [0, 1]. clip: hold x̂0 within the picture range, and recompute ε̂ from it.
    class_name: of which class; None for every class in turn. without_class: no class in particular. guidance: how much
    the class is exaggerated; 1 not at all. All three are wishes, see `fitting`.
    """

    sampler: str = "ddpm"
    variance: str = "posterior"
    eta: float = 0.0
    steps: int = USUAL_STEPS
    seed: int = 11
    count: int = 16
    clip: bool = False
    class_name: str | None = None
    without_class: bool = False
    guidance: float = 1.0

    @property
    def choice(self) -> SamplerChoice:
        """The sampler, as the panel offers it."""
        return SAMPLER_CHOICES[self.sampler]

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
            class_name=self.class_name,
            without_class=self.without_class,
            guidance=self.guidance,
        )

    def fitting(self, class_names: Sequence[str], has_no_class_label: bool) -> SamplerSettings:
        """The same for a model that knows these classes: what it does not know becomes every class in turn.

        Without a label for no class there is nothing to lean away from, and with no class nothing to lean towards:
        then the guidance is 1.
        """
        known = self.class_name is not None and self.class_name in class_names
        without = self.without_class and bool(class_names) and has_no_class_label
        guided = bool(class_names) and has_no_class_label and not without
        return replace(
            self,
            class_name=self.class_name if known else None,
            without_class=without,
            guidance=self.guidance if guided else 1.0,
        )

    def with_sampler(self, name: str, step_count: int) -> SamplerSettings:
        """The same with another sampler, and as many steps as suit it, unless a number was chosen by hand."""
        by_hand = self.steps != self.choice.usual_steps and self.steps < step_count
        return replace(self, sampler=name, steps=self.steps if by_hand else SAMPLER_CHOICES[name].usual_steps)

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
        if self.sampler != "ddpm":
            return f"All {step_count:,} levels" if every else f"{self.steps} strides over {step_count:,} levels"
        if every and self.variance == "beta":
            clipped = ", clipped" if self.clip else ""
            return f"All {step_count:,} = Algorithm 20.2{clipped}"
        if every:
            return f"All {step_count:,}, with less noise than Algorithm 20.2"
        if self.variance == "beta":
            return "Much noise for few steps: the smaller fits"
        return f"{self.steps} strides over {step_count:,} levels"
