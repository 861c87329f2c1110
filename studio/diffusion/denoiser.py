"""Denoisers: everything a sampler needs to know about a model.

A denoiser answers predict(z_t, t) with ε̂ and x̂0, which determine each other through z_t = √ᾱ x̂0 + √(1−ᾱ) ε̂.

`NetworkDenoiser` asks a trained network. `GaussianDenoiser` is the exact answer E[x | z_t] when pictures are
distributed as N(m, σ²) in each pixel (Bishop & Bishop eq. 2.122, the posterior of a linear-Gaussian model):

    x̂0 = m + √ᾱ σ² / (ᾱ σ² + 1 − ᾱ) · (z_t − √ᾱ m)
    ε̂  = √(1−ᾱ) / (ᾱ σ² + 1 − ᾱ) · (z_t − √ᾱ m)
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from studio.diffusion.parameterization import Parameterization, prediction_from_output
from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule

__all__ = ["Denoiser", "GaussianDenoiser", "NetworkDenoiser", "Prediction"]

Condition = torch.Tensor | int | None


@runtime_checkable
class Denoiser(Protocol):
    """Predicts the noise in z_t and the picture under it."""

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """ε̂ and x̂0 for z_t (N, C, H, W) at index t in 0..T−1.

        condition: class numbers int64 (N,), one class for all, or None for a model without classes.
        """
        ...


class NetworkDenoiser:
    """A network with the schedule and the parameterization it was trained with.

    network(z, t, class_labels=None) -> tensor like z, with t int64 (N,) in 0..T−1. It is asked in evaluation mode,
    without gradients, on its own device; answers come back float32 on the device of z_t.
    autocast: makes a context manager to run the network in (such as bfloat16 autocast); None for plain float32.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: NoiseSchedule,
        parameterization: Parameterization,
        autocast: Callable[[], contextlib.AbstractContextManager[object]] | None = None,
    ) -> None:
        self.network = network
        self.schedule = schedule
        self.parameterization = Parameterization(parameterization)
        self._autocast = autocast or contextlib.nullcontext

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`."""
        parameter = next(self.network.parameters(), None)
        device = z_t.device if parameter is None else parameter.device
        times = torch.full((z_t.shape[0],), t, dtype=torch.int64, device=device)
        labels = condition
        if isinstance(labels, int):
            labels = torch.full_like(times, labels)
        elif labels is not None:
            labels = labels.to(device)
        with torch.no_grad(), _evaluating(self.network), self._autocast():
            output = self.network(z_t.to(device), times, class_labels=labels)
        output = output.to(device=z_t.device, dtype=torch.float32)
        return prediction_from_output(self.parameterization, output, z_t, self.schedule.alpha_bar_at(t))


class GaussianDenoiser:
    """The exact denoiser of pictures whose pixels are independent and N(mean, variance).

    mean, variance: floats, or tensors that broadcast to (N, C, H, W). variance may be 0: one single picture.
    """

    def __init__(self, schedule: NoiseSchedule, mean: torch.Tensor | float, variance: torch.Tensor | float) -> None:
        self.schedule = schedule
        self.mean = torch.as_tensor(mean, dtype=torch.float64)
        self.variance = torch.as_tensor(variance, dtype=torch.float64)
        if not bool((self.variance >= 0).all()):
            raise ValueError("a variance cannot be negative")

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`; there are no classes, so `condition` changes nothing."""
        alpha_bar = self.schedule.alpha_bar_at(t)
        noise_variance = self.schedule.one_minus_alpha_bar_at(t)
        signal, sigma = math.sqrt(alpha_bar), math.sqrt(noise_variance)
        marginal = alpha_bar * self.variance + noise_variance
        excess = z_t - (signal * self.mean).to(z_t)
        return Prediction(
            eps=(sigma / marginal).to(z_t) * excess,
            x0=self.mean.to(z_t) + (signal * self.variance / marginal).to(z_t) * excess,
        )


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    # Dropout left on would spoil samples taken from a network in the middle of its training.
    was_training = network.training
    if was_training:
        network.eval()
    try:
        yield
    finally:
        if was_training:
            network.train()
