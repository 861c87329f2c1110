"""What can be changed where a branch leaves its run, and what a branch did change, in words.

A run is read as the SamplerSettings that the sampler panel would show for it, with `steps` the steps that are left; a
branch is made from two of them, the run's own and the wished ones, and only what differs between the two is changed.
What settings cannot say (limits of the guidance, a walk of its own) stays as it is in the run.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from studio.app.microscope.sampler_settings import SAMPLER_CHOICES, SamplerSettings

if TYPE_CHECKING:
    import torch

    from studio.diffusion.run import ReverseRun
    from studio.diffusion.trace import Trace, TraceSize
    from studio.library.bundle import ModelBundle


@dataclass(frozen=True, eq=False)
class BranchPoint:
    """A recorded step of a run, 0..len−1, and the model that took it."""

    trace: Trace
    step: int
    model: ModelBundle

    @property
    def time(self) -> int:
        """The moment as people count it, T..1."""
        return self.trace.pairs[self.step][0] + 1

    @property
    def settings(self) -> SamplerSettings:
        """How the run goes on from here when nothing is changed."""
        return settings_of(self.trace.run, self.step, self.model.class_names)

    @property
    def adds_noise(self) -> bool:
        """Whether the run still adds fresh noise, so that another seed makes a difference."""
        run = self.trace.run
        return any(run.sampler.coefficients(run.schedule, t, s).fresh_noise > 0.0 for t, s in run.pairs[self.step :])

    def run(self, wished: SamplerSettings) -> ReverseRun:
        """The run of a branch that goes on as wished. Raises ScheduleError, SettingsError."""
        from studio.diffusion.branching import changed_run

        return changed_run(self.trace, self.step, **self._changes(wished))

    def cost(self, wished: SamplerSettings) -> tuple[int, TraceSize]:
        """Calls of the model, and what recording takes at most."""
        from studio.diffusion.trace import Trace

        run = self.run(wished)
        return run.model_calls(self.step), Trace.estimate(run, self.trace.budget_bytes, self.step)

    def make(self, wished: SamplerSettings, z: torch.Tensor | None = None) -> Trace:
        """The branch; z: an edited z_t to begin with, float32 (N, C, H, W). Raises ScheduleError, SettingsError."""
        from studio.diffusion.branching import branch

        return branch(self.trace, self.step, z=z, **self._changes(wished))

    def redrawn(self, seed: int) -> torch.Tensor:
        """z_t with other noise around the pictures that the model sees in it, float32 (N, C, H, W):

        √ᾱ x̂0 + √(1−ᾱ) ε,  ε standard normal, of `seed`.
        """
        from studio.diffusion.noise import PictureNoise

        run, recorded = self.trace.run, self.trace.frame(self.step)
        schedule = run.schedule
        noise = PictureNoise(seed, run.pictures, run.shape).initial()
        signal, sigma = schedule.alpha_bar_at(recorded.t) ** 0.5, schedule.one_minus_alpha_bar_at(recorded.t) ** 0.5
        return signal * recorded.x0 + sigma * noise

    def _changes(self, wished: SamplerSettings) -> dict[str, Any]:
        from studio.diffusion.samplers import SAMPLERS, sampling_pairs
        from studio.generation.plan import labels_for

        old, run = self.settings, self.trace.run
        changes: dict[str, Any] = {}
        if wished.seed != old.seed:
            changes["seed"] = wished.seed
        request = wished.request()
        if _rule(wished) != _rule(old):
            changes["sampler"] = request.make_sampler()
        spacing = SAMPLERS[wished.sampler].spacing
        if wished.steps != old.steps or spacing != SAMPLERS[old.sampler].spacing:
            t = run.pairs[self.step][0]
            changes["tail"] = sampling_pairs(run.schedule, min(wished.steps, t + 1), spacing, start=t)
        if (wished.class_name, wished.without_class) != (old.class_name, old.without_class):
            changes["labels"] = labels_for(self.model, request, run.pictures)
        if wished.guidance != old.guidance:
            changes["guidance"] = replace(run.guidance, scale=wished.guidance)
        if wished.clip != old.clip:
            changes["thresholding"] = request.make_thresholding()
        return changes


def settings_of(run: ReverseRun, step: int, class_names: tuple[str, ...]) -> SamplerSettings:
    """How `run` goes on from a step, as the sampler panel would show it."""
    labels = set(run.labels or ())
    one = labels.pop() if len(labels) == 1 else None
    known = run.sampler.name if run.sampler.name in SAMPLER_CHOICES else "ddim"
    return SamplerSettings(
        sampler=known,
        variance=getattr(run.sampler, "variance", "posterior"),
        eta=getattr(run.sampler, "eta", 0.0),
        steps=len(run.pairs) - step,
        seed=run.seed,
        count=len(run.pictures),
        clip=run.thresholding.acts,
        class_name=class_names[one] if one is not None and one < len(class_names) else None,
        without_class=one is not None and bool(class_names) and one >= len(class_names),
        guidance=run.guidance.scale,
    )


def other_seed(seed: int) -> int:
    """Another seed, small enough to be read out and typed again."""
    other = secrets.randbelow(9999) + 1
    return other if other != seed else other % 9999 + 1


def changes_in_words(old: SamplerSettings, new: SamplerSettings) -> tuple[str, ...]:
    """What differs between two ways of going on, a few words each."""
    words: list[str] = []
    if new.seed != old.seed:
        words.append(f"seed {new.seed}")
    if new.sampler != old.sampler:
        words.append(SAMPLER_CHOICES[new.sampler].label + _fresh_noise(new))
    elif _rule(new) != _rule(old):
        words.append(f"η {new.eta:g}" if new.sampler == "ddim" else {"beta": "√β", "posterior": "√β̃"}[new.variance])
    if new.steps != old.steps:
        words.append("1 step left" if new.steps == 1 else f"{new.steps} steps left")
    if (new.class_name, new.without_class) != (old.class_name, old.without_class):
        words.append(_class(new))
    if new.guidance != old.guidance:
        words.append(f"guidance {new.guidance:g}")
    if new.clip != old.clip:
        words.append("clipped" if new.clip else "not clipped")
    return tuple(words)


def describe_change(trace: Trace, class_names: tuple[str, ...] = ()) -> str:
    """What a branch changed where it left its parent: "class: Sneaker · guidance 3"; of a run of its own, how it was
    made: "seed 11 · DDPM · 50 steps"."""
    if trace.parent is None:
        settings = settings_of(trace.run, 0, class_names)
        words = [f"seed {settings.seed}", SAMPLER_CHOICES[settings.sampler].label, f"{settings.steps} steps"]
        if settings.class_name is not None or settings.without_class:
            words.append(_class(settings))
        if settings.guidance != 1.0:
            words.append(f"guidance {settings.guidance:g}")
        return " · ".join(words)
    words = [
        *changes_in_words(
            settings_of(trace.parent.run, trace.first, class_names), settings_of(trace.run, trace.first, class_names)
        )
    ]
    edit = _edit_in_words(trace)
    if edit:
        words.insert(0, edit)
    return " · ".join(words) or "nothing changed"


def _edit_in_words(trace: Trace) -> str:
    edited = trace.edited
    if edited is None or trace.parent is None:
        return ""
    differs = (edited != trace.parent.state(trace.first)).any(1).flatten(1)
    pictures = [number for number, changed in enumerate(differs.any(1).tolist()) if changed]
    share = differs[pictures].float().mean().item()
    which = f" of picture {pictures[0] + 1}" if len(pictures) == 1 and len(differs) > 1 else ""
    if share > 0.999:
        return f"other noise in z{which}"
    return f"painted on {max(1, round(100 * share))} %{which}"


def _rule(settings: SamplerSettings) -> tuple[object, ...]:
    """What decides which sampler it is: its name and those settings that it knows."""
    option = {"ddpm": settings.variance, "ddim": settings.eta}.get(settings.sampler)
    return (settings.sampler, option)


def _fresh_noise(settings: SamplerSettings) -> str:
    return f" η {settings.eta:g}" if settings.sampler == "ddim" and settings.eta else ""


def _class(settings: SamplerSettings) -> str:
    if settings.without_class:
        return "no class"
    return "every class" if settings.class_name is None else f"class: {settings.class_name}"
