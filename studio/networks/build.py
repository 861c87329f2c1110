"""From a configuration to a network with its first weights, the same for the same seed.

Weights are drawn as PyTorch draws them for each layer, uniform within ±1/√fan_in (He et al., arXiv 1502.01852, with
a = √5), embeddings from N(0, 1). The last layer of every residual block, of every attention and of the network is
zero (Ho et al., arXiv 2006.11239, in their published code): each block begins as the identity, and the network begins
by predicting 0.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from studio.networks.blocks import Attention, ResidualBlock, TimeEmbedding
from studio.networks.config import NetworkConfig, network_type
from studio.networks.points import PointBlock, PointNetwork
from studio.networks.unet import UNet


def build_network(config: NetworkConfig, seed: int = 0) -> nn.Module:
    """The network on the CPU in float32, in training mode; its weights are a function of `config` and `seed`.

    torch's global random state is neither used nor changed.
    """
    # On the "meta" device nothing is drawn, so the global generator stays as it is in every thread.
    with torch.device("meta"):
        network = network_type(config)(config)
    network = network.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        _initialise(module, generator)
    for module in network.modules():
        _silence(module)
    return network


def _initialise(module: nn.Module, generator: torch.Generator) -> None:
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        bound = 1.0 / math.sqrt(module.weight[0].numel())
        with torch.no_grad():
            module.weight.uniform_(-bound, bound, generator=generator)
            module.bias.uniform_(-bound, bound, generator=generator)
    elif isinstance(module, nn.Embedding):
        with torch.no_grad():
            module.weight.normal_(generator=generator)
    elif isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
        module.reset_parameters()
    elif isinstance(module, TimeEmbedding):
        module.reset_frequencies()


def _silence(module: nn.Module) -> None:
    match module:
        case ResidualBlock():
            last = module.conv2
        case Attention():
            last = module.to_out[0]
        case UNet():
            last = module.conv_out
        case PointBlock():
            last = module.linear_2
        case PointNetwork():
            last = module.output
        case _:
            return
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
