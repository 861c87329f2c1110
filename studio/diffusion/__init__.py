"""The mathematics of diffusion: schedule, forward process, denoisers, samplers, the reverse run and its trace.

Knows numbers and tensors only: no files that stay, no networks, no screen. Equations after Bishop & Bishop, Deep Learning,
ch. 20.
"""

from studio.diffusion.branching import branch
from studio.diffusion.denoisers import (
    DataSetDenoiser,
    Denoiser,
    GaussianDenoiser,
    GaussianMixtureDenoiser,
    Guidance,
    GuidedDenoiser,
    NetworkDenoiser,
    Responsibilities,
)
from studio.diffusion.editing import (
    KnownPixels,
    interpolate,
    known_from_mask,
    noised_start,
    repaint_pairs,
    seed_path,
    slerp,
    start_level,
    steps_from,
    vary,
)
from studio.diffusion.forward import alpha_bar_for, diffuse, markov_chain, markov_step
from studio.diffusion.loss_weight import LOSS_WEIGHTS, loss_weight
from studio.diffusion.noise import NoisePurpose, PictureNoise
from studio.diffusion.parameterization import (
    Parameterization,
    convert,
    output_from_prediction,
    prediction_from_output,
    training_target,
)
from studio.diffusion.prediction import Prediction
from studio.diffusion.reverse import reverse
from studio.diffusion.run import ReverseRun
from studio.diffusion.samplers import (
    SAMPLERS,
    SPACINGS,
    DDIMSampler,
    DDPMSampler,
    DPMSolverSampler,
    EulerSampler,
    HeunSampler,
    Sampler,
    SamplerKind,
    SamplerOption,
    StepCoefficients,
    UniPCSampler,
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
from studio.diffusion.step import Step
from studio.diffusion.thresholding import Thresholding
from studio.diffusion.trace import Trace, TraceSize

__all__ = [
    "LOSS_WEIGHTS",
    "SAMPLERS",
    "SCHEDULES",
    "SPACINGS",
    "DDIMSampler",
    "DDPMSampler",
    "DPMSolverSampler",
    "DataSetDenoiser",
    "Denoiser",
    "EulerSampler",
    "GaussianDenoiser",
    "GaussianMixtureDenoiser",
    "Guidance",
    "GuidedDenoiser",
    "HeunSampler",
    "KnownPixels",
    "NetworkDenoiser",
    "NoisePurpose",
    "NoiseSchedule",
    "Parameterization",
    "PictureNoise",
    "Prediction",
    "Responsibilities",
    "ReverseRun",
    "Sampler",
    "SamplerKind",
    "SamplerOption",
    "ScheduleKind",
    "ScheduleOption",
    "ScheduleWarning",
    "Step",
    "StepCoefficients",
    "Thresholding",
    "Trace",
    "TraceSize",
    "UniPCSampler",
    "alpha_bar_for",
    "branch",
    "convert",
    "cosine",
    "diffuse",
    "interpolate",
    "known_from_mask",
    "linear",
    "loss_weight",
    "make_sampler",
    "make_schedule",
    "markov_chain",
    "markov_step",
    "noised_start",
    "output_from_prediction",
    "prediction_from_output",
    "repaint_pairs",
    "reverse",
    "sampling_pairs",
    "seed_path",
    "slerp",
    "start_level",
    "steps_from",
    "training_target",
    "vary",
]
