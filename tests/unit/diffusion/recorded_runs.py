"""Runs of every kind, small enough to be taken in milliseconds, for the tests of traces, branches and their files."""

from __future__ import annotations

import dataclasses

import torch

from studio.diffusion import (
    SAMPLERS,
    Guidance,
    KnownPixels,
    NetworkDenoiser,
    NoiseSchedule,
    ReverseRun,
    Sampler,
    Step,
    Thresholding,
    Trace,
    cosine,
    make_sampler,
    sampling_pairs,
)

SHAPE = (3, 2, 6, 5)
STEPS = 12

RULES: dict[str, Sampler] = {
    **{name: make_sampler(name) for name in SAMPLERS},
    "ddpm posterior": make_sampler("ddpm", variance="posterior"),
    "ddim eta": make_sampler("ddim", eta=0.7),
}

Walk = tuple[tuple[int, int], ...]


class Network(torch.nn.Module):
    """A network that makes every pixel and class matter.

    weight 0.05 makes it a plausible denoiser of any parameterization, 1 one that runs away into the hundreds.
    """

    def __init__(self, weight: float = 0.05) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, z, t, class_labels=None):
        bend = torch.tanh(z * (0.3 + t.view(-1, 1, 1, 1) / 500)) + 0.1 * z.roll(1, -1)
        if class_labels is not None:
            bend = bend + 0.5 * torch.sin(class_labels.view(-1, 1, 1, 1) + z)
        return self.weight * bend


class CountingDenoiser(NetworkDenoiser):
    """A model that counts how often it is asked."""

    def __init__(
        self, schedule: NoiseSchedule, parameterization: str = "v", weight: float = 0.05, classes=None
    ) -> None:
        super().__init__(Network(weight), schedule, parameterization, class_count=classes)
        self.calls = 0

    def predict(self, z_t, t, condition=None):
        self.calls += 1
        return super().predict(z_t, t, condition)


def known_pixels(value: float = 0.5) -> KnownPixels:
    mask = torch.zeros(1, 1, *SHAPE[2:], dtype=torch.bool)
    mask[..., :2, :3] = True
    return KnownPixels(torch.linspace(-value, value, 60).reshape(1, *SHAPE[1:]), mask)


def resampling(pairs: Walk) -> Walk:
    """`pairs`, the fourth and the last of them taken twice after going back up."""
    again = 3
    return (*pairs[: again + 1], pairs[again], *pairs[again + 1 :], pairs[-1])


def described(
    kind: str = "plain", sampler: Sampler | None = None, *, steps: int | None = STEPS, **options
) -> ReverseRun:
    """A run of one of the KINDS."""
    schedule = options.pop("schedule", None) or cosine(60)
    pairs = sampling_pairs(schedule, steps)
    settings: dict[str, object] = {
        "plain": {},
        "clipped": {"thresholding": Thresholding("clip")},
        "known": {"known": known_pixels(), "thresholding": Thresholding("dynamic", 0.9)},
        "re-noising": {"pairs": resampling(pairs)},
        "re-noising known": {"pairs": resampling(pairs), "known": known_pixels()},
        "guided": {"labels": (0, 1, 2), "guidance": Guidance(2.5)},
    }[kind]
    rule = RULES["ddpm"] if sampler is None else sampler
    run = ReverseRun(schedule, rule, pairs, 8, tuple(range(SHAPE[0])), SHAPE[1:])
    return dataclasses.replace(run, **{**settings, **options})


KINDS = ("plain", "clipped", "known", "re-noising", "re-noising known", "guided")


def model_of(run: ReverseRun, parameterization: str = "v", weight: float = 0.05) -> CountingDenoiser:
    return CountingDenoiser(run.schedule, parameterization, weight, 2 if run.labels is not None else None)


def record(run: ReverseRun, model: CountingDenoiser | None = None, **options) -> tuple[Trace, list[Step]]:
    """The complete trace of `run`, and the steps as they were taken."""
    trace = Trace(run, **options)
    return trace, list(trace.steps(model or model_of(run)))


def assert_same(frame: Step, step: Step, tolerance: float = 1e-6) -> None:
    """That a step is told as it was taken: the states bit for bit, the rest within rounding."""
    assert (frame.index, frame.total, frame.t, frame.s) == (step.index, step.total, step.t, step.s)
    assert (frame.coefficients, frame.model_calls) == (step.coefficients, step.model_calls)
    assert frame.clipped_share == step.clipped_share
    assert torch.equal(frame.z_t, step.z_t)
    assert torch.equal(frame.z_s, step.z_s)
    for name in ("eps", "x0", "direction", "subtracted", "mean", "injected"):
        expected = getattr(step, name)
        # Relative to the picture where values are large: float32 has seven digits.
        scale = max(1.0, *(float(tensor.abs().max()) for tensor in (expected, step.z_t, step.z_s)))
        error = float((getattr(frame, name) - expected).abs().max())
        assert error <= tolerance * scale, f"{name} at {step.t}: {error}"


def assert_same_bits(one: Trace, two: Trace, first: int = 0) -> None:
    """That two traces tell the same from step `first` on, every bit of it."""
    assert len(one) == len(two)
    for k in range(first, len(one)):
        for field in dataclasses.fields(Step):
            left, right = getattr(one.frame(k), field.name), getattr(two.frame(k), field.name)
            if field.name == "evaluation":
                same = torch.equal(left.departure, right.departure) and torch.equal(left.x0, right.x0)
            else:
                same = torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right
            assert same, f"{field.name} of step {k}"
