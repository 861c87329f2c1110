"""The samplers that can be asked for by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio.diffusion.samplers.ddim import DDIMSampler
from studio.diffusion.samplers.ddpm import DDPMSampler
from studio.diffusion.samplers.protocol import Sampler
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
    """A sampler known by name. `make(**options)` returns it."""

    name: str
    label: str
    description: str
    options: tuple[SamplerOption, ...]
    make: Callable[..., Sampler]


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
                    help="β is the book's choice; β̃ is smaller, and better when steps are skipped.",
                    choices=(("beta", "β"), ("posterior", "β̃")),
                ),
            ),
            make=DDPMSampler,
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
    )
}


def make_sampler(name: str, **options: Any) -> Sampler:
    """A sampler by name with its own options. Raises SettingsError when the name, an option or a value is wrong."""
    if name not in SAMPLERS:
        raise SettingsError(f"There is no sampler called {name!r}.", f"Choose one of: {', '.join(SAMPLERS)}.")
    known = [option.name for option in SAMPLERS[name].options]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise SettingsError(f"The {name} sampler has no option {unknown[0]!r}.", f"Its options: {', '.join(known)}.")
    return SAMPLERS[name].make(**options)
