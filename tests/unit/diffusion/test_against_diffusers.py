"""The numbers of diffusers' schedulers, an implementation by others, from the same noise.

Their own lists of steps are not used where they are wrong (DDIM's with trailing and linspace spacing goes to another s
than its next t) or where they are interpolated between the steps of the schedule: both sides then walk through the same
explicit steps.
"""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    UniPCMultistepScheduler,
)

from studio.diffusion import (
    DDIMSampler,
    DDPMSampler,
    DPMSolverSampler,
    EulerSampler,
    HeunSampler,
    Prediction,
    Thresholding,
    UniPCSampler,
    cosine,
    diffuse,
    linear,
    reverse,
    sampling_pairs,
)

# Theirs: np.array(torch tensor) in set_timesteps.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SHAPE = (2, 3, 5, 4)
SCHEDULES = {"linear": linear, "squaredcos_cap_v2": cosine}


def predict_noise(z: torch.Tensor, t: int) -> torch.Tensor:
    """Not a good model, only one that makes every pixel and every step matter."""
    return 0.8 * torch.tanh(z * (0.5 + t / 1000)) + 0.1 * z.roll(1, -1) + 0.02 * z.mean(dim=(1, 2, 3), keepdim=True)


class FromNoise:
    def __init__(self, schedule) -> None:
        self.schedule = schedule

    def predict(self, z_t, t, condition=None) -> Prediction:
        eps = predict_noise(z_t, t)
        signal, sigma = float(self.schedule.sqrt_alpha_bar[t]), float(self.schedule.sqrt_one_minus_alpha_bar[t])
        return Prediction(eps=eps, x0=(z_t - sigma * eps) / signal)


def theirs(scheduler_class, name: str, **options):
    """Their scheduler; its table, built in float32, is replaced by the exact one so that only the steps differ."""
    scheduler = scheduler_class(beta_schedule=name, beta_start=1e-4, beta_end=0.02, **options)
    exact = torch.from_numpy(SCHEDULES[name]().alpha_bar.copy())
    torch.testing.assert_close(scheduler.alphas_cumprod.double(), exact, rtol=2e-4, atol=1e-7)
    scheduler.alphas_cumprod = exact
    scheduler.one = scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    return scheduler


def their_run(scheduler, z: torch.Tensor, steps: int, **step_options) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        z = scheduler.step(predict_noise(z, int(t)), t, z, **step_options).prev_sample
    return z


def on_these_steps(scheduler, name: str, times: list[int]):
    """Their scheduler on the given t, with our σ̄ = √(1−ᾱ)/√ᾱ in float64 and 0 at the end."""
    scheduler.set_timesteps(len(times))
    scheduler.timesteps = torch.tensor(times, dtype=scheduler.timesteps.dtype)
    scheduler.sigmas = torch.from_numpy(np.append(np.exp(-0.5 * SCHEDULES[name]().log_snr[times]), 0.0))
    scheduler.set_begin_index(0)
    return scheduler


def their_karras_run(scheduler, name: str, z: torch.Tensor) -> torch.Tensor:
    """A run of those that hold x̄ = z/√ᾱ instead of z."""
    x = z / float(SCHEDULES[name]().sqrt_alpha_bar[int(scheduler.timesteps[0])])
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t)
        x = scheduler.step(predict_noise(scaled.double(), int(t)), t, x).prev_sample
    return x.double()


def our_run(name: str, sampler, z: torch.Tensor, pairs, generator: torch.Generator, clip: bool) -> torch.Tensor:
    schedule = SCHEDULES[name]()
    walk = reverse(
        FromNoise(schedule),
        schedule,
        sampler,
        z,
        pairs,
        lambda index: torch.randn(SHAPE, generator=generator, dtype=torch.float64),
        thresholding=Thresholding("clip" if clip else "none"),
    )
    *_, last = walk
    return last.z_s


def start() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(17), dtype=torch.float64)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(23)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("step_count", [1000, 250])
def test_the_schedules_are_the_same(name: str, step_count: int) -> None:
    scale = 1000 / step_count
    scheduler = DDPMScheduler(
        num_train_timesteps=step_count, beta_schedule=name, beta_start=1e-4 * scale, beta_end=0.02 * scale
    )
    schedule = SCHEDULES[name](step_count)
    np.testing.assert_allclose(schedule.beta, scheduler.betas.numpy(), rtol=1e-5, atol=1e-7)
    # Theirs is a float32 product of up to 1000 factors.
    np.testing.assert_allclose(schedule.alpha_bar, scheduler.alphas_cumprod.numpy(), rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_forward_process_is_the_same(name: str) -> None:
    scheduler = theirs(DDPMScheduler, name)
    x, noise, t = start(), start().flip(0), torch.tensor([3, 870])
    torch.testing.assert_close(diffuse(SCHEDULES[name](), x, t, noise), scheduler.add_noise(x, noise, t))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1000, 20])
