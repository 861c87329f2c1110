"""What makes an accelerator fast without changing what is computed: number formats, memory layout, kernel choice.

Nothing of it touches a CPU. There pictures stay in torch's own layout: with channels last, oneDNN's convolutions are as
fast, but torch's group norm takes up to twelve times as long (5.9 instead of 0.5 ms there and back for 64 pictures of
32×14×14 in bfloat16), and a whole step 1.6 times as long.
"""

from __future__ import annotations

import torch
from torch import nn

from studio.networks.devices import Device


def prepare_device(device: Device) -> None:
    """Let CUDA compute float32 products in TF32 and choose its convolution kernels by trial. Process-wide; no effect
    elsewhere.

    TF32 keeps the range of float32 and ten bits of its fraction, three more than the bfloat16 that networks train in.
    """
    if device.kind == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        # Batches of a training are all of one size, so a trial pays from the second step on.
        torch.backends.cudnn.benchmark = True


def laid_out(network: nn.Module, device: Device) -> nn.Module:
    """The same network on `device`, its weights in the layout that the device is fast in.

    Tensor cores want channels last; activations follow the weights, so that no picture has to be rearranged.
    """
    if device.kind == "cuda":
        return network.to(device.torch_device, memory_format=torch.channels_last)
    return network.to(device.torch_device)
