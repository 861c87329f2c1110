"""Where a network runs: which devices there are, what precision is fast on them, and how to leave the screen its share.

bfloat16 on a CPU is a gain only where the instructions exist (AVX512_BF16 or AMX: 1.6 times as fast, measured on
an AVX512_BF16 core); elsewhere it is emulated and slower, so it is asked of the processor, never assumed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from studio.errors import DeviceError, SettingsError

_BACKGROUND_NICENESS = 10


@dataclass(frozen=True)
class Device:
    """name: torch's name ("cpu", "cuda:0", "mps"). label: for people. kind: "cpu", "cuda" or "mps"."""

    name: str
    label: str
    kind: str

    @property
    def torch_device(self) -> torch.device:
        """The device as torch wants it."""
        return torch.device(self.name)


def available_devices() -> tuple[Device, ...]:
    """Every device that can be used now, the fastest kind first, the CPU always last."""
    found = [
        Device(f"cuda:{index}", torch.cuda.get_device_name(index), "cuda") for index in range(_cuda_device_count())
    ]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU", "mps"))
    cores = usable_cores()
    found.append(Device("cpu", f"CPU, {cores} core{'s' if cores != 1 else ''}", "cpu"))
    return tuple(found)


def choose_device(name: str = "auto") -> Device:
    """The device of this name; "auto" is the fastest one there is, "cuda" the first GPU.

    Raises DeviceError when there is no such device here.
    """
    devices = available_devices()
    if name == "auto":
        return devices[0]
    for device in devices:
        if name in (device.name, device.kind):
            return device
    raise DeviceError(
        f"There is no device {name!r} on this computer.",
        f"Choose one of: auto, {', '.join(device.name for device in devices)}.",
    )


def precision(device: Device) -> str:
    """ "bf16" where bfloat16 is native on this device, else "float32"."""
    match device.kind:
        case "cuda":
            # Ampere and later; earlier cards report bfloat16 as supported but emulate it.
            return "bf16" if torch.cuda.get_device_capability(device.torch_device)[0] >= 8 else "float32"
        case "cpu":
            return "bf16" if _cpu_has_bfloat16() else "float32"
        case _:
            return "float32"


def autocast_for(device: Device) -> Callable[[], contextlib.AbstractContextManager[object]]:
    """Makes a context manager in which networks run in the precision that suits `device`.

    Autocasting is a matter of the thread that enters it: make and enter one in the thread that runs the network.
    """
    if precision(device) == "float32":
        return contextlib.nullcontext
    kind = device.kind
    return lambda: torch.autocast(kind, dtype=torch.bfloat16)


def usable_cores() -> int:
    """The number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_thread_count(count: int) -> None:
    """Let torch compute with `count` threads on the CPU, in the calling thread and those started later.

    Raises SettingsError when `count` is not a positive whole number.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SettingsError(f"The number of threads is {count!r}.", "Choose a whole number from 1 upwards.")
    torch.set_num_threads(count)


def lower_thread_priority() -> bool:
    """Let the calling thread, and the threads it starts later, yield to all others; True when the system did so.

    Call it before the thread's first torch call: torch's helper threads inherit the priority when they start. Only
    Linux knows a niceness for each thread; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        thread = threading.get_native_id()
        niceness = max(_BACKGROUND_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, niceness)
    except OSError:
        return False
    return True


def _cuda_device_count() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@cache
def _cpu_has_bfloat16() -> bool:
    # torch.ops.mkldnn._is_mkldnn_bf16_supported() also says yes where AVX-512 merely emulates bfloat16.
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    if capabilities is not None:
        flags = capabilities()
        return bool(flags.get("avx512_bf16") or flags.get("amx_bf16"))
    return any(probe() for name in _PROBES if (probe := getattr(torch.cpu, name, None)) is not None)


_PROBES = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
