"""denoising-diffusion-pytorch, trained as its README and its Trainer do it.

The README's Unet(dim=64, dim_mults=(1, 2, 4, 8)), GaussianDiffusion with its defaults (predicts v, sigmoid schedule),
two batches of 32 accumulated in a step, Adam at 8e-5, EMA of 0.995 every ten steps. Its Trainer reads files only; the
same steps are taken here on tensors, so that its data loader costs nothing, and in float32: its amp is meant for GPUs.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from studio.benchmarks.contender import padded, without_padding
from studio.data.pixels import to_model_range, to_pictures
from studio.errors import SettingsError

_LEVELS = (1, 2, 4, 8)
_ACCUMULATED = 2


class DenoisingDiffusionPytorchLoop:
    """A training loop of denoising-diffusion-pytorch; `images` uint8 (N, H, W, C).

    Raises SettingsError when it cannot be imported here.
    """

    name = "denoising-diffusion-pytorch"

    def __init__(
        self, images: NDArray[np.uint8], *, batch_size: int = 32, learning_rate: float = 8e-5, seed: int = 0
    ) -> None:
        try:
            from denoising_diffusion_pytorch import GaussianDiffusion, Unet
            from ema_pytorch import EMA
        except ImportError as error:
            raise SettingsError(
                f"denoising-diffusion-pytorch cannot be imported ({error}).",
                "Install it with: pip install denoising-diffusion-pytorch.",
            ) from error
        torch.manual_seed(seed)
        self.batch_size = batch_size * _ACCUMULATED
        self.settings = f"U-Net 64 × {_LEVELS}, batch {_ACCUMULATED} × {batch_size}, rate {learning_rate:g}, float32"
        self._half = batch_size
        self._size = images.shape[1:3]
        self._pictures = to_model_range(padded(images, 2 ** (len(_LEVELS) - 1)))
        network = Unet(dim=64, dim_mults=_LEVELS, channels=images.shape[3], flash_attn=True)
        self._diffusion = GaussianDiffusion(network, image_size=tuple(self._pictures.shape[2:]), sampling_timesteps=20)
        self._optimizer = torch.optim.Adam(self._diffusion.parameters(), lr=learning_rate, betas=(0.9, 0.99))
        self._average = EMA(self._diffusion, beta=0.995, update_every=10)
        self._generator = torch.Generator().manual_seed(seed)

    def step(self) -> float:
        """What its Trainer does in one step. Its loss is that of v, not of the noise."""
        total = 0.0
        self._diffusion.train()
        with torch.enable_grad():
            for _ in range(_ACCUMULATED):
                chosen = torch.randint(len(self._pictures), (self._half,), generator=self._generator)
                # It brings pictures from 0..1 to -1..1 by itself.
                loss = self._diffusion((self._pictures[chosen] + 1) / 2) / _ACCUMULATED
                total += loss.item()
                loss.backward()
        torch.nn.utils.clip_grad_norm_(self._diffusion.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._average.update()
        return total

    @torch.no_grad()
    def pictures(self, count: int, steps: int, seed: int) -> NDArray[np.uint8]:
        """By its own DDIM sampler, with the averaged weights."""
        torch.manual_seed(seed)
        diffusion = self._average.ema_model
        diffusion.eval()
        diffusion.sampling_timesteps, diffusion.is_ddim_sampling = steps, True
        made = []
        for first in range(0, count, 250):
            z = diffusion.sample(batch_size=min(250, count - first))
            made.append(to_pictures(z * 2 - 1))
        return without_padding(np.concatenate(made), *self._size)
