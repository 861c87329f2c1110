"""The schedules that have a name: one equation each, for any number of steps T.

    linear          β(u) = β_start + u (β_end − β_start)                    Ho et al., arXiv 2006.11239, §4
    quadratic       √β(u) = √β_start + u (√β_end − √β_start)                Rombach et al., arXiv 2112.10752, code
    sigmoid_beta    β(u) = β_start + s(12u − 6) (β_end − β_start)           Xu et al. (GeoDiff), arXiv 2203.02923, code
    cosine          ᾱ(u) = f(u)/f(0), f(u) = cos²(π/2 (u + o)/(1 + o))      Nichol & Dhariwal, arXiv 2102.09672, eq. 17
    sigmoid         ᾱ(u) = (s(e/τ) − s((b + (e − b) u)/τ)) / (s(e/τ) − s(b/τ))
                                                    Jabri et al., arXiv 2212.11972; Chen, arXiv 2301.10972, Algorithm 1
    karras          σ(u) = (σ_min^{1/ρ} + u (σ_max^{1/ρ} − σ_min^{1/ρ}))^ρ  Karras et al., arXiv 2206.00364, eq. 5
    log_snr_slope   λ(u) = λ_max + u (λ_min − λ_max)                        linear log-SNR, arXiv 2107.00630

s is the logistic sigmoid, o an offset, b and e the sigmoid's start and end; ᾱ = 1/(1 + σ²), λ = log(ᾱ/(1 − ᾱ)).
Three ways of meeting any T:

- The first three give β at u = (t − 1)/(T − 1), meant for T = 1000, and are scaled by 1000/T: without that fewer steps
  would leave the picture visible in z_T. Below some T the scaled β would pass 0.999; all are then scaled by less, so
  that the shape stays.
- cosine and sigmoid give ᾱ at the share u = t/T of the way and need no scaling. ᾱ(1) = 0, so the last β is cut.
- karras and log_snr_slope give the noise level at u = (t − 1)/(T − 1): first and last step are alike for any T.

A single step is the end of each of them. All raise ScheduleError when T or an option is not possible.
"""

from __future__ import annotations

import math

import numpy as np

from studio.diffusion.schedule.checks import BETA_LIMIT, checked_beta, checked_step_count
from studio.diffusion.schedule.conversions import (
    beta_of_log_alpha_bar,
    log_alpha_bar_of_log_snr,
    log_alpha_bar_of_sigma,
)
from studio.diffusion.schedule.curve import REFERENCE_STEPS, even_shares
from studio.diffusion.schedule.noise_schedule import NoiseSchedule
from studio.errors import ScheduleError

GEODIFF_REACH = 6.0
SIGMOID_CLIP = 1e-9
LARGEST_SIGMOID_END, SMALLEST_TAU = 100.0, 0.001
SMALLEST_SIGMA, LARGEST_SIGMA = 1e-6, 1e6
LARGEST_LOG_SNR = 30.0


def linear(step_count: int = REFERENCE_STEPS, beta_start: float = 1e-4, beta_end: float = 0.02) -> NoiseSchedule:
    """β rises linearly between two ends meant for T = 1000."""
    step_count, scale, first = _beta_scale(step_count, beta_start, beta_end)
    beta = np.linspace(first * scale, beta_end * scale, step_count)
    return NoiseSchedule(beta, "linear", {"beta_start": float(beta_start), "beta_end": float(beta_end)})


def quadratic(step_count: int = REFERENCE_STEPS, beta_start: float = 1e-4, beta_end: float = 0.03) -> NoiseSchedule:
    """√β rises linearly between two ends meant for T = 1000; diffusers calls it "scaled_linear".

    Stable Diffusion has 0.00085 and 0.012, which leaves 7 % of the picture's amplitude in z_T.
    """
    step_count, scale, first = _beta_scale(step_count, beta_start, beta_end)
    first, last = first * scale, beta_end * scale
    beta = np.linspace(math.sqrt(first), math.sqrt(last), step_count) ** 2
    # The square of a root may miss its end by one bit, and the limit with it.
    beta = np.clip(beta, min(first, last), max(first, last))
    return NoiseSchedule(beta, "quadratic", {"beta_start": float(beta_start), "beta_end": float(beta_end)})


