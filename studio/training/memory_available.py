"""How much memory there is to be had right now: of a graphics card, of the computer, of the container that it is in.

Nothing is reserved: what is free now may be taken by another program a moment later.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from studio.networks.devices import Device

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60
"""Version 1 of control groups writes a limit of about 2^63 where there is none."""


def available_memory(device: Device) -> int | None:
    """Bytes that a training on `device` can have now; None where the system does not say."""
    if device.kind == "cuda":
        # What torch holds without using it is as good as free.
        held = torch.cuda.memory_reserved(device.torch_device) - torch.cuda.memory_allocated(device.torch_device)
        return torch.cuda.mem_get_info(device.torch_device)[0] + held
    # The memory of Apple's graphics processor is the computer's.
    return available_main_memory()


def available_main_memory() -> int | None:
    """Bytes of main memory that this process can still have without pushing others out; None if unknown."""
    try:
        if sys.platform == "win32":
            return _windows()
        if sys.platform == "darwin":
            return _mac()
        return linux_memory(_PROC, _CGROUPS)
    except (OSError, ValueError, AttributeError):
        return None


def linux_memory(proc: Path, cgroups: Path) -> int | None:
    """The least of what the kernel calls available and of what each control group around this process has left.

    proc, cgroups: where these file systems are mounted.
    """
    found = [_available_of_meminfo(proc / "meminfo"), *_left_of_cgroups(proc / "self" / "cgroup", cgroups)]
    known = [size for size in found if size is not None]
    return min(known) if known else None


def _available_of_meminfo(path: Path) -> int | None:
    match = re.search(r"^MemAvailable:\s+(\d+) kB", _text(path), re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _left_of_cgroups(membership: Path, root: Path) -> Iterator[int | None]:
    """Version 2 has one tree of groups, version 1 one for memory; the limits of the groups above ours count as well."""
    for line in _text(membership).splitlines():
        number, controllers, place = line.split(":", 2)
        if number == "0" and not controllers:
            folder, limit, usage, cached = root, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            folder, limit, usage = root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = "total_inactive_file"
        else:
            continue
        parts = [part for part in place.split("/") if part]
        for depth in range(len(parts) + 1):
            yield _left_of_group(folder.joinpath(*parts[:depth]), limit, usage, cached)


def _left_of_group(folder: Path, limit: str, usage: str, cached: str) -> int | None:
    most, used = _text(folder / limit).strip(), _text(folder / usage).strip()
    if not most.isdigit() or not used.isdigit() or int(most) >= _NO_LIMIT:
        return None
    # Files that were read count as used, but are given up as soon as somebody needs the memory.
    match = re.search(rf"^{cached} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
    return max(0, int(most) - int(used) + (int(match[1]) if match else 0))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total_physical", ctypes.c_uint64),
        ("available_physical", ctypes.c_uint64),
        ("total_page_file", ctypes.c_uint64),
        ("available_page_file", ctypes.c_uint64),
        ("total_virtual", ctypes.c_uint64),
        ("available_virtual", ctypes.c_uint64),
        ("available_extended_virtual", ctypes.c_uint64),
    )


def _windows() -> int | None:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        return None
    return status.available_physical


_HOST_VM_INFO64 = 4
_HOST_VM_INFO64_WORDS = 38
_FREE, _INACTIVE = 0, 2


def _mac() -> int | None:
    """Free and inactive pages: vm_statistics64 begins with free, active, inactive and wired counts of 32 bits each."""
    system = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
    system.mach_host_self.restype = ctypes.c_uint32
    words = (ctypes.c_uint32 * _HOST_VM_INFO64_WORDS)()
    count = ctypes.c_uint32(_HOST_VM_INFO64_WORDS)
    failed = system.host_statistics64(system.mach_host_self(), _HOST_VM_INFO64, words, ctypes.byref(count))
    if failed:
        return None
    return (words[_FREE] + words[_INACTIVE]) * system.getpagesize()
