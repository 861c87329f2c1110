"""Networks: the U-Net, the small network for pictures of few pixels, presets, and the devices they run on.

network(z, t, class_labels=None) -> tensor like z, with z float (N, C, H, W) and t int64 (N,), 0-based.
"""

from studio.networks.build import build_network
from studio.networks.config import (
    NetworkConfig,
    label_count,
    network_from_json,
    network_to_json,
    parameter_count,
    state_shapes,
)
from studio.networks.devices import (
    Device,
    autocast_for,
    available_devices,
    choose_device,
    lower_thread_priority,
    precision,
    set_thread_count,
    usable_cores,
)
from studio.networks.points import PointConfig, PointNetwork
from studio.networks.presets import PRESETS, Preset, choose_network
from studio.networks.stem import SpaceToDepthConfig, SpaceToDepthUNet
from studio.networks.unet import UNet, UNetConfig

__all__ = [
    "PRESETS",
    "Device",
    "NetworkConfig",
    "PointConfig",
    "PointNetwork",
    "Preset",
    "SpaceToDepthConfig",
    "SpaceToDepthUNet",
    "UNet",
    "UNetConfig",
    "autocast_for",
    "available_devices",
    "build_network",
    "choose_device",
    "choose_network",
    "label_count",
    "lower_thread_priority",
    "network_from_json",
    "network_to_json",
    "parameter_count",
    "precision",
    "set_thread_count",
    "state_shapes",
    "usable_cores",
]
