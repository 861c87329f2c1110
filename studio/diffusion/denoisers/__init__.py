"""Denoisers: everything a sampler needs to know about a model, trained or exact."""

from studio.diffusion.denoisers.data_set import DataSetDenoiser, Responsibilities
from studio.diffusion.denoisers.gaussian import GaussianDenoiser
from studio.diffusion.denoisers.guidance import NO_GUIDANCE, Guidance, GuidedDenoiser
from studio.diffusion.denoisers.mixture import GaussianMixtureDenoiser
from studio.diffusion.denoisers.network import NetworkDenoiser
from studio.diffusion.denoisers.protocol import Condition, Denoiser

__all__ = [
    "NO_GUIDANCE",
    "Condition",
    "DataSetDenoiser",
    "Denoiser",
    "GaussianDenoiser",
    "GaussianMixtureDenoiser",
    "Guidance",
    "GuidedDenoiser",
    "NetworkDenoiser",
    "Responsibilities",
]
