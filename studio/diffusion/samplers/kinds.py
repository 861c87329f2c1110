"""The samplers that can be asked for by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio.diffusion.samplers.ddim import DDIMSampler
from studio.diffusion.samplers.ddpm import DDPMSampler
from studio.diffusion.samplers.dpm_solver import DPMSolverSampler
from studio.diffusion.samplers.euler import EulerSampler
from studio.diffusion.samplers.heun import HeunSampler
from studio.diffusion.samplers.protocol import Sampler
from studio.diffusion.samplers.unipc import UniPCSampler
from studio.errors import SettingsError


@dataclass(frozen=True)
class SamplerOption:
    """A setting of a sampler, with what a control needs: either `choices` ((value, label), …) or a range."""

    name: str
    label: str
    default: str | float
    help: str
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float = 0.0
    maximum: float = 1.0


@dataclass(frozen=True)
class SamplerKind:
    """A sampler known by name. `make(**options)` returns it. spacing: the best one for it when steps are left out.
    usual_steps: how many suit it; None for all that there are."""

    name: str
    label: str
    description: str
    options: tuple[SamplerOption, ...]
    make: Callable[..., Sampler]
    spacing: str = "trailing"
    usual_steps: int | None = 50

    @property
    def calls_per_step(self) -> int:
        """How many model calls each step costs, but for the last, which never costs more than one."""
        return self.make().model_calls(0)


SAMPLERS: dict[str, SamplerKind] = {
    kind.name: kind
    for kind in (
        SamplerKind(
            name="ddpm",
            label="DDPM",
            description="The book's Algorithm 20.2: fresh noise after every step. Best with all steps.",
            options=(
                SamplerOption(
                    name="variance",
                    label="Noise added",
                    default="beta",
                    help="β is the book's choice; β̃ is smaller, as much as DDIM adds with η = 1.",
                    choices=(("beta", "β"), ("posterior", "β̃")),
                ),
            ),
            make=DDPMSampler,
            usual_steps=None,
        ),
        SamplerKind(
            name="ddim",
            label="DDIM",
            description="No fresh noise: good pictures in 20 to 50 steps.",
            options=(
                SamplerOption(
                    name="eta",
                    label="Noise added (η)",
                    default=0.0,
                    help="0 adds no noise, so that the seed alone decides; 1 adds as much as DDPM with β̃.",
                ),
            ),
            make=DDIMSampler,
        ),
        SamplerKind(
            name="euler",
            label="Euler",
            description="DDIM without noise, by the name that it has among solvers of equations.",
            options=(),
            make=EulerSampler,
        ),
        SamplerKind(
            name="heun",
            label="Heun",
            description="Tries each step before it takes it: two model calls a step, and far more exact for it.",
            options=(),
            make=HeunSampler,
            usual_steps=25,
            spacing="karras",
        ),
        SamplerKind(
            name="dpmpp2m",
            label="DPM++ 2M",
            description="Remembers the last estimate, so that a step costs one model call: good in 15 to 25 steps.",
            options=(),
            make=DPMSolverSampler,
            usual_steps=25,
            spacing="log_snr",
        ),
        SamplerKind(
            name="unipc",
            label="UniPC",
            description="Corrects each step in hindsight, at no further model call: good in 10 to 20 steps.",
            options=(),
            make=UniPCSampler,
            usual_steps=25,
            spacing="log_snr",
        ),
    )
}


def make_sampler(name: str, **options: Any) -> Sampler:
    """A sampler by name with its own options. Raises SettingsError when the name, an option or a value is wrong."""
    if name not in SAMPLERS:
        raise SettingsError(f"There is no sampler called {name!r}.", f"Choose one of: {', '.join(SAMPLERS)}.")
    known = [option.name for option in SAMPLERS[name].options]
    unknown = [option for option in options if option not in known]
    if unknown:
        remedy = f"Its options: {', '.join(known)}." if known else "It has none."
        raise SettingsError(f"The {name} sampler has no option {unknown[0]!r}.", remedy)
    return SAMPLERS[name].make(**options)
