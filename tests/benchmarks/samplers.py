"""How far is each sampler from the truth after so many model calls?

    python -m tests.benchmarks.samplers            prints the tables
    python -m tests.benchmarks.samplers --write    writes them into docs/samplers.md
    python -m tests.benchmarks.samplers --model MODEL.safetensors
                                                   a trained model: each sampler and spacing against many UniPC steps

The pictures of the first two are one number each, distributed as one Gaussian or as a mixture of three, with their
exact denoiser, so that all error is the sampler's. Nothing depends on chance: z_T takes the quantiles of the standard
normal distribution, fresh noise comes from numbered streams. About a minute on one core.
"""

from __future__ import annotations

import argparse
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from studio.diffusion import (
    SAMPLERS,
    SPACINGS,
    DDIMSampler,
    DDPMSampler,
    Denoiser,
    NoiseSchedule,
    PictureNoise,
    Sampler,
    cosine,
    linear,
    make_sampler,
    reverse,
    sampling_pairs,
)
from tests.unit.diffusion.samplers.truth import GAUSSIAN, MIXTURE, Numbers, evenly_drawn

PAGE = Path(__file__).parents[2] / "docs" / "samplers.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ROW_NAMES = ("Schedule", "Sampler", "Spacing")
Calls = tuple[int | None, ...]
CALLS: Calls = (5, 10, 20, 50, 100, None)
SCHEDULES = {"linear": linear(1000), "cosine": cosine(1000)}
PATHS, DRAWS = 1_000, 20_000


@dataclass(frozen=True)
class Entry:
    """A sampler as the tables know it."""

    label: str
    sampler: Sampler
    spacing: str

    @property
    def adds_noise(self) -> bool:
        schedule = SCHEDULES["linear"]
        return self.sampler.coefficients(schedule, 9, 4).fresh_noise > 0.0

    def steps(self, calls: int | None) -> int | None:
        """How many steps so many model calls allow; None for all."""
        # Each step costs the same, but the last costs one.
        return None if calls is None else 1 + (calls - 1) // self.sampler.model_calls(0)


ENTRIES = (
    Entry("DDPM, β", DDPMSampler("beta"), SAMPLERS["ddpm"].spacing),
    Entry("DDPM, β̃", DDPMSampler("posterior"), SAMPLERS["ddpm"].spacing),
    Entry("DDIM, η = ½", DDIMSampler(0.5), SAMPLERS["ddim"].spacing),
    Entry("DDIM, Euler", DDIMSampler(), SAMPLERS["ddim"].spacing),
    *(Entry(SAMPLERS[name].label, make_sampler(name), SAMPLERS[name].spacing) for name in ("heun", "dpmpp2m", "unipc")),
)


def no_noise(index: int) -> torch.Tensor:
    raise AssertionError("noise was asked for where none is added")


def sample(
    denoiser: Denoiser, schedule: NoiseSchedule, entry: Entry, calls: int | None, z: torch.Tensor, noise: Callable
) -> torch.Tensor:
    """The pictures that `entry` makes of z with at most so many model calls."""
    pairs = sampling_pairs(schedule, entry.steps(calls), entry.spacing)
    *_, last = reverse(denoiser, schedule, entry.sampler, z, pairs, noise)
    return last.z_s


@functools.cache
def numbers_sampled(numbers: Numbers, schedule: NoiseSchedule, entry: Entry, calls: int | None) -> torch.Tensor:
    """What comes of evenly drawn z_T: 20,000 of them where noise is added, else 1,000, float64 (count,)."""
    count = DRAWS if entry.adds_noise else PATHS
    streams = PictureNoise(1, (0,), (1, 1, count))
    return sample(
        numbers.denoiser(schedule),
        schedule,
        entry,
        calls,
        evenly_drawn(count),
        lambda index: streams.at(index).view(count, 1, 1, 1),
    ).flatten()


def distance_of_paths(numbers: Numbers, schedule: NoiseSchedule, entry: Entry, calls: int | None) -> float:
    """Root mean square distance to where the exact equation ends from the same z_T."""
    expected = numbers.flow(evenly_drawn(PATHS).flatten(), schedule.alpha_bar_at(schedule.step_count - 1))
    return float((numbers_sampled(numbers, schedule, entry, calls) - expected).square().mean().sqrt())


def distance_of_gaussians(schedule: NoiseSchedule, entry: Entry, calls: int | None) -> float:
    """Wasserstein-2 distance between what is sampled of one Gaussian and that Gaussian, exact."""
    # Every step is linear in z and the noise, so one run with nothing, and one for each source alone, tell all.
    count = len(sampling_pairs(schedule, entry.steps(calls), entry.spacing)) + 2 if entry.adds_noise else 2
    sources = torch.eye(count, dtype=torch.float64).view(count, count, 1, 1, 1)
    pictures = sample(
        GAUSSIAN.denoiser(schedule), schedule, entry, calls, sources[1], lambda index: sources[index + 2]
    ).flatten()
    deviation = float((pictures[1:] - pictures[0]).square().sum().sqrt())
    (mean,), (true_deviation,) = GAUSSIAN.means, GAUSSIAN.deviations
    return float(((pictures[0] - mean) ** 2 + (deviation - true_deviation) ** 2).sqrt())


def distance_of_distributions(numbers: Numbers, schedule: NoiseSchedule, entry: Entry, calls: int | None) -> float:
    """Wasserstein-1 distance between sorted samples and the quantiles of the data."""
    return distance_to_quantiles(numbers, numbers_sampled(numbers, schedule, entry, calls))


