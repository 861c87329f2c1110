"""In which precision a network runs on a device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from studio.networks import devices
from studio.networks.config import NetworkConfig
from studio.networks.devices import Device
from studio.networks.points import PointConfig


def precision_of(config: NetworkConfig, device: Device) -> str:
    """ "bf16" or "float32": what the device is fast in, but always float32 for the small network of a few pixels.

    There the casts cost more than they save (measured on a CPU with AVX512_BF16: 1.6 times as slow in bfloat16), and
    three digits are too few for points of a plane.
    """
    return "float32" if isinstance(config, PointConfig) else devices.precision(device)


def autocast_of(config: NetworkConfig, device: Device) -> Callable[[], contextlib.AbstractContextManager[object]]:
    """Makes the context manager in which a network of this architecture runs in `precision_of` it."""
    return contextlib.nullcontext if isinstance(config, PointConfig) else devices.autocast_for(device)