@pytest.mark.parametrize(("variance", "theirs_called"), [("beta", "fixed_large"), ("posterior", "fixed_small")])
@pytest.mark.parametrize("clip", [False, True])
def test_ddpm_gives_the_same_pictures(name: str, steps: int, variance: str, theirs_called: str, clip: bool) -> None:
    scheduler = theirs(DDPMScheduler, name, variance_type=theirs_called, clip_sample=clip)
    expected = their_run(scheduler, start(), steps, generator=generator())
    pairs = sampling_pairs(linear(1000), steps, "leading")
    pictures = our_run(name, DDPMSampler(variance), start(), pairs, generator(), clip)
    torch.testing.assert_close(pictures, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1000, 20])
@pytest.mark.parametrize("eta", [0.0, 0.6])
@pytest.mark.parametrize("clip", [False, True])
def test_ddim_gives_the_same_pictures(
    name: str, steps: int, eta: float, clip: bool, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = theirs(DDIMScheduler, name, clip_sample=clip)
    with caplog.at_level(logging.WARNING):
        expected = their_run(scheduler, start(), steps, eta=eta, use_clipped_model_output=clip, generator=generator())
    pairs = sampling_pairs(linear(1000), steps, "leading")
    pictures = our_run(name, DDIMSampler(eta), start(), pairs, generator(), clip)
    torch.testing.assert_close(pictures, expected, rtol=1e-7, atol=1e-7)


def test_their_trailing_and_linspace_times_are_ours() -> None:
    for steps in (10, 13, 50, 1000):
        for spacing in ("trailing", "linspace", "leading"):
            scheduler = DDPMScheduler(timestep_spacing=spacing)
            scheduler.set_timesteps(steps)
            assert [t for t, _ in sampling_pairs(linear(1000), steps, spacing)] == scheduler.timesteps.tolist()


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("spacing", ["trailing", "linspace", "karras"])
@pytest.mark.parametrize("steps", [5, 25])
def test_euler_gives_the_same_pictures(name: str, spacing: str, steps: int) -> None:
    pairs = sampling_pairs(SCHEDULES[name](), steps, spacing)
    scheduler = on_these_steps(theirs(EulerDiscreteScheduler, name), name, [t for t, _ in pairs])
    expected = their_karras_run(scheduler, name, start())
    pictures = our_run(name, EulerSampler(), start(), pairs, generator(), clip=False)
    # Their step rounds the sample to float32.
    torch.testing.assert_close(pictures, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("spacing", ["trailing", "karras"])
@pytest.mark.parametrize("steps", [1, 5, 25])
def test_heun_gives_the_same_pictures(name: str, spacing: str, steps: int) -> None:
    pairs = sampling_pairs(SCHEDULES[name](), steps, spacing)
    times = [t for t, _ in pairs]
    scheduler = on_these_steps(theirs(HeunDiscreteScheduler, name), name, times)
    # Both of its calls of a step have an entry of their own.
    scheduler.timesteps = torch.tensor([times[0], *(t for t in times[1:] for _ in range(2))])
    inner = scheduler.sigmas[1:-1].repeat_interleave(2)
    scheduler.sigmas = torch.cat((scheduler.sigmas[:1], inner, scheduler.sigmas[-1:]))
    expected = their_karras_run(scheduler, name, start())
    pictures = our_run(name, HeunSampler(), start(), pairs, generator(), clip=False)
    torch.testing.assert_close(pictures, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("spacing", ["trailing", "log_snr"])
@pytest.mark.parametrize("steps", [1, 2, 5, 25])
def test_dpm_solver_gives_the_same_pictures(name: str, spacing: str, steps: int) -> None:
    pairs = sampling_pairs(SCHEDULES[name](), steps, spacing)
    scheduler = theirs(
        DPMSolverMultistepScheduler,
        name,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        final_sigmas_type="zero",
    )
    expected = start()
    for t in on_these_steps(scheduler, name, [t for t, _ in pairs]).timesteps:
        expected = scheduler.step(predict_noise(expected, int(t)), t, expected.clone()).prev_sample
    pictures = our_run(name, DPMSolverSampler(), start(), pairs, generator(), clip=False)
    # Their step rounds the sample to float32 here too.
    torch.testing.assert_close(pictures, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("spacing", ["trailing", "log_snr"])
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 25, 400])
def test_unipc_gives_the_same_pictures(name: str, spacing: str, steps: int) -> None:
    pairs = sampling_pairs(SCHEDULES[name](), steps, spacing)
    scheduler = theirs(
        UniPCMultistepScheduler, name, solver_order=2, solver_type="bh2", predict_x0=True, final_sigmas_type="zero"
    )
    expected = start()
    for t in on_these_steps(scheduler, name, [t for t, _ in pairs]).timesteps:
        expected = scheduler.step(predict_noise(expected, int(t)), t, expected).prev_sample
    pictures = our_run(name, UniPCSampler(), start(), pairs, generator(), clip=False)
    torch.testing.assert_close(pictures, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))