def distance_to_quantiles(numbers: Numbers, drawn: torch.Tensor) -> float:
    shares = (torch.arange(len(drawn), dtype=torch.float64) + 0.5) / len(drawn)
    return float((drawn.sort().values - numbers.quantile(shares)).abs().mean())


def distance_by_chance() -> float:
    """How far 20,000 draws of the mixture itself are from it."""
    normal = PictureNoise(2, (0,), (1, 1, DRAWS)).initial().double().flatten()
    return distance_to_quantiles(MIXTURE, MIXTURE.quantile(torch.special.ndtr(normal)))


def table(title: str, calls: Calls, entries: tuple[Entry, ...], measure: Callable[..., float]) -> str:
    """One table: a row for each schedule and entry, a column for each number of model calls."""
    lines = [
        f"**{title}**",
        "",
        "| Schedule | Sampler | Spacing | " + " | ".join("all" if each is None else str(each) for each in calls) + " |",
        "|---|---|---|" + "---:|" * len(calls),
    ]
    for name, schedule in SCHEDULES.items():
        for entry in entries:
            values = " | ".join(number(measure(schedule, entry, each)) for each in calls)
            lines.append(f"| {name} | {entry.label} | {entry.spacing} | {values} |")
    return "\n".join(lines)


def spacing_table(calls: int) -> str:
    """Distance of paths for every sampler without noise and every spacing."""
    lines = [
        f"**Mixture: distance of paths with {calls} model calls, by spacing**",
        "",
        "| Schedule | Sampler | " + " | ".join(SPACINGS) + " |",
        "|---|---|" + "---:|" * len(SPACINGS),
    ]
    for name, schedule in SCHEDULES.items():
        for entry in without_noise():
            entries = (Entry(entry.label, entry.sampler, spacing) for spacing in SPACINGS)
            values = " | ".join(number(distance_of_paths(MIXTURE, schedule, each, calls)) for each in entries)
            lines.append(f"| {name} | {entry.label} | {values} |")
    return "\n".join(lines)


def without_noise() -> tuple[Entry, ...]:
    return tuple(entry for entry in ENTRIES if not entry.adds_noise)


def tables(calls: Calls = CALLS) -> Iterator[str]:
    """Every table of docs/samplers.md, in order, with these numbers of model calls."""
    paths = without_noise()
    yield table("One Gaussian: distance of paths", calls, paths, functools.partial(distance_of_paths, GAUSSIAN))
    yield table("Mixture: distance of paths", calls, paths, functools.partial(distance_of_paths, MIXTURE))
    yield table("One Gaussian: distance of distributions", calls, ENTRIES, distance_of_gaussians)
    yield table(
        "Mixture: distance of distributions", calls, ENTRIES, functools.partial(distance_of_distributions, MIXTURE)
    )
    yield f"(20,000 draws of the mixture itself: {number(distance_by_chance())})"
    yield spacing_table(10)
    yield spacing_table(20)


def number(value: float) -> str:
    """Two significant digits."""
    return f"{float(f'{value:.2g}'):.10f}".rstrip("0").rstrip(".") if value >= 1e-4 else f"{value:.1e}"


def measured(page: str) -> str:
    """The part of the page that this program writes."""
    match = re.search(f"{re.escape(BEGIN)}\n(.*){re.escape(END)}", page, re.DOTALL)
    if match is None:
        raise ValueError(f"{PAGE.name} has no part between {BEGIN} and {END}")
    return match.group(1)


def cells(text: str) -> dict[tuple[str, ...], float]:
    """The numbers of tables, by title, row and column."""
    found: dict[tuple[str, ...], float] = {}
    title, columns = "", []
    for line in text.splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if line.startswith("**"):
            title, columns = line.strip("*"), []
        elif row and not columns:
            columns = row
        elif row and not row[0].startswith("---"):
            names = [cell for cell, column in zip(row, columns, strict=True) if column in ROW_NAMES]
            for column, value in zip(columns[len(names) :], row[len(names) :], strict=True):
                found[title, *names, column] = float(value)
    return found


def for_a_model(path: Path, pictures: int = 16) -> Iterator[str]:
    """Distances of paths for a trained model, from what 300 steps of UniPC make of the same noise."""
    from studio.library.bundle import load_bundle
    from studio.networks.devices import choose_device

    bundle = load_bundle(path)
    denoiser, schedule = bundle.denoiser(choose_device("auto")), bundle.schedule
    z = PictureNoise(1, range(pictures), bundle.shape).initial()
    many = Entry("", make_sampler("unipc"), "log_snr")
    reference = sample(denoiser, schedule, many, min(300, schedule.step_count), z, no_noise)
    yield f"{'':12} {'':10}" + "".join(f"{calls:>8}" for calls in CALLS[:4])
    for entry in without_noise():
        for spacing in SPACINGS:
            each = Entry(entry.label, entry.sampler, spacing)
            errors = (
                float((sample(denoiser, schedule, each, calls, z, no_noise) - reference).square().mean().sqrt())
                for calls in CALLS[:4]
            )
            yield f"{entry.label:12} {spacing:10}" + "".join(f"{error:8.3f}" for error in errors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the tables into docs/samplers.md")
    parser.add_argument("--model", type=Path, help="measure a trained model instead")
    arguments = parser.parse_args()
    # The work is in small pieces, which threads only slow down.
    torch.set_num_threads(1)
    if arguments.model:
        for line in for_a_model(arguments.model):
            print(line, flush=True)
        return
    text = "\n\n".join(tables())
    print(text)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page.replace(measured(page), f"\n{text}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    main()
