"""Whether weights from a file fit the architecture that the file describes, found out before anything is built."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from studio.errors import ModelFileError
from studio.networks.config import NetworkConfig, network_type
from studio.networks.points import PointConfig
from studio.networks.stem import SpaceToDepthConfig

_REMEDY = "Choose another file."


def picture_shape_fits(config: NetworkConfig, shape: tuple[int, int, int]) -> bool:
    """Whether a network of this architecture takes and gives pictures of `shape` (C, H, W)."""
    if isinstance(config, PointConfig):
        return (config.channels, config.height, config.width) == shape
    if isinstance(config, SpaceToDepthConfig):
        return config.channels == shape[0]
    return config.in_channels == config.out_channels == shape[0]


def check_state(config: NetworkConfig, state: Mapping[str, Tensor], shape: tuple[int, int, int]) -> None:
    """Raise ModelFileError unless `state` holds exactly the weights of the architecture, finite and in shape.

    Only shapes are computed: however large the described network, it takes no memory here.
    """
    if not picture_shape_fits(config, shape):
        raise ModelFileError(f"Its network does not make pictures of the shape {shape}.", _REMEDY)
    with torch.device("meta"):
        expected = network_type(config)(config).state_dict()
    missing = sorted(set(expected) - set(state))
    unknown = sorted(set(state) - set(expected))
    if missing:
        raise ModelFileError(f"{len(missing)} of its weights are missing, {missing[0]} among them.", _REMEDY)
    if unknown:
        raise ModelFileError(f"Its network has no place for {len(unknown)} of its weights: {unknown[0]}.", _REMEDY)
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            found, wanted = tuple(tensor.shape), tuple(expected[name].shape)
            raise ModelFileError(f"The weight {name} has the shape {found}; the network needs {wanted}.", _REMEDY)
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise ModelFileError(f"The weight {name} holds values that are not finite numbers.", _REMEDY)
