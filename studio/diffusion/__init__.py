"""The mathematics of diffusion: schedule, forward process, denoisers, samplers, the reverse run and its trace.

Knows numbers and tensors only: no files, no networks, no screen. Equations after Bishop & Bishop, Deep Learning,
ch. 20.
"""

from studio.diffusion.denoiser import Denoiser, GaussianDenoiser, NetworkDenoiser
from studio.diffusion.forward import alpha_bar_for, diffuse, markov_chain, markov_step
from studio.diffusion.noise import PictureNoise
from studio.diffusion.parameterization import Parameterization, prediction_from_output, training_target
from studio.diffusion.prediction import Prediction
from studio.diffusion.reverse import Step, reverse
from studio.diffusion.sampler import (
    SAMPLERS,
    SPACINGS,
    DDIMSampler,
    DDPMSampler,
    Sampler,
    SamplerKind,
    SamplerOption,
    StepCoefficients,
    make_sampler,
    sampling_pairs,
)
from studio.diffusion.schedule import (
    SCHEDULES,
    NoiseSchedule,
    ScheduleKind,
    ScheduleOption,
    ScheduleWarning,
    cosine,
    linear,
    make_schedule,
)
from studio.diffusion.trace import Trace

__all__ = [
    "SAMPLERS",
    "SCHEDULES",
    "SPACINGS",
    "DDIMSampler",
    "DDPMSampler",
    "Denoiser",
    "GaussianDenoiser",
    "NetworkDenoiser",
    "NoiseSchedule",
    "Parameterization",
    "PictureNoise",
    "Prediction",
    "Sampler",
    "SamplerKind",
    "SamplerOption",
    "ScheduleKind",
    "ScheduleOption",
    "ScheduleWarning",
    "Step",
    "StepCoefficients",
    "Trace",
    "alpha_bar_for",
    "cosine",
    "diffuse",
    "linear",
    "make_sampler",
    "make_schedule",
    "markov_chain",
    "markov_step",
    "prediction_from_output",
    "reverse",
    "sampling_pairs",
    "training_target",
]
