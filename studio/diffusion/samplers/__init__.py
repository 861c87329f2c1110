"""Samplers: rules for walking from noise to a picture, and the noise levels to walk through."""

from studio.diffusion.samplers.ddim import DDIMSampler
from studio.diffusion.samplers.ddpm import DDPMSampler
from studio.diffusion.samplers.dpm_solver import DPMSolverSampler
from studio.diffusion.samplers.euler import EulerSampler
from studio.diffusion.samplers.heun import HeunSampler
from studio.diffusion.samplers.kinds import SAMPLERS, SamplerKind, SamplerOption, make_sampler
from studio.diffusion.samplers.protocol import (
    Evaluation,
    Move,
    Sampler,
    StepCoefficients,
    deterministic_coefficients,
)
from studio.diffusion.samplers.spacing import SPACINGS, checked_pairs, sampling_pairs
from studio.diffusion.samplers.unipc import UniPCSampler

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "DDIMSampler",
    "DDPMSampler",
    "DPMSolverSampler",
    "EulerSampler",
    "Evaluation",
    "HeunSampler",
    "Move",
    "Sampler",
    "SamplerKind",
    "SamplerOption",
    "StepCoefficients",
    "UniPCSampler",
    "checked_pairs",
    "deterministic_coefficients",
    "make_sampler",
    "sampling_pairs",
]
