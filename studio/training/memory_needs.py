"""How much memory a training will take, known before it is tried, and into how many parts a batch must then be cut."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from studio.data.image_set import ImageSet
from studio.library.precision import precision_of
from studio.networks.build import build_network
from studio.networks.config import NetworkConfig, label_count
from studio.networks.devices import Device
from studio.training.memory_available import available_memory
from studio.training.settings import TrainingSettings

RESIDENT_SHARE = 0.5
"""Of the free memory of an accelerator, the most that the pictures may take."""

SPARED_SHARE = 0.1
"""Of the available memory, what is left to all else that runs."""

_FLOAT = 4
_WEIGHT_COPIES = 5
"""Weights, gradients, two moments, the average."""
_SAFE_COPIES = 8
"""In main memory: the last good state to go back to, and the copies that a checkpoint is written from."""
_PICTURE_COPIES = 6
"""x, epsilon, z_t, the target, the output and their difference."""


@dataclass(frozen=True)
class MemoryNeeds:
    """Bytes on the device that trains.

    weights: the network, its gradients, the optimizer's moments, the average, and what is kept to go back to.
    per_picture: of activations for each picture of a part of the batch. data: pictures that lie on the device.
    batch_size: pictures a step.
    """

    weights: int
    per_picture: int
    data: int
    batch_size: int

    def total(self, micro_batches: int = 1) -> int:
        """All of it at its highest, with the batch computed in so many parts."""
        return self.weights + self.data + self.per_picture * -(-self.batch_size // micro_batches)


@dataclass(frozen=True)
class MemoryVerdict:
    """fits: whether the whole batch can be computed at once. micro_batches: in how many parts it can be computed, a
    power of two; None when not even a single picture at a time fits. sentence: for people."""

    fits: bool
    micro_batches: int | None
    sentence: str


def memory_needs(
    settings: TrainingSettings, network_config: NetworkConfig, image_set: ImageSet, device: Device
) -> MemoryNeeds:
    """What a training needs on `device`. Runs the network on one and on two pictures, which takes a moment."""
    network = build_network(network_config, settings.seed).train()
    weights = sum(parameter.numel() for parameter in network.parameters()) * _FLOAT
    shape = (image_set.channels, image_set.height, image_set.width)
    with_class = label_count(network_config) is not None
    one, two = (_activations(network, network_config, shape, count, with_class, device) for count in (1, 2))
    copies = _WEIGHT_COPIES + (_SAFE_COPIES if device.kind != "cuda" else 0)
    values = image_set.channels * image_set.height * image_set.width
    resident = device.kind != "cpu" and lies_on_device(image_set, device.torch_device)
    return MemoryNeeds(
        # What does not grow with the pictures is kept once: weights in another precision.
        weights=weights * copies + max(0, 2 * one - two),
        per_picture=max(0, two - one) + _PICTURE_COPIES * _FLOAT * values,
        data=image_set.images.nbytes if resident else 0,
        batch_size=settings.batch_size,
    )


def memory_verdict(needs: MemoryNeeds, available: int | None) -> MemoryVerdict:
    """Whether a training with these `needs` fits into `available` bytes, and how. None, unknown, is enough."""
    whole = needs.total()
    if available is None:
        return MemoryVerdict(True, 1, f"Needs about {bytes_in_words(whole)}.")
    usable = int(available * (1.0 - SPARED_SHARE))
    parts = 1
    while needs.total(parts) > usable:
        if parts >= needs.batch_size:
            return MemoryVerdict(
                False,
                None,
                f"Needs about {bytes_in_words(needs.total(parts))} even for one picture at a time, and "
                f"{bytes_in_words(available)} are free. Choose a smaller network or smaller pictures.",
            )
        parts *= 2
    if parts == 1:
        return MemoryVerdict(True, 1, f"Needs about {bytes_in_words(whole)}; {bytes_in_words(available)} are free.")
    return MemoryVerdict(
        False,
        parts,
        f"A batch of {needs.batch_size} needs about {bytes_in_words(whole)}, and {bytes_in_words(available)} are free: "
        f"it will be computed in {parts} parts, with the same result.",
    )


def lies_on_device(image_set: ImageSet, device: torch.device) -> bool:
    """Whether the pictures are kept on this accelerator for a whole training: where they leave room for all else."""
    kind = device.type
    free = available_memory(Device(str(device), str(device), kind))
    return free is None or image_set.images.nbytes <= RESIDENT_SHARE * free


def bytes_in_words(size: int) -> str:
    """Such as "640 MB" or "2.3 GB"."""
    if size >= 10**9:
        return f"{size / 10**9:.1f} GB"
    return f"{max(1, round(size / 10**6)):,} MB"


def _activations(
    network: nn.Module,
    config: NetworkConfig,
    shape: tuple[int, int, int],
    count: int,
    with_class: bool,
    device: Device,
) -> int:
    """Bytes that a step on `count` pictures holds at its highest besides the weights.

    All that is saved for the backward pass, and twice the largest of it: the gradients that pass through there.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    z_t = torch.zeros((count, *shape))
    t = torch.zeros(count, dtype=torch.int64)
    labels = torch.zeros(count, dtype=torch.int64) if with_class else None
    # The CPU stands in for every device, in the same precision: the same tensors are saved.
    with (
        torch.enable_grad(),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision_of(config, device) == "bf16"),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        output = network(z_t, t, class_labels=labels)
    del output
    return sum(saved.values()) + 2 * max(saved.values(), default=0)
