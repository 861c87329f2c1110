"""Devices: what there is, what is chosen, in which precision, and who yields to whom."""

from __future__ import annotations

import os
import sys
import threading

import pytest
import torch

from studio.errors import DeviceError, SettingsError
from studio.networks import (
    Device,
    autocast_for,
    available_devices,
    choose_device,
    devices,
    lower_thread_priority,
    precision,
    set_thread_count,
    usable_cores,
)

CPU = Device("cpu", "CPU", "cpu")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Card {index}")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5) if device.index else (9, 0))


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_the_cpu_is_always_there_and_last() -> None:
    last = available_devices()[-1]
    assert (last.name, last.kind) == ("cpu", "cpu")
    assert str(usable_cores()) in last.label
    assert choose_device("cpu") == last
    assert last.torch_device == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_come_first() -> None:
    assert [device.name for device in available_devices()][:2] == ["cuda:0", "cuda:1"]
    assert choose_device("auto") == choose_device("cuda") == Device("cuda:0", "Card 0", "cuda")
    assert choose_device("cuda:1").label == "Card 1"
    assert precision(choose_device("cuda:0")) == "bf16"
    assert precision(choose_device("cuda:1")) == "float32"


@pytest.mark.usefixtures("no_gpu")
def test_an_apple_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("mps") == Device("mps", "Apple GPU", "mps")
    assert precision(choose_device("mps")) == "float32"


@pytest.mark.usefixtures("no_gpu")
def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    assert choose_device("auto").name == "cpu"
    with pytest.raises(DeviceError, match=r"'cuda:0'.*auto, cpu"):
        choose_device("cuda:0")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
        ({"architecture": "arm64", "neon": True, "bf16": True}, "float32"),
    ],
)
def test_bfloat16_is_used_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch, flags, expected: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    devices._cpu_has_bfloat16.cache_clear()
    try:
        assert precision(CPU) == expected
        with autocast_for(CPU)():
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert product.dtype == (torch.bfloat16 if expected == "bf16" else torch.float32)
    finally:
        devices._cpu_has_bfloat16.cache_clear()


@pytest.mark.parametrize(
    ("avx", "amx", "expected"), [(False, False, "float32"), (True, False, "bf16"), (False, True, "bf16")]
)
def test_older_torch_is_asked_in_its_own_way(monkeypatch: pytest.MonkeyPatch, avx, amx, expected: str) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    devices._cpu_has_bfloat16.cache_clear()
    try:
        assert precision(CPU) == expected
    finally:
        devices._cpu_has_bfloat16.cache_clear()


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="only Linux lists the processor's flags")
def test_the_answer_agrees_with_the_processors_own_list() -> None:
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        flags = file.read().split()
    assert (precision(CPU) == "bf16") == ("avx512_bf16" in flags or "amx_bf16" in flags)


def test_the_autocast_factory_works_again_and_again_and_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_cpu_has_bfloat16", lambda: True)
    autocast, seen = autocast_for(CPU), []

    def compute() -> None:
        for _ in range(2):
            with autocast():
                seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
            seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    assert seen == [torch.bfloat16, torch.float32] * 2


def test_thread_count() -> None:
    set_thread_count(1)
    assert torch.get_num_threads() == 1
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(SettingsError, match="threads"):
            set_thread_count(wrong)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux knows a niceness for each thread")
def test_only_the_calling_thread_yields() -> None:
    seen = {}

    def work() -> None:
        seen["lowered"] = lower_thread_priority()
        seen["inside"] = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen["lowered"]
    assert seen["inside"] == max(10, before)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert lower_thread_priority() is False
