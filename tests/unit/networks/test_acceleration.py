"""What an accelerator is prepared with, as far as a CPU can tell."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from studio.networks.acceleration import laid_out, prepare_device
from studio.networks.devices import Device

CPU, CUDA = Device("cpu", "CPU", "cpu"), Device("cuda:0", "a GPU", "cuda")


def test_a_cpu_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    prepare_device(CPU)
    assert not torch.backends.cudnn.benchmark
    convolution = nn.Conv2d(4, 8, 3)
    assert laid_out(convolution, CPU) is convolution
    assert convolution.weight.is_contiguous()


def test_cuda_gets_tf32_and_kernels_by_trial() -> None:
    switches = ((torch.backends.cudnn, "benchmark"), (torch.backends.cuda.matmul, "allow_tf32"))
    before = [getattr(place, name) for place, name in switches]
    try:
        for place, name in switches:
            setattr(place, name, False)
        prepare_device(CUDA)
        assert all(getattr(place, name) for place, name in switches)
        assert torch.backends.cudnn.allow_tf32
    finally:
        for (place, name), value in zip(switches, before, strict=True):
            setattr(place, name, value)


def test_cuda_gets_channels_last_and_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no GPU where this runs: the layout is what is looked at, on the device that is there.
    monkeypatch.setattr(Device, "torch_device", property(lambda self: torch.device("cpu")))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 4, 3, padding=1))
    x = torch.randn(2, 4, 6, 6)
    before = network(x)
    after = laid_out(network, CUDA)(x)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(after.contiguous(), before, rtol=1e-5, atol=1e-6)