def sigmoid_beta(step_count: int = REFERENCE_STEPS, beta_start: float = 1e-4, beta_end: float = 0.02) -> NoiseSchedule:
    """β rises along a logistic sigmoid between two ends meant for T = 1000: GeoDiff's, and diffusers' "sigmoid".

    Not the one that Chen and Jabri et al. call sigmoid, which is `sigmoid` here. As the sigmoid is cut at ±6, β comes
    within 0.25 % of the range of its ends.
    """
    step_count, scale, _ = _beta_scale(step_count, beta_start, beta_end)
    share = _logistic(GEODIFF_REACH * (2.0 * even_shares(step_count) - 1.0))
    beta = (beta_start + share * (beta_end - beta_start)) * scale
    return NoiseSchedule(beta, "sigmoid_beta", {"beta_start": float(beta_start), "beta_end": float(beta_end)})


def cosine(step_count: int = REFERENCE_STEPS, offset: float = 0.008, maximum_beta: float = 0.999) -> NoiseSchedule:
    """ᾱ falls along a squared cosine; every β is at most `maximum_beta`. `offset` is in [0, 1]."""
    step_count = checked_step_count(step_count)
    checked_beta([maximum_beta])
    if not 0.0 <= offset <= 1.0:
        raise ScheduleError(f"The cosine schedule's offset is {offset!r}.", "Choose a number between 0 and 1.")
    u = np.arange(step_count + 1) / step_count
    alpha_bar = np.cos((u + offset) / (1.0 + offset) * (math.pi / 2.0)) ** 2
    beta = np.minimum(1.0 - alpha_bar[1:] / alpha_bar[:-1], maximum_beta)
    return NoiseSchedule(beta, "cosine", {"offset": float(offset), "maximum_beta": float(maximum_beta)})


def sigmoid(
    step_count: int = REFERENCE_STEPS, start: float = -3.0, end: float = 3.0, tau: float = 1.0
) -> NoiseSchedule:
    """ᾱ falls along a logistic sigmoid from `start` to `end`, the steeper the smaller `tau`: Chen's, Algorithm 1.

    There are two schedules of this name, and they do not agree. This one is a sigmoid in ᾱ (Jabri et al., Chen); the
    one in β (GeoDiff, diffusers) is `sigmoid_beta`. As in Chen ᾱ is at least 10⁻⁹; every β is at most 0.999.

    Raises ScheduleError also unless −100 ≤ start < end ≤ 100 and τ ≥ 0.001, or when the sigmoid is flat between them.
    """
    step_count = checked_step_count(step_count)
    _check_finite("sigmoid", start=start, end=end, tau=tau)
    if not (-LARGEST_SIGMOID_END <= start < end <= LARGEST_SIGMOID_END and tau >= SMALLEST_TAU):
        raise ScheduleError(
            f"The sigmoid schedule goes from {start!r} to {end!r} with τ = {tau!r}.",
            f"Choose a start below the end, both from −{LARGEST_SIGMOID_END:g} to {LARGEST_SIGMOID_END:g}, "
            f"and τ of at least {SMALLEST_TAU}.",
        )
    u = np.arange(1, step_count + 1) / step_count
    first, last = _logistic(np.array([start, end]) / tau)
    if not last > first:
        raise ScheduleError(
            f"The sigmoid is flat from {start / tau:g} to {end / tau:g}.", "Choose a start and an end around 0."
        )
    gone = (_logistic((start + (end - start) * u) / tau) - first) / (last - first)
    log_alpha_bar = np.log1p(-np.minimum(gone, 1.0 - SIGMOID_CLIP))
    beta = beta_of_log_alpha_bar(log_alpha_bar, BETA_LIMIT)
    return NoiseSchedule(beta, "sigmoid", {"start": float(start), "end": float(end), "tau": float(tau)})


