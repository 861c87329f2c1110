"""What a network is, as plain values that travel inside a model file."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from studio.errors import ModelFileError, SettingsError
from studio.networks.points import PointConfig, PointNetwork
from studio.networks.stem import SpaceToDepthConfig, SpaceToDepthUNet
from studio.networks.unet import UNet, UNetConfig

NetworkConfig = UNetConfig | SpaceToDepthConfig | PointConfig

_KINDS: dict[str, tuple[type, type[nn.Module]]] = {
    "unet": (UNetConfig, UNet),
    "space_to_depth": (SpaceToDepthConfig, SpaceToDepthUNet),
    "points": (PointConfig, PointNetwork),
}


def network_to_json(config: NetworkConfig) -> dict[str, Any]:
    """Plain JSON values; "network" says which kind it is, the rest are the fields."""
    for kind, (config_type, _) in _KINDS.items():
        if isinstance(config, config_type):
            return {"network": kind, **_plain(dataclasses.asdict(config))}
    raise TypeError(f"{type(config).__name__} is no network configuration")


def network_from_json(content: Mapping[str, Any]) -> NetworkConfig:
    """The configuration that `network_to_json` described.

    Raises ModelFileError when the kind or a field is unknown, missing, of the wrong type, or not possible.
    """
    kind = content.get("network") if isinstance(content, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ModelFileError(
            f"This kind of network is not known: {kind!r}.", "The model may come from a newer version of the program."
        )
    config_type = _KINDS[kind][0]
    return _built(config_type, {name: value for name, value in content.items() if name != "network"})


def network_type(config: NetworkConfig) -> type[nn.Module]:
    """The class of network that `config` describes."""
    for config_type, network in _KINDS.values():
        if isinstance(config, config_type):
            return network
    raise TypeError(f"{type(config).__name__} is no network configuration")


def label_count(config: NetworkConfig) -> int | None:
    """How many class labels the network takes, one of which may stand for "no class"; None when it takes none."""
    return config.core.num_class_embeds if isinstance(config, SpaceToDepthConfig) else config.num_class_embeds


def state_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor in the state dict of the network that `config` describes; no memory is used."""
    with torch.device("meta"):
        network = network_type(config)(config)
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def parameter_count(network: nn.Module | NetworkConfig) -> int:
    """The number of weights, of a network or of one that would be built from a configuration (no memory is used)."""
    if not isinstance(network, nn.Module):
        with torch.device("meta"):
            network = network_type(network)(network)
    return sum(parameter.numel() for parameter in network.parameters())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def _built(config_type: type, content: Mapping[str, Any]) -> Any:
    hints = typing.get_type_hints(config_type)
    values = {}
    for name, value in content.items():
        if name not in hints:
            raise ModelFileError(
                f"The network has an unknown property {name!r}.",
                "The model may come from a newer version of the program.",
            )
        if hints[name] is UNetConfig and isinstance(value, Mapping):
            value = _built(UNetConfig, value)
        if not _fits(value, hints[name]):
            raise ModelFileError(f"The network's property {name} is damaged: {value!r}.")
        values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return config_type(**values)
    except SettingsError as error:
        raise ModelFileError(f"The network cannot be built. {error.what}", error.remedy) from error
    except TypeError as error:
        raise ModelFileError("The network's description is incomplete.") from error


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if origin is tuple:
        items = typing.get_args(hint)
        if not isinstance(value, (list, tuple)):
            return False
        kinds = items[:1] * len(value) if items[-1] is Ellipsis else items
        return len(value) == len(kinds) and all(_fits(item, kind) for item, kind in zip(value, kinds, strict=True))
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float)) if hint is float else isinstance(value, hint)
