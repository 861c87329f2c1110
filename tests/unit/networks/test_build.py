"""First weights: a function of configuration and seed, and a network that begins by predicting nothing."""

from __future__ import annotations

import threading

import pytest
import torch

from studio.networks import PointConfig, UNetConfig, build_network, choose_network
from studio.networks.blocks import Attention, ResidualBlock

CONFIGS = [
    choose_network(1, 2, 1, "sketch"),
    choose_network(8, 8, 1, "sketch"),
    choose_network(16, 16, 3, "sketch"),
    PointConfig(channels=1, height=1, width=2, num_class_embeds=3),
    UNetConfig(block_out_channels=(32, 32, 32, 32), layers_per_block=1, num_class_embeds=3),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(config) -> None:
    first, second, other = (build_network(config, seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("config", CONFIGS)
def test_torchs_global_generator_is_neither_used_nor_changed(config) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = build_network(config).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = build_network(config).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("config", CONFIGS)
def test_every_weight_is_finite_float32_on_the_cpu_and_trainable(config) -> None:
    network = build_network(config)
    assert network.training
    for tensor in (*network.parameters(), *network.buffers()):
        assert tensor.device.type == "cpu"
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all()
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("config", CONFIGS)
def test_the_network_begins_by_predicting_zero_and_every_gradient_arrives_after_a_few_steps(config) -> None:
    network = build_network(config)
    channels, height, width = (1, 1, 2) if isinstance(config, PointConfig) else (_channels(config), 16, 16)
    z, t = torch.randn(4, channels, height, width), torch.tensor([0, 10, 500, 999])
    labels = torch.tensor([0, 1, 2, 0]) if network_has_classes(network) else None
    assert not network(z, t, labels).any()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(4):
        optimizer.zero_grad()
        (network(z, t, labels) - z).square().mean().backward()
        optimizer.step()
    # Softmax does not see a key's bias, so that gradient is rounding noise; all others must be there.
    silent = [name for name, p in network.named_parameters() if not p.grad.any() and not name.endswith("to_k.bias")]
    assert silent == []


def _channels(config) -> int:
    return config.in_channels if isinstance(config, UNetConfig) else config.channels


def network_has_classes(network: torch.nn.Module) -> bool:
    return any(isinstance(module, torch.nn.Embedding) for module in network.modules())


def test_every_block_begins_as_the_identity() -> None:
    network = build_network(CONFIGS[4])
    x, time = torch.randn(1, 32, 4, 4), torch.randn(1, 128)
    checked = 0
    for module in network.modules():
        if isinstance(module, Attention):
            torch.testing.assert_close(module(x), x)
        elif isinstance(module, ResidualBlock) and module.conv_shortcut is None:
            torch.testing.assert_close(module(x, time), x)
        else:
            continue
        checked += 1
    assert checked > 10


def test_first_weights_have_the_spread_that_torch_gives_them() -> None:
    network = build_network(UNetConfig(block_out_channels=(64, 64, 64, 64)))
    weight = network.down_blocks[0].resnets[0].conv1.weight.detach()
    bound = 1 / (64 * 9) ** 0.5
    assert weight.abs().max() <= bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.03)


def test_it_can_be_built_in_a_thread_beside_another_user_of_torch() -> None:
    built = []
    thread = threading.Thread(target=lambda: built.append(build_network(CONFIGS[1], 3).state_dict()))
    thread.start()
    here = build_network(CONFIGS[1], 3).state_dict()
    assert torch.zeros(1).device.type == "cpu"
    thread.join()
    assert all(torch.equal(here[key], built[0][key]) for key in here)