def karras(
    step_count: int = REFERENCE_STEPS, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0
) -> NoiseSchedule:
    """The noise levels σ of EDM, where z_t / √ᾱ_t = x + σ_t ε: σ^{1/ρ} rises linearly.

    ρ = 1 spaces the levels evenly; a larger ρ puts more of them at little noise.

    Raises ScheduleError also unless 10⁻⁶ ≤ σ_min < σ_max ≤ 10⁶ and 0.1 ≤ ρ ≤ 100.
    """
    step_count = checked_step_count(step_count)
    _check_finite("Karras", sigma_min=sigma_min, sigma_max=sigma_max, rho=rho)
    if not (SMALLEST_SIGMA <= sigma_min < sigma_max <= LARGEST_SIGMA and 0.1 <= rho <= 100.0):
        raise ScheduleError(
            f"The Karras schedule goes from σ = {sigma_min!r} to {sigma_max!r} with ρ = {rho!r}.",
            f"Choose a first σ below the last, both from {SMALLEST_SIGMA:g} to {LARGEST_SIGMA:,.0f}, "
            "and ρ from 0.1 to 100.",
        )
    ratio = (sigma_max / sigma_min) ** (1.0 / rho)
    sigma = sigma_min * (1.0 + even_shares(step_count) * (ratio - 1.0)) ** rho
    beta = beta_of_log_alpha_bar(log_alpha_bar_of_sigma(sigma))
    options = {"sigma_min": float(sigma_min), "sigma_max": float(sigma_max), "rho": float(rho)}
    return NoiseSchedule(beta, "karras", options)


def log_snr_slope(
    step_count: int = REFERENCE_STEPS, log_snr_max: float = 10.0, log_snr_min: float = -10.0
) -> NoiseSchedule:
    """log-SNR (natural logarithm) falls in a straight line from `log_snr_max` to `log_snr_min`.

    Raises ScheduleError also unless −30 ≤ log_snr_min < log_snr_max ≤ 30.
    """
    step_count = checked_step_count(step_count)
    _check_finite("log-SNR", log_snr_max=log_snr_max, log_snr_min=log_snr_min)
    if not -LARGEST_LOG_SNR <= log_snr_min < log_snr_max <= LARGEST_LOG_SNR:
        raise ScheduleError(
            f"The log-SNR schedule goes from {log_snr_max!r} to {log_snr_min!r}.",
            f"Choose a larger first and a smaller last number, both from −{LARGEST_LOG_SNR:g} to {LARGEST_LOG_SNR:g}.",
        )
    log_snr = log_snr_max + even_shares(step_count) * (log_snr_min - log_snr_max)
    beta = beta_of_log_alpha_bar(log_alpha_bar_of_log_snr(log_snr))
    options = {"log_snr_max": float(log_snr_max), "log_snr_min": float(log_snr_min)}
    return NoiseSchedule(beta, "log_snr_slope", options)


def _beta_scale(step_count: int, beta_start: float, beta_end: float) -> tuple[int, float, float]:
    """T, the factor on both ends for T steps, and the end to begin with: with a single step the last."""
    step_count = checked_step_count(step_count)
    checked_beta([beta_start, beta_end])
    largest = max(beta_start, beta_end)
    # Ends above the limit are the caller's own choice: they are kept, and find_warnings speaks of them.
    scale = min(REFERENCE_STEPS / step_count, max(BETA_LIMIT / largest, 1.0))
    return step_count, scale, beta_start if step_count > 1 else beta_end


def _logistic(values: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -values))


def _check_finite(kind: str, **options: float) -> None:
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)) or not math.isfinite(value):
            raise ScheduleError(f"{name} of the {kind} schedule is {value!r}, which is not a number.")
