"""diffusers, trained as its own tutorial does it.

https://huggingface.co/docs/diffusers/tutorials/basic_training for the loop: a DataLoader, noise and t of the global
generator, DDPMScheduler.add_noise, AdamW, clipping to 1, accelerate, the loss read after every step. What its data
loader would spend on decoding and resizing pictures is left out: it is handed finished tensors. Without fp16, which the
tutorial uses on a GPU; on a CPU accelerate offers none.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from studio.benchmarks.contender import padded, without_padding
from studio.data.pixels import to_model_range, to_pictures
from studio.errors import SettingsError
from studio.networks.unet_config import UNetConfig

COURSE_NETWORK = UNetConfig(
    in_channels=1,
    out_channels=1,
    block_out_channels=(64, 128, 128, 256),
    layers_per_block=2,
    down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
)
"""The network for 32×32 pixels of Hugging Face's diffusion course, unit 1; the tutorial's own is made for 128×128 and
would take ten times as long. Its batch is 64, its rate 4e-4, its schedule squaredcos_cap_v2."""

_MISSING = "diffusers and accelerate are not installed."
_INSTALL = 'Install them with: pip install "diffusion-studio[bench]".'


class DiffusersLoop:
    """A plain training loop of diffusers on one network.

    images: uint8 (N, H, W, C); black is put around them until the network halves them evenly.
    Raises SettingsError when diffusers is not installed.
    """

    name = "diffusers"

    def __init__(
        self,
        images: NDArray[np.uint8],
        network: UNetConfig = COURSE_NETWORK,
        *,
        batch_size: int = 64,
        learning_rate: float = 4e-4,
        beta_schedule: str = "squaredcos_cap_v2",
        warmup_steps: int = 0,
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        try:
            from accelerate import Accelerator
            from diffusers import DDPMScheduler, UNet2DModel
            from diffusers.optimization import get_constant_schedule_with_warmup
        except ImportError as error:
            raise SettingsError(_MISSING, _INSTALL) from error
        torch.manual_seed(seed)
        self.batch_size = batch_size
        self.settings = (
            f"U-Net {', '.join(map(str, network.block_out_channels))}, batch {batch_size}, rate {learning_rate:g}, "
            f"{beta_schedule}, predicts noise, float32"
        )
        self._size = images.shape[1:3]
        pictures = to_model_range(padded(images, 2 ** (len(network.block_out_channels) - 1)))
        fields = {name: value for name, value in vars(network).items() if value is not None or name in _NONE_MEANS}
        self._accelerator = Accelerator(cpu=device == "cpu")
        model = UNet2DModel(**fields | {"sample_size": pictures.shape[-1]})
        self._scheduler = DDPMScheduler(num_train_timesteps=1000, beta_schedule=beta_schedule)
        optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
        rate = get_constant_schedule_with_warmup(optimizer, warmup_steps)
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(pictures), batch_size=batch_size, shuffle=True, drop_last=True
        )
        self._model, self._optimizer, self._loader, self._rate = self._accelerator.prepare(
            model, optimizer, loader, rate
        )
        self._batches = self._endless()

    @property
    def model(self) -> nn.Module:
        """The UNet2DModel."""
        return self._model

    def step(self) -> float:
        """One pass through the tutorial's inner loop."""
        (clean,) = next(self._batches)
        noise = torch.randn(clean.shape, device=clean.device)
        timesteps = torch.randint(0, self._scheduler.config.num_train_timesteps, (len(clean),), device=clean.device)
        noisy = self._scheduler.add_noise(clean, noise, timesteps.long())
        with self._accelerator.accumulate(self._model), torch.enable_grad():
            predicted = self._model(noisy, timesteps, return_dict=False)[0]
            loss = nn.functional.mse_loss(predicted, noise)
            self._accelerator.backward(loss)
            self._accelerator.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._rate.step()
            self._optimizer.zero_grad()
        return loss.detach().item()

    @torch.no_grad()
    def pictures(self, count: int, steps: int, seed: int) -> NDArray[np.uint8]:
        """By DDIM, as its DDPMScheduler needs more steps; with the spacing and clipping that it has by default."""
        from diffusers import DDIMScheduler

        scheduler = DDIMScheduler.from_config(self._scheduler.config)
        scheduler.set_timesteps(steps)
        generator = torch.Generator().manual_seed(seed)
        example = next(iter(self._loader))[0]
        made = []
        for first in range(0, count, 250):
            z = torch.randn((min(250, count - first), *example.shape[1:]), generator=generator).to(example.device)
            for t in scheduler.timesteps:
                z = scheduler.step(self._model(z, t).sample, t, z).prev_sample
            made.append(to_pictures(z))
        return without_padding(np.concatenate(made), *self._size)

    def _endless(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self._loader


_NONE_MEANS = ("attention_head_dim",)
"""Fields whose None says something; elsewhere diffusers wants its own default."""
