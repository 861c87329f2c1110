"""One step of the reverse process, with everything that can be shown of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from studio.diffusion.samplers.protocol import Evaluation, StepCoefficients


@dataclass(frozen=True, eq=False)
class Step:
    """All there is to know about one step from t to s; tensors are (N, C, H, W) in the dtype of the run.

    index: 0..total−1 in the order of the run. t, s: 0-based, s = −1 is the picture.
    eps, x0: the model's answer to z_t, after thresholding where the run thresholds.
    direction: the noise estimate that the sampler walked along; `eps` itself unless the sampler improves on it.
    subtracted: what was taken off, state·z_t − mean; predicted_noise·direction, except for given pixels.
    mean = state·z_t − subtracted; z_s = mean + injected, exactly as computed.
    injected: zeros when the step adds no noise.
    clipped_share: share in 0..1 of the values of x̂0 that lay beyond ±1 (before thresholding, if the run thresholds).
    evaluation: what a sampler with a memory will want to know of this step later.
    model_calls: how often the model was asked.
    """

    index: int
    total: int
    t: int
    s: int
    z_t: torch.Tensor
    eps: torch.Tensor
    x0: torch.Tensor
    coefficients: StepCoefficients
    direction: torch.Tensor
    subtracted: torch.Tensor
    mean: torch.Tensor
    injected: torch.Tensor
    z_s: torch.Tensor
    clipped_share: float
    evaluation: Evaluation
    model_calls: int
