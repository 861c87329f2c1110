"""Samplers: rules for walking from noise to a picture, and the noise levels to walk through."""

from studio.diffusion.samplers.ddim import DDIMSampler
from studio.diffusion.samplers.ddpm import DDPMSampler
from studio.diffusion.samplers.kinds import SAMPLERS, SamplerKind, SamplerOption, make_sampler
from studio.diffusion.samplers.protocol import (
    Evaluation,
    Move,
    Sampler,
    StepCoefficients,
    deterministic_coefficients,
)
from studio.diffusion.samplers.spacing import SPACINGS, checked_pairs, sampling_pairs

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "DDIMSampler",
    "DDPMSampler",
    "Evaluation",
    "Move",
    "Sampler",
    "SamplerKind",
    "SamplerOption",
    "StepCoefficients",
    "checked_pairs",
    "deterministic_coefficients",
    "make_sampler",
    "sampling_pairs",
]
