"""A trained network as a denoiser."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import nn

from studio.diffusion.denoisers.protocol import Condition
from studio.diffusion.parameterization import Parameterization, prediction_from_output
from studio.diffusion.prediction import Prediction
from studio.diffusion.schedule import NoiseSchedule
from studio.errors import SettingsError


class NetworkDenoiser:
    """A network with the schedule and the parameterization it was trained with.

    network(z, t, class_labels=None) -> tensor like z, with t int64 (N,) in 0..T−1. It is asked in evaluation mode,
    without gradients, on its own device; answers come back float32 on the device of z_t.
    autocast: makes a context manager to run the network in (such as bfloat16 autocast); None for plain float32.
    class_count: K when the network was trained with classes. has_no_class_label: whether it knows the label K, "no
    class in particular"; without that every picture needs a class.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: NoiseSchedule,
        parameterization: Parameterization,
        autocast: Callable[[], contextlib.AbstractContextManager[object]] | None = None,
        class_count: int | None = None,
        has_no_class_label: bool = True,
    ) -> None:
        self.network = network
        self.schedule = schedule
        self.parameterization = Parameterization(parameterization)
        self.class_count = class_count
        self.has_no_class_label = has_no_class_label
        self._autocast = autocast or contextlib.nullcontext

    def predict(self, z_t: torch.Tensor, t: int, condition: Condition = None) -> Prediction:
        """See `Denoiser.predict`. Raises SettingsError when a class is missing that the network cannot do without."""
        if condition is None and self.class_count is not None and not self.has_no_class_label:
            raise SettingsError("This model was never trained without a class.", "Choose a class.")
        parameter = next(self.network.parameters(), None)
        device = z_t.device if parameter is None else parameter.device
        times = torch.full((z_t.shape[0],), t, dtype=torch.int64, device=device)
        labels = self.class_count if condition is None else condition
        if isinstance(labels, int):
            labels = torch.full_like(times, labels)
        elif labels is not None:
            labels = labels.to(device)
        with torch.no_grad(), _evaluating(self.network), self._autocast():
            output = self.network(z_t.to(device), times, class_labels=labels)
        output = output.to(device=z_t.device, dtype=torch.float32)
        return prediction_from_output(self.parameterization, output, z_t, self.schedule.alpha_bar_at(t))


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
